"""Trend rows to protect, as small as a test needs them."""

import datetime as dt
from pathlib import Path
from typing import Any

import polars as pl

from pipelines.disclosure import (
    Policy,
    load_policies,
    protect_trends,
)

POLICIES = load_policies(Path(__file__).parents[2] / "configs" / "disclosure.toml")
DEFAULT = POLICIES["hes_1to7_round5"]
HIDING = ("hes_1to7_round5", "nhsbsa_lt5", "opensafely_le7_round5")


def month(number: int) -> dt.date:
    return dt.date(2025 + number // 12, number % 12 + 1, 1)


def trend_row(level: str, code: str, measure: str, count: float | None, **other: Any) -> dict[str, Any]:
    """A row of the trend table as it stands before protection, derived columns from the true counts."""
    size = other.get("denominator", 10_000)
    before = other.pop("baseline_count", None)
    row: dict[str, Any] = {
        "org_level": level,
        "org_code": code,
        "month": month(12),
        "measure": measure,
        "org_name": code,
        "is_gp_practice": level == "practice",
        "pcn_code": None,
        "icb_code": None,
        "numerator": count,
        "denominator": size,
        "rate_per_1000": None if count is None else count / size * 1000,
        "rate_reason": None,
        "ci_low": 0.123,
        "ci_high": 4.567,
        "baseline": None if before is None else before / size * 1000,
        "change_pct": None if before is None else -12.3456,
        "change_low": None if before is None else -23.4567,
        "change_high": None if before is None else 3.45678,
        "aim_pct": -50.0,
        "trajectory": None if before is None else 1.234567,
        "probability_aim_met": None if before is None else 0.123456,
        "aim_status": None if before is None else "behind",
        "spc_mean": None,
        "spc_lower": None,
        "spc_upper": None,
        "spc_signal": None,
        "spc_reason": None,
        "provisional": False,
        "capture_rate": 0.98765,
        "definition": "test 1",
        "people": None,
        "baseline_numerator": before,
        "baseline_denominator": size,
        "months_since_baseline": 12,
        "aim_months": 36,
    }
    return {**row, **other}


TYPES: dict[str, Any] = {
    **dict.fromkeys(
        (
            "numerator",
            "rate_per_1000",
            "ci_low",
            "ci_high",
            "baseline",
            "change_pct",
            "change_low",
            "change_high",
        ),
        pl.Float64,
    ),
    **dict.fromkeys(
        ("trajectory", "people", "probability_aim_met", "spc_mean", "spc_lower", "spc_upper", "capture_rate"),
        pl.Float64,
    ),
    "baseline_numerator": pl.Float64,
}


def frame(rows: list[dict[str, Any]]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema_overrides=TYPES, infer_schema_length=None)


def one(policy: Policy, row: dict[str, Any]) -> dict[str, Any]:
    return protect_trends(frame([row]), policy).row(0, named=True)
