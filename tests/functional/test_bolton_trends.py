"""One real month of one area in the trends, beside 24 made-up months of the same practices.

Reads the folder that OPIOIDS_CONFORMANCE_DIR names; skipped without it. Expected counts come from a plain reading of
the file: rows of the 25 published chemical substances, added up.
"""

import csv
import os
from collections import Counter
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from pipelines import assets
from pipelines.build import BuildInputs, build
from pipelines.config import load_settings
from pipelines.engine.duckdb import DuckDBEngine
from pipelines.folders import DataFolder
from pipelines.ingest.delivery import add_files
from pipelines.ingest.landing import land_new_files
from pipelines.ingest.register import Register
from pipelines.products import ProductReference, followed_prefixes
from pipelines.synthetic import write_extract

FOLDER = os.environ.get("OPIOIDS_CONFORMANCE_DIR")
pytestmark = pytest.mark.skipif(not FOLDER, reason="OPIOIDS_CONFORMANCE_DIR is not set")
REAL = Path(FOLDER or ".") / "realdata"
MARCH = date(2023, 3, 1)
FIRST, MONTHS = date(2021, 7, 1), 24
CHECK = (assets.SQL_DIR / "checks" / "assert_boundaries_have_equal_totals.sql").read_text(encoding="utf-8")


def rows_of(name: str) -> list[dict[str, str]]:
    with (REAL / name).open(encoding="utf-8-sig", newline="") as handle:
        return list(csv.DictReader(handle))


@pytest.fixture(scope="module")
def opioid_items() -> Counter[str]:
    """Opioid items of the real month by cost centre."""
    with (Path(FOLDER or ".") / "vectors" / "nhsbsa_dfm_bnf_substances.csv").open(encoding="utf-8") as handle:
        substances = tuple(
            row["bnf_chemical_substance"] for row in csv.DictReader(handle) if row["category"] == "OPIOIDS"
        )
    assert len(substances) == 25
    counted: Counter[str] = Counter()
    for row in rows_of("bolton_epd_extract_prescriptions.csv"):
        if row["BNF_CODE"].startswith(substances):
            counted[row["PRACTICE_CODE"]] += int(row["ITEMS"])
    return counted


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Any:
    root = tmp_path_factory.mktemp("bolton")
    key = pytest.MonkeyPatch()
    key.setenv("OPIOIDS_KEY_FILE", str(root / "key"))
    listed = {row["CODE"] for row in rows_of("gp-reg-pat-prac-all_2021.csv")}
    practices = [row for row in rows_of("bolton_epd_extract_medical_practice.csv") if row["PRACTICE_CODE"] in listed]
    with (root / "practices.csv").open("w", newline="", encoding="utf-8-sig") as handle:
        writer = csv.DictWriter(handle, list(practices[0]))
        writer.writeheader()
        writer.writerows(practices)
    made = write_extract(
        root / "made",
        patients=600,
        months=MONTHS,
        seed=4,
        start=FIRST,
        reference_dir=assets.REFERENCE_DIR,
        practices=root / "practices.csv",
    )
    assert [file.name for file in made] == ["patient_items.csv", "epd.csv"]
    data, settings = DataFolder(root / "data"), load_settings()
    data.prepare()
    add_files(made, data, settings)
    # The real month comes later and replaces the made-up one.
    prescriptions = REAL / "bolton_epd_extract_prescriptions.csv"
    add_files([prescriptions], data, settings, layout_name="epd_partial", month=MARCH)
    names = ("bolton_epd_extract_drugs.csv", "epraccur.csv", "ePCN.xlsx", "gp-reg-pat-prac-map_2022.csv",
             "gp-reg-pat-prac-all_2021.csv", "sicbl24_icb24_lookup_geographr.csv", "practice_imd_2023.csv")  # fmt: skip
    add_files([REAL / name for name in names], data, settings)
    land_new_files(data, settings, followed_prefixes(ProductReference.load(assets.REFERENCE_DIR)))
    loaded = tuple(Register(data).loaded_months())
    engine = DuckDBEngine(None, data.tmp)
    wanted = ("marts.trends", "marts.trends_as_was", "marts.practice_comparison", "marts.organisation_orphans")
    build(BuildInputs(data, settings, loaded, assets.SQL_DIR, assets.REFERENCE_DIR, None), engine, wanted)
    yield engine
    engine.close()
    key.undo()


