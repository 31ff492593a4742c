"""The page that lists every organisation with a page of its own: with the script it can be searched and sorted."""

from pipelines.report.figures import MISSION_MEASURES, Figures
from pipelines.report.frame import SitePage
from pipelines.report.links import CONTENTS, Links
from pipelines.report.render import fill

_MEASURES = (*MISSION_MEASURES[:1], "epd_ome_total")
MOST_WITH_FIGURES = 2000
"""Above this many organisations the list holds names alone, so that it opens at once."""


def page(figures: Figures, links: Links) -> SitePage:
    """organisations.html."""
    organisations = [figures.organisations[place] for place in links.files]
    measures = _MEASURES if len(organisations) <= MOST_WITH_FIGURES else ()
    columns = [name for name in measures if name in figures.measures and _anywhere(figures, links, name)]
    rows = [
        (
            one,
            [
                figures.view((one.level, one.code), name) if figures.has((one.level, one.code), name) else None
                for name in columns
            ],
        )
        for one in organisations
    ]
    html = fill(
        "organisations.html.j2",
        figures.frame,
        page=figures.facts,
        links=links,
        rows=rows,
        columns=[figures.measure(name) for name in columns],
        names={place: one.name for place, one in figures.organisations.items()},
    )
    return SitePage(CONTENTS, "Find an organisation", CONTENTS, html)


def _anywhere(figures: Figures, links: Links, measure_id: str) -> bool:
    return any(figures.has(place, measure_id) for place in links.files)
