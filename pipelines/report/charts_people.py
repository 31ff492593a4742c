"""Charts of groups of people: equity, overlap of cohorts, doses. All counts are protected."""

from typing import Any

from pipelines.report.charts import BLUE, GREY, NARROW, PALE, RED, TEXT, Layer, chart, layer
from pipelines.report.doses import DoseBand, Doses
from pipelines.report.equity_groups import Group, Grouping
from pipelines.report.overlap import Intersection, Overlap

_BAR, _ROW = 22, 60
_SIGNED = "datum.value ? format(datum.value, '+~f') : '0'"
_NAME = {"type": "text", "align": "left", "baseline": "middle", "fontSize": 13, "color": TEXT}
_PADDING = {"left": 2, "right": 6, "top": 4, "bottom": 2}
_BOLD: dict[str, Any] = {"fontWeight": "bold"}


def _rows_axis(count: int) -> dict[str, Any]:
    """One row below the other, named by text in the chart."""
    scale = {"domain": [count - 0.4, -0.6], "nice": False}
    return {"field": "row", "type": "quantitative", "axis": None, "scale": scale}


def _across(domain: list[float], axis: dict[str, Any] | None = None) -> dict[str, Any]:
    return {"field": "x", "type": "quantitative", "axis": axis, "scale": {"domain": domain, "nice": False}}


def equity_chart(found: Grouping, width: int, chart_id: str) -> str:
    """Shares of the cohort as bars, and beside them (below, on a phone) the change of each group with its interval."""
    wide = width > NARROW
    panel = (width - 60) // 2 if wide else width - 16
    size = {"width": panel, "height": _ROW * len(found.groups)}
    panels = [{**size, **_shares(found)}, {**size, **_changes(found)}]
    together: dict[str, Any] = {"hconcat": panels} if wide else {"vconcat": panels}
    return chart({**together, "spacing": 30, "padding": _PADDING}, chart_id)


