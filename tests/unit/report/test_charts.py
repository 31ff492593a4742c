"""Colours that can be told apart on white and in grey, shapes that say what colours say, and broken lines for gaps."""

import re
from datetime import date
from pathlib import Path

import pytest

from pipelines.errors import PipelineError
from pipelines.report import charts
from pipelines.report.charts import Area, Label, labels, over_months, with_drawings
from pipelines.report.charts_compare import funnel_chart, parts_chart
from pipelines.report.charts_trend import control_chart
from pipelines.report.drawing import drawings
from pipelines.report.views import Control, ControlPoint, Funnel, FunnelPoint, FunnelRow, Part, Parts
from tests.unit.report.made import SETTINGS

MEASURE = SETTINGS.measures.measures[0]


def drawn(page: str, workers: int | None = None) -> str:
    return with_drawings([page], workers)[0]


def luminance(colour: str) -> float:
    """WCAG 2: relative luminance of #rrggbb."""
    parts = [int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str = "#ffffff") -> float:
    lighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def test_the_reckoning_of_contrast_is_that_of_wcag() -> None:
    """Black on white is 21; #767676 on white is the well-known lightest grey of 4.5."""
    assert contrast("#000000") == pytest.approx(21)
    assert contrast("#767676") == pytest.approx(4.54, abs=0.01)


@pytest.mark.parametrize("name", ["BLUE", "GREY", "RED", "ORANGE", "TEXT"])
def test_what_carries_meaning_has_text_contrast_on_white(name: str) -> None:
    assert contrast(getattr(charts, name)) >= 4.5


def test_bars_because_of_care_and_others_differ_in_grey() -> None:
    assert contrast(charts.BLUE, charts.PALE) >= 3


def shapes(svg: str, colour: str) -> set[str]:
    """Outlines of the marks of a colour."""
    paths = re.findall(rf'<path [^>]*d="([^"]+)"[^>]*fill="{colour}"|<path [^>]*fill="{colour}"[^>]*d="([^"]+)"', svg)
    return {one or other for one, other in paths}


