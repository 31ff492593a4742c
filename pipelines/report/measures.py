"""measures.html: the measures of the programme, of prescribing data and of local returns, each with its figures."""

from dataclasses import dataclass
from typing import NamedTuple

import polars as pl
from markupsafe import Markup

from pipelines.report.charts_series import small_chart
from pipelines.report.figures import figures_of
from pipelines.report.frame import Frame, SitePage
from pipelines.report.render import fill
from pipelines.report.series import Series, data_series, local_measures, main_place, returned_series, unreturned
from pipelines.statistics.differencing import WITHOUT_SUFFIX
from pipelines.statistics.measures import counted_measures

PAGE = "measures.html"
KINDS = ("outcome", "process", "balancing")


class Line(NamedTuple):
    """A row of the table: the series, and its chart where there is one."""

    series: Series
    chart: Markup | None


@dataclass(frozen=True)
class OwnReturns:
    """One local measure by organisation: the newest figure of each that returned it, or whose parts did."""

    title: str
    unit: str
    series: tuple[Series, ...]


def pages(frame: Frame) -> list[SitePage]:
    """measures.html; none where there is no data at all."""
    place = main_place(frame.leaving)
    if place is None:
        return []
    lines = [*_of_data(frame, place), *_of_returns(frame, place)]
    html = fill(
        "measures.html.j2",
        frame,
        place=place,
        blocks=[(kind, [line for line in lines if line.series.about.kind == kind]) for kind in KINDS],
        not_returned=[
            line.series.about for line in lines if line.series.about.origin == "return" and not line.series.dots
        ],
        by_organisation=_by_organisation(frame, place),
    )
    return [SitePage(PAGE, "Measures", PAGE, html)]


def _of_data(frame: Frame, place: tuple[str, str, str]) -> list[Line]:
    leaving, settings = frame.leaving, frame.settings
    figures = figures_of(frame)
    here = leaving.trends.filter((pl.col("org_level") == place[0]) & (pl.col("org_code") == place[1]))
    lines = []
    for measure in counted_measures(settings):
        is_part = measure.flow or measure.drug or measure.route or measure.measure.endswith(WITHOUT_SUFFIX)
        rows = here.filter(pl.col("measure") == measure.measure)
        if measure.kind in KINDS and not is_part and not rows.is_empty():
            series = data_series(rows, measure, figures.as_at(measure.measure))
            lines.append(_line(series))
    return lines


def _of_returns(frame: Frame, place: tuple[str, str, str]) -> list[Line]:
    returned = frame.leaving.local.trends
    lines = []
    for name, measure in local_measures(frame.settings).items():
        rows = returned
        if not returned.is_empty():
            here = (pl.col("org_level") == place[0]) & (pl.col("org_code") == place[1])
            rows = returned.filter(here & (pl.col("measure") == name))
        lines.append(_line(unreturned(measure, place) if rows.is_empty() else returned_series(rows, measure)))
    return lines


def _line(series: Series) -> Line:
    chart = Markup(small_chart(series, f"small-{series.about.id}")) if series.is_drawable else None
    return Line(series, chart)


def _by_organisation(frame: Frame, place: tuple[str, str, str]) -> list[OwnReturns]:
    """What stands below the page's own organisation, PCNs before practices, by name."""
    returned = frame.leaving.local.trends
    if returned.is_empty():
        return []
    below = returned.filter((pl.col("org_level") != place[0]) & (pl.col("org_level") != "all"))
    found = []
    for name, measure in local_measures(frame.settings).items():
        parts = below.filter(pl.col("measure") == name).partition_by("org_level", "org_code")
        series = [returned_series(part, measure) for part in parts]
        if series:
            order = {"icb": 0, "pcn": 1, "practice": 2}
            series.sort(key=lambda one: (order[one.org_level], one.org_name, one.org_code))
            found.append(OwnReturns(measure.title, series[0].about.unit, tuple(series)))
    return found
