"""When an ICB might reach the aim, from what its trends show: the forecast of the secure side does not leave.

The line is fitted to the protected counts of the last twelve settled months, each of 100 people or more, and its
uncertainty is that of twelve independent counts: wider than the truth, since mostly the same people are in
neighbouring months. Nothing but shown figures goes in, so it tells no more than they do; quarters, not months.
"""

import zlib
from datetime import date
from typing import Any

import numpy as np
import polars as pl

from pipelines.statistics import forecast as f

LEAST_COUNT = 100
"""Below it the rounding of the counts alone could make a slope."""
LEVEL = "icb"
_COLUMNS: dict[str, Any] = {
    **dict.fromkeys(("org_code", "org_name", "measure", "aim"), pl.String),
    "as_at_month": pl.Date,
    "forecast_status": pl.String,
    "earliest_quarter": pl.Date,
    "latest_quarter": pl.Date,
}


def outlook(protected: pl.DataFrame) -> pl.DataFrame:
    """Protected trends → one row per ICB and measure of the default aim.

    `forecast_status`: one of those of statistics.forecast. Quarters are first days, NULL unless it might be reached;
    `latest_quarter` is NULL too where the range ends beyond the horizon.
    """
    if not {"aim", "aim_target"} <= set(protected.columns):
        return pl.DataFrame(schema=_COLUMNS)
    aimed = protected.filter(
        (pl.col("org_level") == LEVEL) & pl.col("aim").is_not_null() & ~pl.col("provisional")
    ).sort("org_code", "measure", "month")
    series = aimed.group_by("org_code", "measure", maintain_order=True)
    return pl.DataFrame([_one(rows.tail(f.MONTHS)) for _, rows in series], schema=_COLUMNS)


def _one(rows: pl.DataFrame) -> dict[str, Any]:
    last = rows.row(-1, named=True)
    answer = {name: last.get(name) for name in _COLUMNS} | {"as_at_month": last["month"]}
    counts = rows["numerator"].cast(pl.Float64).fill_null(float("nan")).to_numpy()
    if rows.height < f.MONTHS:
        return answer | {"forecast_status": f.TOO_SHORT}
    if not (counts >= LEAST_COUNT).all() or not last["aim_target"]:
        return answer | {"forecast_status": f.TOO_FEW}
    by_rate = last["aim_type"] == "rate"
    sizes = rows["denominator"].cast(pl.Float64).fill_null(float("nan")).to_numpy() / 1000 if by_rate else 1.0
    if not np.isfinite(counts / sizes).all():
        return answer | {"forecast_status": f.TOO_FEW}
    number = rows["month"].dt.year().to_numpy() * 12.0 + rows["month"].dt.month().to_numpy()
    seed = zlib.crc32(f"{last['org_code']}|{last['measure']}".encode())
    drawn = np.random.default_rng(seed).poisson(counts, size=(f.DRAWS, counts.size)) / sizes
    seen = f.forecast(number, counts / sizes, drawn, last["aim_target"], rises=last["aim_pct"] > 0)
    return answer | {
        "forecast_status": seen.status,
        "earliest_quarter": _quarter(last["month"], seen.earliest_months),
        "latest_quarter": _quarter(last["month"], seen.latest_months),
    }


def _quarter(month: date, months: float) -> date | None:
    """The first day of the calendar quarter so many months later."""
    if not np.isfinite(months):
        return None
    index = month.year * 12 + month.month - 1 + int(np.ceil(months))
    return date(index // 12, index % 12 // 3 * 3 + 1, 1)
