"""The study of a PDSA cycle: how the measure moved from before the change to the newest month, in protected figures.

What was measured, never why: other things changed as well.
"""

from dataclasses import dataclass
from datetime import date
from typing import Any, Literal

import polars as pl

from pipelines.disclosure import PUBLIC_PREFIX
from pipelines.disclosure.policy import Policy
from pipelines.report.local_returns import Cycle
from pipelines.report.series import NO_INTERVAL_UNITS, Moved
from pipelines.statistics import aim
from pipelines.statistics.local_trends import PERCENT, POINTS, change_between

State = Literal["moved", "too_few", "no_month_since", "no_month_before", "practice", "unknown", "no_figures"]
Row = dict[str, Any]


@dataclass(frozen=True)
class Study:
    """What can be said of a cycle; `before` and `newest` are the months that are compared."""

    state: State
    before: date | None = None
    newest: date | None = None
    moved: Moved | None = None
    is_rate: bool = False


def study(cycle: Cycle, trends: pl.DataFrame, returned: pl.DataFrame, as_at: date | None, policy: Policy) -> Study:
    """The change from the last month before the cycle began to the newest settled one.

    `trends` and `returned` are protected; `as_at` is the month of which the pages speak.
    """
    if cycle.org_level is None:
        return Study("unknown")
    here = (pl.col("org_level") == cycle.org_level) & (pl.col("org_code") == cycle.org_code)
    rows = trends.filter(here & (pl.col("measure") == cycle.studied_measure)).sort("month").to_dicts()
    if rows:
        settled = [row for row in rows if as_at is None or row["month"] <= as_at]
        return _compared(cycle, settled, lambda now, then: _of_trends(now, then, policy))
    own = returned.filter(here & (pl.col("measure") == cycle.studied_measure)) if not returned.is_empty() else returned
    if not own.is_empty():
        return _compared(cycle, own.sort("month").to_dicts(), lambda now, then: _of_returns(now, then, policy))
    return Study("practice" if cycle.org_level == "practice" else "no_figures")


def _compared(cycle: Cycle, rows: list[Row], compare: Any) -> Study:
    before = [row for row in rows if row["month"] < cycle.month]
    since = [row for row in rows if row["month"] >= cycle.month]
    if not since:
        return Study("no_month_since", before[-1]["month"] if before else None)
    if not before:
        return Study("no_month_before", None, since[-1]["month"])
    then, now = before[-1], since[-1]
    moved = compare(now, then)
    is_rate = now.get("rate_per_1000") is not None and then.get("rate_per_1000") is not None
    return Study("moved" if moved else "too_few", then["month"], now["month"], moved, is_rate)


def _of_trends(now: Row, then: Row, policy: Policy) -> Moved | None:
    """Change of the rate where both months have one, else of the count; of people with the independent interval."""
    x1, x0 = now["numerator"], then["numerator"]
    if x1 is None or x0 is None or now["measure"].endswith("_net_change"):
        return None
    is_public = now["measure"].startswith(PUBLIC_PREFIX)
    if not is_public and min(x1, x0) < policy.change_from_count:
        return None
    has_rates = now["rate_per_1000"] is not None and then["rate_per_1000"] is not None
    n1, n0 = (now["denominator"], then["denominator"]) if has_rates else (1, 1)
    found = aim.change_since_baseline([x1], [n1], [x0], [n0])
    if found.reason[0]:
        return None
    if now["unit"] in NO_INTERVAL_UNITS:
        return Moved(float(found.change_pct[0]), None, None, PERCENT)
    return Moved(float(found.change_pct[0]), float(found.change_low[0]), float(found.change_high[0]), PERCENT)


def _of_returns(now: Row, then: Row, policy: Policy) -> Moved | None:
    change, low, high, _ = change_between(now, then, policy.change_from_count)
    if change is None:
        return None
    return Moved(change, low, high, {"share": POINTS, "mean": ""}.get(now["form"], PERCENT))
