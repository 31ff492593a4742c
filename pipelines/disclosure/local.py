"""Local returns as they may leave: counts of people by the rules of the trends, what counts no people as it is.

A referral, a case, an audited letter and an answer are somebody's. Hours, pounds, documents and the attendances of
staff are nobody's. Of a share both its parts are protected, and their difference; of a mean or a score the number
behind it; of money the patients it is worked out from.
"""

from dataclasses import replace
from datetime import date

import numpy as np
import polars as pl

from pipelines.disclosure.policy import Policy
from pipelines.disclosure.trends import protect_trends
from pipelines.statistics.local_trends import judged
from pipelines.statistics.scores import with_mean_change

_OF = "__of"
_PLACE = ("org_level", "org_code", "pcn_code", "icb_code")
_KEY = ("org_level", "org_code", "month", "measure")
_ANY_MONTH = date(2000, 1, 1)
_MEAN_DECIMALS = 2


def protect_local_trends(rows: pl.DataFrame, policy: Policy) -> pl.DataFrame:
    """Rows of marts.local_trends, with `suppressed`; figures, changes and limits from what is left."""
    people = pl.col("unit") == "people"
    counted = rows.filter(people & (pl.col("form") != "mean"))
    wholes = rows.filter(people & pl.col("denominator").is_not_null())
    of = pl.concat_str("measure", pl.lit(_OF))
    cells = pl.concat(
        [
            counted.select(*_PLACE, "month", "measure", pl.col("numerator").cast(pl.Float64).alias("count")),
            wholes.select(*_PLACE, "month", of.alias("measure"), pl.col("denominator").cast(pl.Float64).alias("count")),
        ]
    )
    nested = tuple((name, name + _OF) for name in wholes.filter(pl.col("form") == "share")["measure"].unique().sort())
    shown = _protected(cells, policy, nested)
    parts = shown.filter(~pl.col("measure").str.ends_with(_OF)).rename({"shown": "part", "hidden": "part_hidden"})
    whole = (
        shown.filter(pl.col("measure").str.ends_with(_OF))
        .with_columns(pl.col("measure").str.strip_suffix(_OF))
        .rename({"shown": "whole", "hidden": "whole_hidden"})
    )
    joined = rows.join(parts, on=_KEY, how="left").join(whole, on=_KEY, how="left")
    # Mean times answers: the mean stays what it is, the number of answers is rounded.
    mean = (pl.col("value").cast(pl.Float64).round(_MEAN_DECIMALS) * pl.col("whole")).alias("numerator")
    left = joined.with_columns(
        pl.when(~people)
        .then(pl.col("numerator"))
        .when(pl.col("form") == "mean")
        .then(mean)
        .otherwise(pl.col("part"))
        .alias("numerator"),
        pl.when(people).then(pl.col("whole")).otherwise(pl.col("denominator")).alias("denominator"),
        (pl.col("part_hidden").fill_null(False) | pl.col("whole_hidden").fill_null(False)).alias("suppressed"),
    )
    again = judged(left, policy.change_from_count, policy.spc_from_mean)
    return again.join(left.select(*_KEY, "suppressed"), on=_KEY, how="left").sort(*_KEY)


def protect_scores(rows: pl.DataFrame, policy: Policy) -> pl.DataFrame:
    """Rows of marts.patient_reported_scores, with `suppressed`; of few people nothing but that there is a row."""
    cells = rows.select(
        *_PLACE, "month", pl.col("instrument").alias("measure"), pl.col("n").cast(pl.Float64).alias("count")
    )
    shown = _protected(cells, policy).rename({"measure": "instrument"})
    key = ["org_level", "org_code", "month", "instrument"]
    joined = rows.join(shown, on=key, how="left").with_columns(pl.col("shown").alias("n"))
    hidden = pl.col("hidden")
    figures = [name for name in ("mean_before", "mean_after", "sd_before", "sd_after", "sd_change") if name in rows]
    blank = [*figures, "returned_low", "returned_high"]
    joined = joined.with_columns(pl.when(~hidden).then(pl.col(name)).alias(name) for name in blank)
    again = with_mean_change(joined.drop("mean_change", "change_low", "change_high", "interval_basis"))
    return again.rename({"hidden": "suppressed"}).drop("shown").sort(*key)


def protect_service_impact(rows: pl.DataFrame, policy: Policy) -> pl.DataFrame:
    """Rows of marts.service_impact, with `suppressed`; the value is worked out again from the patients shown."""
    cells = rows.select(
        *_PLACE,
        pl.lit(_ANY_MONTH).alias("month"),
        pl.col("service").alias("measure"),
        pl.col("patients").cast(pl.Float64).alias("count"),
    )
    shown = _protected(cells, policy).rename({"measure": "service"}).drop("month")
    key = ["org_level", "org_code", "service"]
    joined = rows.join(shown, on=key, how="left")
    per_patient = pl.col("unit_cost_gbp").cast(pl.Float64) * pl.col("reduction_per_patient").cast(pl.Float64)
    return (
        joined.with_columns(
            pl.col("shown").alias("patients"), (per_patient * pl.col("shown")).round(2).alias("value_gbp_a_year")
        )
        .rename({"hidden": "suppressed"})
        .drop("shown")
        .sort(*key)
    )


def _protected(cells: pl.DataFrame, policy: Policy, nested: tuple[tuple[str, str], ...] = ()) -> pl.DataFrame:
    """Counts by place, month and measure → `shown` (NULL where hidden) and `hidden`, sums of the levels respected."""
    frame = cells.rename({"count": "numerator"}).with_columns(pl.lit(None, pl.String).alias("region_code"))
    if frame.is_empty():
        left = frame.with_columns(pl.lit(False).alias("suppressed"))
    else:
        left = protect_trends(frame, replace(policy, nested=nested), person_measures=set(frame["measure"]))
    shown = left["numerator"].cast(pl.Float64).to_numpy()
    return left.select(*_KEY).with_columns(
        pl.Series("shown", np.where(np.isnan(shown), np.nan, shown)).fill_nan(None),
        pl.Series("hidden", left["suppressed"]),
    )
