"""Counting what was found against what is true, and the errors of the dose. Counts are kept; shares come from them."""

from collections.abc import Iterable
from dataclasses import dataclass

import polars as pl

from bench.definitions.rules import ON_OPIOIDS, Rule
from pipelines.statistics.intervals import wilson_limits

LEAST_STEADY_MONTHS = 3


@dataclass(frozen=True)
class Share:
    """Some of all, with Wilson's 95 % limits."""

    part: int
    whole: int

    @property
    def limits(self) -> tuple[float, float]:
        low, high = wilson_limits(self.part, self.whole)
        return float(low), float(high)


@dataclass(frozen=True)
class Counts:
    """People judged: how many it is true of, how many were found, both; `near_…` only those near the line."""

    people: int
    true: int
    found: int
    both: int
    near_false: int
    near_false_found: int

    @property
    def sensitivity(self) -> Share:
        """Of those of whom it is true, who were found."""
        return Share(self.both, self.true)

    @property
    def specificity(self) -> Share:
        """Of those of whom it is not true, who were left alone."""
        return Share(self.people - self.true - self.found + self.both, self.people - self.true)

    @property
    def near_specificity(self) -> Share:
        """The same among those whose true dose lies between half the line and twice the line."""
        return Share(self.near_false - self.near_false_found, self.near_false)

    @property
    def predictive_value(self) -> Share:
        """Of those found, of whom it is true."""
        return Share(self.both, self.found)

    @property
    def ratio(self) -> float:
        """How many were found for each one who should have been."""
        return self.found / self.true if self.true else float("nan")


def counted(judged: pl.DataFrame, rules: Iterable[Rule]) -> pl.DataFrame:
    """One row a rule: the six counts, of people who took or were dispensed an opioid lately."""
    among = judged.filter(ON_OPIOIDS)
    rows = []
    for rule in rules:
        near_false = rule.is_near & ~rule.is_true
        counts = among.select(
            people=pl.len(),
            true=rule.is_true.sum(),
            found=rule.found.sum(),
            both=(rule.is_true & rule.found).sum(),
            near_false=near_false.sum(),
            near_false_found=(near_false & rule.found).sum(),
        ).row(0, named=True)
        rows.append({"flag": rule.flag, "preset": rule.preset, "truth": rule.truth, **counts})
    return pl.DataFrame(rows)


def dose_errors(judged: pl.DataFrame, windows: Iterable[int]) -> pl.DataFrame:
    """Computed dose over true dose of the same months, in per cent above or below: median, 5th, 95th percentile.

    Of people with an opioid on every day of the window; `steady`: those of them whose dose did not change
    in it, nor in three months.
    """
    rows = []
    for months in windows:
        daily = judged.filter(pl.col(f"daily_{months}m") & (pl.col(f"true_{months}m") > 0))
        for who, people in (
            ("all", daily),
            ("steady", daily.filter(pl.col(f"steady_{max(months, LEAST_STEADY_MONTHS)}m"))),
        ):
            computed = people[f"ome_mg_per_day_{months}m"].fill_null(0.0)
            error = (computed / people[f"true_{months}m"] - 1) * 100
            low, middle, high = (error.quantile(share, "linear") for share in (0.05, 0.5, 0.95))
            row = {"window_months": months, "who": who, "people": people.height}
            rows.append({**row, "p5_pct": low, "median_pct": middle, "p95_pct": high})
    return pl.DataFrame(rows).with_columns(pl.col("p5_pct", "median_pct", "p95_pct").round(2))
