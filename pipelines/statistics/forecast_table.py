"""`marts.forecast`: when each organisation above practice might reach the default aim."""

import zlib
from datetime import date
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa

from pipelines.statistics import forecast as f
from pipelines.statistics.intervals import FloatArray
from pipelines.statistics.rates import frame_of

_COLUMNS: dict[str, Any] = {
    **dict.fromkeys(("org_level", "org_code", "org_name", "measure", "aim"), pl.String),
    "as_at_month": pl.Date,
    "aim_target": pl.Float64,
    "months_fitted": pl.Int32,
    "slope_pct_per_month": pl.Float64,
    "slope_low": pl.Float64,
    "slope_high": pl.Float64,
    "forecast_status": pl.String,
    "likely_month": pl.Date,
    "earliest_month": pl.Date,
    "latest_month": pl.Date,
    "method": pl.String,
    "definition": pl.String,
}
_SERIES = ["org_level", "org_code", "measure"]


def forecast_table(series: pa.Table, patterns: pa.Table) -> pa.Table:
    """`series`: months newest first (statistics_aimed_series); `patterns`: people by months (int_trends__patterns)."""
    months, people = frame_of(series), frame_of(patterns)
    found = dict(people.sort(*_SERIES, "pattern").group_by(_SERIES, maintain_order=True))
    rows = [
        _one(one.head(f.MONTHS).reverse(), found.get(key)) for key, one in months.group_by(_SERIES, maintain_order=True)
    ]
    table = pl.DataFrame(rows, schema=_COLUMNS)
    floats = [name for name, kind in _COLUMNS.items() if kind == pl.Float64]
    return table.with_columns(pl.col(floats).fill_nan(None)).sort(_SERIES).to_arrow()


def _one(rows: pl.DataFrame, patterns: pl.DataFrame | None) -> dict[str, Any]:
    last = rows.row(-1, named=True)
    answer = {name: last.get(name) for name in _COLUMNS} | {"as_at_month": last["month"], "months_fitted": rows.height}
    by_rate = last["aim_type"] == "rate"
    counts = rows["numerator"].cast(pl.Float64).to_numpy()
    sizes = rows["denominator"].cast(pl.Float64).fill_null(float("nan")).to_numpy() / 1000 if by_rate else 1.0
    values = counts / sizes
    if last["aim_target"] is None or not np.isfinite(values).all():
        return answer | {"forecast_status": None}
    if rows.height < f.MONTHS:
        return answer | {"forecast_status": f.TOO_SHORT}
    if counts.mean() < f.LEAST_MEAN_COUNT or (counts <= 0).any() or last["aim_target"] <= 0:
        return answer | {"forecast_status": f.TOO_FEW}
    number = rows["month"].dt.year().to_numpy() * 12.0 + rows["month"].dt.month().to_numpy()
    seed = zlib.crc32("|".join(str(last[name]) for name in _SERIES).encode())
    if patterns is not None:
        drawn, method = _drawn(patterns, seed) / sizes, f.BY_PATIENTS
    else:
        drawn, method = f.values_of_drawn_residuals(number, values, f.DRAWS, seed), f.BY_RESIDUALS
    seen = f.forecast(number, values, drawn, last["aim_target"], rises=last["aim_pct"] > 0)
    return answer | {
        "slope_pct_per_month": seen.slope_pct,
        "slope_low": seen.slope_low,
        "slope_high": seen.slope_high,
        "forecast_status": seen.status,
        "likely_month": _later(last["month"], seen.likely_months),
        "earliest_month": _later(last["month"], seen.earliest_months),
        "latest_month": _later(last["month"], seen.latest_months),
        "method": method,
    }


def _drawn(patterns: pl.DataFrame, seed: int) -> FloatArray:
    """Bit 0 of a pattern is the newest month; a month in which nobody was drawn counts half a person."""
    bits = 1 << np.arange(f.MONTHS - 1, -1, -1)
    present = (patterns["pattern"].to_numpy()[:, None] & bits > 0).astype(np.float64)
    drawn = f.counts_of_drawn_patients(patterns["people"].to_numpy(), present, f.DRAWS, seed)
    return np.maximum(drawn, 0.5)


def _later(month: date, months: float) -> date | None:
    if not np.isfinite(months):
        return None
    index = month.year * 12 + month.month - 1 + int(np.ceil(months))
    return date(index // 12, index % 12 + 1, 1)
