"""The pages as HTML: Jinja templates filled with what the figures say. The words live in the templates."""

from collections.abc import Callable
from datetime import date
from functools import cache
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from pipelines import assets
from pipelines.report.charts import NARROW, WIDE, rate_text
from pipelines.report.charts_compare import decile_chart, funnel_chart, parts_chart
from pipelines.report.charts_map import map_chart
from pipelines.report.charts_people import dose_chart, equity_chart, overlap_chart
from pipelines.report.charts_trend import control_chart, run_chart
from pipelines.report.frame import Frame
from pipelines.report.wording import plain

NAVIGATION_MARK = Markup("<!-- navigation -->")
"""Where site.py puts the navigation: no text of the data can hold it, since `<` is escaped."""

_MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
)  # fmt: skip

_CHARTS: dict[str, Callable[[Any, int, str], str]] = {
    "run": run_chart,
    "control": control_chart,
    "deciles": decile_chart,
    "funnel": funnel_chart,
    "parts": parts_chart,
    "equity": equity_chart,
    "overlap": overlap_chart,
    "doses": dose_chart,
    "map": map_chart,
}


def fill(template: str, frame: Frame, **values: object) -> str:
    """A page of the site from its template, whole but for the navigation and the drawings of its charts."""
    found = _environment().get_template(template)
    return found.render(
        frame=frame, leaving=frame.leaving, settings=frame.settings, navigation_mark=NAVIGATION_MARK, **values
    )


def month_text(month: date) -> str:
    """2025-11-01 → November 2025, in every locale."""
    return f"{_MONTHS[month.month - 1]} {month.year}"


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(assets.TEMPLATE_DIR),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["month"] = month_text
    environment.filters["rate"] = rate_text
    environment.filters["plain"] = plain
    environment.globals["drawn"] = both_widths
    return environment


def both_widths(kind: str, shown: object, chart_id: str) -> Markup:
    """A chart twice, for wide screens and paper and for a phone; the style sheet shows the one that fits."""
    wide, narrow = (
        _CHARTS[kind](shown, width, f"{chart_id}-{suffix}") for width, suffix in ((WIDE, "w"), (NARROW, "n"))
    )
    return Markup(f'<div class="wide">{wide}</div><div class="narrow">{narrow}</div>')
