"""How GP practices compare: decile lines of every month, and where each practice stands in the newest.

Only GP practices with a rate and a list of at least 1,000 are compared, and only if there are at least 20. A funnel
is drawn for counts of people and items per registered patient: exact Poisson limits round the pooled rate, widened
for over-dispersion. A practice outside a funnel differs from the others; it is not thereby worse.

Its ten most similar practices are those nearest in list size, and in deprivation where a published score of practices,
or the deciles of enough of their people, is loaded; `similar_basis` says which, one basis for all.
"""

from functools import lru_cache
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa

from pipelines.statistics import deciles, intervals
from pipelines.statistics.rates import frame_of

FUNNEL_UNITS = ("people", "items")
REGISTERED = "registered patients"
# Of fewer people a mean decile says little of a practice [ours].
LEAST_PEOPLE_OF_A_MEAN = 20

_PRACTICE: dict[str, Any] = {
    **dict.fromkeys(("practice_code", "practice_name", "pcn_code", "icb_code"), pl.String),
    "month": pl.Date,
    "measure": pl.String,
    **dict.fromkeys(("numerator", "denominator", "rate_per_1000"), pl.Float64),
    "practices_compared": pl.Int64,
    "is_compared": pl.Boolean,
    "tenth": pl.Int32,
    "median_of_similar_size": pl.Float64,
    "median_of_similar": pl.Float64,
    "similar_basis": pl.String,
    "similar_practices": pl.String,
    "pooled_rate_per_1000": pl.Float64,
    "over_dispersion": pl.Float64,
    **dict.fromkeys(("funnel_low_95", "funnel_high_95", "funnel_low_998", "funnel_high_998"), pl.Float64),
    "funnel_position": pl.String,
    "definition": pl.String,
}
_LINES: dict[str, Any] = {
    "month": pl.Date,
    "measure": pl.String,
    "practices_compared": pl.Int64,
    **{f"decile_{number}": pl.Float64 for number in range(1, 10)},
}


def practice_comparison(rates: pa.Table, deprivation: pa.Table | None = None) -> pa.Table:
    """Each GP practice against the others of all loaded data: `rates` of one month (statistics_newest_practice_rates).

    `deprivation`: `intermediate.int_practices__deprivation`, on one basis; without it they are alike in size alone.
    """
    frame = _with_deprivation(_comparable(rates), deprivation)
    found = [_compared(one) for _, one in frame.group_by("measure", maintain_order=True)]
    shaped = [one.select(pl.col(name).cast(kind) for name, kind in _PRACTICE.items()) for one in found]
    table = pl.concat(shaped) if shaped else pl.DataFrame(schema=_PRACTICE)
    floats = [name for name, kind in _PRACTICE.items() if kind == pl.Float64]
    return table.with_columns(pl.col(floats).fill_nan(None)).sort("measure", "practice_code").to_arrow()


def decile_lines(rates: pa.Table) -> pa.Table:
    """The nine deciles of practices' rates in each month; no row where fewer than 20 are compared."""
    frame = _comparable(rates).filter("is_compared")
    rows = []
    for (measure,), one in frame.group_by("measure", maintain_order=True):
        months, lines = deciles.monthly_deciles(one["month"].to_numpy(), one["rate_per_1000"].to_numpy())
        compared = dict(one.group_by("month").len().iter_rows())
        for month, line in zip(months.astype(object).tolist(), lines, strict=True):
            if np.isfinite(line).all():
                values = {f"decile_{number}": float(value) for number, value in enumerate(line, 1)}
                rows.append({"month": month, "measure": measure, "practices_compared": compared[month], **values})
    return pl.DataFrame(rows, schema=_LINES).sort("measure", "month").to_arrow()


def _comparable(rates: pa.Table) -> pl.DataFrame:
    frame = frame_of(rates)
    is_list = pl.col("denominator_basis").str.starts_with(REGISTERED)
    size = pl.when(is_list).then(pl.col("denominator")).otherwise(float("inf")).cast(pl.Float64)
    frame = frame.with_columns(size.alias("list_size"))
    compared = deciles.comparable(frame["rate_per_1000"].to_numpy(), frame["list_size"].to_numpy())
    return frame.with_columns(pl.Series("is_compared", compared, dtype=pl.Boolean))


