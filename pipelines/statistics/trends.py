"""`marts.trends`: from counts to rates, intervals, change against the baseline, trajectory and process control.

Takes and gives Arrow tables, so that every engine shares it. Nothing here is protected: what leaves the
warehouse passes the disclosure door first.
"""

from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa

from pipelines.statistics import aim as aims
from pipelines.statistics import intervals, spc

SERIES = ["org_level", "org_code", "measure"]

# Months of these are independent of one another, so process control applies to them. A count of people in a
# cohort holds the same people month after month and would signal falsely.
INDEPENDENT_UNITS = ("items", "ome_mg", "nic_gbp")
INDEPENDENT_MEASURES = ("new_user", "new_user_adult_no_palliative")

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
    "change_method": pl.String,
    "aim": pl.String,
    "aim_pct": pl.Float64,
    "aim_months": pl.Int32,
    "trajectory": pl.Float64,
    "probability_aim_met": pl.Float64,
    "aim_status": pl.String,
    "spc_mean": pl.Float64,
    "spc_lower": pl.Float64,
    "spc_upper": pl.Float64,
    "spc_signal": pl.String,
    "spc_reason": pl.String,
    "provisional": pl.Boolean,
    "capture_rate": pl.Float64,
    "definition": pl.String,
}


@dataclass(frozen=True)
class AimTerms:
    """The aim that the table is judged against: of these measures, a share of reduction (0.5 halves) within months."""

    name: str
    measures: frozenset[str]
    share: float
    months: int


def trend_table(counts: pa.Table, organisations: pa.Table, aim: AimTerms, definition: str) -> pa.Table:
    """Counts of `intermediate.int_trends__counts` and names of the organisations → `marts.trends`.

    Rates are per 1,000 registered patients; a rate that cannot be given is NULL and rate_reason says why.
    """
    frame = _frame(counts)
    if frame.is_empty():
        return pl.DataFrame(schema=_COLUMNS).to_arrow()
    frame = _with_rates(frame.join(_frame(organisations), on=["org_level", "org_code"], how="left"))
    frame = _with_baseline(frame)
    frame = _with_change(frame, aim)
    frame = _with_process_control(frame)
    frame = frame.with_columns(
        pl.lit(definition).alias("definition"),
        (pl.col("identified_items") / pl.col("opioid_items")).alias("capture_rate"),
    )
    shaped = frame.select(pl.col(name).cast(kind) for name, kind in _COLUMNS.items())
    floats = [name for name, kind in _COLUMNS.items() if kind == pl.Float64]
    return (
        shaped.with_columns(pl.col(floats).fill_nan(None)).sort("org_level", "org_code", "measure", "month").to_arrow()
    )


def _frame(table: pa.Table) -> pl.DataFrame:
    frame = pl.from_arrow(table)
    assert isinstance(frame, pl.DataFrame)
    return frame


def _numbers(frame: pl.DataFrame, name: str) -> npt.NDArray[np.float64]:
    return frame[name].cast(pl.Float64).fill_null(float("nan")).to_numpy().astype(np.float64)


def _with_rates(frame: pl.DataFrame) -> pl.DataFrame:
    is_practice = pl.col("org_level") == "practice"
    is_counted_list = ~is_practice | pl.col("is_gp_practice").fill_null(True)
    frame = frame.with_columns(
        pl.col("numerator").cast(pl.Float64),
        pl.when(is_counted_list & (pl.col("registered_patients") > 0))
        .then(pl.col("registered_patients"))
        .alias("denominator"),
    )
    frame = frame.with_columns(
        pl.when(pl.col("history_too_short"))
        .then(pl.lit("history_too_short"))
        .when(is_practice & (pl.col("is_gp_practice") == False))  # noqa: E712
        .then(pl.lit("not_a_gp_practice"))
        .when(pl.col("denominator").is_null())
        .then(pl.lit("no_list_size"))
        .when(pl.col("numerator").is_null())
        .then(pl.lit("not_in_the_source"))
        .alias("rate_reason"),
        pl.when(pl.col("denominator").is_not_null())
        .then(
            pl.concat_str(
                pl.lit("registered patients, all ages, "),
                pl.when(pl.col("oldest_list_month") == pl.col("month"))
                .then(pl.lit("list of the month"))
                .otherwise(
                    pl.concat_str(
                        pl.lit("latest list before, oldest "),
                        pl.col("oldest_list_month").dt.strftime("%Y-%m"),
                    )
                ),
                pl.when(pl.col("gp_practices_without_list") > 0)
                .then(
                    pl.concat_str(
                        pl.lit("; "),
                        pl.col("gp_practices_without_list"),
                        pl.lit(" GP practice(s) without a list"),
                    )
                )
                .otherwise(pl.lit("")),
            )
        )
        .alias("denominator_basis"),
    )
    count, denominator = _numbers(frame, "numerator"), _numbers(frame, "denominator")
    low, high = intervals.rate_limits(count, denominator)
    is_count = frame["unit"].is_in(["people", "items"]).to_numpy()
    return frame.with_columns(
        pl.Series("rate_per_1000", intervals.rate(count, denominator)),
        pl.Series("ci_low", np.where(is_count, low, np.nan)),
        pl.Series("ci_high", np.where(is_count, high, np.nan)),
    )


