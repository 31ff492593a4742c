"""Counts as `intermediate.int_trends__counts` and its neighbours give them to statistics, small and by hand."""

from collections.abc import Iterable, Sequence
from datetime import date
from typing import Any

import polars as pl

from pipelines.config import load_settings
from pipelines.statistics.measures import counted_measures
from pipelines.statistics.trends import TrendInputs

MEASURES = {counted.measure: counted for counted in counted_measures(load_settings())}
COUNTS: dict[str, Any] = {
    **dict.fromkeys(("org_level", "org_code"), pl.String),
    "month": pl.Date,
    **dict.fromkeys(("measure", "cohort", "flow", "source", "unit", "direction"), pl.String),
    "is_dose_cohort": pl.Boolean,
    "is_independent": pl.Boolean,
    "denominator_kind": pl.String,
    "data_month_number": pl.Int32,
    "provisional": pl.Boolean,
    "numerator": pl.Decimal(24, 4),
    "people": pl.Int64,
    "missing_reason": pl.String,
    "registered_patients": pl.Int64,
    "oldest_list_month": pl.Date,
    **dict.fromkeys(("gp_practices_without_list", "long_acting_items", "identified_items", "opioid_items"), pl.Int64),
}
ORGANISATIONS: dict[str, Any] = {
    **dict.fromkeys(("org_level", "org_code", "org_name"), pl.String),
    "is_gp_practice": pl.Boolean,
    **dict.fromkeys(("pcn_code", "pcn_name", "sub_icb_code", "icb_code", "icb_name", "region_code"), pl.String),
}


def count(month: date, numerator: float | None, **other: Any) -> dict[str, Any]:
    """One organisation, month and measure; 10,000 registered patients, 98 of 100 items identified."""
    measure = MEASURES[other.get("measure", "high_dose")]
    return {
        "org_level": "icb",
        "org_code": "QZA",
        "month": month,
        "measure": measure.measure,
        "cohort": measure.cohort,
        "flow": measure.flow,
        "source": measure.source,
        "unit": measure.unit,
        "direction": measure.direction,
        "is_dose_cohort": measure.is_dose_cohort,
        "is_independent": measure.is_independent,
        "denominator_kind": measure.denominator,
        "data_month_number": 12,
        "provisional": False,
        "numerator": numerator,
        "people": 0 if numerator is None else int(abs(numerator)),
        "missing_reason": None,
        "registered_patients": 10_000,
        "oldest_list_month": month,
        "gp_practices_without_list": 0,
        "long_acting_items": 0,
        "identified_items": 98,
        "opioid_items": 100,
        **other,
    }


def inputs(
    counts: Sequence[dict[str, Any]],
    baseline: tuple[date, date] | None,
    in_both: int | Iterable[tuple[date, int]] = 30,
    aims: Sequence[str] = ("halve_high_dose",),
    organisations: Sequence[dict[str, Any]] = (),
) -> TrendInputs:
    """The tables, with one baseline for every measure and aim, and as many people in both months everywhere."""
    places = {(row["org_level"], row["org_code"]) for row in counts}
    series = {(row["org_level"], row["org_code"], row["measure"]) for row in counts}
    months = sorted({row["month"] for row in counts})
    both = dict(in_both) if not isinstance(in_both, int) else dict.fromkeys(months, in_both)
    return TrendInputs(
        counts=pl.DataFrame(list(counts), schema=COUNTS).to_arrow(),
        organisations=pl.DataFrame(
            [
                *organisations,
                *(
                    {"org_level": level, "org_code": code, "org_name": "SHIRE", "is_gp_practice": level == "practice"}
                    for level, code in sorted(places - {(o["org_level"], o["org_code"]) for o in organisations})
                ),
            ],
            schema=ORGANISATIONS,
        ).to_arrow(),
        baselines=pl.DataFrame(
            [
                {"aim": aim, "measure": m, "baseline_first_month": baseline[0], "baseline_last_month": baseline[1]}
                for aim in aims
                for m in sorted({row["measure"] for row in counts})
                if baseline and MEASURES[m].flow is None
            ],
            schema={
                "aim": pl.String,
                "measure": pl.String,
                "baseline_first_month": pl.Date,
                "baseline_last_month": pl.Date,
            },
        ).to_arrow(),
        overlap=pl.DataFrame(
            [
                {
                    "org_level": level,
                    "org_code": code,
                    "month": month,
                    "measure": measure,
                    "baseline_month": baseline[0],
                    "people_in_both": people,
                }
                for level, code, measure in sorted(series)
                for month, people in both.items()
                if baseline and baseline[0] == baseline[1]
            ],
            schema={
                "org_level": pl.String,
                "org_code": pl.String,
                "month": pl.Date,
                "measure": pl.String,
                "baseline_month": pl.Date,
                "people_in_both": pl.Int64,
            },
        ).to_arrow(),
        whole=pl.DataFrame([row for row in counts if row["org_level"] == "all"], schema=COUNTS)
        .select("measure", "month", "numerator")
        .to_arrow(),
    )
