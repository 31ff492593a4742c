"""Data Docs: what Great Expectations judged, as pages that open from a folder without a network.

Great Expectations renders each suite; its scripts, web fonts and pictures come from other servers, so they are taken
out, signs become words, and a small style sheet and the reason of every bound are put in. Pages hold bounds, and of
suites that count patients how many months were out of bounds, never the counts. The same result gives the same bytes.
"""

import re
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from pipelines import assets
from pipelines.contracts.report import ContractReport
from pipelines.contracts.suites import Suite
from pipelines.folders import said_in_words, write_whole

FOLDER = "data-docs"
_KEPT_OF_PATIENTS = {"element_count", "unexpected_count", "unexpected_percent"}
_FLAGS = re.DOTALL | re.IGNORECASE
# What another server or a script would be asked for, and what replaces it; in this order.
_REPLACED = tuple(
    (re.compile(pattern, _FLAGS), instead)
    for pattern, instead in (
        (r"<(script|style|footer)\b.*?</\1\s*>", ""),
        (r"<(link|img)\b[^>]*>", ""),
        (r"""\s(?:href|src|action)\s*=\s*(["'])\s*(?:https?:)?//.*?\1""", ""),
        (r"""\son[a-z]+\s*=\s*(["']).*?\1""", ""),
        (r"<a\b[^>]*#[^>]*-collapse-body[^>]*>.*?</a>", ""),
        (r"""(["'])(?:\.\./)+index\.html\1""", '"index.html"'),
        (r"""(["'])(?:\.\./)+expectations/[^"']*\1""", '"#reasons"'),
        (r"<i\b[^>]*\bfa-check-circle\b[^>]*></i>", '<span class="met">met</span>'),
        (r"<i\b[^>]*\bfa-times\b[^>]*></i>", '<strong class="not-met">not met</strong>'),
        (r"<i\b[^>]*\bfa-exclamation-triangle\b[^>]*></i>", '<strong class="not-met">did not run</strong>'),
        (r"<html\b[^>]*>", '<html lang="en-GB">'),
    )
)
_RANDOM = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def page_of(outcome: Any, suite: Suite) -> str:
    """One validation result as a page of HTML that asks nothing of any server."""
    from great_expectations.render.renderer import ValidationResultsPageRenderer
    from great_expectations.render.view import DefaultJinjaPageView

    if suite.counts_patients:
        for result in outcome.results:
            result.result = {name: told for name, told in result.result.items() if name in _KEPT_OF_PATIENTS}
    outcome.meta = {"great_expectations_version": outcome.meta.get("great_expectations_version")}
    page = offline(DefaultJinjaPageView().render(ValidationResultsPageRenderer().render(outcome)))
    reasons = _environment().get_template("data_docs_reasons.html.j2").render(suite=suite)
    return page.replace("</body>", f"{reasons}\n</body>", 1)


def offline(html: str) -> str:
    """A page of Great Expectations without anything that another server would be asked for."""
    for pattern, instead in _REPLACED:
        html = pattern.sub(instead, html)
    numbers: dict[str, str] = {}
    html = _RANDOM.sub(lambda found: numbers.setdefault(found[0], f"block{len(numbers)}"), html)
    return html.replace("</head>", f"<style>\n{_style()}</style>\n</head>", 1)


def write_data_docs(report: ContractReport, snapshot_id: str, reports_dir: Path) -> Path:
    """Write `data-docs/index.html` and a page a suite. Returns the index."""
    index = (
        _environment().get_template("data_docs.html.j2").render(report=report, snapshot_id=snapshot_id, style=_style())
    )
    folder = reports_dir / FOLDER
    with said_in_words(folder):
        folder.mkdir(parents=True, exist_ok=True)
    for name, page in report.pages.items():
        write_whole(folder / f"{name}.html", page.encode())
    write_whole(folder / "index.html", index.encode())
    return folder / "index.html"


def _environment() -> Environment:
    return Environment(
        loader=FileSystemLoader(assets.TEMPLATE_DIR),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _style() -> str:
    return (assets.TEMPLATE_DIR / "data_docs.css").read_text(encoding="utf-8")
