"""What follows from the counts of trend rows, worked out again from the protected ones, so that it tells no more."""

from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from pipelines.disclosure.columns import FLOWS, flags, numbers, people_behind
from pipelines.disclosure.policy import BoolArray, Policy, ProtectedCounts, protect_counts, rounded
from pipelines.statistics import aim, intervals, spc
from pipelines.statistics.intervals import FloatArray

SUPPRESSED = "suppressed"
TOO_FEW_SEE = {"practice": "too few to tell; see the PCN", "pcn": "too few to tell; see the ICB"}
"""What an aim status says where protected counts are too small; at higher levels only "too few to tell"."""
PROVISIONAL = "provisional"  # spc_reason of a month that is no point of its chart
SPC_TOO_FEW = "too_few_after_disclosure_control"
SERIES = ("org_level", "org_code", "measure", "aim", "definition")


def derive_again(
    frame: pl.DataFrame, public: BoolArray, protected: ProtectedCounts, is_person: BoolArray, policy: Policy
) -> pl.DataFrame:
    """The frame with every derived column of non-public rows computed from protected counts."""
    x1, n1 = protected.value, numbers(frame, "denominator")
    x0, n0 = _protected_baseline(frame, protected, is_person, policy), numbers(frame, "baseline_denominator")
    by_people = np.zeros(frame.height, dtype=np.bool_)
    if "aim_type" in frame.columns:
        # A number of people as a share of all people at the baseline would tell that sum exactly.
        is_count = pl.col("aim_type") == "count"
        frame = frame.with_columns(pl.when(is_count).then(pl.col("aim_pct").round(1)).otherwise(pl.col("aim_pct")))
        by_people = flags(frame, pl.col("aim_type").is_in(["share", "count"]))
    share = -numbers(frame, "aim_pct") / 100
    low, high = intervals.rate_limits(x1, n1)
    rate, baseline = intervals.rate(x1, n1), intervals.rate(x0, n0)
    people = np.where(is_person, x1, people_behind(frame))
    tellable = (x1 >= policy.change_from_count) & (x0 >= policy.change_from_count)
    tellable = tellable & ~(people < policy.change_from_count)
    now, then = np.where(tellable, x1, np.nan), np.where(tellable, x0, np.nan)
    change = aim.change_since_baseline(now, n1, then, n0, aim_share=share)
    n1_judged, n0_judged = np.where(by_people, 1.0, n1), np.where(by_people, 1.0, n0)
    judged = aim.change_since_baseline(now, n1_judged, then, n0_judged, aim_share=share)
    months, aim_months = numbers(frame, "months_since_baseline"), numbers(frame, "aim_months")
    start, current = np.where(by_people, x0, baseline), np.where(by_people, x1, rate)
    planned = aim.trajectory(start, months, aim_months, share)
    too_few = [TOO_FEW_SEE.get(level, aim.TOO_FEW) for level in frame["org_level"].to_list()]
    status = np.where(tellable, aim.aim_status(current, planned, judged, share), np.array(too_few, dtype=object))
    again: dict[str, npt.NDArray[Any]] = {
        "numerator": x1,
        "rate_per_1000": rate,
        "ci_low": low,
        "ci_high": high,
        "baseline": baseline,
        "change_pct": change.change_pct,
        "change_count_pct": change.change_count_pct,
        "change_low": change.change_low,
        "change_high": change.change_high,
        "change_method": change.method,
        "trajectory": planned,
        "probability_aim_met": judged.probability_aim_met,
        "aim_target": start * (1 - share),
        "aim_status": status,
        "capture_rate": np.where(protected.suppressed, np.nan, np.round(numbers(frame, "capture_rate"), 2)),
    }
    steps = _process_control_again(frame, protected, np.where(is_person, rate, np.nan), policy)
    if "rate_reason" in frame.columns:
        is_hidden = pl.when(pl.Series(protected.suppressed)).then(pl.lit(SUPPRESSED))
        frame = frame.with_columns(is_hidden.otherwise(pl.col("rate_reason")).alias("rate_reason"))
    return frame.with_columns(
        *(_replaced(frame, name, new, public, null_stays=True) for name, new in again.items() if name in frame),
        *(_replaced(frame, name, new, public, null_stays=False) for name, new in steps.items() if name in frame),
    )


