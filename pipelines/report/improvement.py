"""improvement.html: PDSA cycles with what was measured since, scores before and after, service impact."""

from dataclasses import dataclass
from typing import Any, NamedTuple

import polars as pl
from markupsafe import Markup

from pipelines.report.charts import NARROW, WIDE
from pipelines.report.charts_series import lettered, marked_chart
from pipelines.report.figures import Figures, figures_of
from pipelines.report.frame import Annotation, Frame, SitePage
from pipelines.report.leaving import Leaving
from pipelines.report.local_returns import Cycle, marks
from pipelines.report.render import fill
from pipelines.report.series import Series, data_series, local_measures, main_place, returned_series
from pipelines.report.study import Study, study
from pipelines.report.wording import readable_name
from pipelines.statistics.measures import counted_measures

PAGE = "improvement.html"
Row = dict[str, Any]


class Entry(NamedTuple):
    """A cycle of the log with its study."""

    cycle: Cycle
    org_name: str
    measure_title: str
    study: Study


@dataclass(frozen=True)
class Marked:
    """A chart on which the changes of an organisation are marked."""

    series: Series
    chart: Markup
    letters: list[tuple[str, str]]


class Impact(NamedTuple):
    """The services of one organisation and what they come to together; None where one of them is hidden."""

    org_name: str
    rows: list[Row]
    total_gbp_a_year: float | None


def pages(frame: Frame) -> list[SitePage]:
    """improvement.html; none where there is no data at all."""
    place = main_place(frame.leaving)
    if place is None:
        return []
    local, figures = frame.leaving.local, figures_of(frame)
    html = fill(
        "improvement.html.j2",
        frame,
        place=place,
        entries=_entries(frame, figures),
        charts=_charts(frame, figures),
        scores=[{**row, "org_name": _name(row)} for row in local.scores.to_dicts()],
        impacts=_impacts(local.service_impact.to_dicts()),
    )
    return [SitePage(PAGE, "Improvement", PAGE, html)]


def annotations(leaving: Leaving) -> tuple[Annotation, ...]:
    """What is marked on the charts of every page: the changes of the PDSA cycles, where they reach."""
    return tuple(
        Annotation(mark.month, mark.text, mark.org_code, (mark.measure,) if mark.measure else ())
        for mark in marks(leaving.local.cycles, leaving.trends)
    )


def _name(row: Row) -> str:
    return readable_name(str(row["org_name"] or row["org_code"]))


def _titles(frame: Frame) -> dict[str, str]:
    counted = {measure.measure: measure.title for measure in counted_measures(frame.settings)}
    return counted | {name: measure.title for name, measure in local_measures(frame.settings).items()}


def _entries(frame: Frame, figures: Figures) -> list[Entry]:
    leaving, titles = frame.leaving, _titles(frame)
    return [
        Entry(
            cycle,
            readable_name(cycle.org_name or cycle.org_code),
            titles.get(cycle.studied_measure, cycle.studied_measure),
            study(cycle, leaving.trends, leaving.local.trends, figures.as_at(cycle.studied_measure), leaving.policy),
        )
        for cycle in leaving.local.cycles
    ]


def _charts(frame: Frame, figures: Figures) -> list[Marked]:
    """One chart for each organisation and measure that a cycle is studied by, in the order of the log."""
    leaving = frame.leaving
    counted = {measure.measure: measure for measure in counted_measures(frame.settings)}
    local = local_measures(frame.settings)
    found: dict[tuple[str, str, str], Marked] = {}
    for cycle in leaving.local.cycles:
        key = (cycle.org_level or "", cycle.org_code, cycle.studied_measure)
        here = (pl.col("org_level") == key[0]) & (pl.col("org_code") == key[1]) & (pl.col("measure") == key[2])
        source = leaving.local.trends if key[2] in local else leaving.trends
        rows = source.filter(here) if not source.is_empty() else source
        if key in found or rows.is_empty():
            continue
        series = (
            returned_series(rows, local[key[2]], frame.annotations)
            if key[2] in local
            else data_series(rows, counted[key[2]], figures.as_at(key[2]), frame.annotations)
        )
        if series.is_drawable:
            found[key] = Marked(series, _both_widths(series, f"marked-{len(found)}"), lettered(series))
    return [*found.values()]


def _both_widths(series: Series, chart_id: str) -> Markup:
    wide, narrow = (marked_chart(series, width, f"{chart_id}-{width}") for width in (WIDE, NARROW))
    return Markup(f'<div class="wide">{wide}</div><div class="narrow">{narrow}</div>')


def _impacts(rows: list[Row]) -> list[Impact]:
    found = []
    for code in dict.fromkeys(row["org_code"] for row in rows):
        own = [row for row in rows if row["org_code"] == code]
        values = [row["value_gbp_a_year"] for row in own]
        found.append(Impact(_name(own[0]), own, None if None in values else sum(values)))
    return found
