"""Process control of the trend table: charts of the series whose months are independent, icons for all.

A *stock* (people in a cohort, month after month the same) has no chart: it would signal falsely. Its icon is that of
its net change. A series of flows with fewer than 5 people a month is charted by calendar quarter: the limits stand at
the last month of the quarter, in people of the quarter, and `spc_period` says so. A month that is provisional, or has
no figure, is no point of any chart.
"""

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from datetime import date
from itertools import accumulate, pairwise
from typing import TypeAlias

import numpy as np
import polars as pl

from pipelines.statistics import spc
from pipelines.statistics.intervals import FloatArray
from pipelines.statistics.measures import JOINED, LEFT, NET_CHANGE

SERIES = ["org_level", "org_code", "measure"]

QUARTERLY_BELOW_MEAN = 5
"""Monthly flows with a lower mean than this are charted by quarter."""
PROVISIONAL = "provisional"
WITHIN_QUARTER = "charted_by_quarter"

_PLACE = ["org_level", "org_code", "month"]


Steps: TypeAlias = Mapping[str, Sequence[date]]
"""The months at which limits begin afresh, by entry of measures.toml: recorded steps only."""


def with_process_control(frame: pl.DataFrame, steps: Steps | None = None) -> pl.DataFrame:
    """The trend rows with `spc_period`, `spc_value`, mean, limits, signal, reason, variation and assurance.

    Needs `unit`, `flow`, `cohort`, `direction`, `provisional`, `numerator`, `rate_per_1000`, `aim_type`, `aim_target`.
    """
    frame = _with_points(frame.sort(*SERIES, "month"))
    charted = frame.filter("is_charted")
    stock = frame.filter(~pl.col("is_charted")).with_columns(
        *(pl.lit(None, pl.Float64).alias(name) for name in ("spc_value", "spc_mean", "spc_lower", "spc_upper")),
        pl.lit(None, pl.String).alias("spc_signal"),
        pl.lit(spc.SAME_PATIENTS).alias("spc_reason"),
        pl.lit(None, pl.String).alias("spc_variation"),
        pl.lit(None, pl.String).alias("spc_assurance"),
    )
    charts = _charts(charted, steps or {}) if charted.height else stock.clear().select(_SPC)
    charted = charted.hstack(charts)
    charted = charted.with_columns(
        pl.when(pl.col("provisional") & pl.col("spc_mean").is_not_null() & (pl.col("unit") == "people"))
        .then(pl.lit(PROVISIONAL))
        .otherwise(pl.col("spc_reason"))
        .alias("spc_reason")
    )
    charted = _with_words(charted)
    return pl.concat([_with_icon_of_net_change(stock.select(charted.columns), charted), charted])


_SPC = ["spc_value", "spc_mean", "spc_lower", "spc_upper", "spc_signal", "spc_reason"]


def _with_points(frame: pl.DataFrame) -> pl.DataFrame:
    """`spc_period` and `point`: the month's or the quarter's figure, NULL where there is none to chart."""
    is_flow = pl.col("flow").is_not_null()
    has_rates = ~(pl.col("numerator").is_not_null() & pl.col("rate_per_1000").is_null()).any().over(SERIES)
    is_charted_as_rate = (pl.col("unit") == "people") | (pl.col("denominator_kind") != "registered_patients")
    moving = pl.when(pl.col("flow").is_in([JOINED, LEFT])).then(pl.col("numerator"))
    frame = frame.with_columns(
        pl.col("is_independent").alias("is_charted"),
        # Joined and left go together, so that a reader sees the three flows of a cohort by the same period.
        (is_flow & (moving.mean().over("org_level", "org_code", "cohort") < QUARTERLY_BELOW_MEAN)).alias("by_quarter"),
        pl.when(pl.col("provisional") & (pl.col("unit") == "people"))
        .then(None)
        .when(~is_flow & has_rates & is_charted_as_rate)
        .then(pl.col("rate_per_1000"))
        .otherwise(pl.col("numerator"))
        .alias("point"),
    )
    quarter = [*SERIES, pl.col("month").dt.truncate("1q")]
    whole = pl.col("point").is_not_null().sum().over(quarter) == 3
    ends = pl.col("month").dt.month() % 3 == 0
    return frame.with_columns(
        pl.when("is_charted")
        .then(pl.when("by_quarter").then(pl.lit("quarter")).otherwise(pl.lit("month")))
        .alias("spc_period"),
        pl.when(~pl.col("by_quarter"))
        .then(pl.col("point"))
        .when(whole & ends)
        .then(pl.col("point").sum().over(quarter))
        .alias("point"),
    )