def _replaced(
    frame: pl.DataFrame, name: str, values: npt.NDArray[Any], public: BoolArray, *, null_stays: bool
) -> pl.Expr:
    """New values in the column's own type; public rows keep theirs, and NULL stays NULL where asked."""
    if values.dtype == np.dtype(object):
        new = pl.Series(name, values.tolist(), dtype=pl.String)
    else:
        new = pl.Series(name, values.astype(np.float64)).fill_nan(None)
    kind = frame.schema[name]
    keeps = pl.Series(public) | (pl.col(name).is_null() & null_stays)
    return pl.when(keeps).then(pl.col(name)).otherwise(new if kind == pl.Null else new.cast(kind)).alias(name)


def _protected_baseline(
    frame: pl.DataFrame, protected: ProtectedCounts, is_person: BoolArray, policy: Policy
) -> FloatArray:
    """The baseline count, rounded; NaN where it is small or the row of its (last) month is hidden."""
    true = numbers(frame, "baseline_numerator")
    counts = protect_counts(true, policy)
    few = np.where(is_person, counts.suppressed, numbers(frame, "baseline_people") < policy.suppress_to + 1)
    series = [name for name in SERIES if name in frame.columns]
    hidden_then = pl.Series("hidden_then", protected.suppressed) & (frame["months_since_baseline"] == 0)
    at_baseline = frame.with_columns(hidden_then.fill_null(False)).select(pl.col("hidden_then").any().over(series))
    hide = few | at_baseline["hidden_then"].to_numpy()
    return np.where(hide, np.nan, np.sign(true) * rounded(np.abs(true), policy))


def _process_control_again(
    frame: pl.DataFrame, protected: ProtectedCounts, rate: FloatArray, policy: Policy
) -> dict[str, npt.NDArray[Any]]:
    """`spc_*` of the series with no hidden month and a mean high enough, over the months that had limits.

    On the rates of people where every month has one; else, and for items, cost and dose, on the counts. A
    step in the mean before protection is a rebasing.
    """
    size = frame.height
    again = {name: np.full(size, np.nan) for name in ("spc_mean", "spc_lower", "spc_upper")}
    if not {"spc_mean", "spc_reason"} <= set(frame.columns):
        return {}
    signal, reason = np.full(size, None, dtype=object), np.array(frame["spc_reason"].to_list(), dtype=object)
    words = np.full(size, None, dtype=object)
    improvement = frame["direction"].to_list() if "direction" in frame.columns else ["none"] * size
    flow = flags(frame, pl.col("measure").str.contains(f"_({FLOWS})$"))
    provisional = np.array(frame["spc_reason"].to_list(), dtype=object) == PROVISIONAL
    series = [name for name in SERIES if name in frame.columns]
    before = numbers(frame, "spc_mean")
    for cells in frame.sort("month").group_by(series, maintain_order=True).agg("cell")["cell"].to_list():
        every = np.array(cells)
        drawn = every[~np.isnan(before[every])]
        if not drawn.size:
            continue
        counts = protected.value[drawn]
        if protected.suppressed[every].any() or not np.mean(counts) >= policy.spc_from_mean:
            reason[drawn] = SPC_TOO_FEW
            continue
        values = counts if flow[drawn[0]] or np.isnan(rate[drawn]).any() else rate[drawn]
        values = np.where(provisional[drawn], np.nan, values)
        chart = spc.xmr(values, rebase_at=[int(i) + 1 for i in np.flatnonzero(np.diff(before[drawn]))])
        again["spc_mean"][drawn], again["spc_lower"][drawn] = chart.mean, chart.lower
        again["spc_upper"][drawn], signal[drawn], reason[drawn] = chart.upper, chart.signal, chart.reason
        better = spc.IMPROVEMENT_OF_DIRECTION[improvement[drawn[0]]]
        words[drawn] = [spc.variation(one, better) for one in chart.signal]
    return {**again, "spc_signal": signal, "spc_reason": reason, "spc_variation": words}
