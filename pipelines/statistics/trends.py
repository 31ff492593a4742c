"""`marts.trends`: from counts to rates, intervals, change against the baseline, trajectory and process control.

Takes and gives Arrow tables, so that every engine shares it. Nothing here is protected: what leaves the
warehouse passes the disclosure door first.
"""

from collections.abc import Sequence, Set
from dataclasses import dataclass
from datetime import date
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa

from pipelines.statistics import aim as aims
from pipelines.statistics import intervals
from pipelines.statistics.aim_terms import AimTerms
from pipelines.statistics.control import SERIES, Steps, with_process_control
from pipelines.statistics.intervals import FloatArray
from pipelines.statistics.rates import frame_of, numbers, series, with_rates

_COLUMNS: dict[str, Any] = {
    "org_level": pl.String,
    "org_code": pl.String,
    "month": pl.Date,
    "measure": pl.String,
    "org_name": pl.String,
    "is_gp_practice": pl.Boolean,
    "pcn_code": pl.String,
    "pcn_name": pl.String,
    "sub_icb_code": pl.String,
    "icb_code": pl.String,
    "icb_name": pl.String,
    "region_code": pl.String,
    "unit": pl.String,
    "direction": pl.String,
    "numerator": pl.Float64,
    "people": pl.Int64,
    "denominator": pl.Int64,
    "denominator_basis": pl.String,
    "rate_per_1000": pl.Float64,
    "rate_reason": pl.String,
    "ci_low": pl.Float64,
    "ci_high": pl.Float64,
    "baseline": pl.Float64,
    "baseline_month": pl.Date,
    "baseline_numerator": pl.Float64,
    "baseline_people": pl.Float64,
    "baseline_denominator": pl.Float64,
    "months_since_baseline": pl.Int32,
    "people_in_both": pl.Int64,
    "change_pct": pl.Float64,
    "change_low": pl.Float64,
    "change_high": pl.Float64,
    "change_count_pct": pl.Float64,
    "change_method": pl.String,
    "change_within_capture": pl.Boolean,
    "aim": pl.String,
    "aim_type": pl.String,
    "aim_reason": pl.String,
    "aim_target": pl.Float64,
    "aim_pct": pl.Float64,
    "aim_months": pl.Int32,
    "trajectory": pl.Float64,
    "probability_aim_met": pl.Float64,
    "aim_status": pl.String,
    "spc_period": pl.String,
    "spc_value": pl.Float64,
    "spc_mean": pl.Float64,
    "spc_lower": pl.Float64,
    "spc_upper": pl.Float64,
    "spc_signal": pl.String,
    "spc_reason": pl.String,
    "spc_variation": pl.String,
    "spc_assurance": pl.String,
    "provisional": pl.Boolean,
    "capture_rate": pl.Float64,
    "definition": pl.String,
    "definition_since": pl.Date,
}


class TrendInputs(NamedTuple):
    """The tables from which trends are made: counts and people in both months, of some organisations or all; names,
    baselines by aim; and the counts of everybody together, of which nothing may be left out."""

    counts: pa.Table
    overlap: pa.Table
    organisations: pa.Table
    baselines: pa.Table
    whole: pa.Table


@dataclass(frozen=True)
class OldDefinition:
    """A superseded definition: the measure, the cohort that counts it by the old rule, and its name."""

    measure: str
    counted_as: str
    definition: str


