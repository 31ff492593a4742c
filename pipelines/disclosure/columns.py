"""What is read from the columns of trend rows before they leave."""

import numpy as np
import polars as pl

from pipelines.disclosure.policy import BoolArray
from pipelines.statistics.intervals import FloatArray

NET, FLOWS = "net_change", "joined|left|net_change"


def numbers(frame: pl.DataFrame, name: str) -> FloatArray:
    """A column as floats, NULL as NaN; all NaN where the frame has no such column."""
    if name not in frame.columns:
        return np.full(frame.height, np.nan)
    return frame[name].cast(pl.Float64).fill_null(float("nan")).to_numpy().copy()


def flags(frame: pl.DataFrame, condition: pl.Expr) -> BoolArray:
    return frame.select(condition.fill_null(False).alias("flag"))["flag"].to_numpy()


def people_behind(frame: pl.DataFrame) -> FloatArray:
    """Patients behind each figure: `people`, else those of `any_opioid` in the same place and month."""
    place = ["org_level", "org_code", "month"]
    anyone = (
        frame.filter(pl.col("measure") == "any_opioid")
        .group_by(place)
        .agg(pl.col("numerator").cast(pl.Float64).min().alias("anyone"))
    )
    joined = frame.select("cell", "people", *place).join(anyone, on=place, how="left", maintain_order="left")
    return numbers(joined.with_columns(pl.coalesce("people", "anyone").alias("behind")), "behind")
