"""The two charts of the page as SVG files: what is found, and how far the dose is off. Shapes say what colours say."""

from typing import Any

import polars as pl
import vl_convert

from bench.definitions.accounting import Share
from bench.definitions.populations import SCRIPTS
from bench.definitions.results import Results
from bench.definitions.rules import DEFINITIONS
from pipelines.report.charts import BLUE, GREY, RED, TEXT

_PANEL_WIDTH = 165
_CONFIG: dict[str, Any] = {
    "font": "Arial",
    "background": "white",
    "view": {"stroke": "#d8dde0"},
    "axis": {"labelFontSize": 12, "titleFontSize": 12, "labelColor": TEXT, "titleColor": TEXT, "gridColor": "#e1e6ea"},
    "title": {"fontSize": 15, "color": TEXT, "anchor": "start", "subtitleFontSize": 12, "subtitleColor": GREY},
    "legend": {"labelFontSize": 12, "title": None, "orient": "bottom", "symbolSize": 90, "labelLimit": 300},
}
FOUND, RIGHT = "of those truly above, found", "of those found, truly above"


def found_chart(results: Results) -> str:
    """For each definition of more than 120 mg a day and script length: sensitivity and predictive value."""
    labels = {flag: name.replace("`", "") for flag, name in DEFINITIONS.items()}
    panels: list[dict[str, Any]] = []
    for script in SCRIPTS:
        rows: list[dict[str, Any]] = []
        for flag, label in labels.items():
            counts = results.counts("usual", script, flag, "gt120", "3_months")
            for what, share in ((FOUND, counts.sensitivity), (RIGHT, counts.predictive_value)):
                rows.append({"definition": label, "what": what, **_in_per_cent(share)})
        panels.append(_found_panel(script, rows, list(labels.values()), first=not panels))
    title = "Script length decides what a window of months can find"
    subtitle = "People truly above 120 mg a day over three months, % with 95 % intervals; made-up people"
    return _svg({"title": {"text": title, "subtitle": subtitle}, "hconcat": panels})


def _in_per_cent(share: Share) -> dict[str, float]:
    low, high = share.limits
    return {"per_cent": 100 * share.part / share.whole, "low": 100 * low, "high": 100 * high}


def _found_panel(script: str, rows: list[dict[str, Any]], order: list[str], first: bool) -> dict[str, Any]:
    colours = {"domain": [FOUND, RIGHT], "range": [BLUE, RED]}
    shapes = {"domain": [FOUND, RIGHT], "range": ["circle", "diamond"]}
    common = {
        "y": _row_axis("definition", order, first),
        "yOffset": {"field": "what", "scale": {"domain": [FOUND, RIGHT]}},
        "color": {"field": "what", "scale": colours, "type": "nominal"},
    }
    scale = {"domain": [20, 100], "nice": False, "clamp": True}
    axis = {"title": "%", "values": [20, 40, 60, 80, 100], "grid": True}
    at = {"field": "per_cent", "type": "quantitative", "scale": scale, "axis": axis}
    limits = {"x": {**at, "field": "low"}, "x2": {"field": "high"}}
    point = {"x": at, "shape": {"field": "what", "scale": shapes, "type": "nominal"}}
    return {
        "title": {"text": _heading(script), "fontSize": 13},
        "data": {"values": rows},
        "width": _PANEL_WIDTH,
        "height": 330,
        "encoding": common,
        "layer": [
            {"mark": {"type": "rule", "strokeWidth": 1.5, "clip": True}, "encoding": limits},
            {"mark": {"type": "point", "filled": True, "size": 75, "opacity": 1, "clip": True}, "encoding": point},
        ],
    }


def dose_chart(results: Results) -> str:
    """For each window and script length: how far the computed dose lies from the true one."""
    plural = pl.when(pl.col("window_months") > 1).then(pl.lit("s")).otherwise(pl.lit(""))
    frame = results.doses.filter((pl.col("population") == "usual") & (pl.col("who") == "all")).with_columns(
        window=pl.format("{} month{}", "window_months", plural)
    )
    order = frame["window"].unique(maintain_order=True).to_list()
    panels: list[dict[str, Any]] = []
    for script in SCRIPTS:
        rows = frame.filter(pl.col("script") == script).to_dicts()
        scale = {"domain": [-100, 200], "nice": False, "clamp": True}
        axis = {"title": "% off the true dose", "values": [-100, 0, 100, 200], "grid": True}
        at = {"type": "quantitative", "scale": scale, "axis": axis}
        point = {"type": "point", "filled": True, "size": 90, "color": BLUE, "opacity": 1}
        panels.append(
            {
                "title": {"text": _heading(script), "fontSize": 13},
                "data": {"values": rows},
                "width": _PANEL_WIDTH,
                "height": 150,
                "encoding": {"y": _row_axis("window", order, first=not panels)},
                "layer": [
                    {
                        "mark": {"type": "rule", "color": GREY},
                        "encoding": {"x": {**at, "datum": 0}, "y": {"value": 0}, "y2": {"value": 150}},
                    },
                    {
                        "mark": {"type": "rule", "color": BLUE, "strokeWidth": 3},
                        "encoding": {"x": {**at, "field": "p5_pct"}, "x2": {"field": "p95_pct"}},
                    },
                    {"mark": point, "encoding": {"x": {**at, "field": "median_pct"}}},
                ],
            }
        )
    title = "One month cannot measure a dose, and three months can be off by a third"
    subtitle = "Computed against true dose of the same months: median, and the middle nine in ten; made-up people"
    return _svg({"title": {"text": title, "subtitle": subtitle}, "hconcat": panels})


def _heading(script: str) -> str:
    return f"scripts of {script}" if script[0].isdigit() else f"{script} scripts"


def _row_axis(field: str, order: list[str], first: bool) -> dict[str, Any]:
    labels = {"title": None, "labels": first, "ticks": False, "domain": False, "grid": True, "labelLimit": 220}
    return {"field": field, "type": "nominal", "sort": order, "axis": labels}


def _svg(spec: dict[str, Any]) -> str:
    whole = {"$schema": "https://vega.github.io/schema/vega-lite/v5.json", "padding": 10, "config": _CONFIG, **spec}
    return str(vl_convert.vegalite_to_svg(whole)).strip() + "\n"
