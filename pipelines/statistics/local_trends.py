"""Local returns in the form of trends: figure, change since the first month returned, process control.

Every local measure counts what happened in its month, so neighbouring months are independent and process control
applies. A month without a return is no point of a chart and never 0.
"""

from collections.abc import Sequence
from datetime import date
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa

from pipelines.statistics import aim, spc
from pipelines.statistics.intervals import Limits, Numbers, as_floats, wilson_limits
from pipelines.statistics.rates import frame_of

SERIES = ("org_level", "org_code", "measure")
COLUMNS: dict[str, Any] = {
    "org_level": pl.String,
    "org_code": pl.String,
    "month": pl.Date,
    "measure": pl.String,
    "org_name": pl.String,
    "pcn_code": pl.String,
    "icb_code": pl.String,
    "region_code": pl.String,
    "kind": pl.String,
    "form": pl.String,
    "unit": pl.String,
    "direction": pl.String,
    "numerator": pl.Float64,
    "denominator": pl.Float64,
    "returned_by": pl.String,
    "returns_counted": pl.Int64,
    "is_own": pl.Boolean,
    "value": pl.Float64,
    "baseline_month": pl.Date,
    "baseline": pl.Float64,
    "change": pl.Float64,
    "change_unit": pl.String,
    "change_low": pl.Float64,
    "change_high": pl.Float64,
    "change_reason": pl.String,
    "spc_mean": pl.Float64,
    "spc_lower": pl.Float64,
    "spc_upper": pl.Float64,
    "spc_signal": pl.String,
    "spc_reason": pl.String,
    "spc_variation": pl.String,
}

PERCENT, POINTS, DIFFERENCE = "percent", "percentage points", "difference"
BASELINE_MONTH = "this_is_the_first_month"
NO_BASELINE = "first_month_not_shown"
NO_FIGURE = "not_shown"
TOO_FEW_RETURNED = "too_few_to_tell"
OTHERS_RETURNED = "other_organisations_returned"
NO_INTERVAL = "no_interval_for_this_unit"


def local_trend_table(summed: pa.Table) -> pa.Table:
    """`intermediate.int_returns__summed` → `marts.local_trends`."""
    return judged(frame_of(summed)).sort(*SERIES, "month").to_arrow()


def judged(rows: pl.DataFrame, change_from_count: float = 0, spc_from_mean: float = 0) -> pl.DataFrame:
    """The rows with figure, change and process control.

    `value`: count and amount as they are; a share in percent; a mean as it is. The baseline is the first month in which
    the same organisations returned. `change` is in percent (count, amount), in percentage points (share) or in the unit
    of the mean. Of people, a change needs `change_from_count` on both sides, and process control a mean of
    `spc_from_mean` with no month hidden (numerator NULL).
    """
    wanted = {name: kind for name, kind in COLUMNS.items() if name in rows.columns}
    frame = rows.select(pl.col(name).cast(kind) for name, kind in wanted.items())
    frame = frame.with_columns(
        pl.when(pl.col("form") == "share")
        .then(100 * pl.col("numerator") / pl.col("denominator"))
        .when(pl.col("form") == "mean")
        .then(pl.col("numerator") / pl.col("denominator"))
        .when(pl.col("form").is_in(["count", "amount"]))
        .then(pl.col("numerator"))
        .alias("value")
    ).sort(*SERIES, "month")
    parts = [
        _with_process_control(_with_change(series, change_from_count), spc_from_mean)
        for series in frame.partition_by(SERIES, maintain_order=True)
    ]
    empty = pl.DataFrame(schema=COLUMNS)
    shaped = [part.select(pl.col(name).cast(kind) for name, kind in COLUMNS.items()) for part in parts]
    return pl.concat(shaped) if shaped else empty


def difference_limits(x1: Numbers, n1: Numbers, x0: Numbers, n0: Numbers) -> Limits:
    """95 % limits of p1 − p0, two independent proportions: Newcombe's hybrid score method.

    Source: Newcombe RG, Stat Med 1998;17:873–90, method 10.
    """
    p1, p0 = as_floats(x1) / as_floats(n1), as_floats(x0) / as_floats(n0)
    (low1, high1), (low0, high0) = wilson_limits(x1, n1), wilson_limits(x0, n0)
    lower = p1 - p0 - np.sqrt((p1 - low1) ** 2 + (high0 - p0) ** 2)
    upper = p1 - p0 + np.sqrt((high1 - p1) ** 2 + (p0 - low0) ** 2)
    return lower, upper


