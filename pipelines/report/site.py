"""The pages of the site in one list, each with its place in the navigation.

A module that adds pages has a function `pages(frame: Frame) -> list[SitePage]` and a line in MODULES below
(`Frame`, `SitePage` and `Annotation` are in frame.py). A page is

    SitePage(
        name="equity.html",                # its file, beside the others: links between pages are file names
        title="Equity",                    # what links to it say
        place="equity.html",               # whose entry in the navigation is marked; its own name puts it there
        html=render.fill("equity.html.j2", frame, **what_the_template_needs),
    )

Its template extends `_layout.html.j2` and fills the blocks `title`, `content` and, if it likes, `heading` and `lede`;
`frame`, `leaving` and `settings` are there in every template, as are the filters `month` and `rate`.
A page that has nothing to say for these data (open data alone, say) is left out: return [].
What is to be marked on charts (PDSA dates) comes as `Frame.annotations`.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import replace

from markupsafe import Markup

from pipelines import assets
from pipelines.errors import UsageError
from pipelines.report import contents, equity, improvement, map_page, measures, methods, organisations, practices
from pipelines.report.charts import with_drawings
from pipelines.report.figures import Figures, Place, figures_of
from pipelines.report.frame import Frame, SitePage
from pipelines.report.links import Links, links_of, only
from pipelines.report.render import NAVIGATION_MARK

MODULES: tuple[Callable[[Frame], list[SitePage]], ...] = (
    equity.pages,
    map_page.pages,
    measures.pages,
    improvement.pages,
    methods.pages,
)
"""In the order of the navigation, between the overview and the list of organisations."""

SCRIPT = "site.js"
_PAGES_MARK = "/* pages */ []"


def whole_site(frame: Frame) -> dict[str, bytes]:
    """Every page and the script: file name → content. The same snapshot gives the same bytes: no clock is asked."""
    figures = figures_of(frame)
    links = links_of(figures)
    own = organisations.pages(figures, links)
    further = [page for module in MODULES for page in module(frame)]
    listed = [contents.page(figures, links)] if links.files else []
    pages = [*own, *further, *listed, *practices.pages(figures, links)]
    content = _assembled(pages)
    if not frame.static:
        content[SCRIPT] = _script(figures, links)
    return content


def overview_alone(frame: Frame) -> dict[str, bytes]:
    """index.html, which links to no other page."""
    figures = figures_of(replace(frame, static=True))
    links = links_of(figures)
    first = next(iter(links.files), None)
    files = {first: links.files[first]} if first else {}
    return _assembled(organisations.pages(figures, Links(files)))


def one_page(frame: Frame, place: Place) -> tuple[str, bytes]:
    """The page of one organisation, whole in itself: no script, no link to another page.

    Raises UsageError where there is no such organisation.
    """
    figures = figures_of(replace(frame, static=True))
    if place not in figures.organisations or not figures.organisations[place].is_gp_practice:
        raise _no_such(figures, place)
    links = only(place)
    made = [*organisations.pages(figures, links), *practices.pages(figures, links)]
    return next(iter(_assembled(made).items()))


def _no_such(figures: Figures, place: Place) -> UsageError:
    level, code = place
    known = [one.code for one in figures.of_level(level)]
    some = ", ".join(known[:8]) + (" …" if len(known) > 8 else "")
    return UsageError(
        f"No page can be made for {level} '{code}'.",
        f"The published data hold {len(known)} with a page: {some}." if known else f"They hold no {level} with a page.",
        "Give the code as it stands in the data, in capitals.",
    )


def _assembled(pages: Sequence[SitePage]) -> dict[str, bytes]:
    """The pages with their drawings and their navigation: the places of those that are there, in their order."""
    entries = [page for page in pages if page.place == page.name]
    drawn = with_drawings([page.html for page in pages])
    return {
        page.name: html.replace(NAVIGATION_MARK, _navigation(entries, page)).encode()
        for page, html in zip(pages, drawn, strict=True)
    }


def _navigation(entries: Sequence[SitePage], page: SitePage) -> str:
    """The links of the navigation; none where the page stands alone."""
    if len(entries) < 2:
        return ""
    items = Markup("").join(
        Markup('<li><a href="{}"{}>{}</a></li>').format(
            entry.name, Markup(_current(entry, page)), "Overview" if entry is entries[0] else entry.title
        )
        for entry in entries
    )
    return str(Markup('<nav aria-label="Pages"><ul>{}</ul></nav>').format(items))


def _current(entry: SitePage, page: SitePage) -> str:
    if entry.name == page.name:
        return ' aria-current="page"'
    return ' aria-current="true"' if entry.name == page.place else ""


def _script(figures: Figures, links: Links) -> bytes:
    """The shared script, with the names it searches: all are public registers'."""
    names = [
        [figures.organisations[place].name, place[1], name, {"practice": "GP practice"}.get(place[0], place[0].upper())]
        for place, name in links.files.items()
        if place[0] != "all"
    ]
    program = (assets.TEMPLATE_DIR / SCRIPT).read_text(encoding="utf-8")
    assert program.count(_PAGES_MARK) == 1
    return program.replace(_PAGES_MARK, json.dumps(names, ensure_ascii=True, separators=(",", ":"))).encode()