def _with_baseline(frame: pl.DataFrame) -> pl.DataFrame:
    """The mean of the baseline's months, as one month's information."""
    inside = frame.filter(pl.col("month").is_between(pl.col("baseline_first_month"), pl.col("baseline_last_month")))
    baseline = inside.group_by(SERIES).agg(
        pl.col("numerator").mean().alias("baseline_numerator"),
        pl.col("people").cast(pl.Float64).mean().alias("baseline_people"),
        pl.col("denominator").cast(pl.Float64).mean().alias("baseline_denominator"),
        pl.col("baseline_last_month").first().alias("baseline_month"),
    )
    frame = frame.join(baseline, on=SERIES, how="left")
    months = (pl.col("month").dt.year() - pl.col("baseline_month").dt.year()) * 12 + (
        pl.col("month").dt.month().cast(pl.Int32) - pl.col("baseline_month").dt.month().cast(pl.Int32)
    )
    rate = intervals.rate(_numbers(frame, "baseline_numerator"), _numbers(frame, "baseline_denominator"))
    return frame.with_columns(months.alias("months_since_baseline"), pl.Series("baseline", rate))


def _with_change(frame: pl.DataFrame, aim: AimTerms) -> pl.DataFrame:
    since = _numbers(frame, "months_since_baseline")
    later = since > 0
    has_aim = frame["measure"].is_in(list(aim.measures)).to_numpy()
    change = aims.change_since_baseline(
        np.where(later, _numbers(frame, "numerator"), np.nan),
        _numbers(frame, "denominator"),
        _numbers(frame, "baseline_numerator"),
        _numbers(frame, "baseline_denominator"),
        _overlap(frame),
        aim.share,
    )
    trajectory = aims.trajectory(_numbers(frame, "baseline"), since, aim.months, aim.share)
    status = aims.aim_status(_numbers(frame, "rate_per_1000"), trajectory, change, aim.share)
    # Milligrams, items and pounds are not counts of independent events: their change has no such interval.
    is_people = frame["unit"].eq("people").to_numpy()
    return frame.with_columns(
        pl.Series("change_pct", change.change_pct),
        pl.Series("change_low", np.where(is_people, change.change_low, np.nan)),
        pl.Series("change_high", np.where(is_people, change.change_high, np.nan)),
        pl.Series("change_method", _where(is_people, change.method), dtype=pl.String),
        pl.Series("trajectory", np.where(has_aim, trajectory, np.nan)),
        pl.Series("probability_aim_met", np.where(is_people & has_aim, change.probability_aim_met, np.nan)),
        pl.Series("aim_status", _where(is_people & has_aim, status), dtype=pl.String),
        pl.when(pl.Series(has_aim)).then(pl.lit(aim.name)).alias("aim"),
        pl.when(pl.Series(has_aim)).then(pl.lit(-100.0 * aim.share)).alias("aim_pct"),
        pl.when(pl.Series(has_aim)).then(pl.lit(aim.months)).alias("aim_months"),
    )


def _where(condition: npt.NDArray[np.bool_], texts: npt.NDArray[np.object_]) -> list[str | None]:
    return [text if holds else None for holds, text in zip(condition, texts, strict=True)]


def _overlap(frame: pl.DataFrame) -> npt.NDArray[np.float64]:
    """People in both months; none in common is 0, and unknown where the baseline is a range of months."""
    single = frame["baseline_first_month"].eq_missing(frame["baseline_last_month"]) & frame["unit"].eq("people")
    return np.where(single.to_numpy(), frame["people_in_both"].fill_null(0).to_numpy().astype(np.float64), np.nan)


def _with_process_control(frame: pl.DataFrame) -> pl.DataFrame:
    """XmR limits and signals for measures whose months are independent; a reason for the others."""
    frame = frame.sort(*SERIES, "month")
    independent = frame["unit"].is_in(INDEPENDENT_UNITS) | frame["measure"].is_in(INDEPENDENT_MEASURES)
    frame = frame.with_columns(
        independent.alias("is_independent"),
        pl.when(pl.col("unit") == "people")
        .then(pl.col("rate_per_1000"))
        .otherwise(pl.col("numerator"))
        .alias("charted"),
    )
    stock = frame.filter(~pl.col("is_independent")).with_columns(
        *(pl.lit(None, pl.Float64).alias(name) for name in ("spc_mean", "spc_lower", "spc_upper")),
        pl.lit(None, pl.String).alias("spc_signal"),
        pl.lit(spc.SAME_PATIENTS).alias("spc_reason"),
    )
    flows = frame.filter("is_independent")
    return pl.concat([stock, flows.hstack(_charts(flows))])


def _charts(flows: pl.DataFrame) -> pl.DataFrame:
    """Process-control columns of series that stand one after the other, row for row."""
    points = _numbers(flows, "charted")
    lengths = flows.group_by(SERIES, maintain_order=True).len()["len"].to_list()
    bounds = pairwise(accumulate(lengths, initial=0))
    charts = [spc.xmr(points[start:stop]) for start, stop in bounds]

    def joined(part: str, kind: type[pl.DataType]) -> pl.Series:
        return pl.Series([value for chart in charts for value in getattr(chart, part).tolist()], dtype=kind)

    return pl.DataFrame(
        {
            "spc_mean": joined("mean", pl.Float64),
            "spc_lower": joined("lower", pl.Float64),
            "spc_upper": joined("upper", pl.Float64),
            "spc_signal": joined("signal", pl.String),
            "spc_reason": joined("reason", pl.String),
        }
    )
