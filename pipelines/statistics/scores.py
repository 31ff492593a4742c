"""Mean scores before and after of the same people: the mean change and, where enough is given, its interval."""

from typing import Any, NamedTuple

import polars as pl
import pyarrow as pa
from scipy import stats

from pipelines.statistics.rates import frame_of

OF_CHANGE = "standard deviation of the changes"
OF_BOTH = "standard deviations before and after, conservative"
AS_RETURNED = "as returned"


class MeanChange(NamedTuple):
    """A mean change with its 95 % limits, and what they stand on; None where none can be given."""

    change: float
    low: float | None
    high: float | None
    basis: str | None


def mean_change(
    n: float,
    before: float,
    after: float,
    sd_change: float | None = None,
    sds: tuple[float | None, float | None] = (None, None),
    returned: tuple[float | None, float | None] = (None, None),
) -> MeanChange:
    """after − before ± t(0.975, n − 1) · sd / √n.

    sd is that of each person's change; without it √(sd² before + sd² after), too wide wherever who began high also ends
    high, as is usual. Without either, the limits that were returned; else none. One person has no interval.
    """
    change, (sd_before, sd_after) = after - before, sds
    if sd_change is not None:
        spread, basis = sd_change, OF_CHANGE
    elif sd_before is not None and sd_after is not None:
        spread, basis = (sd_before**2 + sd_after**2) ** 0.5, OF_BOTH
    elif returned[0] is not None and returned[1] is not None:
        return MeanChange(change, returned[0], returned[1], AS_RETURNED)
    else:
        return MeanChange(change, None, None, None)
    if n < 2:
        return MeanChange(change, None, None, None)
    half = float(stats.t.ppf(0.975, n - 1)) * spread / n**0.5
    return MeanChange(change, change - half, change + half, basis)


_FIGURES = ("mean_before", "mean_after", "sd_before", "sd_after", "sd_change", "returned_low", "returned_high")


def score_table(scores: pa.Table) -> pa.Table:
    """`intermediate.int_returns__scores` → `marts.patient_reported_scores`."""
    frame = frame_of(scores).with_columns(pl.col(_FIGURES).cast(pl.Float64))
    return with_mean_change(frame).sort("month", "org_code", "instrument").to_arrow()


def with_mean_change(frame: pl.DataFrame) -> pl.DataFrame:
    """Rows of scores with `mean_change`, `change_low`, `change_high`, `interval_basis`; all NULL where n is."""
    found = [_of(row) for row in frame.iter_rows(named=True)]
    return frame.with_columns(
        pl.Series("mean_change", [None if each is None else each.change for each in found], dtype=pl.Float64),
        pl.Series("change_low", [None if each is None else each.low for each in found], dtype=pl.Float64),
        pl.Series("change_high", [None if each is None else each.high for each in found], dtype=pl.Float64),
        pl.Series("interval_basis", [None if each is None else each.basis for each in found], dtype=pl.String),
    )


def _of(row: dict[str, Any]) -> MeanChange | None:
    if row["n"] is None:
        return None
    return mean_change(
        row["n"],
        row["mean_before"],
        row["mean_after"],
        row["sd_change"],
        (row["sd_before"], row["sd_after"]),
        (row["returned_low"], row["returned_high"]),
    )
