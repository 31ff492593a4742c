"""Run charts as inline SVG: Vega-Lite specifications of protected figures, drawn by vl-convert.

Two widths are drawn, one for wide screens and paper, one for a phone; the page shows the one that fits.
Shape and text carry what colour carries.
"""

import math
import re
from datetime import UTC, date, datetime
from typing import Any, NamedTuple

import vl_convert

from pipelines.report.views import Point, View, months_after, months_between

WIDE, NARROW = 760, 340
BLUE, GREY, RED, TEXT = "#005eb8", "#4c6272", "#d5281b", "#212b32"

_HEIGHT = 250
_LABEL_GAP = 17
_PIXELS_FOR_MARK = 22
_ROOM_FOR_LABELS_MONTHS = {WIDE: 6, NARROW: 10}


class _Frame(NamedTuple):
    """The drawing area: its months, the top of its value axis, its width in pixels."""

    first: date
    last: date
    top: float
    width: int

    def across(self, month: date) -> float:
        return self.width * months_between(self.first, month) / months_between(self.first, self.last)

    def down(self, value: float) -> float:
        return _HEIGHT * (1 - value / self.top)

    def value_at(self, pixel: float) -> float:
        return self.top * (1 - pixel / _HEIGHT)


class _Label(NamedTuple):
    """Text at a value and month; `shift` in pixels, down is positive, also says which way it may move on."""

    value: float
    month: date
    text: str
    colour: str
    align: str
    shift: int
    size: int = 13

    def extent(self, frame: _Frame) -> tuple[float, float]:
        """From where to where it runs across, roughly."""
        long, at = len(self.text) * self.size * 0.53, frame.across(self.month)
        start = {"left": at, "center": at - long / 2, "right": at - long}[self.align]
        return start, start + long


def run_chart(view: View, width: int, chart_id: str) -> str:
    """The SVG of one measure: observed months, baseline, and for the headline measure trajectory and aim."""
    first = next(point.month for point in view.points if point.is_loaded and not point.too_short)
    points = [point for point in view.points if point.month >= first]
    last = _last_month(view, points, width)
    top = _top(view, points)
    layers = [
        *_baseline_and_aim(view, last),
        *_observed(points),
        *_hidden_marks(points, width / (months_between(first, last) + 1)),
        *_latest(view),
        *_labels(view, points, _Frame(first, last, top, width - 50)),
    ]
    spec = {
        "$schema": "https://vega.github.io/schema/vega-lite/v5.json",
        "width": width - 50,
        "height": _HEIGHT,
        "padding": {"left": 2, "right": 6, "top": 4, "bottom": 2},
        "encoding": {"x": _month_axis(first, last, width), "y": _value_axis(top)},
        "layer": layers,
        "config": _CONFIG,
    }
    return _inline(vl_convert.vegalite_to_svg(spec), chart_id)


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


def _moment(month: date) -> int:
    """A month as milliseconds UTC, so that no local time zone moves it."""
    return int(datetime(month.year, month.month, 1, tzinfo=UTC).timestamp()) * 1000


def _last_month(view: View, points: list[Point], width: int) -> date:
    newest = points[-1].month
    room = months_after(newest, _ROOM_FOR_LABELS_MONTHS[width])
    return max(view.aim.month, room) if view.aim else room


def _top(view: View, points: list[Point]) -> float:
    """The top of the value axis: some air above the highest figure."""
    figures = [point.value for point in points if point.value is not None]
    figures += [point.high for point in points if point.high is not None and point == view.latest]
    highest = max([*figures, view.baseline or 0.0])
    return highest * 1.2 if highest else 1.0


