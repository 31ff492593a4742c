"""What a series says of its protected rows: figures, baseline, why there is no change, and limits in its own unit."""

from datetime import date
from typing import Any

import polars as pl
import pytest

from pipelines.config import load_settings
from pipelines.report.series import Series, data_series
from pipelines.statistics.measures import counted_measures

COUNTED = {measure.measure: measure for measure in counted_measures(load_settings())}
NOW = date(2025, 2, 1)


def series(measure: str, rate: tuple[float | None, float | None] = (2.0, 3.0), **more: Any) -> Series:
    """January and February of an ICB: 100 and 150 of 50,000."""
    rows = [
        {
            "org_level": "icb", "org_code": "Q1", "org_name": "FIRST ICB", "measure": measure, "month": month,
            "numerator": count, "shown": f"{count:.0f}", "rate_per_1000": per, "suppressed": False,
            "provisional": False, "baseline_month": date(2025, 1, 1), "baseline": rate[0],
            "change_pct": 50.0, "change_low": 16.0, "change_high": 93.0, "aim_status": None,
            "spc_mean": 2.5, "spc_lower": 1.0, "spc_upper": 4.0,
            "spc_variation": "common cause – no significant change", **more,
        }
        for month, count, per in zip((date(2025, 1, 1), NOW), (100.0, 150.0), rate, strict=True)
    ]  # fmt: skip
    return data_series(pl.DataFrame(rows, schema_overrides={"rate_per_1000": pl.Float64}), COUNTED[measure], NOW)


def test_rate_and_count_of_the_month_and_the_baseline_are_said() -> None:
    found = series("new_user")
    assert found.latest is not None
    assert found.baseline is not None
    assert (found.latest.figure, found.latest.beside) == ("3.00", "about 150")
    assert (found.baseline.figure, found.baseline.month) == ("2.00", date(2025, 1, 1))
    assert found.moved is not None
    assert found.moved.is_clear
    assert found.about.unit == "people per 1,000 registered patients"
    assert found.org_name == "First ICB"


def test_open_data_are_exact_and_without_lists_counts_are_drawn() -> None:
    latest = series("epd_opioid_items").latest
    assert latest is not None
    assert latest.beside == "150"
    counts = series("new_user", rate=(None, None), baseline=None)
    assert counts.latest is not None
    assert (counts.latest.value, counts.latest.figure, counts.latest.beside) == (150, "150", "")
    assert counts.about.unit == "people"


@pytest.mark.parametrize(
    ("measure", "rate", "drawn"),
    [
        ("new_user", (2.0, 3.0), True),
        ("new_user", (None, None), True),
        # A month without a list size: process control fell back to counts.
        ("new_user", (None, 3.0), False),
        ("epd_high_strength_120_items", (2.0, 3.0), True),
        # Milligrams and items are charted as they are, and drawn per 1,000.
        ("epd_ome_total", (2.0, 3.0), False),
        ("epd_opioid_items", (2.0, 3.0), False),
        ("epd_ome_total", (None, None), True),
        ("high_dose_joined", (2.0, 3.0), False),
    ],
)
def test_limits_are_drawn_where_they_are_in_the_unit_of_the_figures(
    measure: str, rate: tuple[float | None, float | None], drawn: bool
) -> None:
    found = series(measure, rate)
    assert (found.spc_limits is not None) == drawn
    assert found.spc_words == "common cause – no significant change"


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ({"aim_status": "too few to tell; see the ICB"}, "too few to tell; see the ICB"),
        ({"baseline_month": NOW}, "this is the baseline month"),
        ({"baseline_month": None}, "no baseline yet"),
        ({"baseline": 0.0}, "nobody at the baseline"),
        ({}, "too few to tell"),
    ],
)
def test_where_there_is_no_change_it_says_why(more: dict[str, Any], why: str) -> None:
    found = series("new_user", change_pct=None, change_low=None, change_high=None, **more)
    assert found.moved is None
    assert found.why_no_change == why


def test_a_hidden_month_is_marked_and_has_no_figure() -> None:
    found = series("new_user", suppressed=True, numerator=None, rate_per_1000=None, shown="[c]")
    assert {(dot.figure, dot.value, dot.is_hidden) for dot in found.dots} == {("[c]", None, True)}
    assert not found.is_drawable
