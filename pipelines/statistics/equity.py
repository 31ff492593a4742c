"""`marts.equity`: whether a change reaches the most deprived as it reaches others, and the old as the young.

Rates by age and sex only where the list of every GP practice is by age and sex; else NULL, and `rate_reason` says why.
Who is registered by deprivation is not published. `share_pct` is the share of the cohort. Each change has its interval;
the gap compares that of the most deprived quintile with that of the least, RR1/RR5, as two independent changes (nobody
is in both quintiles).
"""

from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa

from pipelines.statistics import aim, intervals
from pipelines.statistics.intervals import normal_quantile
from pipelines.statistics.rates import frame_of, numbers, series

IMD, MOST_DEPRIVED, LEAST_DEPRIVED = "imd_quintile", "quintile 1", "quintile 5"

_COLUMNS: dict[str, Any] = {
    **dict.fromkeys(("org_level", "org_code", "org_name"), pl.String),
    "month": pl.Date,
    **dict.fromkeys(("measure", "dimension", "dimension_value", "imd_basis"), pl.String),
    "people": pl.Int64,
    "share_pct": pl.Float64,
    "denominator": pl.Int64,
    "denominator_basis": pl.String,
    "rate_per_1000": pl.Float64,
    "rate_reason": pl.String,
    **dict.fromkeys(("ci_low", "ci_high"), pl.Float64),
    "baseline_month": pl.Date,
    "baseline_people": pl.Int64,
    "people_in_both": pl.Int64,
    **dict.fromkeys(("change_count_pct", "change_low", "change_high"), pl.Float64),
    "change_method": pl.String,
    **dict.fromkeys(("gap_ratio", "gap_low", "gap_high"), pl.Float64),
    "gap": pl.String,
    "provisional": pl.Boolean,
    "definition": pl.String,
}
_GROUP = ["org_level", "org_code", "month", "measure", "dimension"]


def equity_table(counts: pa.Table, organisations: pa.Table, lists: pa.Table, definition: str) -> pa.Table:
    """`intermediate.int_equity__counts`, names of organisations and `int_equity__lists` → `marts.equity`."""
    frame, names = frame_of(counts), frame_of(organisations)
    frame = rates_of_groups(_with_lists(frame, frame_of(lists)))
    frame = frame.join(names.select("org_level", "org_code", "org_name"), on=["org_level", "org_code"], how="left")
    later = (frame["month"] > frame["baseline_month"]).to_numpy()
    now = np.where(later, frame["people"].cast(pl.Float64).to_numpy(), np.nan)
    then, both = (frame[name].cast(pl.Float64).to_numpy() for name in ("baseline_people", "people_in_both"))
    change = aim.change_since_baseline(now, np.ones(now.size), then, np.ones(now.size), both)
    frame = frame.with_columns(
        *(
            pl.Series(name, values, dtype=pl.Float64).fill_nan(None)
            for name, values in (
                ("change_count_pct", change.change_pct),
                ("change_low", change.change_low),
                ("change_high", change.change_high),
            )
        ),
        pl.Series("change_method", change.method.tolist(), dtype=pl.String),
        pl.when(pl.col("people").sum().over(_GROUP) > 0)
        .then(100 * pl.col("people") / pl.col("people").sum().over(_GROUP))
        .alias("share_pct"),
        pl.when(pl.col("dimension") == IMD).then(pl.lit("patient")).alias("imd_basis"),
        pl.lit(definition).alias("definition"),
    )
    shaped = _with_gap(frame).select(pl.col(name).cast(kind) for name, kind in _COLUMNS.items())
    return shaped.sort(*_GROUP, "dimension_value").to_arrow()


def rates_of_groups(frame: pl.DataFrame) -> pl.DataFrame:
    """The frame with the rate per 1,000 of `people` to `denominator` and its limits; NULL where either is."""
    people, registered = numbers(frame, "people"), numbers(frame, "denominator")
    low, high = intervals.rate_limits(people, registered)
    return frame.with_columns(
        series("rate_per_1000", intervals.rate(people, registered)), series("ci_low", low), series("ci_high", high)
    )


