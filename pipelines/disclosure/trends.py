"""The one door for aggregates: suppress, round, and derive everything else from what is left.

Counts of people under the policy's limit are hidden, the rest rounded. Rates, intervals, baselines, changes,
trajectories, aim statuses and process control are computed again *from the protected counts*, so none of
them tells more than these. Where a hidden count could be worked out (PCNs and their ICB, a month and the one
before, a cohort and its variant), a further cell is hidden. Public practice-level data (EPD) pass unchanged.

Single practices are added by `pipelines.disclosure.practices`. Of the other marts, `pipelines.disclosure.parts` and
`disclosure_tables` let some leave, in the same system of sums, and refuse the rest.

What remains: a range for a hidden count (1 to 7 at least is known); a count hidden here but shown by another
publication, policy, boundary or restated month; under a policy that does not round, differences of nested measures
along several sums at once (found in trials; not with rounding); differences that no row of trends stands for
(reviewed, priorities). So one snapshot leaves under one policy and on current boundaries only.
"""

import logging
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from pipelines.disclosure.policy import BoolArray as BoolArray
from pipelines.disclosure.policy import Policy as Policy
from pipelines.disclosure.policy import ProtectedCounts as ProtectedCounts
from pipelines.disclosure.policy import load_policies as load_policies
from pipelines.disclosure.policy import possible_values, rounded
from pipelines.disclosure.policy import protect_counts as protect_counts
from pipelines.disclosure.practices import hidden_with_their_pcns, protect_practices
from pipelines.spreadsheets import NOT_AVAILABLE_MARK as NOT_AVAILABLE_MARK
from pipelines.spreadsheets import SUPPRESSED_MARK as SUPPRESSED_MARK
from pipelines.statistics import aim, intervals, spc
from pipelines.statistics.differencing import (
    UNBOUNDED,
    Sums,
    cells_to_hide,
    net_changes_from_their_parts,
    published_sums,
)
from pipelines.statistics.intervals import FloatArray

log = logging.getLogger(__name__)

SUPPRESSED = "suppressed"
NET, FLOWS = "net_change", "joined|left|net_change"
TOO_FEW_SEE = {"practice": "too few to tell; see the PCN", "pcn": "too few to tell; see the ICB"}
"""What an aim status says where protected counts are too small; at higher levels only "too few to tell"."""
PROVISIONAL = "provisional"  # spc_reason of a month that is no point of its chart
SPC_TOO_FEW = "too_few_after_disclosure_control"
PUBLIC_PREFIX = "epd_"
MAGNITUDES = frozenset({"ome_total", "opioid_nic", "opioid_items", "gabapentinoid_ddd"})
"""Measures of patient sources that count items, cost or dose: the people behind them decide."""

# fmt: off
IDENTIFYING = (
    "org_level", "org_code", "month", "measure", "aim", "org_name", "is_gp_practice", "pcn_code",
    "pcn_name", "sub_icb_code", "icb_code", "icb_name", "region_code", "denominator", "denominator_basis",
    "aim_type", "aim_pct", "baseline_month", "unit", "direction", "provisional", "definition", "definition_since",
)
DERIVED = (
    "numerator", "rate_per_1000", "rate_reason", "ci_low", "ci_high", "baseline", "change_pct",
    "change_count_pct", "change_low", "change_high", "change_method", "trajectory", "probability_aim_met",
    "aim_target", "aim_status", "spc_mean", "spc_lower", "spc_upper", "spc_signal", "spc_reason", "spc_variation",
    "capture_rate",
)
HELPERS = (
    "people", "people_in_both", "baseline_people", "baseline_numerator", "baseline_denominator",
    "months_since_baseline", "aim_months",
)
# Worked out from true counts and not worked out again, or telling how small these are.
NOT_LEAVING = ("aim_reason", "change_within_capture", "spc_period", "spc_value", "spc_assurance")
# fmt: on
SERIES = ("org_level", "org_code", "measure", "aim", "definition")


def outside_grain(trends: pl.DataFrame, practice_measures: Collection[str] = ()) -> pl.DataFrame:
    """The rows that leave: public EPD measures, PCNs and above, and of `practice_measures` each GP practice in a PCN.

    Other cost centres (prisons, hospices, services) leave for public measures alone.
    """
    public = pl.col("measure").str.starts_with(PUBLIC_PREFIX)
    above = pl.col("org_level") != "practice"
    if not practice_measures:
        return trends.filter(public | above)
    chosen = pl.col("measure").is_in(list(practice_measures)) & pl.col("pcn_code").is_not_null()
    return trends.filter(public | above | (chosen & pl.col("is_gp_practice").fill_null(False)))