def _charts(rows: pl.DataFrame, steps: Steps) -> pl.DataFrame:
    """Process-control columns of series that stand one after the other, row for row."""
    points = rows["point"].cast(pl.Float64).fill_null(float("nan")).to_numpy().astype(np.float64)
    by_quarter = rows["by_quarter"].to_numpy()
    ends = (rows["month"].dt.month() % 3 == 0).to_numpy()
    months, cohorts = rows["month"].to_numpy().astype(object), rows["cohort"].to_list()
    lengths = rows.group_by(SERIES, maintain_order=True).len()["len"].to_list()
    mean, lower, upper = (np.full(points.size, np.nan) for _ in range(3))
    signal, reason = (np.full(points.size, None, dtype=object) for _ in range(2))
    for start, stop in pairwise(accumulate(lengths, initial=0)):
        here = np.arange(start, stop)
        if by_quarter[start]:
            reason[here] = WITHIN_QUARTER
            here = here[ends[start:stop]]
        begins = [bisect_left(months[here].tolist(), step) for step in steps.get(cohorts[start], ())]
        chart = spc.xmr(points[here], rebase_at=begins)
        mean[here], lower[here], upper[here] = chart.mean, chart.lower, chart.upper
        signal[here], reason[here] = chart.signal, chart.reason
    return pl.DataFrame(
        {
            "spc_value": _column(points),
            "spc_mean": _column(mean),
            "spc_lower": _column(lower),
            "spc_upper": _column(upper),
            "spc_signal": pl.Series(signal.tolist(), dtype=pl.String),
            "spc_reason": pl.Series(reason.tolist(), dtype=pl.String),
        }
    )


def _column(values: FloatArray) -> pl.Series:
    return pl.Series(values, dtype=pl.Float64).fill_nan(None)


def _with_words(charted: pl.DataFrame) -> pl.DataFrame:
    """Variation of each point that has limits, and assurance where the series has a target in its own unit."""
    signals = [None, *sorted(spc.UPWARD_SIGNALS | spc.DOWNWARD_SIGNALS)]
    words = pl.DataFrame(
        [
            {"spc_signal": signal, "direction": direction, "spc_variation": spc.variation(signal, improvement)}
            for signal in signals
            for direction, improvement in spc.IMPROVEMENT_OF_DIRECTION.items()
        ],
        schema={"spc_signal": pl.String, "direction": pl.String, "spc_variation": pl.String},
    )
    charted = charted.join(
        words, on=["spc_signal", "direction"], how="left", nulls_equal=True, maintain_order="left"
    ).with_columns(
        pl.when(pl.col("spc_mean").is_not_null() & pl.col("spc_value").is_not_null()).then(pl.col("spc_variation"))
    )
    falls, rises = pl.col("direction") == "lower", pl.col("direction") == "higher"
    in_own_unit = pl.when(pl.col("aim_type") == "rate").then(pl.col("rate_per_1000")).otherwise(pl.col("numerator"))
    target = pl.when((pl.col("point") == in_own_unit) & pl.col("flow").is_null()).then(pl.col("aim_target"))
    passes = (falls & (target > pl.col("spc_upper"))) | (rises & (target < pl.col("spc_lower")))
    fails = (falls & (target < pl.col("spc_lower"))) | (rises & (target > pl.col("spc_upper")))
    return charted.with_columns(
        pl.when(target.is_null() | pl.col("spc_mean").is_null() | ~(falls | rises))
        .then(None)
        .when(passes)
        .then(pl.lit(spc.CONSISTENT_PASS))
        .when(fails)
        .then(pl.lit(spc.CONSISTENT_FAIL))
        .otherwise(pl.lit(spc.INCONSISTENT))
        .alias("spc_assurance")
    )


def _with_icon_of_net_change(stock: pl.DataFrame, charted: pl.DataFrame) -> pl.DataFrame:
    icons = charted.filter(pl.col("flow") == NET_CHANGE).select(
        *_PLACE, pl.col("cohort").alias("measure"), pl.col("spc_variation").alias("icon")
    )
    return (
        stock.join(icons, on=[*_PLACE, "measure"], how="left", maintain_order="left")
        .with_columns(pl.col("icon").alias("spc_variation"))
        .drop("icon")
    )