def _month_axis(first: date, last: date, width: int) -> dict[str, Any]:
    span = months_between(first, last)
    most = 6 if width == WIDE else 3
    step = next(size for size in (1, 2, 3, 6, 12, 24, 60, 120) if span // size <= most)
    months = [months_after(first, number) for number in range(span + 1)]
    ticks = [month for month in months if (month.year * 12 + month.month - 1) % step == 0]
    return {
        "field": "x",
        "type": "temporal",
        "scale": {"type": "utc", "domain": [_moment(first), _moment(last)]},
        "axis": {
            "title": None, "values": [_moment(month) for month in ticks], "format": "%b %Y", "grid": False,
            "labelOverlap": True, "labelFlush": True,
        },
    }  # fmt: skip


def _value_axis(top: float) -> dict[str, Any]:
    return {
        "field": "y",
        "type": "quantitative",
        "scale": {"domain": [0, top], "nice": False, "zero": True},
        "axis": {"title": None, "tickCount": 5, "format": ",~f"},
    }


def _layer(mark: dict[str, Any], rows: list[dict[str, Any]], **encoding: Any) -> dict[str, Any]:
    return {"data": {"values": rows}, "mark": mark, "encoding": encoding}


def _line(colour: str, dash: list[int], width: float, ends: list[tuple[date, float]]) -> dict[str, Any]:
    mark = {"type": "line", "color": colour, "strokeDash": dash, "strokeWidth": width}
    return _layer(mark, [{"x": _moment(month), "y": value} for month, value in ends])


def _baseline_and_aim(view: View, last: date) -> list[dict[str, Any]]:
    if view.baseline is None or view.baseline_month is None:
        return []
    begin = view.baseline_month
    lines = [_line(GREY, [6, 4], 1.5, [(begin, view.baseline), (last, view.baseline)])]
    if view.aim:
        lines.append(_line(RED, [2, 3], 1.5, [(begin, view.aim.rate), (last, view.aim.rate)]))
        lines.append(_line(RED, [], 1.5, [(begin, view.baseline), (view.aim.month, view.aim.rate)]))
        goal = {"type": "point", "shape": "diamond", "filled": True, "size": 110, "color": RED, "opacity": 1}
        lines.append(_layer(goal, [{"x": _moment(view.aim.month), "y": view.aim.rate}]))
    return lines


def _observed(points: list[Point]) -> list[dict[str, Any]]:
    """The months as a line with dots, broken where a month is hidden or missing; provisional months hollow."""
    settled = [{"x": _moment(point.month), "y": None if point.provisional else point.value} for point in points]
    drawn = [row for row in settled if row["y"] is not None]
    line = {"type": "line", "color": BLUE, "strokeWidth": 2.5, "invalid": "break-paths-filter-domains"}
    dots = {"type": "point", "filled": True, "size": 38, "color": BLUE, "opacity": 1}
    hollow = {**dots, "fill": "white", "stroke": BLUE, "strokeWidth": 2, "size": 60}
    provisional = [point for point in points if point.provisional]
    open_dots = [{"x": _moment(p.month), "y": p.value} for p in provisional if p.value is not None]
    return [_layer(line, settled), _layer(dots, drawn), _layer(hollow, open_dots)]


def _hidden_marks(points: list[Point], pixels_per_month: float) -> list[dict[str, Any]]:
    text = "[c]" if pixels_per_month >= _PIXELS_FOR_MARK else "c"
    mark = {"type": "text", "text": text, "baseline": "bottom", "dy": -3, "color": GREY, "fontSize": 12}
    return [_layer(mark, [{"x": _moment(point.month), "y": 0} for point in points if point.suppressed])]


def _latest(view: View) -> list[dict[str, Any]]:
    """The latest month with its interval."""
    if view.latest is None or view.latest.value is None:
        return []
    x, latest = _moment(view.latest.month), view.latest
    dot = {"type": "point", "filled": True, "size": 130, "color": BLUE, "opacity": 1}
    layers = [_layer(dot, [{"x": x, "y": latest.value}])]
    if latest.low is not None and latest.high is not None:
        rule = {"type": "rule", "color": BLUE, "strokeWidth": 1.5}
        layers.insert(0, _layer(rule, [{"x": x, "y": latest.low, "y2": latest.high}], y2={"field": "y2"}))
    return layers


def _labels(view: View, points: list[Point], frame: _Frame) -> list[dict[str, Any]]:
    """Labels beside what they name, moved apart where they would lie on one another."""
    latest, digits = view.latest, view.digits
    labels: list[_Label] = []
    if latest is not None and latest.value is not None:
        above = max(latest.high or 0.0, latest.value)
        labels.append(_Label(above, latest.month, rate_text(latest.value, digits), BLUE, "center", -12, 15))
    if view.baseline is not None:
        text = f"Baseline {rate_text(view.baseline, digits)}"
        labels.append(_Label(view.baseline, frame.last, text, GREY, "right", -9))
    if view.aim:
        text = f"Aim {rate_text(view.aim.rate, digits)}"
        labels.append(_Label(view.aim.rate, frame.last, text, RED, "right", 12))
    labels += [
        _Label(point.value, point.month, "provisional", GREY, "left", 16, 12)
        for point in points
        if point.provisional and point.value is not None and frame.width > NARROW
    ]
    layers: list[dict[str, Any]] = []
    taken: list[tuple[float, float, float]] = []
    for label in labels:
        start, end = label.extent(frame)
        beside = [pixel for pixel, begins, ends in taken if begins < end and start < ends]
        pixel = frame.down(label.value) + label.shift
        while any(abs(pixel - other) < _LABEL_GAP for other in beside):
            pixel += math.copysign(2, label.shift)
        taken.append((pixel, start, end))
        at = {"x": _moment(label.month), "y": frame.value_at(pixel)}
        mark = {
            "type": "text", "text": label.text, "align": label.align, "baseline": "middle",
            "fontSize": label.size, "fontWeight": "normal" if label.size == 12 else "bold",
        }  # fmt: skip
        layers.append(_layer({**mark, "color": "white", "stroke": "white", "strokeWidth": 4}, [at]))
        layers.append(_layer({**mark, "color": label.colour}, [at]))
    return layers


def rate_text(value: float, digits: int) -> str:
    """A rate or count with thousands marked: 0.47, 13.1, 15,681."""
    return f"{value:,.{digits}f}"


def _inline(svg: str, chart_id: str) -> str:
    """SVG to stand in a page: it scales, is hidden from readers aloud (the figure speaks), and shares no ids."""
    svg = re.sub(r"^<\?xml[^>]*\?>", "", svg).strip()
    svg = re.sub(r'\bid="([^"]+)"', rf'id="{chart_id}-\1"', svg)
    svg = re.sub(r"url\(#([^)]+)\)", rf"url(#{chart_id}-\1)", svg)
    svg = re.sub(r'<svg\b([^>]*?)\swidth="[^"]*"', r"<svg\1", svg, count=1)
    svg = re.sub(r'<svg\b([^>]*?)\sheight="[^"]*"', r"<svg\1", svg, count=1)
    return svg.replace("<svg", '<svg aria-hidden="true" focusable="false"', 1)
