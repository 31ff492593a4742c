"""Rates of the trend table, and the small steps between tables and arrays that its parts share."""

import numpy as np
import polars as pl
import pyarrow as pa

from pipelines.statistics import intervals
from pipelines.statistics.intervals import FloatArray
from pipelines.statistics.measures import NET_CHANGE

LONG_ACTING_ITEMS = "long_acting_items"


def frame_of(table: pa.Table) -> pl.DataFrame:
    """An Arrow table as a polars frame, without a copy."""
    frame = pl.from_arrow(table)
    assert isinstance(frame, pl.DataFrame)
    return frame


def numbers(frame: pl.DataFrame, name: str) -> FloatArray:
    """A column as floats, NULL as NaN."""
    return frame[name].cast(pl.Float64).fill_null(float("nan")).to_numpy().astype(np.float64)


def series(name: str, values: FloatArray) -> pl.Series:
    """Floats as a column, NaN as NULL."""
    return pl.Series(name, values, dtype=pl.Float64).fill_nan(None)


def with_rates(frame: pl.DataFrame) -> pl.DataFrame:
    """The frame with denominator, rate and limits, and the reason wherever there is none."""
    is_practice = pl.col("org_level") == "practice"
    is_counted_list = ~is_practice | pl.col("is_gp_practice").fill_null(True)
    of_items = pl.col("denominator_kind") == LONG_ACTING_ITEMS
    frame = frame.with_columns(
        pl.col("numerator").cast(pl.Float64),
        pl.when(of_items & (pl.col("long_acting_items") > 0))
        .then(pl.col("long_acting_items"))
        .when(~of_items & is_counted_list & (pl.col("registered_patients") > 0))
        .then(pl.col("registered_patients"))
        .alias("denominator"),
    )
    frame = frame.with_columns(
        pl.when(pl.col("missing_reason").is_not_null())
        .then(pl.col("missing_reason"))
        .when(pl.col("flow") == NET_CHANGE)
        .then(pl.lit("net_change_has_no_rate"))
        .when(of_items & pl.col("denominator").is_null())
        .then(pl.lit("no_long_acting_items"))
        .when(is_practice & ~of_items & (pl.col("is_gp_practice") == False))  # noqa: E712
        .then(pl.lit("not_a_gp_practice"))
        .when(pl.col("denominator").is_null())
        .then(pl.lit("no_list_size"))
        .when(pl.col("numerator").is_null())
        .then(pl.lit("not_in_the_source"))
        .alias("rate_reason"),
        pl.when(of_items & pl.col("denominator").is_not_null())
        .then(pl.lit("long-acting opioid items"))
        .when(pl.col("denominator").is_not_null())
        .then(
            pl.concat_str(
                pl.lit("registered patients, all ages, "),
                pl.when(pl.col("oldest_list_month") == pl.col("month"))
                .then(pl.lit("list of the month"))
                .otherwise(
                    pl.concat_str(
                        pl.lit("latest list before, oldest "),
                        pl.col("oldest_list_month").dt.strftime("%Y-%m"),
                    )
                ),
                pl.when(pl.col("gp_practices_without_list") > 0)
                .then(
                    pl.concat_str(
                        pl.lit("; "),
                        pl.col("gp_practices_without_list"),
                        pl.lit(" GP practice(s) without a list"),
                    )
                )
                .otherwise(pl.lit("")),
            )
        )
        .alias("denominator_basis"),
    )
    counted = frame.with_columns(pl.when(pl.col("flow").ne_missing(NET_CHANGE)).then(pl.col("numerator")))
    count, denominator = numbers(counted, "numerator"), numbers(frame, "denominator")
    low, high = intervals.rate_limits(count, denominator)
    is_share = frame.select(of_items)["denominator_kind"].to_numpy()
    low[is_share], high[is_share] = intervals.wilson_limits(count[is_share], denominator[is_share], 1000)
    is_count = frame["unit"].is_in(["people", "items"]).to_numpy()
    return frame.with_columns(
        series("rate_per_1000", intervals.rate(count, denominator)),
        series("ci_low", np.where(is_count, low, np.nan)),
        series("ci_high", np.where(is_count, high, np.nan)),
    )
