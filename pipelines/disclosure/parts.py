"""What leaves of the marts beside the trends: parts of a change, whom it reaches, doses, overlaps, other definitions.

Parts (stayed, lower, joined, quintiles, ages, sexes, dose bands, overlaps) add up to counts that the trends show, and
definitions of a high dose hold one another. So they are protected in one system of sums together with all trend rows
that leave: where a hidden count, of either, could be worked out, a part is hidden. What the trends show stays as it is.
Changes, shares and gaps come from the protected counts.
"""

import logging
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any

import numpy as np
import polars as pl

from pipelines.disclosure.groups import judged_again
from pipelines.disclosure.policy import Policy
from pipelines.disclosure.system import System, TrendKey
from pipelines.disclosure.trends import Outside, known_outside
from pipelines.errors import UsageError
from pipelines.statistics.differencing import WITHOUT_SUFFIX

log = logging.getLogger(__name__)

AT_BASELINE = (
    "stayed",
    "lower_still_on_opioid",
    "no_opioid_still_seen",
    "moved_away",
    "not_seen",
    "excluded_or_redefined",
)
COMPONENTS = (*AT_BASELINE, "joined")
LEVEL = "icb"
"""One level alone: with parts of PCNs as well sums stand in circles, along which counts were recovered in trials."""
_LEAST_MONTHS = 2
"""In the month after the baseline the parts are the flows of the trends under another name."""
OVERLAPPING = ("high_dose", "long_term", "opioid_gabapentinoid")
_INTERSECTIONS = {
    "high_dose": {"high_dose"},
    "long_term": {"long_term"},
    "opioid_gabapentinoid": {"opioid_gabapentinoid"},
    "high_dose_long_term": {"high_dose", "long_term"},
    "high_dose_gabapentinoid": {"high_dose", "opioid_gabapentinoid"},
    "all_three": {*OVERLAPPING},
}
"""Measures of the trends that add up from exclusive overlaps: those in at least these cohorts."""
_OF_TRENDS = {"gt120": "high_dose", "ge120": "high_dose_ge120", "gt90": "high_dose_gt90", "ge90": "high_dose_ge90"}
_OVER_3_MONTHS = ("high_dose", "high_dose_possible", "high_dose_new")
_OF_WINDOWS = {"3m": _OVER_3_MONTHS, "6m": ("high_dose", "high_dose_recent", "high_dose_new")}
"""Of which cohorts the people above the line by one window are."""
_LEFT_OUT_FIRST = ("overlap", "sensitivity", "dose_bands", "equity", "components")
Wholes = dict[TrendKey, float | None]
"""Counts that the trends show; None where hidden."""
Lines = tuple[float, float]
"""The lower line and the line, OME mg a day."""


@dataclass(frozen=True)
class Parts:
    """Rows beside the trends, before and after protection.

    After: a count is NULL where it is hidden. `suppressed` names the hidden counts of `components` and `equity`,
    divided by `|`; of the others it is true where the count is hidden.
    """

    components: pl.DataFrame = field(default_factory=pl.DataFrame)
    """Columns of marts.change_components."""
    equity: pl.DataFrame = field(default_factory=pl.DataFrame)
    """Columns of marts.equity."""
    dose_bands: pl.DataFrame = field(default_factory=pl.DataFrame)
    """org_code, month, band_number, from_ome_mg_per_day (NULL: not known), people."""
    overlap: pl.DataFrame = field(default_factory=pl.DataFrame)
    """org_code, month, one flag for each of OVERLAPPING, people in exactly these cohorts."""
    sensitivity: pl.DataFrame = field(default_factory=pl.DataFrame)
    """org_code, as_at_month, dimension, dose_window, preset, factor_set, parenteral, is_headline, people."""


