"""Charts of one measure of one organisation, month by month: the run chart and the process-control chart."""

from datetime import date

from pipelines.report.charts import (
    BLUE,
    GREY,
    NARROW,
    ORANGE,
    RED,
    WIDE,
    Area,
    Label,
    Layer,
    dots,
    labels,
    layer,
    line,
    lines,
    moment,
    over_months,
    rate_text,
)
from pipelines.report.views import Control, Point, View, months_after, months_between

_PIXELS_FOR_MARK = 22
_ROOM_FOR_LABELS_MONTHS = {WIDE: 6, NARROW: 10}


def run_chart(view: View, width: int, chart_id: str) -> str:
    """The SVG of one measure: observed months, baseline, what happened, and where there is one trajectory and aim."""
    first = next(point.month for point in view.points if point.is_loaded and not point.too_short)
    points = [point for point in view.points if point.month >= first]
    area = Area(first, _last_month(view, points, width), _top(view, points), width - 50)
    layers = [
        *_events(view, area),
        *_baseline_and_aim(view, area.last),
        *_observed(points),
        *_hidden_marks(points, width / (months_between(area.first, area.last) + 1)),
        *_latest(view),
        *labels(_run_labels(view, points, area), area),
    ]
    return over_months(area, layers, chart_id)


def _last_month(view: View, points: list[Point], width: int) -> date:
    room = months_after(points[-1].month, _ROOM_FOR_LABELS_MONTHS[width])
    return max(view.aim.month, room) if view.aim else room


def _top(view: View, points: list[Point]) -> float:
    """The top of the value axis: some air above the highest figure."""
    figures = [point.value for point in points if point.value is not None]
    figures += [point.high for point in points if point.high is not None and point == view.latest]
    highest = max([*figures, view.baseline or 0.0])
    return highest * (1.3 if view.events else 1.2) if highest else 1.0


def _events(view: View, area: Area) -> list[Layer]:
    """An upright line for each event, with the letter that stands for it below the chart."""
    layers = []
    for event in view.events:
        if area.first <= event.month <= area.last:
            at = {"x": moment(event.month), "y": area.top * 0.965}
            rule = {"type": "rule", "color": GREY, "strokeDash": [1, 3], "strokeWidth": 1.5}
            layers.append(layer(rule, [{**at, "y": 0, "y2": area.top * 0.93}], y2={"field": "y2"}))
            mark = {"type": "text", "text": event.letter, "fontSize": 13, "fontWeight": "bold", "color": GREY}
            layers.append(layer(mark, [at]))
    return layers


def _baseline_and_aim(view: View, last: date) -> list[Layer]:
    if view.baseline is None or view.baseline_month is None:
        return []
    begin = view.baseline_month
    lines = [line(GREY, [6, 4], 1.5, [(begin, view.baseline), (last, view.baseline)])]
    if view.aim:
        lines.append(line(RED, [2, 3], 1.5, [(begin, view.aim.rate), (last, view.aim.rate)]))
        lines.append(line(RED, [], 1.5, [(begin, view.baseline), (view.aim.month, view.aim.rate)]))
        lines.append(dots(RED, 110, [(view.aim.month, view.aim.rate)], shape="diamond"))
    return lines


def _observed(points: list[Point]) -> list[Layer]:
    """The months as a line with dots, broken where a month is hidden or missing; provisional months hollow."""
    settled = [(point.month, None if point.provisional else point.value) for point in points]
    provisional = [(point.month, point.value) for point in points if point.provisional]
    hollow = dots(BLUE, 60, provisional, fill="white", stroke=BLUE, strokeWidth=2)
    return [line(BLUE, [], 2.5, settled), dots(BLUE, 38, settled), *([hollow] if provisional else [])]


def _hidden_marks(points: list[Point], pixels_per_month: float) -> list[Layer]:
    text = "[c]" if pixels_per_month >= _PIXELS_FOR_MARK else "c"
    mark = {"type": "text", "text": text, "baseline": "bottom", "dy": -3, "color": GREY, "fontSize": 12}
    rows = [{"x": moment(point.month), "y": 0} for point in points if point.suppressed]
    return [layer(mark, rows)] if rows else []


def _latest(view: View) -> list[Layer]:
    """The latest month with its interval."""
    latest = view.latest
    if latest is None or latest.value is None:
        return []
    layers = [dots(BLUE, 130, [(latest.month, latest.value)])]
    if latest.low is not None and latest.high is not None:
        rule = {"type": "rule", "color": BLUE, "strokeWidth": 1.5}
        ends = {"x": moment(latest.month), "y": latest.low, "y2": latest.high}
        layers.insert(0, layer(rule, [ends], y2={"field": "y2"}))
    return layers


def _run_labels(view: View, points: list[Point], area: Area) -> list[Label]:
    latest, digits = view.latest, view.digits
    wanted: list[Label] = []
    if latest is not None and latest.value is not None:
        above = max(latest.high or 0.0, latest.value)
        wanted.append(Label(above, latest.month, rate_text(latest.value, digits), BLUE, "center", -12, 15))
    if view.baseline is not None:
        wanted.append(
            Label(view.baseline, area.last, f"Baseline {rate_text(view.baseline, digits)}", GREY, "right", -9)
        )
    if view.aim:
        wanted.append(Label(view.aim.rate, area.last, f"Aim {rate_text(view.aim.rate, digits)}", RED, "right", 12))
    wanted += [
        Label(point.value, point.month, "provisional", GREY, "left", 16, 12)
        for point in points
        if point.provisional and point.value is not None and area.width > NARROW
    ]
    return wanted


def control_chart(control: Control, width: int, chart_id: str) -> str:
    """The SVG of an XmR chart: months, mean, limits; signals by shape: square better, triangle worse."""
    points = control.points
    figures = [figure for point in points for figure in (point.value, point.lower, point.upper) if figure is not None]
    low, high = min(figures), max(figures)
    air = (high - low or abs(high) or 1.0) * 0.15
    # Limits of flows lie on both sides of nothing; of totals far above it.
    bottom = min(0.0, low - air) if low < 0 or low < high / 3 else low - air
    last = months_after(points[-1].month, _ROOM_FOR_LABELS_MONTHS[width])
    area = Area(points[0].month, last, high + air, width - 62, bottom)
    series = [(point.month, point.value) for point in points]
    layers = [line(GREY, [], 1.5, [(point.month, point.mean) for point in points])]
    limits = [[(point.month, getattr(point, name)) for point in points] for name in ("lower", "upper")]
    layers.append(lines(GREY, [5, 4], 1.3, limits))
    layers.append(line(GREY, [], 2, series))
    for nature, colour, shape, size in (
        ("", GREY, "circle", 38),
        ("improving", BLUE, "square", 75),
        ("concerning", ORANGE, "triangle-up", 95),
    ):
        layers.append(dots(colour, size, [(p.month, p.value) for p in points if p.nature == nature], shape=shape))
    newest = points[-1]
    wanted = [
        Label(value, newest.month, f"{name} {rate_text(value, control.digits)}", GREY, "left", shift, 12)
        for name, value, shift in (("mean", newest.mean, -9), ("upper", newest.upper, -9), ("lower", newest.lower, 9))
        if value is not None
    ]
    return over_months(area, [*layers, *labels(wanted, area)], chart_id)