def protect_variants(
    variants: pl.DataFrame,
    protected_trends: pl.DataFrame,
    policy: Policy,
    person_measures: Collection[str] | None = None,
) -> pl.DataFrame:
    """Rows of `trend_variants` for further aims, as they may leave beside these protected trends.

    Their counts are those that the trends show, hidden where these hide them. Rows of a superseded definition do not
    leave: beside today's, each difference is a count of a few people.
    """
    known = protected_trends["definition"].unique().to_list()
    leaving = variants.filter(pl.col("definition").is_in(known))
    return protect_trends(leaving, policy, person_measures, counts_of=protected_trends)


def protect_trends(
    trends: pl.DataFrame,
    policy: Policy,
    person_measures: Collection[str] | None = None,
    counts_of: pl.DataFrame | None = None,
) -> pl.DataFrame:
    """Trend rows as they may leave, in their order, with `suppressed` and `shown` (`[c]` where suppressed).

    Besides the columns of the trend table it takes, and drops, `baseline_numerator`, `baseline_denominator`,
    `months_since_baseline`, `aim_months` (without them baseline, change and trajectory are empty) and
    `people`, `baseline_people` (patients behind a figure that counts no people; without them those of
    `any_opioid`). Other columns do not leave and are logged. What was NULL stays NULL. `person_measures`:
    measures that count people; default all but EPD and MAGNITUDES. `counts_of`: protected trends whose counts stand
    for those of these rows.
    """
    trends = trends.drop(NOT_LEAVING, strict=False)
    unknown = sorted(set(trends.columns) - {*IDENTIFYING, *DERIVED, *HELPERS})
    if unknown:
        log.warning("Columns without a disclosure rule are left out: %s", ", ".join(unknown))
    frame = trends.drop(unknown).with_row_index("cell")
    frame = frame.with_columns(
        pl.lit(None, dtype=pl.Float64).alias(name) for name in HELPERS if name not in frame.columns
    )
    public = _flags(frame, pl.col("measure").str.starts_with(PUBLIC_PREFIX))
    if policy.hides_nothing:
        protected = ProtectedCounts(_numbers(frame, "numerator"), np.zeros(frame.height, dtype=np.bool_))
        leaving = frame
    else:
        others = MAGNITUDES if person_measures is None else {*frame["measure"]} - {*person_measures}
        is_person = _flags(frame, ~pl.col("measure").is_in(others))
        if counts_of is None:
            protected = _protect_numerators(frame, public, is_person, policy)
        else:
            protected = _counts_shown(frame, counts_of)
        leaving = _derive_again(frame, public, protected, is_person, policy)
    return leaving.drop("cell", *HELPERS).with_columns(
        pl.Series("suppressed", protected.suppressed), shown=_shown(protected)
    )


def _protect_numerators(
    frame: pl.DataFrame, public: BoolArray, is_person: BoolArray, policy: Policy
) -> ProtectedCounts:
    """Small counts hidden, then what would betray them; a policy that does not round shows no flows at all.

    Without rounding, who joined and left ties every month to the next by exact sums in circles, from which
    small counts were recovered in trials; with rounding they were not.
    """
    true = _numbers(frame, "numerator")
    known = ~np.isnan(true) & ~public
    net, flow = (_flags(frame, pl.col("measure").str.contains(f"_({ends})$")) for ends in (NET, FLOWS))
    no_flows = flow & (policy.rounding == "none")
    people_enough = _people_behind(frame) >= policy.suppress_to + 1
    small = np.where(is_person, protect_counts(true, policy).suppressed, (true != 0) & ~people_enough)
    is_practice = _flags(frame, pl.col("org_level") == "practice") & known
    practices = protect_practices(frame, np.where(is_person, true, np.nan), is_practice & is_person, policy)
    unjudged = is_practice & ~is_person & (not policy.hides_nothing)
    primary = known & ((small & (policy.suppress_to > 0)) | no_flows | unjudged)
    shown = np.where(primary | practices.pcns, np.nan, np.sign(true) * rounded(np.abs(true), policy))
    checked = known & ~net & ~no_flows & ~is_practice
    hidden = _hidden_with_them(frame, true, shown, primary, practices.pcns & ~primary, checked, ~is_person, policy)
    hidden = hidden_with_their_pcns(practices, hidden | primary | practices.pcns)
    value = np.where(public, true, np.where(hidden, np.nan, shown))
    return ProtectedCounts(*net_changes_from_their_parts(frame, value, hidden))