def trend_table(
    inputs: TrendInputs,
    aim: AimTerms,
    definition: str,
    changed: dict[str, date] | None = None,
    steps: Steps | None = None,
    leave_out: Set[str] = frozenset(),
) -> pa.Table:
    """Counts of `intermediate.int_trends__counts` and names of the organisations → `marts.trends`.

    Rates are per 1,000 registered patients; a rate that cannot be given is NULL and rate_reason says why.
    `changed`: for a measure whose definition changed, the first month in which this one was in force. Every month of a
    series is counted by one definition, so no baseline spans two. `leave_out`: cohorts of superseded rules.
    """
    since = pl.DataFrame(
        {"measure": list(changed or {}), "definition_since": list((changed or {}).values())},
        schema={"measure": pl.String, "definition_since": pl.Date},
    )
    counts = frame_of(inputs.counts).filter(~pl.col("cohort").is_in(sorted(leave_out)))
    judged = _judged(counts, inputs, aim, definition, steps).drop("definition_since")
    return judged.join(since, on="measure", how="left").select(list(_COLUMNS)).to_arrow()


def variant_table(
    inputs: TrendInputs,
    default: AimTerms,
    further: Sequence[AimTerms],
    superseded: Sequence[OldDefinition],
    definition: str,
    steps: Steps | None = None,
) -> pa.Table:
    """`marts.trend_variants`: the columns of trends, for further aims and for superseded definitions.

    A further aim has its own measures, as far as its baseline is in the data. A superseded definition has the default
    aim, and its whole series, baseline included, counted by the old rule.
    """
    baselines = frame_of(inputs.baselines)
    found = [pl.DataFrame(schema=_COLUMNS)]
    for aim in further:
        known = baselines.filter(pl.col("aim") == aim.name)["measure"].unique().to_list()
        found.append(_series_of(aim.measures & set(known), inputs, aim, definition, steps))
    for old in superseded:
        renamed = AimTerms(
            default.name,
            {old.counted_as: default.change[old.measure]} if old.measure in default.change else {},
            default.type,
            default.months,
            default.end,
        )
        kept = _series_of({old.counted_as}, inputs, renamed, old.definition, steps)
        found.append(kept.with_columns(pl.lit(old.measure).alias("measure")))
    return pl.concat(found).sort(*SERIES, "aim", "definition", "month").to_arrow()


def _series_of(
    measures: Set[str], inputs: TrendInputs, aim: AimTerms, definition: str, steps: Steps | None
) -> pl.DataFrame:
    """Some measures against an aim; their flows come along as far as a chart's icon needs them."""
    counts = frame_of(inputs.counts)
    cohorts = counts.filter(pl.col("measure").is_in(sorted(measures)))["cohort"].unique().to_list()
    if not cohorts:
        return pl.DataFrame(schema=_COLUMNS)
    judged = _judged(counts.filter(pl.col("cohort").is_in(cohorts)), inputs, aim, definition, steps)
    return judged.filter(pl.col("measure").is_in(sorted(measures)))


def _judged(
    counts: pl.DataFrame, inputs: TrendInputs, aim: AimTerms, definition: str, steps: Steps | None
) -> pl.DataFrame:
    """Rows of counts with every column of the table."""
    organisations = frame_of(inputs.organisations)
    # On the boundaries of the month, names and parents are given month by month.
    place = [name for name in ("org_level", "org_code", "month") if name in organisations.columns]
    frame = counts.sort(*SERIES, "month").join(organisations, on=place, how="left", maintain_order="left")
    frame = with_rates(frame.with_columns(pl.col("identified_items", "opioid_items").cast(pl.Float64)))
    frame = _with_change(_with_aim(_with_baseline(frame, inputs, aim), _whole(inputs, aim), aim))
    frame = with_process_control(frame, steps).with_columns(
        pl.lit(definition).alias("definition"), pl.lit(None, pl.Date).alias("definition_since")
    )
    floats = [name for name, kind in _COLUMNS.items() if kind == pl.Float64]
    shaped = frame.select(pl.col(name).cast(kind) for name, kind in _COLUMNS.items())
    return shaped.with_columns(pl.col(floats).fill_nan(None))


