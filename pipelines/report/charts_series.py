"""The small chart of a measures table, and the larger one on which changes are marked."""

from pipelines.report.charts import (
    BLUE,
    GREY,
    NARROW,
    Area,
    Label,
    Layer,
    dots,
    labels,
    layer,
    line,
    moment,
    over_months,
)
from pipelines.report.series import Series
from pipelines.report.views import months_after
from pipelines.report.wording import every_month

SMALL = 240
_SMALL_HEIGHT = 78
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def small_chart(series: Series, chart_id: str) -> str:
    """Months as a line, the baseline as dashes, limits of process control as a pale band."""
    area = _area(series, SMALL - 40, _SMALL_HEIGHT, room_months=1)
    return over_months(area, [*_limits(series), *_observed(series, small=True)], chart_id)


def marked_chart(series: Series, width: int, chart_id: str) -> str:
    """The same, larger, with an upright line and a letter for each change."""
    area = _area(series, width - 50, 220, room_months=10 if width <= NARROW else 5)
    layers = [*_marks(series, area), *_limits(series), *_observed(series, small=False)]
    wanted = []
    latest, baseline = series.latest, series.baseline
    if latest is not None and latest.value is not None:
        wanted.append(Label(latest.value, latest.month, latest.figure, BLUE, "center", -13, 15))
    if baseline is not None and baseline.value is not None:
        wanted.append(Label(baseline.value, area.last, f"Baseline {baseline.figure}", GREY, "right", -9))
    return over_months(area, [*layers, *labels(wanted, area)], chart_id)


def lettered(series: Series) -> list[tuple[str, str]]:
    """Letter and text of each change that is marked."""
    return [(_letter(number), mark.text) for number, mark in enumerate(series.events)]


def _letter(number: int) -> str:
    return LETTERS[number] if number < len(LETTERS) else "*"


def _area(series: Series, width: int, height: int, room_months: int) -> Area:
    figures = [dot.value for dot in series.dots if dot.value is not None]
    figures += [series.baseline.value] if series.baseline and series.baseline.value is not None else []
    figures += [figure for figure in series.spc_limits or () if figure is not None]
    high, low = max(figures), min(figures)
    return Area(
        series.dots[0].month,
        months_after(series.dots[-1].month, room_months),
        high * 1.25 if high > 0 else 1.0,
        width,
        low * 1.1 if low < 0 else 0.0,
        height,
    )


def _limits(series: Series) -> list[Layer]:
    ends = (series.dots[0].month, series.dots[-1].month)
    lines = []
    if series.baseline is not None and series.baseline.value is not None and series.spc_limits is None:
        lines.append(line(GREY, [6, 4], 1.3, [(month, series.baseline.value) for month in ends]))
    if series.spc_limits is not None:
        mean, lower, upper = series.spc_limits
        lines.append(line(GREY, [], 1.2, [(month, mean) for month in ends]))
        lines += [line(GREY, [4, 3], 1.1, [(month, limit) for month in ends]) for limit in (lower, upper)]
    return lines


def _observed(series: Series, *, small: bool) -> list[Layer]:
    settled = {dot.month: None if dot.is_provisional or dot.is_partial else dot.value for dot in series.dots}
    # A month without a figure breaks the line.
    points = [(month, settled.get(month)) for month in every_month((series.dots[0].month, series.dots[-1].month))]
    layers = [line(BLUE, [], 1.8 if small else 2.5, points), dots(BLUE, 12 if small else 38, points)]
    provisional = [(dot.month, dot.value) for dot in series.dots if dot.is_provisional or dot.is_partial]
    layers.append(dots(BLUE, 24 if small else 60, provisional, fill="white", stroke=BLUE, strokeWidth=1.5))
    if series.latest is not None:
        layers.append(dots(BLUE, 60 if small else 130, [(series.latest.month, series.latest.value)]))
    hidden = [{"x": moment(dot.month), "y": 0} for dot in series.dots if dot.is_hidden]
    mark = {"type": "text", "text": "c", "baseline": "bottom", "dy": -2, "color": GREY, "fontSize": 10 if small else 12}
    return [*layers, layer(mark, hidden)]


def _marks(series: Series, area: Area) -> list[Layer]:
    layers = []
    for number, mark in enumerate(series.events):
        if area.first <= mark.month <= area.last:
            at = {"x": moment(mark.month), "y": area.top * 0.965}
            rule = {"type": "rule", "color": GREY, "strokeDash": [1, 3], "strokeWidth": 1.5}
            layers.append(layer(rule, [{**at, "y": area.bottom, "y2": area.top * 0.92}], y2={"field": "y2"}))
            text = {"type": "text", "text": _letter(number), "fontSize": 13, "fontWeight": "bold", "color": GREY}
            layers.append(layer(text, [at]))
    return layers
