"""How organisations compare and a change comes apart: deciles, funnels, similar practices, process control, parts.

Of patients everything is worked out again from protected counts; open data are as they are.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal

import numpy as np
import polars as pl

from pipelines.disclosure import PUBLIC_PREFIX
from pipelines.disclosure.parts import COMPONENTS
from pipelines.report.figures import CONTROL_MEASURES, Figures, Place, Row
from pipelines.report.views import (
    Control,
    ControlPoint,
    Decile,
    Deciles,
    Funnel,
    FunnelPoint,
    FunnelRow,
    NetChange,
    Part,
    Parts,
    Standing,
    View,
    digits_for,
    months_after,
)
from pipelines.report.wording import grouped
from pipelines.statistics import deciles, intervals, spc

LEAST_IN_FUNNEL = 10
"""PCNs; of practices the statistics ask for 20."""
MOST_HIDDEN_SHARE = 0.1
"""Where more organisations are hidden, those drawn are the large numbers alone, and no funnel is drawn."""
LEAST_SIMILAR_KNOWN = 7
_MOST_NAMED = 6
_CURVE_POINTS = 40
_GRAMS_FROM_MG = 1_000_000.0

_NATURE: dict[str, Literal["improving", "concerning"]] = {
    spc.IMPROVING_HIGH: "improving",
    spc.IMPROVING_LOW: "improving",
    spc.CONCERNING_HIGH: "concerning",
    spc.CONCERNING_LOW: "concerning",
}
_UNITS = {"ome_mg": "mg", "nic_gbp": "pounds"}
_WHY_NO_CONTROL = {
    spc.TOO_FEW_POINTS: "fewer than 12 months can be charted",
    "too_few_after_disclosure_control": "the counts are too small after disclosure control",
    "charted_by_quarter": "so few people join and leave that it is judged by quarter, which does not leave",
}


def nature_of(variation: str | None) -> Literal["", "improving", "concerning"]:
    """What the standard words say, for shape and colour."""
    return _NATURE.get(variation or "", "")


def net_change_of(figures: Figures, place: Place, measure_id: str) -> NetChange:
    """Process control on joined less left: a stock of the same people would signal falsely."""
    title = figures.measure(measure_id).title
    as_at = figures.facts.as_at
    row = figures.rows(place).get(f"{measure_id}_net_change", {}).get(as_at) if as_at else None
    if row is None:
        return NetChange(title, None, "who joined and who left is not among the figures", "unknown")
    if row["spc_variation"]:
        return NetChange(title, row["spc_variation"], "", nature_of(row["spc_variation"]))
    why = "a number is hidden" if row["suppressed"] else "it is not worked out for this month"
    return NetChange(title, None, _WHY_NO_CONTROL.get(row["spc_reason"] or "", why), "unknown")


def control_of(figures: Figures, place: Place) -> Control | None:
    """The process-control chart of the first measure that has one here; None where none has."""
    for measure_id in CONTROL_MEASURES:
        by_month = figures.rows(place).get(measure_id, {})
        rows = [row for row in by_month.values() if row["spc_mean"] is not None]
        if len(rows) >= spc.POINTS_FOR_SIGNALS:
            return _control(figures, place, measure_id, rows)
    return None


def _control(figures: Figures, place: Place, measure_id: str, rows: list[Row]) -> Control:
    measure, net = figures.measure(measure_id), measure_id.endswith("_net_change")
    on_rates = measure.unit == "people" and not net and all(row["rate_per_1000"] is not None for row in rows)
    column = "rate_per_1000" if on_rates else "numerator"
    largest = max(abs(row[column] or 0.0) for row in rows)
    in_grams = measure.unit == "ome_mg" and largest >= _GRAMS_FROM_MG
    scale = 1000.0 if in_grams else 1.0

    def scaled(value: float | None) -> float | None:
        return None if value is None else value / scale

    points = tuple(
        ControlPoint(
            row["month"],
            grouped(row["shown"]),
            scaled(row[column]),
            scaled(row["spc_mean"]),
            scaled(row["spc_lower"]),
            scaled(row["spc_upper"]),
            nature_of(row["spc_variation"]),
            row["spc_signal"] or "",
        )
        for row in rows
    )
    return Control(
        measure_id=measure_id,
        title=measure.title,
        unit="g" if in_grams else _UNITS.get(measure.unit, measure.unit),
        basis="rate" if on_rates else "count",
        org_name=figures.organisations[place].name,
        points=points,
        variation=rows[-1]["spc_variation"] or "",
        digits=0 if not on_rates else digits_for(largest),
    )


_PARTS = {
    "stayed": ("Still above 120 mg a day", "Still above", False),
    "lower_still_on_opioid": ("Lower dose, still on an opioid", "Lower dose", True),
    "no_opioid_still_seen": ("No opioid any more, still seen with other medicines", "No opioid, still seen", True),
    "moved_away": ("Moved to another organisation", "Moved away", False),
    "not_seen": ("Not seen any more: died, moved, in hospital or stopped", "Not seen any more", False),
    "excluded_or_redefined": ("Excluded by review, or counted otherwise", "Excluded", False),
    "joined": ("New above 120 mg a day since then", "New since then", False),
}


def parts_of(figures: Figures, place: Place) -> Parts | None:
    """Of what the change of the headline measure is made; ICBs alone."""
    rows = figures.frame.leaving.components
    if rows.is_empty() or place[0] != "icb":
        return None
    own = rows.filter(
        (pl.col("org_level") == place[0]) & (pl.col("org_code") == place[1]) & (pl.col("measure") == "high_dose")
    )
    if own.is_empty():
        return None
    row = own.row(0, named=True)
    hidden = set((row["suppressed"] or "").split("|"))

    def shown(name: str) -> str:
        return "[c]" if name in hidden or row[name] is None else f"{row[name]:,.0f}"

    parts = tuple(
        Part(words, short, None if shown(name) == "[c]" else float(row[name]), shown(name), is_care)
        for name, (words, short, is_care) in _PARTS.items()
    )
    assert set(_PARTS) == set(COMPONENTS)
    name = figures.organisations[place].name
    return Parts(name, row["month"], row["baseline_month"], parts, shown("people"), shown("baseline_people"))


def deciles_of(figures: Figures, view: View, own_label: str) -> Deciles | None:
    """A measure of an organisation among the deciles of GP practices; None where there are none, or no rate."""
    lines = figures.frame.leaving.decile_lines
    if lines.is_empty() or view.basis != "rate":
        return None
    provisional = set(figures.facts.provisional_months) if not view.measure.id.startswith(PUBLIC_PREFIX) else set()
    found = lines.filter((pl.col("measure") == view.measure.id) & pl.col("decile_9").is_not_null()).sort("month")
    own = {point.month: point.value for point in view.points}
    rows = tuple(
        Decile(row["month"], tuple(row[f"decile_{number}"] for number in range(1, 10)), own.get(row["month"]))
        for row in found.iter_rows(named=True)
        if row["month"] not in provisional
    )
    if len(rows) < 2 or all(row.own is None for row in rows):
        return None
    if view.latest is None or rows[-1].month < view.latest.month:
        # The newest deciles are hidden: older ones beside newer words would mislead.
        return None
    top = max(max(value or 0.0 for value in row.lines) for row in rows)
    return Deciles(
        measure=view.measure,
        org_name=view.org_name,
        own_label=own_label,
        rows=rows,
        practices=int(found["practices_compared"][-1]),
        digits=digits_for(top),
    )


def funnel_of(figures: Figures, place: Place, level: str, measure_id: str) -> Funnel | None:
    """The organisations below as a funnel; None where they are few, or where too many are hidden."""
    month = figures.as_at(measure_id)
    if month is None:
        return None
    named = [one for one in figures.below(place, level) if figures.has((level, one.code), measure_id)]
    rows = [(one, figures.rows((level, one.code))[measure_id].get(month)) for one in named]
    large = [(one, row) for one, row in rows if row and (row["denominator"] or 0) >= deciles.MIN_LIST_SIZE]
    drawn = [(one, row) for one, row in large if row["rate_per_1000"] is not None]
    hidden = len(large) - len(drawn)
    least = deciles.MIN_ORGANISATIONS if level == "practice" else LEAST_IN_FUNNEL
    if len(drawn) < least or hidden > MOST_HIDDEN_SHARE * len(large):
        return None
    count = np.array([row["numerator"] for _, row in drawn], dtype=np.float64)
    size = np.array([row["denominator"] for _, row in drawn], dtype=np.float64)
    rate = np.array([row["rate_per_1000"] for _, row in drawn], dtype=np.float64)
    centre, spread = intervals.pooled_rate(count, size), intervals.over_dispersion(count, size)
    low, high = intervals.rate_funnel_limits(size, centre, confidence=0.998, dispersion=spread)
    distance = np.where(rate > high, rate - high, np.where(rate < low, low - rate, 0.0))
    furthest = set(np.argsort(-distance, kind="stable")[:_MOST_NAMED].tolist())
    points = tuple(
        FunnelPoint(
            one.code,
            one.name,
            float(size[number]),
            float(rate[number]),
            grouped(row["shown"]),
            "above" if rate[number] > high[number] else "below" if rate[number] < low[number] else "within",
            bool(distance[number] > 0 and number in furthest),
        )
        for number, (one, row) in enumerate(drawn)
    )
    return Funnel(
        measure=figures.measure(measure_id),
        level=level,
        month=month,
        points=points,
        curve=_limits(float(size.max()), centre, spread),
        centre=float(centre),
        dispersion=float(spread),
        hidden=hidden,
        size_title="Registered patients",
        digits=digits_for(float(rate.max())),
    )


def _limits(largest: float, centre: float, spread: float) -> tuple[FunnelRow, ...]:
    sizes = np.linspace(largest / _CURVE_POINTS, largest * 1.05, _CURVE_POINTS)
    low_95, high_95 = intervals.rate_funnel_limits(sizes, centre, confidence=0.95, dispersion=spread)
    low_998, high_998 = intervals.rate_funnel_limits(sizes, centre, confidence=0.998, dispersion=spread)
    return tuple(FunnelRow(*map(float, row)) for row in zip(sizes, low_95, high_95, low_998, high_998, strict=True))


@dataclass(frozen=True)
class Similar:
    """Where each GP practice stands in one measure, by code: median of similar ones, how many known, tenth."""

    month: date | None
    median: dict[str, float]
    known: dict[str, int]
    tenth: dict[str, int]
    basis: dict[str, str]
    """In what they are alike, in the words of marts.practice_comparison."""
    compared: int


def similar_practices(figures: Figures, measure_id: str) -> Similar:
    """Each GP practice beside the ten that are most like it by marts.practice_comparison, and among all of them."""
    month = figures.as_at(measure_id)
    leaving = figures.frame.leaving
    rows = leaving.trends.filter(
        (pl.col("org_level") == "practice") & (pl.col("measure") == measure_id) & (pl.col("month") == month)
    ).sort("org_code")
    rows = rows.filter(pl.col("is_gp_practice").fill_null(True))
    codes = rows["org_code"].to_list()
    rate = rows["rate_per_1000"].cast(pl.Float64).fill_null(float("nan")).to_numpy()
    large = _list_sizes(figures, codes, month, rows) >= deciles.MIN_LIST_SIZE
    inside = np.where(large, rate, np.nan)
    alike = {row["practice_code"]: row for row in leaving.similar.iter_rows(named=True)}
    near = _positions(codes, {code: row["similar_practices"].split(", ") for code, row in alike.items()})
    known = np.isfinite(np.append(inside, np.nan)[near]).sum(axis=1)
    tellable = np.isfinite(inside) & (known >= LEAST_SIMILAR_KNOWN)
    median = deciles.median_of_similar(inside, near)
    hidden = int((large & ~np.isfinite(rate)).sum())
    # Where many are hidden, being small, the tenths of those shown would not be the tenths of all.
    enough = hidden <= MOST_HIDDEN_SHARE * max(1, int(large.sum()))
    tenth = deciles.decile_of(inside) if enough else np.full(inside.size, np.nan)
    return Similar(
        month,
        {code: float(median[n]) for n, code in enumerate(codes) if tellable[n]},
        {code: int(known[n]) for n, code in enumerate(codes)},
        {code: int(tenth[n]) for n, code in enumerate(codes) if np.isfinite(tenth[n])},
        {code: row["similar_basis"] for code, row in alike.items()},
        int(np.isfinite(inside).sum()),
    )


_HOW_MANY_SIMILAR = 10


def _positions(codes: Sequence[str], similar: Mapping[str, Sequence[str]]) -> deciles.IntArray:
    """For each practice the positions of those like it; -1 where one has no row."""
    at = {code: number for number, code in enumerate(codes)}
    near = np.full((len(codes), _HOW_MANY_SIMILAR), -1, dtype=np.int64)
    for own, code in enumerate(codes):
        for number, other in enumerate(similar.get(code, ())):
            near[own, number] = at.get(other, -1)
    return near


def _list_sizes(
    figures: Figures, codes: list[str], month: date | None, rows: pl.DataFrame
) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """List sizes, also where the measure is per something else."""
    per_list = rows["denominator_basis"].str.starts_with("registered").fill_null(False).all() if rows.height else True
    source = rows
    if not per_list:
        trends = figures.frame.leaving.trends
        source = trends.filter(
            (pl.col("org_level") == "practice") & (pl.col("measure") == "epd_opioid_items") & (pl.col("month") == month)
        )
    sizes = dict(source.select("org_code", pl.col("denominator").cast(pl.Float64)).iter_rows())
    return np.array([sizes.get(code) or np.nan for code in codes], dtype=np.float64)


def standing_of(figures: Figures, code: str, measure_id: str, similar: Similar) -> Standing:
    """One figure of a practice beside the others'."""
    view = figures.view(("practice", code), measure_id)
    return Standing(
        measure=figures.measure(measure_id),
        view=view,
        similar=similar.median.get(code),
        similar_known=similar.known.get(code, 0),
        similar_basis=similar.basis.get(code, ""),
        tenth=similar.tenth.get(code),
        compared=similar.compared,
        year_change_pct=_year_change(view) if measure_id.startswith(PUBLIC_PREFIX) else None,
    )


def _year_change(view: View) -> float | None:
    """The mean of the latest three months against the same three a year before, in percent."""
    by_month = {point.month: point.value for point in view.points}
    if view.latest is None:
        return None
    now = [by_month.get(months_after(view.latest.month, -back)) for back in range(3)]
    then = [by_month.get(months_after(view.latest.month, -back)) for back in range(12, 15)]
    known_now, known_then = ([value for value in values if value is not None] for values in (now, then))
    if len(known_now) < 3 or len(known_then) < 3 or sum(known_then) == 0:
        return None
    return 100 * (sum(known_now) / sum(known_then) - 1)
