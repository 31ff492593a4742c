"""The pages of all that is loaded, of ICBs and PCNs: where they stand, what a change is made of, how they compare."""

from dataclasses import dataclass
from typing import Any

from pipelines.report.doses import doses_of
from pipelines.report.figures import EPD_MEASURES, MISSION_MEASURES, Figures, Organisation, Place
from pipelines.report.figures_compare import control_of, deciles_of, funnel_of, net_change_of, parts_of
from pipelines.report.frame import SitePage
from pipelines.report.links import Links
from pipelines.report.overlap import overlap_of
from pipelines.report.render import fill
from pipelines.report.views import ChildTable, View

MOST_PRACTICES = 400
"""Above this many the practices stand on the pages of their PCNs alone."""
_FUNNEL_MEASURES = ("high_dose", "opioid_gabapentinoid", "long_term")
_DECILE_MEASURES = ("high_dose", *EPD_MEASURES[:1])


@dataclass(frozen=True)
class PracticeRow:
    """A practice in the table of its PCN or ICB: a view a column, None where the measure is absent."""

    organisation: Organisation
    cells: tuple[View | None, ...]


def pages(figures: Figures, links: Links) -> list[SitePage]:
    """Overview first, then ICBs where there are several, then PCNs: those that have a page by `links`."""
    places = [place for level in ("all", "icb", "pcn") for place in links.of_level(level)]
    if not places and links.is_whole:
        return [_page(figures, links, None)]
    return [_page(figures, links, place) for place in places]


def _page(figures: Figures, links: Links, place: Place | None) -> SitePage:
    """One page; `place` is None where nothing at all is published."""
    name = links[place] if place else links.overview
    title = figures.organisations[place].name if place else "Opioid safety summary"
    is_overview = name == links.overview
    html = fill(
        "organisation.html.j2",
        figures.frame,
        page=figures.facts,
        links=links,
        is_overview=is_overview,
        organisation=figures.organisations[place] if place else None,
        names={one: found.name for one, found in figures.organisations.items() if one[0] == "icb"},
        **(_said_of(figures, place) if place else _NOTHING),
    )
    return SitePage(name, title, links.overview if is_overview else links.contents, html)


_NOTHING: dict[str, Any] = {
    **dict.fromkeys(("views", "balancing", "deciles", "funnels", "children", "practices", "practice_measures"), ()),
    **dict.fromkeys(("control", "parts_of_change", "doses", "overlap")),
    "net_changes": {},
    "left_out": 0,
}


def _said_of(figures: Figures, place: Place) -> dict[str, Any]:
    facts = figures.facts
    views = tuple(figures.view(place, measure.id) for measure in facts.measures)
    measures = [name for name in (*MISSION_MEASURES, *EPD_MEASURES[:1]) if _some_practice_has(figures, name)]
    practices = () if place[0] == "all" and figures.below(place, "icb") else _practices(figures, place, measures)
    deciles = [
        deciles_of(figures, figures.view(place, name), _short(figures.organisations[place]))
        for name in _DECILE_MEASURES
        if figures.has(place, name)
    ]
    return {
        "views": views,
        "balancing": () if facts.is_epd_only else _balancing(figures, place),
        "net_changes": {view.measure.id: net_change_of(figures, place, view.measure.id) for view in views},
        "control": control_of(figures, place),
        "parts_of_change": parts_of(figures, place),
        "doses": doses_of(figures.frame.leaving, figures.frame.settings, place),
        "overlap": overlap_of(figures.frame.leaving, figures.frame.settings, place),
        "deciles": tuple(one for one in deciles if one is not None),
        "funnels": _funnels(figures, place),
        "children": _children(figures, place),
        "practices": practices,
        "practice_measures": tuple(figures.measure(name) for name in measures),
        "left_out": figures.without_list(place) if practices else 0,
    }


def _short(organisation: Organisation) -> str:
    return {"all": "all", "icb": "this ICB", "pcn": "this PCN"}[organisation.level]


def _some_practice_has(figures: Figures, measure_id: str) -> bool:
    return any(figures.has(("practice", one.code), measure_id) for one in figures.of_level("practice"))


def _balancing(figures: Figures, place: Place) -> tuple[View, ...]:
    measures = figures.frame.settings.measures.measures
    found = [one.id for one in measures if one.kind == "balancing" and one.unit == "people"]
    return tuple(figures.view(place, name) for name in found if figures.has(place, name))


def _practices(figures: Figures, place: Place, measures: list[str]) -> tuple[PracticeRow, ...]:
    below = figures.below(place, "practice")
    if not measures or len(below) > MOST_PRACTICES:
        return ()
    return tuple(
        PracticeRow(
            one,
            tuple(
                figures.view(("practice", one.code), name) if figures.has(("practice", one.code), name) else None
                for name in measures
            ),
        )
        for one in below
    )


def _children(figures: Figures, place: Place) -> tuple[ChildTable, ...]:
    """The measures of the organisations one level below."""
    if place[0] == "pcn":
        return ()
    level = "icb" if place[0] == "all" and figures.of_level("icb") else "pcn"
    tables = (figures.child_table(place, level, measure.id) for measure in figures.facts.measures)
    return tuple(table for table in tables if table is not None)


def _funnels(figures: Figures, place: Place) -> tuple[Any, ...]:
    """One of people among PCNs, where enough can be shown, and one of items among practices."""
    if place[0] == "pcn":
        return ()
    people = (funnel_of(figures, place, "pcn", name) for name in _FUNNEL_MEASURES)
    first = next((found for found in people if found is not None), None)
    items = funnel_of(figures, place, "practice", "epd_opioid_items")
    return tuple(found for found in (first, items) if found is not None)