def _with_baseline(frame: pl.DataFrame, inputs: TrendInputs, aim: AimTerms) -> pl.DataFrame:
    """The mean of the baseline's months, as one month's information, and how many people are in both months."""
    baselines = frame_of(inputs.baselines).filter(pl.col("aim") == aim.name).drop("aim")
    frame = frame.join(baselines, on="measure", how="left", maintain_order="left").with_columns(
        _ratio(pl.col("identified_items"), pl.col("opioid_items")).alias("capture_rate")
    )
    inside = frame.filter(pl.col("month").is_between(pl.col("baseline_first_month"), pl.col("baseline_last_month")))
    baseline = inside.group_by(SERIES).agg(
        pl.col("numerator").mean().alias("baseline_numerator"),
        pl.col("people").cast(pl.Float64).mean().alias("baseline_people"),
        pl.col("denominator").cast(pl.Float64).mean().alias("baseline_denominator"),
        _ratio(pl.col("identified_items").sum(), pl.col("opioid_items").sum()).alias("baseline_capture_rate"),
        pl.col("baseline_last_month").first().alias("baseline_month"),
    )
    frame = frame.join(baseline, on=SERIES, how="left", maintain_order="left").join(
        frame_of(inputs.overlap),
        left_on=[*SERIES, "month", "baseline_first_month"],
        right_on=[*SERIES, "month", "baseline_month"],
        how="left",
        maintain_order="left",
    )
    rate = intervals.rate(numbers(frame, "baseline_numerator"), numbers(frame, "baseline_denominator"))
    return frame.with_columns(
        _months_between(pl.col("baseline_month"), pl.col("month")).alias("months_since_baseline"),
        series("baseline", rate),
    )


def _whole(inputs: TrendInputs, aim: AimTerms) -> pl.DataFrame:
    """The mean count of everybody together in the baseline of each measure."""
    baselines = frame_of(inputs.baselines).filter(pl.col("aim") == aim.name)
    inside = pl.col("month").is_between(pl.col("baseline_first_month"), pl.col("baseline_last_month"))
    counts = frame_of(inputs.whole).join(baselines, on="measure", how="inner", maintain_order="left").filter(inside)
    return counts.group_by("measure").agg(pl.col("numerator").cast(pl.Float64).mean().alias("whole"))


def _ratio(part: pl.Expr, whole: pl.Expr) -> pl.Expr:
    return pl.when(whole > 0).then(part / whole)


def _months_between(first: pl.Expr, last: pl.Expr) -> pl.Expr:
    return (last.dt.year() - first.dt.year()) * 12 + (last.dt.month().cast(pl.Int32) - first.dt.month().cast(pl.Int32))


def _with_aim(frame: pl.DataFrame, whole: pl.DataFrame, aim: AimTerms) -> pl.DataFrame:
    """What each series is to reach, as a share of its own baseline, and by when; or why there is no aim.

    A number of people is shared out by baseline: whoever has a tenth of the people has a tenth of the number.
    """
    change = pl.DataFrame(
        {"measure": list(aim.change), "aim_change": list(aim.change.values())},
        schema={"measure": pl.String, "aim_change": pl.Float64},
    )
    frame = frame.join(change, on="measure", how="left", maintain_order="left")
    frame = frame.join(whole, on="measure", how="left", maintain_order="left")
    has_aim = pl.col("aim_change").is_not_null()
    share = pl.col("aim_change") if aim.type != "count" else pl.col("aim_change") / pl.col("whole")
    start_month = pl.col("baseline_month")
    until = pl.lit(aim.months, pl.Int32) if aim.end is None else _months_between(start_month, pl.lit(aim.end))
    start = pl.col("baseline" if aim.type == "rate" else "baseline_numerator")
    return (
        frame.with_columns(share.alias("aim_share"), until.alias("aim_months"))
        .with_columns(
            pl.when(~has_aim)
            .then(None)
            .when(pl.col("baseline_numerator").is_null())
            .then(pl.lit(aims.BASELINE_MISSING))
            .when(pl.col("baseline_numerator") == 0)
            .then(pl.lit(aims.BASELINE_ZERO))
            .when(start.is_null())
            .then(pl.lit(aims.DENOMINATOR_MISSING))
            .when(pl.col("aim_share") > 1)
            .then(pl.lit(aims.AIM_EXCEEDS_BASELINE))
            .when(pl.col("aim_months") < 1)
            .then(pl.lit(aims.AIM_BEFORE_BASELINE))
            .alias("aim_reason")
        )
        .with_columns(
            pl.when(has_aim).then(pl.lit(aim.name)).alias("aim"),
            pl.when(has_aim).then(pl.lit(aim.type)).alias("aim_type"),
            *(
                pl.when(has_aim & pl.col("aim_reason").is_null()).then(pl.col(name)).alias(name)
                for name in ("aim_share", "aim_months")
            ),
        )
        .with_columns(
            (-100 * pl.col("aim_share")).alias("aim_pct"), (start * (1 - pl.col("aim_share"))).alias("aim_target")
        )
    )