def protect_parts(
    trends: pl.DataFrame,
    parts: Parts,
    policy: Policy,
    lines: Lines,
    person_measures: Collection[str] | None = None,
    protected_trends: pl.DataFrame | None = None,
) -> Parts:
    """`parts` as they may leave beside `trends`, the rows of `outside_grain` before protection.

    ICBs alone; of a change and of groups the newest month that is not provisional, from two months after the baseline;
    no twin; doses, overlaps and definitions where the cohorts are of `change_from_count` people or more: of fewer
    nearly all is hidden, and how many are hidden told, in trials, what they are. Where a linear program still finds a
    count of an ICB, a whole table of it is left out, in the order of `_LEFT_OUT_FIRST`. Under a policy that does not
    round nothing leaves, since exact parts tie all counts together: UsageError.

    `lines`: the lower line and the line of a high dose, OME mg a day. `protected_trends`: what protect_trends made of
    `trends`, where that is at hand.
    """
    if policy.rounding == "none" and not policy.hides_nothing:
        raise UsageError(
            f"Parts of a change do not leave under the policy {policy.name}.",
            "It does not round, and exact parts give hidden counts away.",
            "Choose a policy that rounds.",
        )
    components, equity = (_leaving(frame) for frame in (parts.components, parts.equity))
    if policy.hides_nothing:
        nothing = pl.lit("").alias("suppressed")
        others = (parts.dose_bands, parts.overlap, parts.sensitivity)
        flagged = (frame.with_columns(pl.lit(value=False).alias("suppressed")) for frame in others)
        return Parts(components.with_columns(nothing), equity.with_columns(nothing), *flagged)
    outside = known_outside(trends, policy, person_measures, protected_trends)
    whole = _shown_counts(outside)
    leaving = Parts(
        components,
        equity,
        _large_enough(whole, parts.dose_bands, "month", OVERLAPPING[:1], policy),
        _large_enough(whole, parts.overlap, "month", OVERLAPPING, policy),
        _large_enough(whole, parts.sensitivity, "as_at_month", OVERLAPPING[:1], policy),
    )
    protected, telling = _protected(outside, whole, leaving, lines, policy)
    for name in _LEFT_OUT_FIRST:
        rows: pl.DataFrame = getattr(leaving, name)
        if telling and not rows.is_empty():
            kept = rows.filter(~pl.col("org_code").is_in(sorted(telling)))
            log.warning("%s of %d ICB(s) left out: with it a hidden count could be worked out.", name, len(telling))
            leaving = replace(leaving, **{name: kept})
            protected, telling = _protected(outside, whole, leaving, lines, policy)
    return protected


def _protected(outside: Outside, whole: Wholes, leaving: Parts, lines: Lines, policy: Policy) -> tuple[Parts, set[str]]:
    """The parts with their counts protected, and the ICBs of which these give something away all the same."""
    system = System(outside)
    named = (_component_cells(system, leaving.components), _equity_cells(system, leaving.equity))
    bands, overlaps = _band_cells(system, leaving.dose_bands, lines), _overlap_cells(system, leaving.overlap)
    definitions = _definition_cells(system, leaving.sensitivity)
    _windows_are_bands(system, leaving.sensitivity, definitions, leaving.dose_bands, bands, lines[1])
    nobody_sees = [float("nan")] * outside.differences.size
    shown = [*outside.protected.value.tolist(), *nobody_sees, *system.shown(policy).tolist()]
    changed, groups = (
        _with_protected(frame, {name: [shown[cell] for cell in own] for name, own in columns.items()})
        for frame, columns in zip((leaving.components, leaving.equity), named, strict=True)
    )
    others = (
        (leaving.dose_bands, bands),
        (leaving.overlap, overlaps),
        (leaving.sensitivity, definitions),
    )
    every = [
        (frame, cells) for frame, columns in zip((changed, groups), named, strict=True) for cells in columns.values()
    ]
    of_icb: dict[str, list[int]] = {}
    for frame, cells in (*every, *others):
        for code, cell in zip(frame["org_code"].to_list() if cells else (), cells, strict=True):
            of_icb.setdefault(code, []).append(cell)
    return Parts(
        _with_wholes(whole, changed),
        groups if groups.is_empty() else judged_again(groups, _of_trends(whole, groups, "month"), policy),
        *(_counted(frame, [shown[cell] for cell in own]) for frame, own in others),
    ), {code for code, cells in of_icb.items() if system.gives_away(cells)}


