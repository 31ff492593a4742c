"""What all charts share: Vega-Lite specifications of protected figures, drawn to inline SVG by vl-convert.

Two widths are drawn, one for wide screens and paper, one for a phone; the page shows the one that fits.
Shape and text carry what colour carries. charts_trend.py and charts_compare.py hold the charts themselves.
"""

import math
import re
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime
from typing import Any, NamedTuple

import vl_convert

from pipelines.report.views import months_after, months_between

WIDE, NARROW = 760, 340
BLUE, GREY, RED, TEXT = "#005eb8", "#4c6272", "#d5281b", "#212b32"
ORANGE, PALE = "#b3500c", "#aeb7bd"
"""Concern, and fills that carry no meaning of their own."""
HEIGHT = 250

Layer = dict[str, Any]

_LABEL_GAP = 17
_CONFIG: dict[str, Any] = {
    "font": "Arial",
    "aria": False,
    "background": None,
    "view": {"stroke": None},
    "axis": {
        "labelFontSize": 13, "titleFontSize": 13, "labelColor": TEXT, "titleColor": TEXT, "titleFontWeight": "normal",
        "gridColor": "#e1e6ea", "domainColor": "#768692", "tickColor": "#768692",
    },
    "text": {"fontSize": 13, "color": TEXT},
}  # fmt: skip


class Area(NamedTuple):
    """The drawing area: its months, the ends of its value axis, its width in pixels."""

    first: date
    last: date
    top: float
    width: int
    bottom: float = 0.0
    height: int = HEIGHT

    def across(self, month: date) -> float:
        return self.width * months_between(self.first, month) / max(1, months_between(self.first, self.last))

    def down(self, value: float) -> float:
        return self.height * (self.top - value) / (self.top - self.bottom)

    def value_at(self, pixel: float) -> float:
        return self.top - (self.top - self.bottom) * pixel / self.height


class Label(NamedTuple):
    """Text at a value and month; `shift` in pixels, down is positive, also says which way it may move on."""

    value: float
    month: date
    text: str
    colour: str
    align: str
    shift: int
    size: int = 13

    def extent(self, area: Area) -> tuple[float, float]:
        """From where to where it runs across, roughly."""
        long, at = len(self.text) * self.size * 0.53, area.across(self.month)
        start = {"left": at, "center": at - long / 2, "right": at - long}[self.align]
        return start, start + long


def draw(spec: dict[str, Any], chart_id: str) -> str:
    """A specification, without its `config`, as inline SVG.

    It scales with the page, is hidden from readers aloud (the figure round it speaks), and shares no ids with others.
    """
    whole = {"$schema": "https://vega.github.io/schema/vega-lite/v5.json", **spec, "config": _CONFIG}
    svg = re.sub(r"^<\?xml[^>]*\?>", "", vl_convert.vegalite_to_svg(whole)).strip()
    svg = re.sub(r'\bid="([^"]+)"', rf'id="{chart_id}-\1"', svg)
    svg = re.sub(r"url\(#([^)]+)\)", rf"url(#{chart_id}-\1)", svg)
    svg = re.sub(r'<svg\b([^>]*?)\swidth="[^"]*"', r"<svg\1", svg, count=1)
    svg = re.sub(r'<svg\b([^>]*?)\sheight="[^"]*"', r"<svg\1", svg, count=1)
    return svg.replace("<svg", '<svg aria-hidden="true" focusable="false"', 1)


def over_months(area: Area, layers: list[Layer], chart_id: str) -> str:
    """Layers whose `x` is a month and whose `y` is a value, drawn."""
    return draw(
        {
            "width": area.width,
            "height": area.height,
            "padding": {"left": 2, "right": 6, "top": 4, "bottom": 2},
            "encoding": {"x": _month_axis(area), "y": value_axis(area.top, area.bottom)},
            "layer": layers,
        },
        chart_id,
    )


def moment(month: date) -> int:
    """A month as milliseconds UTC, so that no local time zone moves it."""
    return int(datetime(month.year, month.month, 1, tzinfo=UTC).timestamp()) * 1000


