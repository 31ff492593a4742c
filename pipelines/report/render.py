"""The page: Jinja templates filled with what figures.py worked out. The words live in the templates."""

from datetime import date

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from pipelines import assets
from pipelines.report.charts import NARROW, WIDE, rate_text, run_chart
from pipelines.report.views import Page, View

_MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
)  # fmt: skip


def page_html(page: Page) -> str:
    """index.html, whole: styles and charts inside, nothing fetched."""
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
    environment.globals["chart"] = _chart
    return environment.get_template("index.html.j2").render(page=page, leaving=page.leaving, settings=page.settings)


def month_text(month: date) -> str:
    """2025-11-01 → November 2025, in every locale."""
    return f"{_MONTHS[month.month - 1]} {month.year}"


def _chart(view: View, chart_id: str, narrow: bool = False) -> Markup:
    suffix, width = ("n", NARROW) if narrow else ("w", WIDE)
    return Markup(run_chart(view, width, f"{chart_id}-{suffix}"))
