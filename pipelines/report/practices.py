"""The page of a GP practice: audit and feedback on two sheets, with nobody's own data on it."""

from dataclasses import dataclass

from pipelines.action_settings import Action
from pipelines.report.figures import MISSION_MEASURES, PRACTICE_EPD_MEASURES, Figures
from pipelines.report.figures_compare import Similar, deciles_of, similar_practices, standing_of
from pipelines.report.frame import SitePage
from pipelines.report.links import Links
from pipelines.report.render import fill
from pipelines.report.views import Deciles, Standing

_SHOWN_SHARE = 0.8
"""Of the months of a chart, at least so many are to have a figure."""
_HIGHEST_FIFTH = 9


@dataclass(frozen=True)
class Suggestion:
    """An action and the figure that brought it up; None where it holds for every practice."""

    action: Action
    standing: Standing | None


def pages(figures: Figures, links: Links) -> list[SitePage]:
    """A page for each practice that has one by `links`."""
    codes = [code for _, code in links.of_level("practice")]
    if not codes:
        return []
    measures = [name for name in (*MISSION_MEASURES, *PRACTICE_EPD_MEASURES) if name in figures.measures]
    wanted = dict.fromkeys([*measures, *sorted(figures.frame.settings.actions.measures)])
    similar = {name: similar_practices(figures, name) for name in wanted}
    return [_page(figures, links, code, measures, similar) for code in codes]


def _page(figures: Figures, links: Links, code: str, measures: list[str], similar: dict[str, Similar]) -> SitePage:
    place = ("practice", code)
    organisation = figures.organisations[place]
    standings = {name: standing_of(figures, code, name, similar[name]) for name in similar if figures.has(place, name)}
    told = next((standings[name] for name in measures if name in standings and _is_told(standings[name])), None)
    pcn = figures.organisations.get(("pcn", organisation.pcn_code or ""))
    html = fill(
        "practice.html.j2",
        figures.frame,
        page=figures.facts,
        links=links,
        organisation=organisation,
        pcn=pcn,
        told=told,
        deciles=_chart(figures, told),
        standings=tuple(standings[name] for name in measures if name in standings),
        hidden=tuple(one for one in standings.values() if one.view.state == "suppressed"),
        suggestions=suggestions(figures, standings),
        list_size=_list_size(figures, code),
    )
    return SitePage(links[place], organisation.name, links.contents, html)


def _is_told(standing: Standing) -> bool:
    """Whether a figure can carry the page: it is shown now and in most months, and similar practices' too."""
    view = standing.view
    months = [point for point in view.points if point.is_loaded and not point.too_short]
    shown = sum(point.value is not None for point in months)
    return (
        view.state == "shown"
        and view.basis == "rate"
        and standing.similar is not None
        and shown >= max(2, _SHOWN_SHARE * len(months))
    )


def _chart(figures: Figures, told: Standing | None) -> Deciles | None:
    return None if told is None else deciles_of(figures, told.view, "this practice")


def _list_size(figures: Figures, code: str) -> int | None:
    """Registered patients in the newest month of open data or of the pages."""
    rows = figures.rows(("practice", code))
    for measure_id in ("epd_opioid_items", "high_dose"):
        month = figures.as_at(measure_id)
        row = rows.get(measure_id, {}).get(month) if month else None
        if row and row["denominator"]:
            return int(row["denominator"])
    return None


def suggestions(figures: Figures, standings: dict[str, Standing]) -> tuple[Suggestion, ...]:
    """The first actions of actions.toml that the practice's own figures bring up, one a topic."""
    settings = figures.frame.settings.actions
    chosen: list[Suggestion] = []
    for action in settings.actions:
        standing = standings.get(action.measure) if action.measure else None
        is_new = action.topic not in {one.action.topic for one in chosen}
        if is_new and len(chosen) < settings.how_many and _brought_up(action, standing, settings.rising_pct):
            chosen.append(Suggestion(action, standing))
    return tuple(chosen)


def _brought_up(action: Action, standing: Standing | None, rising_pct: int) -> bool:
    if action.when == "always":
        return True
    if standing is None:
        return False
    view = standing.view
    if action.when == "hidden":
        return view.state == "suppressed"
    if view.state != "shown" or view.latest is None or view.latest.value is None:
        return False
    if action.when == "some":
        return view.latest.value > 0
    if action.when == "highest_fifth":
        return standing.tenth is not None and standing.tenth >= _HIGHEST_FIFTH and view.latest.value > 0
    if action.when == "above_similar":
        return standing.similar is not None and view.latest.value > standing.similar
    return standing.year_change_pct is not None and standing.year_change_pct >= rising_pct
