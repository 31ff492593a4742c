"""The study of a cycle: two months compared by hand-worked figures, or the reason why they cannot be."""

from datetime import date
from typing import Any

import polars as pl
import pytest

from pipelines.config import load_settings
from pipelines.disclosure import load_policies
from pipelines.report.local_returns import Cycle, marks
from pipelines.report.study import study

POLICY = load_policies(load_settings().disclosure_file)["hes_1to7_round5"]
NOBODY = pl.DataFrame()
AS_AT = date(2025, 6, 1)


def cycle(
    began: date = date(2025, 3, 17), level: str | None = "pcn", code: str = "U1", measure: str = "high_dose"
) -> Cycle:
    return Cycle("P1", began, level, code, None, None, measure, "A clinic", "Fewer", None, None)


def trends(counts: list[float | None], size: float | None = 50_000, **more: Any) -> pl.DataFrame:
    """Months from January 2025 on, of PCN U1."""
    rows = [
        {
            "org_level": "pcn", "org_code": "U1", "month": date(2025, number + 1, 1), "measure": "high_dose",
            "unit": "people", "numerator": count, "denominator": size,
            "rate_per_1000": None if size is None or count is None else 1000 * count / size, **more,
        }
        for number, count in enumerate(counts)
    ]  # fmt: skip
    return pl.DataFrame(rows, schema_overrides={"numerator": pl.Float64, "rate_per_1000": pl.Float64})


def test_the_last_month_before_is_compared_with_the_newest_settled_one() -> None:
    found = study(cycle(), trends([90, 100, 70, 80, 75, 60, 10]), NOBODY, AS_AT, POLICY)
    assert (found.state, found.before, found.newest) == ("moved", date(2025, 2, 1), AS_AT)
    assert found.moved is not None
    # 60 against 100: ln 0.6 ± 1.96 √(1/60 + 1/100) = exp(-0.5108 ± 0.3201)
    assert found.moved.size == pytest.approx(-40)
    assert (found.moved.low, found.moved.high) == (pytest.approx(-56.4, abs=0.1), pytest.approx(-17.4, abs=0.1))
    assert found.moved.is_clear
    assert found.is_rate


def test_without_list_sizes_counts_are_compared() -> None:
    found = study(cycle(), trends([90, 100, 70, 80, 75, 60], size=None), NOBODY, AS_AT, POLICY)
    assert found.moved is not None
    assert found.moved.size == pytest.approx(-40)
    assert not found.is_rate


@pytest.mark.parametrize("counts", [[90, 100, 70, 80, 75, 15], [90, 15, 70, 80, 75, 60], [90, 100, 70, 80, 75, None]])
def test_few_or_hidden_people_are_too_few_to_tell(counts: list[float | None]) -> None:
    found = study(cycle(), trends(counts), NOBODY, AS_AT, POLICY)
    assert (found.state, found.moved) == ("too_few", None)


def test_a_month_before_and_one_since_are_needed() -> None:
    rows = trends([90, 100, 70, 80, 75, 60])
    assert study(cycle(date(2025, 7, 2)), rows, NOBODY, AS_AT, POLICY).state == "no_month_since"
    assert study(cycle(date(2025, 1, 31)), rows, NOBODY, AS_AT, POLICY).state == "no_month_before"
    # The change began in the as-at month itself: that month counts as since.
    assert study(cycle(date(2025, 6, 30)), rows, NOBODY, AS_AT, POLICY).newest == AS_AT


def test_what_cannot_be_shown_says_so() -> None:
    rows = trends([90, 100, 70, 80, 75, 60])
    assert study(cycle(level=None, code="Z9"), rows, NOBODY, AS_AT, POLICY).state == "unknown"
    assert study(cycle(level="practice", code="A1"), rows, NOBODY, AS_AT, POLICY).state == "practice"
    assert study(cycle(code="U2"), rows, NOBODY, AS_AT, POLICY).state == "no_figures"


def test_items_have_a_change_and_no_interval() -> None:
    rows = trends([900, 1000, 700, 800, 750, 600], unit="items").with_columns(measure=pl.lit("epd_opioid_items"))
    found = study(cycle(measure="epd_opioid_items"), rows, NOBODY, AS_AT, POLICY)
    assert found.moved is not None
    assert (found.moved.size, found.moved.low) == (pytest.approx(-40), None)


def test_a_change_is_marked_where_it_reaches() -> None:
    places = pl.DataFrame(
        [
            ("all", "all", None, None),
            ("icb", "Q1", None, "Q1"),
            ("pcn", "U1", "U1", "Q1"),
            ("pcn", "U2", "U2", "Q1"),
            ("practice", "A1", "U1", "Q1"),
            ("practice", "A2", "U2", "Q1"),
        ],
        schema=["org_level", "org_code", "pcn_code", "icb_code"],
        orient="row",
    )
    found = {
        level: {mark.org_code for mark in marks((cycle(level=level, code=code),), places)}
        for level, code in (("practice", "A1"), ("pcn", "U1"), ("icb", "Q1"), ("all", "all"), (None, "U1"))
    }
    assert found == {
        "practice": {"A1"},
        "pcn": {"U1", "A1"},
        "icb": {"Q1", "U1", "U2", "A1", "A2"},
        "all": {"all", "Q1", "U1", "U2", "A1", "A2"},
        None: set(),
    }
    (mark,) = [one for one in marks((cycle(),), places) if one.org_code == "U1"]
    assert (mark.month, mark.text, mark.measure) == (date(2025, 3, 1), "P1: A clinic", None)
