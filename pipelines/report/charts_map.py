"""A map of protected rates: five shades that differ in grey too, figures in the areas, hatching where one is hidden."""

import re
from typing import Any

from pipelines.report.boundaries import HEIGHT, WIDTH
from pipelines.report.charts import GREY, NARROW, TEXT, Layer, draw, layer, rate_text
from pipelines.report.map_areas import SHADES, AreaView, MapView

_HATCHED = "#fdfefd"
"""Stands for the hatching until the drawing is there: Vega knows no patterns."""
_MOST_FIGURES = {True: 60, False: 14}
_HATCHING = (
    '<defs><pattern id="{id}-hatching" width="7" height="7" '
    'patternUnits="userSpaceOnUse" patternTransform="rotate(45)">'
    '<rect width="7" height="7" fill="#ffffff"/><rect width="2" height="7" fill="{grey}"/></pattern></defs>'
)


def map_chart(found: MapView, width: int, chart_id: str) -> str:
    """The areas as they lie, drawn flat: nothing is projected, so a shape of either winding is right."""
    scale = (width - 8) / WIDTH
    layers = [_shape(area) for area in found.areas if area.polygons]
    layers += _figures(found, width)
    svg = draw(
        {
            "width": width - 8, "height": HEIGHT * scale, "padding": 4,
            "projection": {"type": "identity", "scale": scale, "translate": [0, 0]},
            "layer": layers,
        },
        chart_id,
    )  # fmt: skip
    hatching = _HATCHING.format(id=chart_id, grey=GREY)
    svg = svg.replace(f'fill="{_HATCHED}"', f'fill="url(#{chart_id}-hatching)"')
    return re.sub(r"(<svg\b[^>]*>)", lambda start: start.group(1) + hatching, svg, count=1)


def _shape(area: AreaView) -> Layer:
    geometry: dict[str, Any] = {"type": "MultiPolygon", "coordinates": area.polygons}
    fill = _HATCHED if area.step is None else SHADES[area.step]
    return {
        "data": {"values": {"type": "Feature", "properties": {}, "geometry": geometry}, "format": {"type": "json"}},
        "mark": {
            "type": "geoshape",
            "fill": fill,
            "stroke": GREY,
            "strokeWidth": 0.8,
        },
    }


def _figures(found: MapView, width: int) -> list[Layer]:
    """Each area's figure in it, dark on light and light on dark; none where there would be too many to read."""
    drawn = [area for area in found.areas if area.middle]
    if len(drawn) > _MOST_FIGURES[width > NARROW]:
        return []
    scale = (width - 8) / WIDTH
    layers = []
    for area in drawn:
        assert area.middle is not None
        text = area.shown if area.rate is None else rate_text(area.rate, found.digits)
        dark = area.step is not None and area.step >= len(SHADES) - 2
        mark = {
            "type": "text", "text": text, "fontSize": 13, "fontWeight": "bold", "color": "white" if dark else TEXT,
            "x": area.middle[0] * scale, "y": area.middle[1] * scale,
        }  # fmt: skip
        if not dark:
            layers.append(layer({**mark, "stroke": "white", "strokeWidth": 3, "color": "white"}, [{}]))
        layers.append(layer(mark, [{}]))
    return layers
