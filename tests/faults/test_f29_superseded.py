"""F29 from files to marts: the line falls from above 120 to above 90 in mid-series, and no cohort has the old rule."""

from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

from faults.desk import Desk

from pipelines import assets
from pipelines.build import BuildInputs, build
from pipelines.config import Settings
from pipelines.engine.duckdb import DuckDBEngine
from pipelines.ingest.landing import land_new_files
from pipelines.ingest.register import Register
from pipelines.measure_settings import SupersededDefinition
from pipelines.products import ProductReference, followed_prefixes
from pipelines.synthetic import write_extract

SERIES = (
    "month, org_level, org_code, numerator, denominator, rate_per_1000, baseline, change_pct, change_low, aim_status"
)


def built(desk: Desk, settings: Settings, spill: Path) -> DuckDBEngine:
    spill.mkdir()
    loaded = tuple(Register(desk.data).loaded_months())
    inputs = BuildInputs(desk.data, settings, loaded, assets.SQL_DIR, assets.REFERENCE_DIR, None)
    engine = DuckDBEngine(None, spill)
    build(inputs, engine, ["marts.trends", "marts.trend_variants"])
    return engine


def series(engine: DuckDBEngine, table: str, measure: str) -> list[tuple[Any, ...]]:
    return engine.connection.execute(
        f"SELECT {SERIES} FROM marts.{table} WHERE measure = ? ORDER BY ALL", [measure]
    ).fetchall()


def test_f29_the_old_line_is_counted_on_although_no_cohort_has_it_any_more(desk: Desk, tmp_path: Path) -> None:
    extract = tmp_path / "extract"
    extract.mkdir()
    write_extract(extract, patients=400, months=12, seed=3, start=date(2025, 1, 1), reference_dir=assets.REFERENCE_DIR)
    desk.add(*(file for file in sorted(extract.iterdir()) if file.name != "epd.csv"))
    land_new_files(desk.data, desk.settings, followed_prefixes(ProductReference.load(assets.REFERENCE_DIR)))
    before = built(desk, desk.settings, tmp_path / "before")
    old = SupersededDefinition(
        version="2026-11",
        last_month="2025-09",
        rules={"high_dose": {"ome_mg_per_day": Decimal(120), "comparison": ">", "windows": ["3m", "6m"]}},  # type: ignore[dict-item]
    )
    lines = {**desk.settings.cohorts.high_dose, "ome_mg_per_day": 90}
    changed = desk.settings.cohorts.model_copy(update={"version": "2027-01", "high_dose": lines, "superseded": (old,)})
    after = built(desk, desk.settings.model_copy(update={"cohorts": changed}), tmp_path / "after")
    try:
        kept = series(before, "trends", "high_dose")
        assert sum(row[3] or 0 for row in kept) > 100
        # The old series is what it was, with its own baseline and aim; the new is what above 90 was called.
        assert series(after, "trend_variants", "high_dose") == kept
        assert series(after, "trends", "high_dose") == series(before, "trends", "high_dose_gt90") != kept
        told = after.connection.execute(
            "SELECT DISTINCT definition, definition_since FROM marts.trends WHERE measure LIKE 'high_dose%' "
            "AND (definition_since IS NOT NULL OR measure = 'high_dose') ORDER BY ALL"
        ).fetchall()
        # The break is visible: since when, and by which rules.
        assert [(row[0].partition(";")[0], row[1]) for row in told] == [("cohorts 2027-01", date(2025, 10, 1))]
        kept_as = after.connection.execute(
            "SELECT DISTINCT definition, measure FROM marts.trend_variants WHERE definition NOT LIKE 'cohorts 2027-01%'"
        ).fetchall()
        assert {(row[0].partition(";")[0], row[1]) for row in kept_as} == {
            ("cohorts 2026-11", "high_dose"),
            ("cohorts 2026-11", "high_dose_adult_no_palliative"),
        }
        # What is counted for the old definition alone stands in no other table.
        hidden = "SELECT count(*) FROM marts.trends WHERE measure LIKE '%until%'"
        assert after.connection.execute(hidden).fetchall() == [(0,)]
    finally:
        before.close()
        after.close()