def asked(engine: DuckDBEngine, sql: str) -> list[tuple[Any, ...]]:
    return engine.connection.execute(sql).fetchall()


def test_the_real_month_stands_in_the_trends_practice_by_practice(
    engine: DuckDBEngine, opioid_items: Counter[str]
) -> None:
    assert sum(opioid_items.values()) == 22_572
    found = asked(
        engine,
        "SELECT org_code, numerator FROM marts.trends WHERE measure = 'epd_opioid_items' AND org_level = 'practice' "
        "AND month = DATE '2023-03-01' AND numerator > 0",
    )
    assert dict(found) == {code: items for code, items in opioid_items.items() if items and code != "-"}


def test_totals_of_the_real_month_are_equal_on_both_boundaries(engine: DuckDBEngine) -> None:
    assert engine.fetch(CHECK).num_rows == 0
    totals = {
        (table, level): dict(
            asked(
                engine,
                f"SELECT measure, sum(numerator) FROM marts.{table} WHERE org_level = '{level}' "
                "AND month = DATE '2023-03-01' AND measure IN ('epd_opioid_items', 'any_opioid') GROUP BY measure",
            )
        )
        for table in ("trends", "trends_as_was")
        for level in ("all", "icb", "sub_icb", "pcn", "region")
    }
    assert totals["trends", "all"]["epd_opioid_items"] == 22_572
    for level in ("all", "icb", "sub_icb", "region"):
        assert totals["trends", level] == totals["trends_as_was", level], level
    # Every cost centre of the month is in some ICB; not every one is in a PCN, on either boundaries.
    assert totals["trends", "icb"]["epd_opioid_items"] > 0.99 * 22_572
    for table in ("trends", "trends_as_was"):
        assert 0.8 * 22_572 < totals[table, "pcn"]["epd_opioid_items"] <= 22_572


def test_it_stands_among_24_made_up_months_of_the_same_practices(engine: DuckDBEngine) -> None:
    months = asked(
        engine,
        "SELECT measure, count(*), count(*) FILTER (numerator > 0), min(month) FROM marts.trends "
        "WHERE org_level = 'all' AND measure IN ('epd_opioid_items', 'any_opioid') GROUP BY measure ORDER BY measure",
    )
    assert months == [("any_opioid", 24, 24, FIRST), ("epd_opioid_items", 24, 24, FIRST)]
    made_up = {
        row[0]
        for row in asked(engine, "SELECT DISTINCT org_code FROM marts.trends WHERE measure = 'any_opioid' "
                                 "AND org_level = 'practice' AND numerator > 0")
    }  # fmt: skip
    real = {row["PRACTICE_CODE"] for row in rows_of("bolton_epd_extract_medical_practice.csv")}
    assert len(made_up & real) > 40
    in_bolton = asked(
        engine,
        "SELECT DISTINCT icb_code FROM marts.trends WHERE measure = 'any_opioid' AND org_level = 'practice' "
        "AND numerator > 0 AND is_gp_practice",
    )
    assert in_bolton == [("QOP",)]


def test_real_practices_have_rates_and_similar_ones_by_their_published_deprivation(engine: DuckDBEngine) -> None:
    compared = asked(
        engine,
        "SELECT similar_basis, count(*), count(median_of_similar) FROM marts.practice_comparison "
        "WHERE measure = 'epd_opioid_items' AND is_compared GROUP BY similar_basis ORDER BY 2 DESC",
    )
    basis, practices, medians = compared[0]
    assert basis == "list size and deprivation: published score of the practice"
    assert practices == medians > 40
