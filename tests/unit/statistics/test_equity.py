"""Whether a change reaches the most deprived as it reaches others."""

from datetime import date

import numpy as np
import polars as pl
import pytest

from pipelines.statistics.equity import equity_table, gap_in_change, gap_in_words

JUNE, DECEMBER = date(2025, 6, 1), date(2025, 12, 1)
NAMES = pl.DataFrame({"org_level": ["icb"], "org_code": ["QZA"], "org_name": ["SHIRE"]}).to_arrow()


def group(value: str, now: int, then: int, both: int, month: date = DECEMBER) -> dict:
    return {
        "org_level": "icb",
        "org_code": "QZA",
        "month": month,
        "measure": "high_dose",
        "dimension": "imd_quintile",
        "dimension_value": value,
        "baseline_month": JUNE,
        "provisional": False,
        "people": now,
        "baseline_people": then,
        "people_in_both": both,
    }


def rows(*groups: dict) -> dict[str, dict]:
    table = equity_table(pl.DataFrame(list(groups)).to_arrow(), NAMES, "v1").to_pylist()
    return {row["dimension_value"]: row for row in table}


def test_the_gap_is_the_ratio_of_the_two_ratios() -> None:
    # Quintile 1: 40 v 100 with 30 in both, SE2 = 1/40 + 1/100 - 60/4000 = 0.02. Quintile 5: 80 v 100 with 75 in both,
    # SE2 = 1/80 + 1/100 - 150/8000 = 0.00375. Gap 0.4/0.8 = 0.5; SE = root 0.02375 = 0.15411; 0.5 exp(-+ 0.30205).
    found = rows(group("quintile 1", 40, 100, 30), group("quintile 5", 80, 100, 75))
    first = found["quintile 1"]
    assert first["gap_ratio"] == pytest.approx(0.5)
    assert (first["gap_low"], first["gap_high"]) == (pytest.approx(0.36965, abs=1e-4), pytest.approx(0.67632, abs=1e-4))
    assert first["gap"] == "numbers in the most deprived fifth developed better than in the least: 0.50 (0.37 to 0.68)"
    assert first["imd_basis"] == "patient"
    assert first["share_pct"] == pytest.approx(100 / 3)
    assert found["quintile 5"]["gap"] is None


def test_a_gap_that_may_be_none_is_not_claimed() -> None:
    found = rows(group("quintile 1", 80, 100, 70), group("quintile 5", 82, 100, 72))
    assert found["quintile 1"]["gap"] == "no difference between most and least deprived can be told"


def test_nobody_left_in_a_quintile_is_too_few_to_tell() -> None:
    assert gap_in_words(gap_in_change((-100.0, -100.0, -40.0), (-20.0, -30.0, -10.0))) == "too few to tell"
    assert gap_in_words(gap_in_change((np.nan,) * 3, (-20.0, -30.0, -10.0))) == "too few to tell"


def test_the_baseline_month_itself_has_shares_and_no_change() -> None:
    found = rows(group("quintile 1", 30, 30, 30, JUNE), group("quintile 5", 10, 10, 10, JUNE))
    assert found["quintile 1"]["share_pct"] == 75
    assert found["quintile 1"]["change_count_pct"] is None
    assert found["quintile 1"]["gap"] is None