def _leaving(rows: pl.DataFrame) -> pl.DataFrame:
    """The rows of which something may leave."""
    if rows.is_empty():
        return rows
    settled = rows.filter(
        ~pl.col("provisional"),
        pl.col("org_level") == LEVEL,
        ~pl.col("measure").str.ends_with(WITHOUT_SUFFIX),
    )
    newest = settled.filter(pl.col("month") == pl.col("month").max().over("measure"))
    return newest.filter(pl.col("month") >= pl.col("baseline_month").dt.offset_by(f"{_LEAST_MONTHS}mo"))


def _large_enough(
    whole: Wholes, rows: pl.DataFrame, month: str, measures: Sequence[str], policy: Policy
) -> pl.DataFrame:
    """The rows of ICBs of which all these measures are shown, and are not few."""
    if rows.is_empty():
        return rows
    enough = np.ones(rows.height, dtype=np.bool_)
    for measure in measures:
        found = rows.with_columns(pl.lit(LEVEL).alias("org_level"), pl.lit(measure).alias("measure"))
        enough &= np.array([(count or 0) >= policy.change_from_count for count in _of_trends(whole, found, month)])
    return rows.filter(pl.Series(enough))


def _component_cells(system: System, rows: pl.DataFrame) -> dict[str, list[int]]:
    cells: dict[str, list[int]] = {name: [] for name in COMPONENTS}
    for row in rows.iter_rows(named=True):
        own = {name: system.add_cell(row[name]) for name in COMPONENTS}
        for name, cell in own.items():
            cells[name].append(cell)
        for month, names in ((row["baseline_month"], AT_BASELINE), (row["month"], ("stayed", "joined"))):
            whole = system.trend((row["org_level"], row["org_code"], month, row["measure"]))
            if whole is not None:
                system.add_sum([whole], [own[name] for name in names])
    return cells


def _equity_cells(system: System, rows: pl.DataFrame) -> dict[str, list[int]]:
    cells: dict[str, list[int]] = {"people": [], "baseline_people": []}
    margins: dict[tuple[TrendKey, str], list[int]] = {}
    for row in rows.iter_rows(named=True):
        for name, month in (("people", row["month"]), ("baseline_people", row["baseline_month"])):
            cell = system.add_cell(row[name])
            cells[name].append(cell)
            whole = (row["org_level"], row["org_code"], month, row["measure"])
            margins.setdefault((whole, row["dimension"]), []).append(cell)
    for (whole, _), groups in margins.items():
        known = system.trend(whole)
        if known is not None:
            system.add_sum([known], groups)
    return cells


def _band_cells(system: System, rows: pl.DataFrame, lines: Lines) -> list[int]:
    """Bands add up to more than those with an opioid in the month, and those above a line hold the cohorts above it."""
    cells = [system.add_cell(row["people"]) for row in rows.iter_rows(named=True)]
    for place, own in _by_place(rows, cells, "month"):
        above = {line: [cell for cell, row in own if (row["from_ome_mg_per_day"] or 0) >= line] for line in lines}
        lower, line = lines
        for measures, bands in (
            (("any_opioid",), [cell for cell, _ in own]),
            (("high_dose_ge90",), above[lower]),
            (("high_dose",), above[line]),
            (("high_dose", "high_dose_possible"), above[line]),
            (_OVER_3_MONTHS, above[line]),
        ):
            known = [system.trend((*place, measure)) for measure in measures]
            if all(cell is not None for cell in known):
                system.add_sum(bands, [cell for cell in known if cell is not None])
    return cells


def _overlap_cells(system: System, rows: pl.DataFrame) -> list[int]:
    """Exclusive overlaps add up to each cohort, and to those in two or all three of them."""
    cells = [system.add_cell(row["people"]) for row in rows.iter_rows(named=True)]
    for place, own in _by_place(rows, cells, "month"):
        for measure, cohorts in _INTERSECTIONS.items():
            whole = system.trend((*place, measure))
            if whole is not None:
                system.add_sum([whole], [cell for cell, row in own if all(row[name] for name in cohorts)])
    return cells


