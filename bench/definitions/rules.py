"""What is held against what: a flag of the product, what is true, and among whom."""

from collections.abc import Iterator
from dataclasses import dataclass

import polars as pl

PRESETS = {
    "gt120": (120, False, "high_dose_status"),
    "ge120": (120, True, "high_dose_status_ge120"),
    "gt90": (90, False, "high_dose_status_gt90"),
    "ge90": (90, True, "high_dose_status_ge90"),
}
"""The line in mg a day, whether the line itself counts, and the product's status column."""

DEFINITIONS = {
    "window_1m": "1 month alone",
    "window_3m": "3 months alone",
    "window_6m": "6 months alone",
    "window_12m": "12 months alone",
    "confirmed": "`confirmed`",
    "confirmed_possible": "`confirmed` + `possible`",
    "any_status": "any status but `below`",
}
HIGH_DOSE_TRUTHS = {"3_months": "true_3m", "month": "true_1m"}
MORE_THAN_SIX_MONTHS_DAYS, MORE_THAN_THREE_MONTHS_DAYS = 182, 91
ON_OPIOIDS = (pl.col("true_6m") > 0) | (pl.col("ome_mg_per_day_6m").fill_null(0.0) > 0)
"""Among whom everything is judged: an opioid taken or dispensed in the six months ending at the month."""


@dataclass(frozen=True)
class Rule:
    """A flag, what is true of a person, and who is near enough to the line to be hard to judge (else nobody)."""

    flag: str
    preset: str
    truth: str
    found: pl.Expr
    is_true: pl.Expr
    is_near: pl.Expr


def rules() -> Iterator[Rule]:
    """Every rule, high doses first."""
    for preset, (line, or_equal, status) in PRESETS.items():
        for truth, dose in HIGH_DOSE_TRUTHS.items():
            near = pl.col(dose).is_between(line / 2, line * 2)
            for flag, found in _high_dose_flags(line, or_equal, status):
                yield Rule(flag, preset, truth, found.fill_null(False), _above(pl.col(dose), line, or_equal), near)
    for flag, truth, is_true in _other_truths():
        yield Rule(flag, "", truth, pl.col(flag).fill_null(False), is_true, pl.lit(False))


def _above(dose: pl.Expr, line: float, or_equal: bool) -> pl.Expr:
    return dose >= line if or_equal else dose > line


def _high_dose_flags(line: float, or_equal: bool, status: str) -> Iterator[tuple[str, pl.Expr]]:
    for months in (1, 3, 6, 12):
        yield f"window_{months}m", _above(pl.col(f"ome_mg_per_day_{months}m"), line, or_equal)
    yield "confirmed", pl.col(status) == "confirmed"
    yield "confirmed_possible", pl.col(status).is_in(["confirmed", "possible"])
    yield "any_status", pl.col(status).is_in(["confirmed", "possible", "recent", "new"])


def _other_truths() -> Iterator[tuple[str, str, pl.Expr]]:
    yield "long_term", "course", pl.col("opioid_course_days") > MORE_THAN_SIX_MONTHS_DAYS
    yield "long_term_3m", "course", pl.col("opioid_course_days") > MORE_THAN_THREE_MONTHS_DAYS
    both_this_month = pl.col("opioid_gabapentinoid_days") > 0
    yield "opioid_gabapentinoid", "month", both_this_month
    yield "opioid_gabapentinoid_3m", "month", both_this_month
    yield "opioid_gabapentinoid_3m", "3_months", pl.col("both_days_3m") > 0
    rise_6m = pl.col("true_6m") - pl.col("true_6m_before")
    yield (
        "escalating",
        "same_rule",
        (pl.col("true_6m") > 1.2 * pl.col("true_6m_before"))
        & (rise_6m >= 10)
        & (pl.col("taken_6m") >= 5)
        & (pl.col("taken_6m_before") >= 5),
    )
    rise_3m = pl.col("true_3m") - pl.col("true_3m_before")
    yield (
        "rapid_escalation",
        "same_rule",
        (pl.col("true_3m") >= 1.5 * pl.col("true_3m_before"))
        & (rise_3m >= 30)
        & (pl.col("taken_3m") >= 2)
        & (pl.col("taken_3m_before") >= 2),
    )