def test_signals_of_process_control_are_told_by_shape() -> None:
    natures = ["", "improving", "concerning"] * 5
    points = tuple(
        ControlPoint(date(2024 + n // 12, n % 12 + 1, 1), str(n), 50.0 + n % 5, 52.0, 40.0, 64.0, nature, "")  # type: ignore[arg-type]
        for n, nature in enumerate(natures)
    )
    found = Control("epd_ome_total", "OME", "mg", "count", "ICB", points, "", 0)
    svg = drawn(control_chart(found, charts.WIDE, "c"))
    kinds = [shapes(svg, colour) for colour in (charts.GREY, charts.BLUE, charts.ORANGE)]
    assert all(len(kind) == 1 for kind in kinds)
    assert len(set.union(*kinds)) == 3


def test_outside_a_funnel_is_told_by_shape_and_name() -> None:
    points = (
        FunnelPoint("A", "Alpha", 5_000, 9.0, "45", "above", True),
        FunnelPoint("B", "Beta", 6_000, 5.0, "30", "within", False),
        FunnelPoint("C", "Gamma", 7_000, 1.0, "10", "below", True),
    )
    curve = (FunnelRow(1_000, 1, 12, 0, 14), FunnelRow(7_350, 3, 7, 2, 8))
    found = Funnel(MEASURE, "practice", date(2025, 1, 1), points, curve, 5.0, 1.0, 0, "Registered patients", 1)
    svg = drawn(funnel_chart(found, charts.WIDE, "f"))
    kinds = [shapes(svg, colour) for colour in (charts.GREY, charts.ORANGE, charts.BLUE)]
    assert [len(kind) for kind in kinds] == [1, 1, 1]
    assert len(set.union(*kinds)) == 3
    assert "Alpha" in svg
    assert "Gamma" in svg
    assert "Beta" not in svg


def test_a_hidden_part_has_its_mark_and_no_bar() -> None:
    parts = (Part("Still above", "Above", 30.0, "30", False), Part("Lower dose", "Lower", None, "[c]", True))
    found = Parts("ICB", date(2025, 1, 1), date(2024, 1, 1), parts, "35", "45")
    svg = drawn(parts_chart(found, charts.WIDE, "p"))
    assert "[c]" in svg
    widths = {
        colour: float(re.search(rf'd="M0,[-\d.]+h([\d.]+)[^>]*fill="{colour}"', svg)[1])  # type: ignore[index]
        for colour in (charts.PALE, charts.BLUE)
    }
    assert widths[charts.PALE] > 100
    assert widths[charts.BLUE] == 0


def test_a_line_is_broken_where_a_month_is_missing() -> None:
    area = Area(date(2024, 1, 1), date(2024, 6, 1), 10.0, 300)
    values = [1.0, 2.0, None, 4.0, 5.0, 6.0]
    ends = [(date(2024, n + 1, 1), value) for n, value in enumerate(values)]
    svg = drawn(over_months(area, [charts.line(charts.BLUE, [], 2, ends)], "l"))
    path = re.search(rf'd="([^"]+)"[^>]*stroke="{charts.BLUE}"|stroke="{charts.BLUE}"[^>]*d="([^"]+)"', svg)
    assert path
    assert (path[1] or path[2]).count("M") == 2


def test_labels_that_would_lie_on_one_another_move_apart() -> None:
    area = Area(date(2024, 1, 1), date(2024, 12, 1), 10.0, 700)
    same = [Label(5.0, date(2024, 12, 1), text, charts.GREY, "right", -9) for text in ("first label", "second label")]
    rows = labels(same, area)[0]["data"]["values"]
    assert abs(area.down(rows[0]["y"]) - area.down(rows[1]["y"])) >= 17


def a_funnel(name: str) -> str:
    """A chart that clips, and so has ids."""
    points = (FunnelPoint("A", "Alpha <& Co> -->", 5_000, 9.0, "45", "above", True),)
    curve = (FunnelRow(1_000, 1, 12, 0, 14), FunnelRow(7_350, 3, 7, 2, 8))
    found = Funnel(MEASURE, "practice", date(2025, 1, 1), points, curve, 5.0, 1.0, 0, "Registered patients", 1)
    return funnel_chart(found, charts.WIDE, name)


def test_two_charts_of_a_page_share_no_id_and_refer_to_their_own() -> None:
    one, two = (drawn(a_funnel("a") + a_funnel("b")).split("</svg>"))[:2]
    ids = [set(re.findall(r'\bid="([^"]+)"', svg)) for svg in (one, two)]
    assert ids[0]
    assert len(ids[0]) == len(ids[1])
    assert not ids[0] & ids[1]
    for svg, own in zip((one, two), ids, strict=True):
        assert {*re.findall(r"url\(#([^)]+)\)", svg)} == own


def test_a_page_is_drawn_alike_whoever_draws_it_and_whatever_was_drawn_before() -> None:
    area = Area(date(2024, 1, 1), date(2024, 6, 1), 10.0, 300)
    months = [(date(2024, n + 1, 1), 5.0 - n) for n in range(4)]
    page = "".join(
        over_months(area, [charts.line(colour, [], 2, months)], f"c{n}")
        for n, colour in enumerate((charts.BLUE, charts.GREY, charts.BLUE))
    )
    page += a_funnel("f") + a_funnel("g")
    first = drawn(page, workers=1)
    assert first.count("<svg") == 5
    assert drawn(page, workers=2) == first
    assert drawn(page, workers=0) == drawn(page, workers=0)


def test_no_name_can_end_a_chart_early() -> None:
    svg = drawn(f"before{a_funnel('a')}after")
    assert svg.startswith("before<svg")
    assert svg.endswith("</svg>after")
    assert "Alpha &lt;&amp; Co&gt; --&gt;" in svg


def test_a_worker_that_fails_is_told_without_what_it_was_given() -> None:
    with pytest.raises(PipelineError) as told:
        drawings(['{"mark": "Jane Doe"'], Path("none.conf"), workers=1)
    assert "could not be drawn" in told.value.what
    assert "ended with code 1" in told.value.where
    assert "Jane" not in str(told.value)
