"""What practices are compared on: the rates of the newest month that is settled, measure by measure."""

from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa

from pipelines import assets
from pipelines.engine.duckdb import DuckDBEngine

MAY, JUNE, JULY = date(2025, 5, 1), date(2025, 6, 1), date(2025, 7, 1)


def trend(practice: str, month: date, **given: Any) -> dict[str, Any]:
    words = ("org_name", "pcn_code", "icb_code", "unit", "denominator_basis", "definition")
    return {
        **dict.fromkeys(words, "-"),
        "org_level": "practice",
        "org_code": practice,
        "is_gp_practice": True,
        "month": month,
        "measure": "high_dose",
        "numerator": 1.0,
        "denominator": 1000,
        "rate_per_1000": 1.0,
        "provisional": False,
        **given,
    }


def found(rows: list[dict[str, Any]], folder: Path) -> list[tuple[str, str, date]]:
    engine = DuckDBEngine(None, folder)
    engine.load("marts.trends", pa.Table.from_pylist(rows))
    answer = engine.fetch(assets.query("statistics_newest_practice_rates")).to_pylist()
    engine.close()
    return [(row["measure"], row["practice_code"], row["month"]) for row in answer]


def test_the_newest_settled_month_of_each_measure_is_taken(tmp_path: Path) -> None:
    rows = [
        trend("Z2", JUNE),
        trend("Z1", JUNE),
        trend("Z1", MAY),
        trend("Z1", JULY, provisional=True),
        # Of items the newest month with a rate is May.
        trend("Z1", MAY, measure="items"),
        trend("Z1", JUNE, measure="items", rate_per_1000=None),
    ]
    assert found(rows, tmp_path) == [("high_dose", "Z1", JUNE), ("high_dose", "Z2", JUNE), ("items", "Z1", MAY)]


def test_only_gp_practices_with_a_figure_are_taken(tmp_path: Path) -> None:
    rows = [
        trend("Z1", JUNE),
        trend("Z2", JUNE, is_gp_practice=False),
        trend("Z3", JUNE, numerator=None, rate_per_1000=None),
        trend("U1", JUNE, org_level="pcn"),
    ]
    assert found(rows, tmp_path) == [("high_dose", "Z1", JUNE)]
