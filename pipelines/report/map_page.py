"""The page with the map, where report.toml names boundaries: never needed, its table says the same."""

from pipelines.report.frame import Frame, SitePage
from pipelines.report.map_areas import SHADES, map_view
from pipelines.report.render import fill

PAGE = "map.html"


def pages(frame: Frame) -> list[SitePage]:
    """One page; none without boundaries or without patients."""
    found = map_view(frame.leaving, frame.settings) if frame.leaving.has_patients else None
    if found is None:
        return []
    html = fill("map.html.j2", frame, found=found, shades=list(zip(SHADES, found.steps, strict=False)))
    return [SitePage(PAGE, "Map", PAGE, html)]
