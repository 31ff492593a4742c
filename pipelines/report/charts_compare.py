"""Charts that compare organisations, or take a change apart: deciles, funnel, parts of a fall."""

from typing import Any

from pipelines.report.charts import (
    BLUE,
    GREY,
    NARROW,
    ORANGE,
    PALE,
    TEXT,
    Area,
    Label,
    Layer,
    chart,
    dots,
    labels,
    layer,
    line,
    lines,
    over_months,
    rate_text,
    texts,
    value_axis,
)
from pipelines.report.views import Decile, Deciles, Funnel, FunnelPoint, Parts, months_after

_MEDIAN = 4
_BAR, _GAP = 24, 12
_BESIDE = 9


def decile_chart(found: Deciles, width: int, chart_id: str) -> str:
    """The organisation solid, the deciles of practices thin and dotted, their median dashed."""
    figures = [value for row in found.rows for value in (*row.lines, row.own) if value is not None]
    room = 7 if width > NARROW else 11
    newest = found.rows[-1].month
    area = Area(found.rows[0].month, months_after(newest, room), (max(figures) * 1.1) or 1.0, width - 58)
    others = [[(row.month, row.lines[number]) for row in found.rows] for number in range(9) if number != _MEDIAN]
    layers: list[Layer] = [
        lines(GREY, [1, 3], 1.3, others),
        line(GREY, [6, 4], 2, [(row.month, row.lines[_MEDIAN]) for row in found.rows]),
    ]
    own = [(row.month, row.own) for row in found.rows]
    layers += [line(BLUE, [], 2.8, own), dots(BLUE, 34, own)]
    last = next((row for row in reversed(found.rows) if row.lines[_MEDIAN] is not None), None)
    latest = next((row for row in reversed(found.rows) if row.own is not None), None)
    wanted = []
    if latest is not None and latest.own is not None:
        text = f"{found.own_label} {rate_text(latest.own, found.digits)}"
        wanted.append(Label(latest.own, newest, text, BLUE, "left", 0 if last is None else _away(latest.own, last)))
    if last is not None:
        for number, name in ((_MEDIAN, "median"), (8, "9 in 10 below"), (0, "1 in 10 below")):
            value = last.lines[number]
            if value is not None and (width > NARROW or number == _MEDIAN):
                wanted.append(Label(value, newest, name, GREY, "left", -1 if number else 1, 12))
    return over_months(area, [*layers, *labels(wanted, area)], chart_id)


def _away(own: float, last: Decile) -> int:
    """Which way the organisation's own label moves from the median's."""
    median = last.lines[_MEDIAN]
    return 1 if median is not None and own < median else -1


def funnel_chart(found: Funnel, width: int, chart_id: str) -> str:
    """Rates by list size, with the pooled rate and exact limits of 95 % and 99.8 %; outside ones by shape and name."""
    top = max([point.rate for point in found.points] + [row.high_95 for row in found.curve]) * 1.12 or 1.0
    largest = found.curve[-1].size
    limits = {
        share: [[(row.size, getattr(row, f"{side}_{share}")) for row in found.curve] for side in ("low", "high")]
        for share in ("95", "998")
    }
    layers = [
        _curves([6, 4], limits["95"], top),
        _curves([1, 3], limits["998"], top),
        _curves([], [[(found.curve[0].size, found.centre), (largest, found.centre)]], top),
    ]
    for nature, colour, shape, size in (
        ("within", GREY, "circle", 45),
        ("above", ORANGE, "triangle-up", 90),
        ("below", BLUE, "triangle-down", 90),
    ):
        at = [{"x": point.size, "y": point.rate} for point in found.points if point.nature == nature]
        if at:
            layers.append(_points(colour, shape, size, at))
    named = [_name(point, largest) for point in found.points if point.is_named]
    if width > NARROW and named:
        layers += texts(named)
    axis = {
        "field": "x", "type": "quantitative", "scale": {"domain": [0, largest], "nice": False},
        "axis": {"title": found.size_title, "grid": False, "tickCount": 5 if width > NARROW else 3, "format": ",~f"},
    }  # fmt: skip
    return chart(
        {
            "width": width - 58, "height": 280, "padding": {"left": 2, "right": 16, "top": 4, "bottom": 2},
            "encoding": {"x": axis, "y": value_axis(top)}, "layer": layers,
        },
        chart_id,
    )  # fmt: skip


def _curves(dash: list[int], of: list[list[tuple[float, float]]], top: float) -> Layer:
    mark = {"type": "line", "color": GREY, "strokeDash": dash, "strokeWidth": 1.4, "clip": True}
    rows = [{"x": size, "y": min(value, top), "line": number} for number, ends in enumerate(of) for size, value in ends]
    return layer(mark, rows, detail={"field": "line", "type": "nominal"})


def _points(colour: str, shape: str, size: int, rows: list[dict[str, Any]]) -> Layer:
    return layer({"type": "point", "filled": True, "shape": shape, "size": size, "color": colour, "opacity": 0.9}, rows)


def _name(point: FunnelPoint, largest: float) -> dict[str, Any]:
    """The name beside a mark, on the side where there is room."""
    to_the_left = point.size > largest * 0.7
    return {
        "x": point.size,
        "y": point.rate,
        "text": point.name,
        "colour": TEXT,
        "align": "right" if to_the_left else "left",
        "size": 12,
        "weight": "normal",
        "away": -_BESIDE if to_the_left else _BESIDE,
    }


def parts_chart(found: Parts, width: int, chart_id: str) -> str:
    """What became of the people of the baseline, and who came, as labelled bars; those because of care filled dark."""
    known = [part.people for part in found.parts if part.people is not None]
    largest = max([*known, 1.0])
    rows = [
        {
            "x": 0,
            "x2": part.people or 0,
            "y": number,
            "name": part.words if width > NARROW else part.short,
            "count": part.shown,
            "fill": BLUE if part.is_care else PALE,
        }
        for number, part in enumerate(found.parts)
    ]
    step = _BAR + _GAP + 18
    plain = {"type": "text", "align": "left", "baseline": "middle"}
    axis = {"field": "y", "type": "quantitative", "axis": None}
    layers = [
        layer(
            {"type": "bar", "height": _BAR, "align": "left"},
            rows,
            x2={"field": "x2"},
            color={"field": "fill", "type": "nominal", "scale": None},
        ),
        layer({**plain, "dy": -_BAR // 2 - 9, "fontSize": 13}, rows, text={"field": "name"}),
        layer(
            {**plain, "dx": 6, "fontWeight": "bold"},
            [{**row, "x": row["x2"]} for row in rows],
            text={"field": "count"},
        ),
    ]
    reach = {"domain": [0, largest * 1.15], "nice": False}
    return chart(
        {
            "width": width - 12, "height": step * len(rows),
            "padding": {"left": 2, "right": 6, "top": 2, "bottom": 2},
            "encoding": {
                "x": {"field": "x", "type": "quantitative", "axis": None, "scale": reach},
                "y": {**axis, "scale": {"domain": [len(rows) - 0.4, -0.6], "nice": False}},
            },
            "layer": layers,
        },
        chart_id,
    )  # fmt: skip