def _month_axis(area: Area) -> dict[str, Any]:
    span = months_between(area.first, area.last)
    most = 6 if area.width > NARROW else 3
    step = next(size for size in (1, 2, 3, 6, 12, 24, 60, 120) if span // size <= most)
    months = [months_after(area.first, number) for number in range(span + 1)]
    ticks = [month for month in months if (month.year * 12 + month.month - 1) % step == 0]
    return {
        "field": "x",
        "type": "temporal",
        "scale": {"type": "utc", "domain": [moment(area.first), moment(area.last)]},
        "axis": {
            "title": None, "values": [moment(month) for month in ticks], "format": "%b %Y", "grid": False,
            "labelOverlap": True, "labelFlush": True,
        },
    }  # fmt: skip


def value_axis(top: float, bottom: float = 0.0) -> dict[str, Any]:
    return {
        "field": "y",
        "type": "quantitative",
        "scale": {"domain": [bottom, top], "nice": False, "zero": bottom == 0},
        "axis": {"title": None, "tickCount": 5, "format": ",~f"},
    }


def layer(mark: dict[str, Any], rows: Sequence[dict[str, Any]], **encoding: Any) -> Layer:
    return {"data": {"values": list(rows)}, "mark": mark, "encoding": encoding}


def line(colour: str, dash: list[int], width: float, ends: Iterable[tuple[date, float | None]]) -> Layer:
    """A line through months; broken where a value is None."""
    mark = {"type": "line", "color": colour, "strokeDash": dash, "strokeWidth": width}
    return layer(
        {**mark, "invalid": "break-paths-filter-domains"}, [{"x": moment(month), "y": value} for month, value in ends]
    )


def dots(colour: str, size: int, at: Iterable[tuple[date, float | None]], **more: Any) -> Layer:
    """Filled dots at months; none where a value is None."""
    mark = {"type": "point", "filled": True, "size": size, "color": colour, "opacity": 1, **more}
    return layer(mark, [{"x": moment(month), "y": value} for month, value in at if value is not None])


def lines(colour: str, dash: list[int], width: float, of: Iterable[Iterable[tuple[date, float | None]]]) -> Layer:
    """Several lines that look alike, in one layer."""
    mark = {"type": "line", "color": colour, "strokeDash": dash, "strokeWidth": width}
    rows = [{"x": moment(month), "y": value, "line": number} for number, ends in enumerate(of) for month, value in ends]
    return layer({**mark, "invalid": "break-paths-filter-domains"}, rows, detail={"field": "line", "type": "nominal"})


def labels(wanted: Iterable[Label], area: Area) -> list[Layer]:
    """Labels beside what they name, each on a white edge, moved apart where they would lie on one another."""
    rows: list[dict[str, Any]] = []
    taken: list[tuple[float, float, float]] = []
    for label in wanted:
        start, end = label.extent(area)
        beside = [pixel for pixel, begins, ends in taken if begins < end and start < ends]
        pixel = area.down(label.value) + label.shift
        while any(abs(pixel - other) < _LABEL_GAP for other in beside):
            pixel += math.copysign(2, label.shift)
        taken.append((pixel, start, end))
        rows.append(
            {
                "x": moment(label.month),
                "y": area.value_at(pixel),
                "text": label.text,
                "colour": label.colour,
                "align": label.align,
                "size": label.size,
                "weight": "normal" if label.size == 12 else "bold",
            }
        )
    return texts(rows) if rows else []


def texts(rows: Sequence[dict[str, Any]]) -> list[Layer]:
    """Texts with a white edge; each row has x, y, text, colour, align, size, weight."""
    said = {name: {"expr": f"datum.{name}"} for name in ("align", "size", "weight")}
    mark = {
        "type": "text", "baseline": "middle",
        "align": said["align"], "fontSize": said["size"], "fontWeight": said["weight"],
    }  # fmt: skip
    text = {"field": "text", "type": "nominal"}
    return [
        layer({**mark, "color": "white", "stroke": "white", "strokeWidth": 4}, rows, text=text),
        layer(mark, rows, text=text, color={"field": "colour", "type": "nominal", "scale": None}),
    ]


def rate_text(value: float, digits: int) -> str:
    """A rate or count with thousands marked: 0.47, 13.1, 15,681."""
    return f"{value:,.{digits}f}"
