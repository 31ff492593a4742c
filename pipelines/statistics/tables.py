"""The marts that statistics makes of small counted tables: what each is, what it reads, and its function."""

from collections.abc import Callable, Sequence
from datetime import date
from typing import NamedTuple

import pyarrow as pa

from pipelines.config import Settings
from pipelines.statistics.aim_terms import AimTerms, terms_of
from pipelines.statistics.comparison import decile_lines, practice_comparison
from pipelines.statistics.differencing import WITHOUT_SUFFIX
from pipelines.statistics.equity import equity_table
from pipelines.statistics.forecast_table import forecast_table
from pipelines.statistics.local_trends import local_trend_table
from pipelines.statistics.measures import measures_by_old_rules
from pipelines.statistics.scores import score_table
from pipelines.statistics.trends import OldDefinition, TrendInputs, trend_table, variant_table


class StatisticsTable(NamedTuple):
    """A mart, what it is made of, and how: each input a table, or a query of sql/queries.

    Where nothing reaches from one value of a column of the first `parted` inputs to another, it is made part `by` part.
    """

    name: str
    description: str
    grain: str
    key: tuple[str, ...]
    inputs: tuple[str, ...]
    make: Callable[[Sequence[pa.Table], Settings], pa.Table]
    by: str | None = None
    parted: int = 1


def definition_of(settings: Settings, cohort_version: str | None = None) -> str:
    """By which rules a figure was counted; the same words stand on every row."""
    return (
        f"cohorts {cohort_version or settings.cohorts.version}; "
        f"factors {settings.pipeline.factor_set}; scope {settings.pipeline.scope}"
    )


def _default_aim(settings: Settings) -> AimTerms:
    return terms_of(settings.aims.default, settings.aims.default_aim)


def _steps(settings: Settings) -> dict[str, list[date]]:
    steps: dict[str, list[date]] = {}
    for step in settings.measures.steps:
        for measure in step.measures:
            steps.setdefault(measure, []).append(_first_day(step.month))
    return steps


def _changed(settings: Settings) -> dict[str, date]:
    """For each measure whose definition was superseded, the first month in which today's was in force."""
    return {
        twin: max(_month_after(old.last_month) for old in settings.cohorts.superseded if measure in old.counted_as)
        for known in settings.cohorts.superseded
        for measure in known.counted_as
        for twin in (measure, measure + WITHOUT_SUFFIX)
    }


def _superseded(settings: Settings) -> list[OldDefinition]:
    return [
        OldDefinition(measure + suffix, cohort + suffix, definition_of(settings, old.version))
        for old in settings.cohorts.superseded
        for measure, cohort in old.counted_as.items()
        for suffix in ("", WITHOUT_SUFFIX)
    ]


def _first_day(month: str) -> date:
    return date(int(month[:4]), int(month[5:]), 1)


def _month_after(month: str) -> date:
    first = _first_day(month)
    return date(first.year + first.month // 12, first.month % 12 + 1, 1)


def _trends(tables: Sequence[pa.Table], settings: Settings) -> pa.Table:
    return trend_table(
        TrendInputs(*tables),
        _default_aim(settings),
        definition_of(settings),
        _changed(settings),
        _steps(settings),
        leave_out={old.cohort for old in measures_by_old_rules(settings)},
    )


def _variants(tables: Sequence[pa.Table], settings: Settings) -> pa.Table:
    return variant_table(
        TrendInputs(*tables),
        _default_aim(settings),
        [terms_of(name, aim) for name, aim in settings.aims.further_aims.items()],
        _superseded(settings),
        definition_of(settings),
        _steps(settings),
    )


_TREND_INPUTS = (
    "intermediate.int_trends__counts",
    "intermediate.int_trends__overlap",
    "intermediate.int_organisations__attributes",
    "intermediate.int_measures__baseline",
    "statistics_whole_counts",
)

_AS_WAS_INPUTS = (
    "intermediate.int_trends_as_was__counts",
    "intermediate.int_trends_as_was__overlap",
    "intermediate.int_organisations__attributes_as_was",
    "intermediate.int_measures__baseline",
    "statistics_whole_counts",
)

STATISTICS_TABLES = (
    StatisticsTable(
        "marts.trends",
        "Counts, rates, change against the baseline and the aim, for every organisation, month and measure.",
        "one row per level, organisation, month and measure; dense, zero rows kept",
        ("org_level", "org_code", "month", "measure"),
        _TREND_INPUTS,
        _trends,
        by="org_code",
        parted=2,
    ),
    StatisticsTable(
        "marts.trends_as_was",
        "The columns of marts.trends above practice, on the boundaries of the month; a practice and all are the same.",
        "one row per level above practice, organisation, month in which it had a practice, and measure",
        ("org_level", "org_code", "month", "measure"),
        _AS_WAS_INPUTS,
        _trends,
        by="org_code",
        parted=2,
    ),
    StatisticsTable(
        "marts.trend_variants",
        "The columns of marts.trends for further aims, and for definitions that were superseded.",
        "one row per level, organisation, month, measure, aim and definition",
        ("org_level", "org_code", "month", "measure", "aim", "definition"),
        _TREND_INPUTS,
        _variants,
        by="org_code",
        parted=2,
    ),
    StatisticsTable(
        "marts.forecast",
        "When each organisation above practice might reach the default aim, as a range, if the last 12 months went on.",
        "one row per level, organisation and measure of the default aim",
        ("org_level", "org_code", "measure"),
        ("statistics_aimed_series", "intermediate.int_trends__patterns"),
        lambda tables, _: forecast_table(*tables),
    ),
    StatisticsTable(
        "marts.practice_comparison",
        "Each GP practice against the others in the newest settled month: tenth, funnel limits, the most similar ones.",
        "one row per measure and GP practice with a rate",
        ("measure", "practice_code"),
        ("statistics_newest_practice_rates", "intermediate.int_practices__deprivation"),
        lambda tables, _: practice_comparison(*tables),
    ),
    StatisticsTable(
        "marts.decile_lines",
        "The nine deciles of GP practices' rates, month by month; no row where fewer than 20 practices are compared.",
        "one row per measure and month",
        ("measure", "month"),
        ("statistics_practice_rates",),
        lambda tables, _: decile_lines(*tables),
        by="measure",
    ),
    StatisticsTable(
        "marts.equity",
        "The headline cohorts by deprivation of the patient, age and sex: shares, rates, changes, the gap in change.",
        "one row per ICB (or all), month, measure, dimension and value",
        ("org_level", "org_code", "month", "measure", "dimension", "dimension_value"),
        (
            "intermediate.int_equity__counts",
            "intermediate.int_organisations__attributes",
            "intermediate.int_equity__lists",
        ),
        lambda tables, settings: equity_table(tables[0], tables[1], tables[2], definition_of(settings)),
    ),
    StatisticsTable(
        "marts.local_trends",
        "Local returns at every level in the form of trends: figure, change since the first month, process control.",
        "one row per level, organisation, month and measure of which there is a return",
        ("org_level", "org_code", "month", "measure"),
        ("intermediate.int_returns__summed",),
        lambda tables, _: local_trend_table(*tables),
    ),
    StatisticsTable(
        "marts.patient_reported_scores",
        "Mean scores that patients reported before and after: the change, with an interval where enough was returned.",
        "one row per month, organisation and instrument",
        ("month", "org_code", "instrument"),
        ("intermediate.int_returns__scores",),
        lambda tables, _: score_table(*tables),
    ),
)
