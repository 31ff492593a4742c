"""What all charts share: Vega-Lite specifications of protected figures, and how they come to stand in a page as SVG.

Two widths are drawn, one for wide screens and paper, one for a phone; the page shows the one that fits.
Shape and text carry what colour carries. charts_trend.py, charts_compare.py and their like hold the charts themselves.
Until all pages are made a chart stands in them as its specification; drawing.py then draws them together.
"""

import json
import math
import re
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime
from functools import cache
from typing import Any, NamedTuple

from pipelines import assets
from pipelines.report.drawing import drawings
from pipelines.report.views import months_after, months_between

WIDE, NARROW = 760, 340
BLUE, GREY, RED, TEXT = "#005eb8", "#4c6272", "#d5281b", "#212b32"
ORANGE, PALE = "#b3500c", "#aeb7bd"
"""Concern, and fills that carry no meaning of their own."""
HATCHED = "#fdfefd"
"""Stands for hatching until the drawing is there: Vega knows no patterns."""
HEIGHT = 250

Layer = dict[str, Any]

WHITE_EDGE = {"stroke": "white", "strokeWidth": 4, "strokeJoin": "round"}
"""For texts: `with_drawings` puts it behind them."""
_LABEL_GAP, _AWAY = 17, 7
_CONFIG: dict[str, Any] = {
    "font": "Arial",
    "aria": False,
    "background": None,
    "view": {"stroke": None},
    "axis": {
        "labelFontSize": 13, "titleFontSize": 13, "labelColor": TEXT, "titleColor": TEXT, "titleFontWeight": "normal",
        "gridColor": "#e1e6ea", "domainColor": "#768692", "tickColor": "#768692",
        # Nothing here is long enough to be cut, and each limit has the text measured twice again.
        "labelLimit": 0, "titleLimit": 0,
    },
    "title": {"limit": 0},
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


def chart(spec: dict[str, Any], chart_id: str) -> str:
    """A specification, without its `config`, as it stands in a page until `with_drawings` draws it."""
    whole = {"$schema": "https://vega.github.io/schema/vega-lite/v5.json", **spec, "config": _CONFIG}
    told = json.dumps(whole, separators=(",", ":"))
    # No text in it may end the comment.
    return f"<!-- chart {chart_id} {told.replace('<', _LESS).replace('>', _GREATER)} -->"


_LESS, _GREATER = r"\u003c", r"\u003e"
_FONTS = "no_fonts.conf"
_CHART = re.compile(r"<!-- chart (\S+) ({.*?}) -->")


def with_drawings(pages: Sequence[str], workers: int | None = None) -> list[str]:
    """The pages with every chart drawn, as inline SVG.

    A drawing scales with the page, is hidden from readers aloud (the figure round it speaks), and shares no ids with
    others of its page.
    """
    found = [told for page in pages for told in _CHART.findall(page)]
    drawn = drawings([spec for _, spec in found], assets.TEMPLATE_DIR / _FONTS, workers)
    inline = iter([_inline(svg, chart_id) for svg, (chart_id, _) in zip(drawn, found, strict=True)])
    return [_CHART.sub(lambda _: next(inline), page) for page in pages]


_HATCHING = (
    '<defs><pattern id="{id}" width="7" height="7" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">'
    f'<rect width="7" height="7" fill="#ffffff"/><rect width="2" height="7" fill="{GREY}"/></pattern></defs>'
)


def _inline(svg: str, chart_id: str) -> str:
    svg = re.sub(r"^<\?xml[^>]*\?>", "", svg).strip()
    # Vega counts on from drawing to drawing: numbered anew, a chart is the same wherever and whenever it is drawn.
    ids = {name: f"{chart_id}-{number}" for number, name in enumerate(re.findall(r'\bid="([^"]+)"', svg), 1)}
    svg = re.sub(r'\bid="([^"]+)"', lambda name: f'id="{ids[name[1]]}"', svg)
    svg = re.sub(r"url\(#([^)]+)\)", lambda name: f"url(#{ids[name[1]]})", svg)
    svg = re.sub(r'<svg\b([^>]*?)\swidth="[^"]*"', r"<svg\1", svg, count=1)
    svg = re.sub(r'<svg\b([^>]*?)\sheight="[^"]*"', r"<svg\1", svg, count=1)
    # The white edge of a text lies behind it.
    svg = re.sub(r'(<text\b[^>]*?)\sstroke="white"', r'\1 paint-order="stroke" stroke="white"', svg)
    if HATCHED in svg:
        svg = svg.replace(f'fill="{HATCHED}"', f'fill="url(#{chart_id}-hatching)"')
        hatching = _HATCHING.format(id=f"{chart_id}-hatching")
        svg = re.sub(r"(<svg\b[^>]*>)", lambda start: start[1] + hatching, svg, count=1)
    return svg.replace("<svg", '<svg aria-hidden="true" focusable="false"', 1)


def over_months(area: Area, layers: list[Layer], chart_id: str) -> str:
    """Layers whose `x` is a month and whose `y` is a value."""
    return chart(
        {
            "width": area.width,
            "height": area.height,
            "padding": {"left": 2, "right": 6, "top": 4, "bottom": 2},
            "encoding": {"x": _month_axis(area), "y": value_axis(area.top, area.bottom)},
            "layer": layers,
        },
        chart_id,
    )


@cache
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
                "away": _AWAY if label.align == "left" else 0,
            }
        )
    return texts(rows) if rows else []


def texts(rows: Sequence[dict[str, Any]]) -> list[Layer]:
    """Texts with a white edge; each row has x, y, text, colour, align, size, weight and `away`, the pixels across."""
    said = {name: {"expr": f"datum.{name}"} for name in ("align", "size", "weight", "away")}
    mark = {
        "type": "text", "baseline": "middle",
        "align": said["align"], "fontSize": said["size"], "fontWeight": said["weight"], "dx": said["away"],
    }  # fmt: skip
    text = {"field": "text", "type": "nominal"}
    colour = {"field": "colour", "type": "nominal", "scale": None}
    return [layer({**mark, **WHITE_EDGE}, rows, text=text, color=colour)]


def rate_text(value: float, digits: int) -> str:
    """A rate or count with thousands marked: 0.47, 13.1, 15,681."""
    return f"{value:,.{digits}f}"
