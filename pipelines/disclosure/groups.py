"""Shares, changes and gaps of groups of people, worked out again from protected counts."""

from typing import Any

import numpy as np
import polars as pl

from pipelines.disclosure.policy import Policy
from pipelines.statistics import aim
from pipelines.statistics.equity import LEAST_DEPRIVED, MOST_DEPRIVED, gap_in_change, gap_in_words, rates_of_groups


def judged_again(rows: pl.DataFrame, whole: list[float | None], policy: Policy) -> pl.DataFrame:
    """`rows` of equity with protected `people` and `baseline_people`, the two months taken as independent.

    `whole`: for each row the protected count of all people of its cohort.
    """
    now, then = (rows[name].fill_null(float("nan")).to_numpy() for name in ("people", "baseline_people"))
    tellable = (now >= policy.change_from_count) & (then >= policy.change_from_count)
    one = np.ones(now.size)
    change = aim.change_since_baseline(np.where(tellable, now, np.nan), one, np.where(tellable, then, np.nan), one)
    total = pl.Series("total", whole, dtype=pl.Float64)
    judged = rows.drop("people_in_both", "gap_ratio", "gap_low", "gap_high", "gap", strict=False).with_columns(
        pl.when(total > 0).then((100 * pl.col("people") / total).clip(0, 100)).alias("share_pct"),
        *(
            pl.Series(name, np.where(tellable, values, np.nan), dtype=pl.Float64).fill_nan(None)
            for name, values in (
                ("change_count_pct", change.change_pct),
                ("change_low", change.change_low),
                ("change_high", change.change_high),
            )
        ),
        pl.Series(
            "change_method",
            [method if told else None for method, told in zip(change.method, tellable, strict=True)],
            dtype=pl.String,
        ),
    )
    # A rate of true counts beside the list it is divided by would give the counts away.
    judged = rates_of_groups(judged) if "denominator" in judged.columns else judged
    return judged.with_columns(pl.Series("gap", _gaps(judged), dtype=pl.String))


def _gaps(rows: pl.DataFrame) -> list[str | None]:
    """RR1/RR5 in words, on the row of the most deprived."""
    place = ("org_level", "org_code", "month", "measure")
    changes: dict[tuple[Any, ...], tuple[float, float, float]] = {}
    for row in rows.iter_rows(named=True):
        low, middle, high = (
            float("nan") if row[name] is None else row[name]
            for name in ("change_low", "change_count_pct", "change_high")
        )
        changes[*(row[name] for name in place), row["dimension_value"]] = (middle, low, high)
    unknown = (float("nan"), float("nan"), float("nan"))
    return [
        gap_in_words(gap_in_change(changes[*key, MOST_DEPRIVED], changes.get((*key, LEAST_DEPRIVED), unknown)))
        if row["dimension_value"] == MOST_DEPRIVED
        else None
        for row in rows.iter_rows(named=True)
        if (key := tuple(row[name] for name in place))
    ]
