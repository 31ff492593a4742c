"""Products under every factor set: each as the resolver answers it, with the row its factor stands on."""

import csv
from decimal import Decimal

import pyarrow as pa
import pytest

from pipelines import assets
from pipelines.products import ProductReference, resolve, under_every_factor_set

REFERENCE = ProductReference.load(assets.REFERENCE_DIR)
PRODUCTS = [
    ("0407020Q0AAAIAI", "Morphine 60mg modified-release tablets"),
    ("0407010F0AAAHAH", "Co-codamol 30mg/500mg tablets"),
    ("0407020B0AAAIAI", "Buprenorphine 10micrograms/hour transdermal patches"),
    ("0407020A0AAAEAE", "Fentanyl 25micrograms/hour transdermal patches"),
    ("0407020Q0AAZZZZ", "Morphine oral solution"),
    ("0407020C0AAAEAE", "Methadone 5mg tablets"),
    ("0408010G0AAABAB", "Gabapentin 300mg capsules"),
]


def asked() -> pa.Table:
    codes, names = zip(*PRODUCTS, strict=True)
    return pa.table({"bnf_code": codes, "bnf_description": names})


@pytest.fixture(scope="module")
def rows() -> dict[tuple[int, str], dict]:
    resolved = resolve(asked(), REFERENCE).append_column("product_number", pa.array(range(len(PRODUCTS)), pa.int32()))
    answers = under_every_factor_set(resolved, REFERENCE, "uk_2026", "nhsbsa_dfm").to_pylist()
    return {(row["product_number"], row["factor_set"]): row for row in answers}


def test_each_is_what_the_resolver_answers_under_that_set(rows: dict[tuple[int, str], dict]) -> None:
    for factor_set in REFERENCE.factor_sets:
        for number, answer in enumerate(resolve(asked(), REFERENCE, factor_set).to_pylist()):
            assert ((number, factor_set) in rows) == answer["in_scope"]
            if answer["in_scope"]:
                row = rows[number, factor_set]
                for column in ("ome_mg_per_unit", "ome_status", "reason"):
                    assert row[column] == answer[column], (factor_set, answer["bnf_description"])


def test_the_factor_and_its_source_are_those_of_the_table(rows: dict[tuple[int, str], dict]) -> None:
    lines = (assets.REFERENCE_DIR / "ome_factors.csv").read_text(encoding="utf-8").splitlines()
    seen = set()
    for row in rows.values():
        if row["factor_row"] is None:
            assert row["ome_status"] not in ("converted", "excluded_by_factor_set")
            continue
        file_name, line = row["factor_row"].split(":")
        cells = dict(zip(lines[0].split(","), next(csv.reader([lines[int(line) - 1]])), strict=True))
        assert file_name == "ome_factors.csv"
        assert cells["factor_set"] == row["factor_row_set"]
        assert cells["source"] == row["factor_source"]
        assert (Decimal(cells["factor"]) if cells["factor"] else None) == row["factor"]
        seen.add(row["factor_row_set"])
    assert {"uk_2026", "cdc_2022"} <= seen


def test_published_values(rows: dict[tuple[int, str], dict]) -> None:
    # Codeine 30 mg: 0.1 in the UK, 0.15 by CDC. Buprenorphine 10 µg/h for 7 days: 24 mg a day in the UK = 168 a patch.
    assert rows[1, "uk_2026"]["ome_mg_per_unit"] == 3
    assert rows[1, "cdc_2022"]["ome_mg_per_unit"] == Decimal("4.5")
    assert rows[2, "uk_2026"]["ome_mg_per_unit"] == 168
    assert (rows[2, "cdc_2022"]["ome_status"], rows[2, "cdc_2022"]["factor"]) == ("excluded_by_factor_set", None)
    assert rows[2, "cdc_2022_bup"]["ome_mg_per_unit"] == 168
    assert rows[4, "uk_2026"]["ome_status"] == rows[4, "cdc_2022"]["ome_status"] == "strength_unknown"


def test_without_products_the_table_is_empty() -> None:
    nothing = resolve(asked().slice(0, 0), REFERENCE).append_column("product_number", pa.array([], pa.int32()))
    assert under_every_factor_set(nothing, REFERENCE, "uk_2026", "nhsbsa_dfm").num_rows == 0