def _definition_cells(system: System, rows: pl.DataFrame) -> list[int]:
    """Definitions that the trends show stand for their rows there; each other one is compared with the headline."""
    cells = []
    for row in rows.iter_rows(named=True):
        measure = _OF_TRENDS.get(row["preset"]) if row["dimension"] in ("headline", "line") else None
        known = system.trend((LEVEL, row["org_code"], row["as_at_month"], measure)) if measure else None
        cells.append(system.add_cell(row["people"]) if known is None else known)
    for place, own in _by_place(rows, cells, "as_at_month"):
        headline = next((cell for cell, row in own if row["is_headline"]), None)
        for cell, row in own:
            if cell < system.first or headline is None:
                continue
            system.add_difference(cell, headline)
            shown = [system.trend((*place, measure)) for measure in _OF_WINDOWS.get(row["dose_window"], ())]
            if row["dimension"] == "window" and shown and None not in shown:
                system.add_sum([cell], [part for part in shown if part is not None])
    return cells


def _windows_are_bands(
    system: System, rows: pl.DataFrame, cells: list[int], bands: pl.DataFrame, band_cells: list[int], line: float
) -> None:
    """Who is over the line by the window of three months stands in the bands above it."""
    above: dict[tuple[str, date], list[int]] = {}
    for row, cell in zip(bands.iter_rows(named=True), band_cells, strict=True):
        if (row["from_ome_mg_per_day"] or 0) >= line:
            above.setdefault((row["org_code"], row["month"]), []).append(cell)
    for row, cell in zip(rows.iter_rows(named=True), cells, strict=True):
        parts = above.get((row["org_code"], row["as_at_month"]))
        if row["dimension"] == "window" and row["dose_window"] == "3m" and parts:
            system.add_sum(parts, [cell])


def _by_place(
    rows: pl.DataFrame, cells: list[int], month: str
) -> list[tuple[tuple[str, str, date], list[tuple[int, dict[str, Any]]]]]:
    """Level, organisation and month, with the cells and rows of it."""
    found: dict[tuple[str, str, date], list[tuple[int, dict[str, Any]]]] = {}
    for row, cell in zip(rows.iter_rows(named=True), cells, strict=True):
        found.setdefault((LEVEL, row["org_code"], row[month]), []).append((cell, row))
    return list(found.items())


def _counted(rows: pl.DataFrame, shown: list[float]) -> pl.DataFrame:
    people = pl.Series("people", shown, dtype=pl.Float64)
    return rows.with_columns(people.fill_nan(None), people.is_nan().alias("suppressed"))


def _with_protected(rows: pl.DataFrame, shown: dict[str, list[float]]) -> pl.DataFrame:
    """Counts by name as they are shown, and the names of those that are hidden."""
    names = list(shown)
    hidden = ["|".join(name for name in names if np.isnan(shown[name][number])) for number in range(rows.height)]
    return rows.with_columns(
        *(pl.Series(name, values, dtype=pl.Float64).fill_nan(None) for name, values in shown.items()),
        pl.Series("suppressed", hidden, dtype=pl.String),
    )


def _with_wholes(whole: Wholes, rows: pl.DataFrame) -> pl.DataFrame:
    """The people of both months as the trends show them."""
    if rows.is_empty():
        return rows
    return rows.with_columns(
        pl.Series(name, _of_trends(whole, rows, day), dtype=pl.Float64)
        for name, day in {"people": "month", "baseline_people": "baseline_month"}.items()
    )


def _shown_counts(outside: Outside) -> Wholes:
    """What the trends show of the level of the parts."""
    keys = outside.rows.select("org_level", "org_code", "month", "measure").with_columns(
        pl.Series("value", outside.protected.value).fill_nan(None)
    )
    return {row[:4]: row[4] for row in keys.filter(pl.col("org_level") == LEVEL).iter_rows()}


def _of_trends(whole: Wholes, rows: pl.DataFrame, day: str) -> list[float | None]:
    """The protected count of the trends to which each row belongs."""
    return [whole.get(key) for key in rows.select("org_level", "org_code", day, "measure").iter_rows()]
