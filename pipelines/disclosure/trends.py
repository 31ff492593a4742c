"""The one door for aggregates: suppress, round, and derive everything else from what is left.

Counts of people under the policy's limit are hidden, the rest rounded. Rates, intervals, baselines, changes,
trajectories, aim statuses and process control are computed again *from the protected counts*, so none of
them tells more than these. Where a hidden count could be worked out (PCNs and their ICB, a month and the one
before, a cohort and its variant), a further cell is hidden. Public practice-level data (EPD) pass unchanged.

Single practices are added by `pipelines.disclosure.practices`. Of the other marts, `pipelines.disclosure.parts` and
`pipelines.disclosure.tables` let some leave, in the same system of sums, and refuse the rest.

What remains: a range for a hidden count (1 to 7 at least is known); a count hidden here but shown by another
publication, policy, boundary or restated month; under a policy that does not round, differences of nested measures
along several sums at once (found in trials; not with rounding); differences that no row of trends stands for
(reviewed, priorities). So one snapshot leaves under one policy and on current boundaries only.
"""

import logging
from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
import polars as pl

from pipelines.disclosure.columns import FLOWS, NET, flags, numbers, people_behind
from pipelines.disclosure.derived import derive_again
from pipelines.disclosure.policy import BoolArray, Policy, ProtectedCounts, possible_values, protect_counts, rounded
from pipelines.disclosure.practices import hidden_with_their_pcns, protect_practices
from pipelines.spreadsheets import NOT_AVAILABLE_MARK, SUPPRESSED_MARK
from pipelines.statistics.differencing import (
    UNBOUNDED,
    Sums,
    cells_to_hide,
    net_changes_from_their_parts,
    published_sums,
)
from pipelines.statistics.intervals import FloatArray

log = logging.getLogger(__name__)

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
    public = flags(frame, pl.col("measure").str.starts_with(PUBLIC_PREFIX))
    if policy.hides_nothing:
        protected = ProtectedCounts(numbers(frame, "numerator"), np.zeros(frame.height, dtype=np.bool_))
        leaving = frame
    else:
        others = MAGNITUDES if person_measures is None else {*frame["measure"]} - {*person_measures}
        is_person = flags(frame, ~pl.col("measure").is_in(others))
        if counts_of is None:
            protected = _protect_numerators(frame, public, is_person, policy)
        else:
            protected = _counts_shown(frame, counts_of)
        leaving = derive_again(frame, public, protected, is_person, policy)
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
    true = numbers(frame, "numerator")
    known = ~np.isnan(true) & ~public
    net, flow = (flags(frame, pl.col("measure").str.contains(f"_({ends})$")) for ends in (NET, FLOWS))
    no_flows = flow & (policy.rounding == "none")
    people_enough = people_behind(frame) >= policy.suppress_to + 1
    small = np.where(is_person, protect_counts(true, policy).suppressed, (true != 0) & ~people_enough)
    is_practice = flags(frame, pl.col("org_level") == "practice") & known
    practices = protect_practices(frame, np.where(is_person, true, np.nan), is_practice & is_person, policy)
    unjudged = is_practice & ~is_person
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
    return ProtectedCounts(numbers(joined, "shown"), joined["suppressed"].fill_null(True).to_numpy())


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
    public = flags(frame, pl.col("measure").str.starts_with(PUBLIC_PREFIX))
    others = MAGNITUDES if person_measures is None else {*frame["measure"]} - {*person_measures}
    is_person = flags(frame, ~pl.col("measure").is_in(others))
    protected = _protect_numerators(frame, public, is_person, policy) if shown is None else _counts_shown(frame, shown)
    true = numbers(frame, "numerator")
    unchecked = (pl.col("org_level") == "practice") | pl.col("measure").str.ends_with(f"_{NET}")
    checked = is_person & ~np.isnan(true) & ~public & ~flags(frame, unchecked)
    low, high = possible_values(protected.value, ~is_person, policy)
    small = (true >= 1) & (true <= policy.small_to) & checked
    is_primary = small & (true <= policy.suppress_to)
    low = np.where(protected.suppressed, np.minimum(np.nan_to_num(true), 1.0), low)
    high = np.where(protected.suppressed, np.where(is_primary, float(policy.suppress_to), UNBOUNDED), high)
    sums, differences = published_sums(frame.filter(pl.Series(checked)), policy.nested, true.size)
    return Outside(frame, protected, np.nan_to_num(low), np.nan_to_num(high), small, sums, differences)


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


def _shown(protected: ProtectedCounts) -> pl.Series:
    """The protected figure as text: `[c]` where suppressed, `[x]` where there is none."""
    figures = pl.DataFrame({"figure": protected.value, "hidden": protected.suppressed})
    figure = pl.col("figure").fill_nan(None)
    whole = figure == figure.floor()
    text = pl.when(whole).then(figure.cast(pl.Int64).cast(pl.String)).otherwise(figure.round(2).cast(pl.String))
    marked = pl.when("hidden").then(pl.lit(SUPPRESSED_MARK)).otherwise(text.fill_null(NOT_AVAILABLE_MARK))
    return figures.select(marked.alias("shown"))["shown"]
