"""When an aim might be reached: lines that can be worked by hand, and ranges that know the same people."""

from datetime import date

import numpy as np
import polars as pl
import pytest

from pipelines.statistics import forecast
from pipelines.statistics.forecast_table import forecast_table

MONTHS = np.arange(12.0)
# 100 people, a tenth fewer each month: exactly on a line of logarithms.
FALLING = 100 * 0.9**MONTHS


def steady(series: np.ndarray, spread: float = 1e-6) -> np.ndarray:
    """Draws that hardly differ from the series."""
    return series * np.exp(np.random.default_rng(1).normal(0, spread, (200, series.size)))


def test_a_tenth_fewer_each_month_is_a_line_of_logarithms() -> None:
    slope, level = forecast.log_line(MONTHS, FALLING)
    assert slope == pytest.approx(np.log(0.9))
    assert np.exp(level) == pytest.approx(100 * 0.9**11)


def test_the_aim_is_reached_where_the_line_meets_it() -> None:
    # From 31.4 at month 11 to 20: ln(20/31.38)/ln(0.9) = 4.28 months.
    seen = forecast.forecast(MONTHS, FALLING, steady(FALLING), 20)
    assert seen.status == forecast.MIGHT
    assert seen.slope_pct == pytest.approx(-10)
    assert seen.likely_months == pytest.approx(np.log(20 / (100 * 0.9**11)) / np.log(0.9))
    assert seen.earliest_months <= seen.likely_months <= seen.latest_months


def test_a_slope_that_may_be_none_is_not_in_sight() -> None:
    # 100 and 101 in turn, drawn with a tenth of noise.
    flat = 100 + MONTHS % 2
    seen = forecast.forecast(MONTHS, flat, steady(flat, 0.1), 50)
    assert seen.slope_low < 0 < seen.slope_high
    assert seen.status == forecast.NOT_IN_SIGHT
    assert np.isnan(seen.likely_months)


def test_beyond_three_years_or_away_from_the_aim_is_not_in_sight() -> None:
    slow = 100 * 0.99**MONTHS  # to half: ln 0.5 / ln 0.99 = 69 months
    assert forecast.forecast(MONTHS, slow, steady(slow), 50).status == forecast.NOT_IN_SIGHT
    rising = 100 * 1.1**MONTHS
    assert forecast.forecast(MONTHS, rising, steady(rising), 50).status == forecast.NOT_IN_SIGHT
    assert forecast.forecast(MONTHS, rising, steady(rising), 400, rises=True).status == forecast.MIGHT


def test_what_is_there_is_reached() -> None:
    assert forecast.forecast(MONTHS, FALLING, steady(FALLING), 40).status == forecast.REACHED
    assert forecast.forecast(MONTHS, FALLING, steady(FALLING), 20, rises=True).status == forecast.REACHED


def test_the_same_people_month_after_month_make_a_narrow_range() -> None:
    # 100 people in all twelve months: the count drawn is the same in every month of a draw, so no slope can be drawn.
    always = forecast.counts_of_drawn_patients(np.array([100]), np.ones((1, 12)), 500, 1)
    assert (always == always[:, :1]).all()
    assert always[:, 0].std() == pytest.approx(10, rel=0.2)
    # Twelve times 100 people, each in one month alone: slopes scatter.
    apart = forecast.counts_of_drawn_patients(np.full(12, 100), np.eye(12), 500, 1)
    slopes, _ = forecast.log_line(MONTHS, apart)
    # Variance of a slope: Var(ln x)/sum of squares = (1/100)/143.
    assert slopes.std() == pytest.approx(np.sqrt(0.01 / 143), rel=0.15)


def test_drawn_residuals_scatter_as_the_residuals_do() -> None:
    series = FALLING * np.exp(0.05 * (-1) ** MONTHS)
    drawn = forecast.values_of_drawn_residuals(MONTHS, series, 2000, 1)
    assert np.log(drawn).std(axis=0) == pytest.approx(0.05 * np.sqrt(12 / 10), rel=0.1)


def series(counts: list[float], **other: object) -> pl.DataFrame:
    months = [date(2024, number + 1, 1) for number in range(len(counts))]
    rows = [
        {
            "org_level": "icb",
            "org_code": "QZA",
            "org_name": "SHIRE",
            "measure": "high_dose",
            "month": month,
            "numerator": float(count),
            "denominator": 10_000,
            "aim": "halve",
            "aim_type": "rate",
            "aim_pct": -50.0,
            "aim_target": 2.0,
            "definition": "v1",
            **other,
        }
        for month, count in zip(months, counts, strict=True)
    ]
    return pl.DataFrame(rows).reverse()


def patterns(people: int, months: int = 12) -> pl.DataFrame:
    return pl.DataFrame(
        {"org_level": "icb", "org_code": "QZA", "measure": "high_dose", "pattern": [2**months - 1], "people": [people]}
    )


def forecast_of(rows: pl.DataFrame, people: pl.DataFrame | None = None) -> dict:
    nobody = patterns(1).clear()
    return forecast_table(rows.to_arrow(), (nobody if people is None else people).to_arrow()).to_pylist()[0]


def test_the_table_names_months_not_numbers() -> None:
    # 100 to 31.4 in 10,000; the aim is 2 per 1,000, 20 people: 4.28 months after December 2024.
    row = forecast_of(series(list(FALLING)))
    assert row["method"] == "bootstrap of residuals"
    assert row["forecast_status"] == "might be reached"
    assert row["likely_month"] == date(2025, 5, 1)
    assert row["slope_pct_per_month"] == pytest.approx(-10)


def test_people_whose_months_are_known_are_drawn_with_all_their_months() -> None:
    row = forecast_of(series([100.0] * 12), patterns(100))
    assert row["method"] == "bootstrap of patients"
    assert (row["forecast_status"], row["likely_month"]) == ("not in sight", None)
    assert row["slope_low"] == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize(
    ("rows", "status"),
    [
        (series([50.0] * 11), "history too short"),
        (series([9.0] * 12), "too few to tell"),
        (series([30.0] * 11 + [0.0]), "too few to tell"),
        (series([50.0] * 12, aim_target=None), None),
    ],
)
def test_what_cannot_be_foreseen_says_why(rows: pl.DataFrame, status: str | None) -> None:
    row = forecast_of(rows)
    assert row["forecast_status"] == status
    assert row["likely_month"] is None


def test_the_same_input_gives_the_same_range() -> None:
    rows = series(list(FALLING * np.exp(0.1 * (-1) ** MONTHS)))
    assert forecast_of(rows) == forecast_of(rows)