def _with_change(frame: pl.DataFrame) -> pl.DataFrame:
    """Change of the rate, and how the series stands to its aim: by rate, or by the number of people."""
    since, share = numbers(frame, "months_since_baseline"), numbers(frame, "aim_share")
    by_rate = frame["aim_type"].fill_null("rate").eq("rate").to_numpy()
    now = np.where(since > 0, numbers(frame, "numerator"), np.nan)
    then, both = numbers(frame, "baseline_numerator"), _overlap(frame)
    now_n, then_n = numbers(frame, "denominator"), numbers(frame, "baseline_denominator")
    change = aims.change_since_baseline(now, now_n, then, then_n, both, share)
    judged = change
    if not by_rate.all():
        judged = aims.change_since_baseline(
            now, np.where(by_rate, now_n, 1.0), then, np.where(by_rate, then_n, 1.0), both, share
        )
    start = np.where(by_rate, numbers(frame, "baseline"), then)
    current = np.where(by_rate, numbers(frame, "rate_per_1000"), numbers(frame, "numerator"))
    planned = aims.trajectory(start, since, numbers(frame, "aim_months"), share)
    status = aims.aim_status(current, planned, judged, share)
    within = aims.within_capture(
        now,
        then,
        numbers(frame, "capture_rate"),
        numbers(frame, "baseline_capture_rate"),
        np.where(frame["is_dose_cohort"].to_numpy(), aims.CAPTURE_WEIGHT_OF_DOSE, aims.CAPTURE_WEIGHT_OF_PRESENCE),
    )
    # Milligrams, items and pounds are not counts of independent events: their change has no such interval.
    is_people = frame["unit"].eq("people").to_numpy()
    has_aim = np.isfinite(share)
    return frame.with_columns(
        series("change_pct", change.change_pct),
        series("change_low", np.where(is_people, change.change_low, np.nan)),
        series("change_high", np.where(is_people, change.change_high, np.nan)),
        series("change_count_pct", change.change_count_pct),
        pl.Series("change_method", _where(is_people, change.method), dtype=pl.String),
        pl.Series("change_within_capture", _where(is_people, within), dtype=pl.Boolean),
        series("trajectory", planned),
        series("probability_aim_met", np.where(is_people & has_aim, judged.probability_aim_met, np.nan)),
        pl.Series("aim_status", _where(is_people & has_aim, status), dtype=pl.String),
    )


def _where(condition: npt.NDArray[np.bool_], values: npt.NDArray[np.object_]) -> list[Any]:
    return [value if holds else None for holds, value in zip(condition, values, strict=True)]


def _overlap(frame: pl.DataFrame) -> FloatArray:
    """People in both months; none in common is 0, and unknown where the baseline is a range of months."""
    single = frame["baseline_first_month"].eq_missing(frame["baseline_last_month"]) & frame["unit"].eq("people")
    return np.where(single.to_numpy(), frame["people_in_both"].fill_null(0).to_numpy().astype(np.float64), np.nan)