def _counts_shown(frame: pl.DataFrame, protected: pl.DataFrame) -> ProtectedCounts:
    """For each row what the protected trends show of it; hidden where they have no such row."""
    key = ["org_level", "org_code", "month", "measure"]
    shown = protected.select(*key, pl.col("numerator").cast(pl.Float64).alias("shown"), "suppressed")
    joined = frame.select("cell", *key).join(shown, on=key, how="left", maintain_order="left")
    return ProtectedCounts(_numbers(joined, "shown"), joined["suppressed"].fill_null(True).to_numpy())


@dataclass(frozen=True)
class Outside:
    """What an outsider knows of protected trend rows: the range of every count, and the sums between them."""

    rows: pl.DataFrame
    """The rows with their number, `cell`."""
    protected: ProtectedCounts
    low: FloatArray
    high: FloatArray
    sensitive: BoolArray
    sums: Sums
    differences: FloatArray
    """True values of the cells after the rows': what is missing to a sum, never shown."""


def known_outside(
    trends: pl.DataFrame,
    policy: Policy,
    person_measures: Collection[str] | None = None,
    shown: pl.DataFrame | None = None,
) -> Outside:
    """What protect_trends gives away of the same rows, to somebody who guesses which are hidden for being small.

    `shown`: what it made of them, where that is at hand.
    """
    frame = trends.with_row_index("cell")
    frame = frame.with_columns(
        pl.lit(None, dtype=pl.Float64).alias(name) for name in HELPERS if name not in frame.columns
    )
    public = _flags(frame, pl.col("measure").str.starts_with(PUBLIC_PREFIX))
    others = MAGNITUDES if person_measures is None else {*frame["measure"]} - {*person_measures}
    is_person = _flags(frame, ~pl.col("measure").is_in(others))
    protected = _protect_numerators(frame, public, is_person, policy) if shown is None else _counts_shown(frame, shown)
    true = _numbers(frame, "numerator")
    unchecked = (pl.col("org_level") == "practice") | pl.col("measure").str.ends_with(f"_{NET}")
    checked = is_person & ~np.isnan(true) & ~public & ~_flags(frame, unchecked)
    low, high = possible_values(protected.value, ~is_person, policy)
    small = (true >= 1) & (true <= policy.small_to) & checked
    is_primary = small & (true <= policy.suppress_to)
    low = np.where(protected.suppressed, np.minimum(np.nan_to_num(true), 1.0), low)
    high = np.where(protected.suppressed, np.where(is_primary, float(policy.suppress_to), UNBOUNDED), high)
    sums, differences = published_sums(frame.filter(pl.Series(checked)), policy.nested, true.size)
    return Outside(frame, protected, np.nan_to_num(low), np.nan_to_num(high), small, sums, differences)


def _people_behind(frame: pl.DataFrame) -> FloatArray:
    """Patients behind each figure: `people`, else those of `any_opioid` in the same place and month."""
    place = ["org_level", "org_code", "month"]
    anyone = (
        frame.filter(pl.col("measure") == "any_opioid")
        .group_by(place)
        .agg(pl.col("numerator").cast(pl.Float64).min().alias("anyone"))
    )
    joined = frame.select("cell", "people", *place).join(anyone, on=place, how="left", maintain_order="left")
    return _numbers(joined.with_columns(pl.coalesce("people", "anyone").alias("behind")), "behind")


def _hidden_with_them(
    frame: pl.DataFrame,
    true: FloatArray,
    shown: FloatArray,
    primary: BoolArray,
    gone: BoolArray,
    checked: BoolArray,
    is_magnitude: BoolArray,
    policy: Policy,
) -> BoolArray:
    """The further cells to hide so that no hidden count can be worked out from sums and differences.

    `primary` are hidden for being small, `gone` for another reason.
    """
    sums, differences = published_sums(frame.filter(pl.Series(checked)), policy.nested, true.size)
    low, high = possible_values(shown, is_magnitude, policy)
    low = np.where(primary, np.where(is_magnitude, 0.0, 1.0), low)
    high = np.where(primary, np.where(is_magnitude, UNBOUNDED, policy.suppress_to), high)
    low, high = np.where(gone, np.minimum(true, 1.0), low), np.where(gone, UNBOUNDED, high)
    small = (true >= 1) & (true <= policy.small_to) & ~is_magnitude & checked
    nothing = np.zeros(differences.size)
    hidden = cells_to_hide(
        true_value=np.append(np.nan_to_num(true), differences),
        lower=np.append(np.nan_to_num(low), nothing),
        upper=np.append(np.nan_to_num(high), nothing + UNBOUNDED),
        sums=sums,
        sensitive=np.append((primary & checked) | small, (differences >= 1) & (differences <= policy.small_to)),
        hideable=np.append(checked & ~primary & ~gone, nothing > 0),
        room=np.append(np.where(is_magnitude, np.maximum(np.nan_to_num(true), 1.0), 1.0), nothing + 1),
    )
    return hidden[: true.size]


