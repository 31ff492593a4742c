"""What leaves of the marts about practices, and which marts do not leave at all."""

from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from pipelines.disclosure.policy import Policy
from pipelines.disclosure.trends import PUBLIC_PREFIX
from pipelines.errors import UsageError
from pipelines.statistics import intervals
from pipelines.statistics.deciles import MIN_ORGANISATIONS
from pipelines.statistics.intervals import FloatArray

REFUSED = {
    "trends_as_was": "beside trends, its differences are the people of whichever practice changed its organisation",
    "forecast": "it is fitted to unprotected counts, and its dates and intervals tell more than the protected ones",
    "dose_definitions": "one row per person",
    "organisation_orphans": "items of single cost centres",
}
"""Marts that do not leave, each with the reason."""


def refuse(mart: str) -> None:
    """Raise UsageError for a mart that may not leave; marts without a rule may not."""
    why = REFUSED.get(mart, "it has no rule of disclosure control")
    raise UsageError(
        f"marts.{mart} does not leave the secure side.", f"Because {why}.", "Use marts.trends in its stead."
    )


def protect_deciles(lines: npt.ArrayLike, organisations: npt.ArrayLike, policy: Policy) -> FloatArray:
    """Decile lines as they may leave: from at least 20 organisations, to one decimal."""
    values = intervals.as_floats(lines)
    if policy.hides_nothing:
        return values
    enough = np.asarray(organisations) >= 20
    return np.where(enough[..., np.newaxis] if enough.ndim else enough, np.round(values, 1), np.nan)


def protect_decile_lines(
    lines: pl.DataFrame, policy: Policy, protected_trends: pl.DataFrame | None = None
) -> pl.DataFrame:
    """`decile_lines` as they may leave: open data as it is; patients' from 20 practices on, to one decimal.

    Of measures of which practices leave (`protected_trends`) the lines are worked out from what these show, since a
    true line beside them is the rate of one hidden practice. A hidden count is taken for 1 and for the limit; a line
    that is not the same with both is NULL.
    """
    public = pl.col("measure").str.starts_with(PUBLIC_PREFIX)
    names = [name for name in lines.columns if name.startswith("decile_")]
    values = protect_deciles(lines.select(names).to_numpy(), lines["practices_compared"].to_numpy(), policy)
    protected = lines.with_columns(
        pl.when(public).then(pl.col(name)).otherwise(pl.Series(name, values[:, number]).fill_nan(None)).alias(name)
        for number, name in enumerate(names)
    )
    if protected_trends is None or policy.hides_nothing:
        return protected
    practices = protected_trends.filter((pl.col("org_level") == "practice") & ~public)
    again = _lines_of_shown(practices, policy, names)
    kept = protected.join(practices.select("measure").unique(), on="measure", how="anti")
    return pl.concat([kept, again.select(kept.columns).cast(kept.schema)]).sort("measure", "month")


def _lines_of_shown(practices: pl.DataFrame, policy: Policy, names: list[str]) -> pl.DataFrame:
    listed = practices.filter(
        (pl.col("denominator") >= 1000) & (pl.col("suppressed") | pl.col("numerator").is_not_null())
    )
    rows = []
    for (measure, month), one in listed.group_by("measure", "month", maintain_order=True):
        if one.height < MIN_ORGANISATIONS:
            continue
        size, hidden = one["denominator"].cast(pl.Float64).to_numpy(), one["suppressed"].to_numpy()
        shown = one["numerator"].cast(pl.Float64).fill_null(0).to_numpy()
        share = np.arange(1, 10) / 10
        least, most = (
            np.round(np.quantile(1000 * np.where(hidden, count, shown) / size, share), 1)
            for count in (1.0, float(policy.suppress_to))
        )
        line = [float(low) if low == high else None for low, high in zip(least, most, strict=True)]
        row = {"month": month, "measure": measure, "practices_compared": one.height}
        rows.append(row | dict(zip(names, line, strict=True)))
    kinds: dict[str, Any] = {"month": pl.Date, "measure": pl.String, "practices_compared": pl.Int64}
    return pl.DataFrame(rows, schema=kinds | dict.fromkeys(names, pl.Float64))


def leaving_comparison(rows: pl.DataFrame) -> pl.DataFrame:
    """`practice_comparison` as it may leave: open data alone, since its limits are worked out from true counts."""
    return rows.filter(pl.col("measure").str.starts_with(PUBLIC_PREFIX))