def _with_change(series: pl.DataFrame, change_from_count: float) -> pl.DataFrame:
    rows = series.to_dicts()
    first: dict[str | None, dict[str, Any]] = {}
    for row in rows:
        first.setdefault(row["returned_by"], row)
    begins = [first[row["returned_by"]] for row in rows]
    changes = [change_between(now, then, change_from_count) for now, then in zip(rows, begins, strict=True)]
    names = ("change", "change_low", "change_high", "change_reason")
    return series.with_columns(
        pl.Series("baseline_month", [then["month"] for then in begins], dtype=pl.Date),
        pl.Series("baseline", [then["value"] for then in begins], dtype=pl.Float64),
        pl.lit({"share": POINTS, "mean": DIFFERENCE}.get(rows[0]["form"], PERCENT)).alias("change_unit"),
        *(
            pl.Series(name, list(column), dtype=pl.String if name == "change_reason" else pl.Float64)
            for name, column in zip(names, zip(*changes, strict=True), strict=True)
        ),
    )


_Change = tuple[float | None, float | None, float | None, str | None]


def change_between(now: dict[str, Any], then: dict[str, Any], change_from_count: float) -> _Change:
    """Change, its limits, and why one of them is missing; of two rows of a series."""
    if now["returned_by"] != then["returned_by"]:
        return None, None, None, OTHERS_RETURNED
    if now["month"] == then["month"]:
        return None, None, None, BASELINE_MONTH
    if now["value"] is None:
        return None, None, None, NO_FIGURE
    if then["value"] is None:
        return None, None, None, NO_BASELINE
    whole = "denominator" if now["form"] in ("share", "mean") else "numerator"
    if now["unit"] == "people" and min(now[whole], then[whole]) < change_from_count:
        return None, None, None, TOO_FEW_RETURNED
    if now["form"] == "share":
        cells = (now["numerator"], now["denominator"], then["numerator"], then["denominator"])
        low, high = difference_limits(*([cell] for cell in cells))
        return now["value"] - then["value"], 100 * float(low[0]), 100 * float(high[0]), None
    if now["form"] == "mean":
        return now["value"] - then["value"], None, None, NO_INTERVAL
    found = aim.change_since_baseline([now["value"]], [1], [then["value"]], [1])
    if found.reason[0]:
        return None, None, None, str(found.reason[0])
    if now["unit"] != "people":
        return float(found.change_pct[0]), None, None, NO_INTERVAL
    low, high = found.change_low, found.change_high
    return float(found.change_pct[0]), _number(low[0]), _number(high[0]), None


def _number(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def _with_process_control(series: pl.DataFrame, spc_from_mean: float) -> pl.DataFrame:
    """Limits of the months in which the same organisations returned as in the newest; the others are no points."""
    months: list[date] = series["month"].to_list()
    is_same = series["returned_by"].eq_missing(series["returned_by"][-1]).to_list()
    counts = series.filter(pl.Series(is_same))["numerator"]
    if series["unit"][0] == "people" and spc_from_mean:
        known = counts.drop_nulls().to_numpy()
        if known.size < len(counts) or known.mean() < spc_from_mean:
            return _spc_columns(series, [None] * len(months), [TOO_FEW_RETURNED] * len(months))
    figures = {
        month: value for month, value, same in zip(months, series["value"].to_list(), is_same, strict=True) if same
    }
    calendar = _every_month(months)
    chart = spc.xmr([figures.get(month) for month in calendar])
    points: list[Any] = []
    reasons: list[str | None] = []
    for month, same in zip(months, is_same, strict=True):
        at = calendar.index(month)
        limits = (_number(chart.mean[at]), _number(chart.lower[at]), _number(chart.upper[at]), chart.signal[at])
        points.append(limits if same else None)
        reasons.append(chart.reason[at] if same else OTHERS_RETURNED)
    return _spc_columns(series, points, reasons)


def _spc_columns(series: pl.DataFrame, points: Sequence[Any], reasons: Sequence[str | None]) -> pl.DataFrame:
    better = spc.IMPROVEMENT_OF_DIRECTION[series["direction"][0]]
    mean, lower, upper, signal = zip(*((None,) * 4 if point is None else point for point in points), strict=True)
    known = zip(mean, signal, strict=True)
    words = [spc.variation(one, better) if middle is not None else None for middle, one in known]
    return series.with_columns(
        pl.Series("spc_mean", mean, dtype=pl.Float64),
        pl.Series("spc_lower", lower, dtype=pl.Float64),
        pl.Series("spc_upper", upper, dtype=pl.Float64),
        pl.Series("spc_signal", signal, dtype=pl.String),
        pl.Series("spc_reason", reasons, dtype=pl.String),
        pl.Series("spc_variation", words, dtype=pl.String),
    )


def _every_month(months: Sequence[date]) -> list[date]:
    first, last = min(months), max(months)
    span = (last.year - first.year) * 12 + last.month - first.month
    return [
        date(first.year + (first.month - 1 + step) // 12, (first.month - 1 + step) % 12 + 1, 1)
        for step in range(span + 1)
    ]