def _derive_again(
    frame: pl.DataFrame, public: BoolArray, protected: ProtectedCounts, is_person: BoolArray, policy: Policy
) -> pl.DataFrame:
    """The frame with every derived column of non-public rows computed from protected counts."""
    x1, n1 = protected.value, _numbers(frame, "denominator")
    x0, n0 = _protected_baseline(frame, protected, is_person, policy), _numbers(frame, "baseline_denominator")
    by_people = np.zeros(frame.height, dtype=np.bool_)
    if "aim_type" in frame.columns:
        # A number of people as a share of all people at the baseline would tell that sum exactly.
        is_count = pl.col("aim_type") == "count"
        frame = frame.with_columns(pl.when(is_count).then(pl.col("aim_pct").round(1)).otherwise(pl.col("aim_pct")))
        by_people = _flags(frame, pl.col("aim_type").is_in(["share", "count"]))
    share = -_numbers(frame, "aim_pct") / 100
    low, high = intervals.rate_limits(x1, n1)
    rate, baseline = intervals.rate(x1, n1), intervals.rate(x0, n0)
    people = np.where(is_person, x1, _people_behind(frame))
    tellable = (x1 >= policy.change_from_count) & (x0 >= policy.change_from_count)
    tellable = tellable & ~(people < policy.change_from_count)
    now, then = np.where(tellable, x1, np.nan), np.where(tellable, x0, np.nan)
    change = aim.change_since_baseline(now, n1, then, n0, aim_share=share)
    n1_judged, n0_judged = np.where(by_people, 1.0, n1), np.where(by_people, 1.0, n0)
    judged = aim.change_since_baseline(now, n1_judged, then, n0_judged, aim_share=share)
    months, aim_months = _numbers(frame, "months_since_baseline"), _numbers(frame, "aim_months")
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
        "capture_rate": np.where(protected.suppressed, np.nan, np.round(_numbers(frame, "capture_rate"), 2)),
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
    true = _numbers(frame, "baseline_numerator")
    counts = protect_counts(true, policy)
    few = np.where(is_person, counts.suppressed, _numbers(frame, "baseline_people") < policy.suppress_to + 1)
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
    flow = _flags(frame, pl.col("measure").str.contains(f"_({FLOWS})$"))
    provisional = np.array(frame["spc_reason"].to_list(), dtype=object) == PROVISIONAL
    series = [name for name in SERIES if name in frame.columns]
    before = _numbers(frame, "spc_mean")
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


def _shown(protected: ProtectedCounts) -> pl.Series:
    """The protected figure as text: `[c]` where suppressed, `[x]` where there is none."""
    figures = pl.DataFrame({"figure": protected.value, "hidden": protected.suppressed})
    figure = pl.col("figure").fill_nan(None)
    whole = figure == figure.floor()
    text = pl.when(whole).then(figure.cast(pl.Int64).cast(pl.String)).otherwise(figure.round(2).cast(pl.String))
    marked = pl.when("hidden").then(pl.lit(SUPPRESSED_MARK)).otherwise(text.fill_null(NOT_AVAILABLE_MARK))
    return figures.select(marked.alias("shown"))["shown"]


def _numbers(frame: pl.DataFrame, name: str) -> FloatArray:
    """A column as floats, NULL as NaN; all NaN where the frame has no such column."""
    if name not in frame.columns:
        return np.full(frame.height, np.nan)
    return frame[name].cast(pl.Float64).fill_null(float("nan")).to_numpy().copy()


def _flags(frame: pl.DataFrame, condition: pl.Expr) -> BoolArray:
    return frame.select(condition.fill_null(False).alias("flag"))["flag"].to_numpy()