def _compared(rows: pl.DataFrame) -> pl.DataFrame:
    """One measure in one month."""
    inside = rows["is_compared"].to_numpy()
    rate = np.where(inside, rows["rate_per_1000"].to_numpy(), np.nan)
    size = np.where(inside, rows["list_size"].to_numpy(), np.nan)
    size = np.where(np.isfinite(size), size, np.nan)
    enough = int(inside.sum()) >= deciles.MIN_ORGANISATIONS
    nothing = np.full(size.size, np.nan)
    score = np.where(inside, rows["deprivation"].to_numpy(), np.nan)
    by_size, near = (_similar(size.tobytes(), other.tobytes()) for other in (nothing, score))
    columns = {
        "tenth": deciles.decile_of(rate),
        "median_of_similar_size": deciles.median_of_similar(rate, by_size) if enough else nothing,
        "median_of_similar": deciles.median_of_similar(rate, near) if enough else nothing,
    }
    codes = rows["practice_code"].to_list()
    neighbours = [", ".join(codes[other] for other in own if other >= 0) or None for own in near]
    position = np.full(size.size, None, dtype=object)
    if enough and rows["unit"][0] in FUNNEL_UNITS and np.isfinite(size).any():
        columns |= _funnel(np.where(inside, rows["numerator"].to_numpy(), np.nan), size)
        for low, high, share in (
            ("funnel_low_95", "funnel_high_95", "95"),
            ("funnel_low_998", "funnel_high_998", "99.8"),
        ):
            position[inside & (rate < columns[low])] = f"below the {share} % limits"
            position[inside & (rate > columns[high])] = f"above the {share} % limits"
        position[inside & (position == None)] = "within the limits"  # noqa: E711
    filled = {name: columns.get(name, np.full(size.size, np.nan)) for name in _FUNNEL}
    return rows.with_columns(
        *(pl.Series(name, values, dtype=pl.Float64).fill_nan(None) for name, values in {**columns, **filled}.items()),
        pl.Series("funnel_position", position.tolist(), dtype=pl.String),
        pl.when(pl.Series(np.isfinite(size))).then("basis_of_similar").alias("similar_basis"),
        pl.Series("similar_practices", neighbours, dtype=pl.String),
        pl.lit(int(inside.sum())).alias("practices_compared"),
    )


@lru_cache(maxsize=8)
def _similar(size: bytes, score: bytes) -> deciles.IntArray:
    """The practices nearest to each: the same for one measure after the other, as long as the same have a rate."""
    return deciles.similar_organisations(np.frombuffer(size), np.frombuffer(score))


def _with_deprivation(frame: pl.DataFrame, deprivation: pa.Table | None) -> pl.DataFrame:
    """Each row with the deprivation of its practice, and the words for what similar then means."""
    kinds: dict[str, Any] = {
        "practice_code": pl.String, "deprivation_basis": pl.String, "deprivation": pl.Float64, "people": pl.Int64,
    }  # fmt: skip
    known = (
        pl.DataFrame(schema=kinds)
        if deprivation is None
        else frame_of(deprivation).select(pl.col(name).cast(kind) for name, kind in kinds.items())
    )
    assert known["deprivation_basis"].n_unique() <= 1, "one basis for all practices"
    enough = known.filter(pl.col("people").is_null() | (pl.col("people") >= LEAST_PEOPLE_OF_A_MEAN)).drop("people")
    missing = "of this practice is not known" if enough.height else "of practices is not loaded"
    return frame.join(enough, on="practice_code", how="left").with_columns(
        pl.when(pl.col("deprivation").is_not_null())
        .then(pl.concat_str(pl.lit("list size and deprivation: "), pl.col("deprivation_basis")))
        .otherwise(pl.lit(f"list size alone: deprivation {missing}"))
        .alias("basis_of_similar"),
        pl.col("deprivation").fill_null(float("nan")),
    )


_FUNNEL = (
    "pooled_rate_per_1000", "over_dispersion", "funnel_low_95", "funnel_high_95", "funnel_low_998", "funnel_high_998",
)  # fmt: skip


def _funnel(count: intervals.FloatArray, size: intervals.FloatArray) -> dict[str, intervals.FloatArray]:
    centre, spread = intervals.pooled_rate(count, size), intervals.over_dispersion(count, size)
    low_95, high_95 = intervals.rate_funnel_limits(size, centre, confidence=0.95, dispersion=spread)
    low_998, high_998 = intervals.rate_funnel_limits(size, centre, confidence=0.998, dispersion=spread)
    same = [np.full(size.size, one) for one in (centre, spread)]
    return dict(zip(_FUNNEL, (*same, low_95, high_95, low_998, high_998), strict=True))
