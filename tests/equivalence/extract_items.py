"""A synthetic extract as the items the naive twin takes: read with the csv module, resolved by the resolver."""

import csv
from datetime import date
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa

from pipelines.products import ProductReference, resolve
from pipelines.synthetic import write_extract


class ExtractItems(NamedTuple):
    items: list[dict]
    loaded_months: list[date]
    gp_practices: set[str]


def items_of_extract(
    folder: Path, *, patients: int, months: int, seed: int, dirty: bool, reference: Path
) -> ExtractItems:
    """Rows whose month or quantity cannot be read are left out here: landing quarantines them."""
    write_extract(folder, patients=patients, months=months, seed=seed, dirty=dirty, reference_dir=reference)
    with (folder / "patient_items.csv").open(encoding="utf-8", newline="") as handle:
        rows = [row for row in csv.DictReader(handle) if _is_readable(row)]
    pairs = sorted({(row["BNF Code"], row["BNF Description"]) for row in rows})
    codes, descriptions = zip(*pairs, strict=True)
    answers = resolve(
        pa.table({"bnf_code": codes, "bnf_description": descriptions}), ProductReference.load(reference)
    ).to_pylist()
    products = dict(zip(pairs, answers, strict=True))
    items = [
        _item(number, row, products[row["BNF Code"], row["BNF Description"]]) for number, row in enumerate(rows, 1)
    ]
    with (folder / "epraccur.csv").open(encoding="utf-8", newline="") as handle:
        gp_practices = {cells[0] for cells in csv.reader(handle) if cells[25] == "4"}
    return ExtractItems(items, sorted({item["month"] for item in items}), gp_practices)


def _is_readable(row: dict[str, str]) -> bool:
    try:
        Decimal(row["Total Quantity"].replace(",", ""))
    except InvalidOperation:
        return False
    return len(row["Year Month"]) == 6 and row["Year Month"].isdigit()


def _item(number: int, row: dict[str, str], product: dict) -> dict:
    return {
        "item_id": number,
        "month": date(int(row["Year Month"][:4]), int(row["Year Month"][4:]), 1),
        "practice_code": None if row["Practice Code"] in ("", "-") else row["Practice Code"],
        "registered_practice_code": None,
        "patient_key": row["Patient ID"] or None,
        "age": int(row["Age"]) if row["Age"] else None,
        "sex": row["Sex"] or None,
        "imd_decile": int(row["IMD Decile"]) if row["IMD Decile"] else None,
        "total_quantity": Decimal(row["Total Quantity"].replace(",", "")),
        "items": int(Decimal(row["Items"].replace(",", ""))),
        "bnf_code": row["BNF Code"],
        "product_status": product["ome_status"],
        **{
            name: product[name]
            for name in [
                "drug",
                "product_class",
                "in_scope",
                "route",
                "form",
                "wear_hours",
                "ome_mg_per_unit",
                "is_immediate_release_fentanyl",
                "is_methadone",
                "is_strong_opioid",
            ]
        },
    }
