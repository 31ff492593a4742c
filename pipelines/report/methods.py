"""The page on methods and quality: by which rules the figures are made, from which data, and what they leave out."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any

import polars as pl

from pipelines.config import Settings
from pipelines.disclosure.parts import LEVEL
from pipelines.disclosure.tables import REFUSED
from pipelines.report.frame import Frame, SitePage
from pipelines.report.leaving import Leaving, Publication
from pipelines.report.render import fill, month_text
from pipelines.report.sensitivity import sensitivities
from pipelines.report.views import months_after
from pipelines.report.wording import readable_name
from pipelines.statistics import forecast

PAGE = "methods.html"
HEADLINE = "high_dose"
_WORDS_OF_REFUSED = {
    "trends_as_was": "Trends on the boundaries of each month",
    "forecast": "The forecast by single patients",
    "dose_definitions": "Doses by person",
    "organisation_orphans": "Items of cost centres without a place",
}


@dataclass(frozen=True)
class Capture:
    """Of 100 opioid items, those linked to a person: in the newest settled month, and in the worst."""

    org_name: str
    month: date
    latest_pct: float
    worst_month: date
    worst_pct: float


def pages(frame: Frame) -> list[SitePage]:
    """One page, whatever is loaded."""
    leaving = frame.leaving
    html = fill(
        "methods.html.j2",
        frame,
        sensitivities=sensitivities(leaving, frame.settings),
        outlooks=tuple(_outlooks(leaving)),
        captures=_captures(leaving),
        rules=tuple(_rules(leaving, frame.settings)),
        changes=_changes(leaving),
        refused=[(_WORDS_OF_REFUSED[name], why) for name, why in REFUSED.items()],
        exact=leaving.policy.rounding == "none" and not leaving.policy.hides_nothing,
        definitions=sorted(set(leaving.trends["definition"].drop_nulls().to_list())),
    )
    return [SitePage(PAGE, "Methods and quality", PAGE, html)]


def _rules(leaving: Leaving, settings: Settings) -> Iterator[tuple[str, str, str]]:
    """What holds, its version, and who has checked it."""
    aim = settings.aims.default_aim
    yield "Cohorts: who is counted", settings.cohorts.version, settings.cohorts.checked_by
    yield "Conversion to oral morphine", leaving.factor_set_title, leaving.factors_checked_by
    yield "Opioids that count for dose", settings.pipeline.scope, settings.cohorts.checked_by
    yield "Measures", f"next review {settings.measures.next_review or 'not set'}", settings.measures.checked_by
    yield f"Aim: {aim.title[0].lower()}{aim.title[1:]}", settings.aims.default, aim.checked_by


def _captures(leaving: Leaving) -> tuple[Capture, ...]:
    rows = leaving.trends.filter(
        (pl.col("org_level") == LEVEL)
        & (pl.col("measure") == "any_opioid")
        & ~pl.col("provisional")
        & pl.col("capture_rate").is_not_null()
    ).sort("org_code", "month")
    return tuple(_capture(one) for _, one in rows.group_by("org_code", maintain_order=True))


def _capture(rows: pl.DataFrame) -> Capture:
    latest, worst = rows.row(-1, named=True), rows.sort("capture_rate", "month").row(0, named=True)
    return Capture(
        readable_name(latest["org_name"]),
        latest["month"],
        100 * float(latest["capture_rate"]),
        worst["month"],
        100 * float(worst["capture_rate"]),
    )


def _outlooks(leaving: Leaving) -> Iterator[tuple[str, str]]:
    """Each ICB, and when it might reach the aim, in words."""
    if leaving.forecast.is_empty():
        return
    for row in leaving.forecast.filter(pl.col("measure") == HEADLINE).iter_rows(named=True):
        yield readable_name(row["org_name"]), _outlook(row)


def _outlook(row: dict[str, Any]) -> str:
    status = row["forecast_status"]
    if status == forecast.MIGHT:
        first, last = row["earliest_quarter"], row["latest_quarter"]
        if first == last:
            return f"the aim might be reached in {_quarter(first)}"
        later = _quarter(last) if last else "a time more than three years away"
        return f"the aim might be reached between {_quarter(first)} and {later}"
    return {
        forecast.REACHED: "the line through the last twelve months is already at the aim",
        forecast.NOT_IN_SIGHT: "the aim is not in sight: the last twelve months do not clearly lead to it",
        forecast.TOO_SHORT: "there are not twelve settled months yet",
    }.get(status, "too few people to tell: each of the twelve months would need 100")


def _quarter(first: date) -> str:
    start, end = month_text(first), month_text(months_after(first, 2))
    return f"{start.split()[0]} to {end}"


def _changes(leaving: Leaving) -> tuple[str, ...]:
    """Which rules are not those of the publication before, in sentences; empty where all are, or there is none."""
    own, before = leaving.published, leaving.previous
    if own is None or before is None:
        return ()
    return tuple(_differences(own, before))


def _differences(own: Publication, before: Publication) -> Iterator[str]:
    for name, now, then in (
        ("The cohorts are counted by version", own.cohort_version, before.cohort_version),
        ("Doses are converted by the factor set", own.factor_set, before.factor_set),
        ("The scope of opioids is", own.scope, before.scope),
    ):
        if now != then:
            yield f"{name} {now}; it was {then}. Figures of the two publications cannot be compared."