def _with_lists(frame: pl.DataFrame, lists: pl.DataFrame) -> pl.DataFrame:
    """Each group with those registered who could be in it, or the reason why that is not known."""
    keys = ["org_level", "org_code", "month", "dimension"]
    frame = frame.join(lists, on=[*keys, "dimension_value"], how="left")
    told = lists.select(keys).unique().with_columns(is_told=pl.lit(True))
    frame = frame.join(told, on=keys, how="left")
    reason = (
        pl.when(pl.col("dimension") == IMD)
        .then(pl.lit("list_not_by_deprivation"))
        .when(pl.col("dimension_value") == "unknown")
        .then(pl.lit("group_not_known"))
        .when(pl.col("is_told").is_null())
        .then(pl.lit("list_not_by_age_and_sex"))
        .when(pl.col("registered_patients").is_null())
        .then(pl.lit("list_in_other_age_bands"))
        .when(pl.col("gp_practices_listed") < pl.col("gp_practices"))
        .then(pl.lit("list_by_age_and_sex_of_some_practices"))
        .when(pl.col("registered_patients") <= 0)
        .then(pl.lit("nobody_registered"))
    )
    of_the_month = pl.col("oldest_list_month") == pl.col("month")
    basis = pl.concat_str(
        pl.lit("registered patients of this "),
        pl.when(pl.col("dimension") == "sex").then(pl.lit("sex")).otherwise(pl.lit("age")),
        pl.when(of_the_month)
        .then(pl.lit(", list of the month"))
        .otherwise(
            pl.concat_str(
                pl.lit(", latest list before, oldest "),
                pl.col("oldest_list_month").dt.strftime("%Y-%m"),
                ignore_nulls=True,
            )
        ),
    )
    frame = frame.with_columns(reason.alias("rate_reason"))
    known = pl.col("rate_reason").is_null()
    return frame.with_columns(
        pl.when(known).then("registered_patients").alias("denominator"),
        pl.when(known).then(basis).alias("denominator_basis"),
    )


def gap_in_change(
    change_1: tuple[float, float, float], change_5: tuple[float, float, float]
) -> tuple[float, float, float]:
    """RR1/RR5 with its 95 % interval, from two changes in percent with their intervals; NaN where either lacks one.

    The variance of ln RR is read back from the interval: SE = ln(high/low) / (2 x 1.96); SE² add up.
    """
    if not np.isfinite([*change_1, *change_5]).all():
        return (float("nan"),) * 3
    ratios = [1 + np.array(change) / 100 for change in (change_1, change_5)]
    if min(ratio.min() for ratio in ratios) <= 0:
        return (float("nan"),) * 3
    z = normal_quantile(0.95)
    spread = np.sqrt(sum((np.log(high / low) / (2 * z)) ** 2 for _, low, high in ratios))
    gap = ratios[0][0] / ratios[1][0]
    return float(gap), float(gap * np.exp(-z * spread)), float(gap * np.exp(z * spread))


def gap_in_words(gap: tuple[float, float, float]) -> str:
    """What RR1/RR5 says: the most deprived fell less, more, or it cannot be told."""
    ratio, low, high = gap
    if not np.isfinite(ratio):
        return aim.TOO_FEW
    if low <= 1 <= high:
        return "no difference between most and least deprived can be told"
    way = "less well" if ratio > 1 else "better"
    return (
        f"numbers in the most deprived fifth developed {way} than in the least: {ratio:.2f} ({low:.2f} to {high:.2f})"
    )


def _with_gap(frame: pl.DataFrame) -> pl.DataFrame:
    """The gap on the row of the most deprived quintile."""
    place = ["org_level", "org_code", "month", "measure"]
    parts = ["change_count_pct", "change_low", "change_high"]
    first, last = (
        frame.filter((pl.col("dimension") == IMD) & (pl.col("dimension_value") == value)).select(
            *place, pl.concat_list(parts).alias(value)
        )
        for value in (MOST_DEPRIVED, LEAST_DEPRIVED)
    )
    rows = []
    for row in first.join(last, on=place).iter_rows(named=True):
        one, five = (
            tuple(float("nan") if part is None else part for part in row[value])
            for value in (MOST_DEPRIVED, LEAST_DEPRIVED)
        )
        if row[MOST_DEPRIVED][0] is None:
            continue
        gap = gap_in_change(one, five)  # type: ignore[arg-type]
        rows.append(
            {**{name: row[name] for name in place}, "gap": gap_in_words(gap), **dict(zip(_GAP, gap, strict=True))}
        )
    kinds: dict[str, Any] = {
        **{name: frame.schema[name] for name in place},
        "gap": pl.String,
        **dict.fromkeys(_GAP, pl.Float64),
    }
    gaps = pl.DataFrame(rows, schema=kinds).with_columns(
        pl.col(_GAP).fill_nan(None),
        pl.lit(IMD).alias("dimension"),
        pl.lit(MOST_DEPRIVED).alias("dimension_value"),
    )
    return frame.join(gaps, on=[*place, "dimension", "dimension_value"], how="left")


_GAP = ("gap_ratio", "gap_low", "gap_high")
