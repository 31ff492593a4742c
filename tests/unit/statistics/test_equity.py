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
    return with_lists(list(groups))


def with_lists(groups: list[dict], lists: list[dict] | None = None) -> dict[str, dict]:
    shape = {
        **dict.fromkeys(("org_level", "org_code", "dimension", "dimension_value"), pl.String),
        **dict.fromkeys(("month", "oldest_list_month"), pl.Date),
        **dict.fromkeys(("registered_patients", "gp_practices", "gp_practices_listed"), pl.Int64),
    }
    listed = pl.DataFrame(lists or [], schema=shape)
    table = equity_table(pl.DataFrame(groups).to_arrow(), NAMES, listed.to_arrow(), "v1").to_pylist()
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


def registered(value: str, patients: int, dimension: str = "age_band", listed: int = 5) -> dict:
    return {
        "org_level": "icb", "org_code": "QZA", "month": DECEMBER, "dimension": dimension, "dimension_value": value,
        "registered_patients": patients, "oldest_list_month": DECEMBER,
        "gp_practices": 5, "gp_practices_listed": listed,
    }  # fmt: skip


def test_rates_by_age_are_per_those_registered_of_that_age() -> None:
    old = group("75 and over", 40, 100, 30) | {"dimension": "age_band"}
    young = group("18 to 39", 40, 100, 30) | {"dimension": "age_band"}
    found = with_lists([old, young], [registered("75 and over", 8_000), registered("18 to 39", 32_000)])
    # 40 of 8,000 are 5 per 1,000; of 32,000 1.25.
    assert (found["75 and over"]["rate_per_1000"], found["18 to 39"]["rate_per_1000"]) == (5.0, 1.25)
    # Byar: 40 (1 - 1/360 - 1.96/(3 root 40))^3 = 28.57; 41 (1 - 1/369 + 1.96/(3 root 41))^3 = 54.47; per 8,000.
    assert found["75 and over"]["ci_low"] == pytest.approx(28.57 / 8, abs=0.01)
    assert found["75 and over"]["ci_high"] == pytest.approx(54.47 / 8, abs=0.01)
    assert found["75 and over"]["denominator_basis"] == "registered patients of this age, list of the month"
    assert found["75 and over"]["rate_reason"] is None
    women = with_lists([group("F", 40, 100, 30) | {"dimension": "sex"}], [registered("F", 8_000, "sex")])["F"]
    assert women["denominator_basis"] == "registered patients of this sex, list of the month"


@pytest.mark.parametrize(
    ("value", "dimension", "lists", "reason"),
    [
        ("quintile 1", "imd_quintile", [registered("F", 8_000, "sex")], "list_not_by_deprivation"),
        ("F", "sex", [], "list_not_by_age_and_sex"),
        ("unknown", "sex", [registered("F", 8_000, "sex")], "group_not_known"),
        ("18 to 39", "age_band", [registered("40 to 64", 8_000)], "list_in_other_age_bands"),
        ("F", "sex", [registered("F", 8_000, "sex", listed=4)], "list_by_age_and_sex_of_some_practices"),
        ("F", "sex", [registered("F", 0, "sex")], "nobody_registered"),
    ],
)
def test_a_rate_that_cannot_be_given_says_why(value: str, dimension: str, lists: list[dict], reason: str) -> None:
    row = with_lists([group(value, 40, 100, 30) | {"dimension": dimension}], lists)[value]
    assert row["rate_reason"] == reason
    assert [row[name] for name in ("rate_per_1000", "ci_low", "ci_high", "denominator", "denominator_basis")] == [
        None
    ] * 5
    # What is known stays.
    assert (row["people"], row["share_pct"]) == (40, 100.0)
