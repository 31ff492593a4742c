"""When an aim might be reached, if the last twelve months went on: a range, never a promise.

A straight line is fitted to the logarithm of the last 12 months by least squares; its uncertainty comes from a
bootstrap. Where patients can be linked each *patient* is drawn anew with all their months, so that the same people in
neighbouring months do not pass for twelve independent ones; else the residuals of the line are drawn anew.

Sources: Efron & Tibshirani, An Introduction to the Bootstrap (1993), ch. 6 and 9; Poisson weights for the draws of
patients as in Chamandy et al., Estimating uncertainty for massive data streams (2012).
"""

from dataclasses import dataclass

import numpy as np

from pipelines.statistics.intervals import FloatArray, IntArray, Numbers, as_floats

MONTHS = 12
HORIZON_MONTHS = 36
LEAST_MEAN_COUNT = 10
DRAWS = 1000

REACHED = "reached"
MIGHT = "might be reached"
NOT_IN_SIGHT = "not in sight"
TOO_FEW = "too few to tell"
TOO_SHORT = "history too short"

BY_PATIENTS, BY_RESIDUALS = "bootstrap of patients", "bootstrap of residuals"


@dataclass(frozen=True)
class Forecast:
    """Slope in percent a month, and months from the last month of the fit to the aim; NaN where there is none."""

    status: str
    slope_pct: float
    slope_low: float
    slope_high: float
    likely_months: float
    earliest_months: float
    latest_months: float
    """NaN also where the end of the range lies beyond the horizon."""


def log_line(months: Numbers, values: Numbers) -> tuple[FloatArray, FloatArray]:
    """Slope and level (at the last month) of the least-squares line through ln(values), along the last axis."""
    t, y = as_floats(months), np.log(as_floats(values))
    away = t - t.mean()
    slope = (y * away).sum(axis=-1) / (away**2).sum()
    return slope, y.mean(axis=-1) + slope * (t[-1] - t.mean())


def counts_of_drawn_patients(people: IntArray, present: FloatArray, draws: int, seed: int) -> FloatArray:
    """Monthly counts of `draws` bootstrap samples, shape (draws, months).

    `people`: how many patients share a pattern of months, shape (patterns,); `present`: 1 where a pattern holds the
    month, shape (patterns, months).
    """
    drawn = np.random.default_rng(seed).poisson(people, size=(draws, people.size))
    return np.asarray(drawn @ present, dtype=np.float64)


def values_of_drawn_residuals(months: Numbers, values: Numbers, draws: int, seed: int) -> FloatArray:
    """The line with its residuals, scaled for the two fitted parameters, drawn anew: shape (draws, months)."""
    t, y = as_floats(months), np.log(as_floats(values))
    slope, level = log_line(t, values)
    line = level + slope * (t - t[-1])
    residuals = (y - line) * np.sqrt(t.size / (t.size - 2))
    drawn = np.random.default_rng(seed).choice(residuals, size=(draws, t.size))
    return np.asarray(np.exp(line + drawn), dtype=np.float64)


def forecast(
    months: Numbers,
    values: Numbers,
    drawn: FloatArray,
    target: float,
    rises: bool = False,
    horizon: float = HORIZON_MONTHS,
) -> Forecast:
    """When a series that is to fall (`rises`: to rise) meets `target`, from its fit and bootstrap.

    `months`: month numbers, `values`: counts or rates, `drawn`: shape (draws, months), in the unit of `target`. Not in
    sight: beyond the horizon, away from the aim, or with a slope whose 95 % interval holds 0.
    """
    slope, level = log_line(months, values)
    slopes, levels = log_line(months, drawn)
    low, high = np.quantile(slopes, [0.025, 0.975])
    rate, slowest, fastest = (float(100 * np.expm1(one)) for one in (slope, low, high))
    gap = float(np.log(target) - level)
    if gap <= 0 if rises else gap >= 0:
        return Forecast(REACHED, rate, slowest, fastest, 0.0, np.nan, np.nan)
    away = gap / slope if slope else np.inf
    if low <= 0 <= high or away < 0 or away > horizon:
        return Forecast(NOT_IN_SIGHT, rate, slowest, fastest, np.nan, np.nan, np.nan)
    gaps = np.log(target) - levels
    is_there = gaps <= 0 if rises else gaps >= 0
    met = np.where(is_there, 0.0, np.where(slopes * gaps > 0, gaps / np.where(slopes == 0, 1.0, slopes), np.inf))
    earliest, latest = np.quantile(met, [0.025, 0.975], method="closest_observation")
    return Forecast(
        MIGHT, rate, slowest, fastest, float(away), float(earliest), float(latest) if latest <= horizon else np.nan
    )
