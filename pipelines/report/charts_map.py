"""A map of protected rates: five shades that differ in grey too, figures in the areas, hatching where one is hidden."""

from typing import Any

from pipelines.report.boundaries import HEIGHT, WIDTH
from pipelines.report.charts import GREY, HATCHED, NARROW, TEXT, WHITE_EDGE, Layer, chart, layer, rate_text
from pipelines.report.map_areas import SHADES, AreaView, MapView

_MOST_FIGURES = {True: 60, False: 14}


def map_chart(found: MapView, width: int, chart_id: str) -> str:
    """The areas as they lie, drawn flat: nothing is projected, so a shape of either winding is right."""
    scale = (width - 8) / WIDTH
    layers = [_shape(area) for area in found.areas if area.polygons]
    layers += _figures(found, width)
    return chart(
        {
            "width": width - 8, "height": HEIGHT * scale, "padding": 4,
            "projection": {"type": "identity", "scale": scale, "translate": [0, 0]},
            "layer": layers,
        },
        chart_id,
    )  # fmt: skip


def _shape(area: AreaView) -> Layer:
    geometry: dict[str, Any] = {"type": "MultiPolygon", "coordinates": area.polygons}
    fill = HATCHED if area.step is None else SHADES[area.step]
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
        layers.append(layer(mark if dark else {**mark, **WHITE_EDGE}, [{}]))
    return layers
