"""Rates of groups that leave are those of protected counts: a true one beside its list would give the count away."""

from datetime import date
from typing import Any

import polars as pl
import pytest
from disclosure_rows import DEFAULT

from pipelines.disclosure.groups import judged_again


def leaving(people: float | None, denominator: int | None, baseline_people: float | None = None) -> dict[str, Any]:
    row = {
        "org_level": "icb", "org_code": "QZA", "month": date(2025, 12, 1), "measure": "high_dose", "dimension": "sex",
        "dimension_value": "F", "people": people, "baseline_people": baseline_people, "denominator": denominator,
        # As the warehouse has it: 43 people of 8,000.
        "rate_per_1000": 43 / 8, "ci_low": 3.9, "ci_high": 7.2, "share_pct": 43.0,
        "change_count_pct": -1.0, "change_low": -2.0, "change_high": 0.0, "change_method": "paired",
    }  # fmt: skip
    kinds = {"people": pl.Float64, "baseline_people": pl.Float64, "denominator": pl.Int64}
    rows = pl.DataFrame([row], schema_overrides=kinds)
    return judged_again(rows, [100.0], DEFAULT).to_dicts()[0]


def test_a_rate_that_leaves_is_that_of_the_rounded_count() -> None:
    found = leaving(45.0, 8_000)
    assert found["rate_per_1000"] == pytest.approx(45 / 8)
    # Byar: 45 (1 - 1/405 - 1.96/(3 root 45))^3 = 32.82; 46 (1 - 1/414 + 1.96/(3 root 46))^3 = 60.21; per 8,000.
    assert (found["ci_low"], found["ci_high"]) == (
        pytest.approx(32.82 / 8, abs=0.01),
        pytest.approx(60.21 / 8, abs=0.01),
    )


@pytest.mark.parametrize(("people", "denominator"), [(None, 8_000), (45.0, None)])
def test_a_hidden_count_has_no_rate(people: float | None, denominator: int | None) -> None:
    found = leaving(people, denominator)
    assert [found[name] for name in ("rate_per_1000", "ci_low", "ci_high")] == [None] * 3


@pytest.mark.parametrize(
    ("before", "method", "change"), [(90.0, "independent, conservative", -50.0), (10.0, None, None), (None, None, None)]
)
def test_a_change_that_leaves_is_that_of_the_rounded_counts_and_says_how_it_was_judged(
    before: float | None, method: str | None, change: float | None
) -> None:
    # The warehouse knows who is in both months, and what leaves does not: its method must not stay.
    found = leaving(45.0, 8_000, before)
    assert (found["change_method"], found["change_count_pct"]) == (method, change)