def _names(groups: tuple[Group, ...], at: float) -> Layer:
    rows = [{"row": number, "x": at, "text": group.name} for number, group in enumerate(groups)]
    return layer({**_NAME, "dy": -_BAR // 2 - 10}, rows, text={"field": "text"})


def _shares(found: Grouping) -> dict[str, Any]:
    top = max([group.share_pct or 0 for group in found.groups] + [1]) * 1.35
    rows = [
        {
            "row": number,
            "x": 0,
            "x2": group.share_pct or 0,
            "text": f"{group.share_pct:.0f}%" if group.share_pct is not None else group.shown,
        }
        for number, group in enumerate(found.groups)
    ]
    at_end = [{**row, "x": row["x2"]} for row in rows]
    return {
        "title": _title("Of 100 people in the cohort"),
        "encoding": {"x": _across([0, top]), "y": _rows_axis(len(rows))},
        "layer": [
            layer({"type": "bar", "height": _BAR, "color": GREY}, rows, x2={"field": "x2"}),
            layer({**_NAME, **_BOLD, "dx": 6}, at_end, text={"field": "text"}),
            _names(found.groups, 0),
        ],
    }


def _changes(found: Grouping) -> dict[str, Any]:
    ends = [
        end for group in found.groups if group.change_low is not None for end in (group.change_low, group.change_high)
    ]
    known = [end for end in ends if end is not None]
    low, high = min([*known, -20.0]) * 1.15, max([*known, 20.0]) * 1.15
    told = [(number, group) for number, group in enumerate(found.groups) if group.change_pct is not None]
    rules = [{"row": number, "x": group.change_low, "x2": group.change_high} for number, group in told]
    points = [{"row": number, "x": group.change_pct} for number, group in told]
    untold = [
        {"row": number, "x": low, "text": "too few to tell"}
        for number, group in enumerate(found.groups)
        if group.change_pct is None
    ]
    zero = {"type": "rule", "color": GREY, "strokeDash": [4, 3], "strokeWidth": 1.5}
    return {
        "title": _title("Change since the baseline, %, with its 95% interval"),
        "encoding": {
            "x": _across([low, high], {"title": None, "tickCount": 5, "labelExpr": _SIGNED, "grid": True}),
            "y": _rows_axis(len(found.groups)),
        },
        "layer": [
            {"data": {"values": [{"x": 0}]}, "mark": zero, "encoding": {"y": None}},
            layer({"type": "rule", "color": BLUE, "strokeWidth": 2.5}, rules, x2={"field": "x2"}),
            layer({"type": "point", "filled": True, "size": 90, "color": BLUE, "opacity": 1}, points),
            layer({**_NAME, "color": GREY}, untold, text={"field": "text"}),
            _names(found.groups, low),
        ],
    }


def _title(text: str) -> dict[str, Any]:
    return {"text": text, "anchor": "start", "fontSize": 13, "fontWeight": "normal", "color": TEXT, "offset": 12}


def overlap_chart(found: Overlap, width: int, chart_id: str) -> str:
    """Bars of people in exactly these cohorts, over a matrix of dots that says which."""
    combinations = found.intersections
    wide = width > NARROW
    room = 190 if wide else 112
    step = (width - room - 12) / len(combinations)
    top = max([one.people or 0 for one in combinations] + [1.0]) * 1.2
    size = {"width": width - room - 12, "height": 170}
    axis = {
        "field": "column", "type": "quantitative", "axis": None,
        "scale": {"domain": [-0.5, len(combinations) - 0.5], "nice": False},
    }  # fmt: skip
    bars = [
        {"column": number, "y": 0, "y2": one.people or 0, "text": one.shown} for number, one in enumerate(combinations)
    ]
    height = {"field": "y", "type": "quantitative", "axis": None, "scale": {"domain": [0, top], "nice": False}}
    text = {**_NAME, **_BOLD, "align": "center", "dy": -9, "fontSize": 13 if wide else 11}
    counts = {
        **size,
        "encoding": {"x": axis, "y": height},
        "layer": [
            layer({"type": "bar", "width": step * 0.62, "color": BLUE}, bars, y2={"field": "y2"}),
            layer(text, [{**row, "y": row["y2"]} for row in bars], text={"field": "text"}),
        ],
    }
    matrix = {"width": size["width"], "height": 30 * len(found.cohorts), **_matrix(found, axis, wide)}
    return chart({"vconcat": [counts, matrix], "spacing": 8, "padding": _PADDING}, chart_id)


def _matrix(found: Overlap, columns: dict[str, Any], wide: bool) -> dict[str, Any]:
    def cells(*, is_in: bool) -> list[dict[str, Any]]:
        return [
            {"column": number, "row": row}
            for number, one in enumerate(found.intersections)
            for row, inside in enumerate(one.members)
            if inside == is_in
        ]

    links = [_link(number, one) for number, one in enumerate(found.intersections) if sum(one.members) > 1]
    names = [
        {"column": -0.5, "row": row, "text": cohort.title if wide else cohort.short}
        for row, cohort in enumerate(found.cohorts)
    ]
    dot = {"type": "point", "size": 130, "opacity": 1}
    return {
        "encoding": {"x": columns, "y": _rows_axis(len(found.cohorts))},
        "layer": [
            layer({"type": "rule", "color": BLUE, "strokeWidth": 3}, links, y2={"field": "row2"}),
            layer({**dot, "filled": True, "fill": "white", "stroke": GREY, "strokeWidth": 1.5}, cells(is_in=False)),
            layer({**dot, "filled": True, "color": BLUE}, cells(is_in=True)),
            layer({**_NAME, "align": "right", "dx": -8}, names, text={"field": "text"}),
        ],
    }


def _link(column: int, one: Intersection) -> dict[str, Any]:
    inside = [row for row, is_in in enumerate(one.members) if is_in]
    return {"column": column, "row": inside[0], "row2": inside[-1]}


def dose_chart(found: Doses, width: int, chart_id: str) -> str:
    """People by dose, a bar a band, with the lines between the bands they part."""
    bands = found.bands
    top = max([band.people or 0 for band in bands] + [1.0]) * (1.25 if width > NARROW else 1.5)
    rows = [
        {"row": number, "x": 0, "x2": band.people or 0, "text": _bar_text(band), "fill": _fill(band)}
        for number, band in enumerate(bands)
    ]
    names = [{"row": number, "x": 0, "text": band.name} for number, band in enumerate(bands)]
    lines = [
        {"row": number - 0.6, "x": 0, "x2": top, "text": f"{band.from_mg:g} mg a day"}
        for number, band in enumerate(bands)
        if band.line
    ]
    at_line = [{**row, "x": row["x2"]} for row in lines]
    fill = {"field": "fill", "type": "nominal", "scale": None}
    rule = {"type": "rule", "color": RED, "strokeDash": [5, 3], "strokeWidth": 1.5}
    label = {**_NAME, **_BOLD, "align": "right", "dy": -9, "color": RED, "fontSize": 12}
    return chart(
        {
            "width": width - 14, "height": _ROW * len(bands), "padding": _PADDING,
            "encoding": {"x": _across([0, top]), "y": _rows_axis(len(bands))},
            "layer": [
                layer({"type": "bar", "height": _BAR}, rows, x2={"field": "x2"}, color=fill),
                layer({**_NAME, **_BOLD, "dx": 6}, [{**row, "x": row["x2"]} for row in rows], text={"field": "text"}),
                layer({**_NAME, "dy": -_BAR // 2 - 10}, names, text={"field": "text"}),
                layer(rule, lines, x2={"field": "x2"}),
                layer(label, at_line, text={"field": "text"}),
            ],
        },
        chart_id,
    )  # fmt: skip


def _bar_text(band: DoseBand) -> str:
    return band.shown if band.share is None else f"{band.shown}  ({band.share})"


def _fill(band: DoseBand) -> str:
    return BLUE if band.is_over else PALE if band.from_mg is not None else "#ffffff"
