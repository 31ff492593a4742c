"""Whom a cohort holds, by deprivation, age and sex: protected rows of equity in the shapes that the page shows."""

from dataclasses import dataclass
from datetime import date
from typing import Any

import polars as pl

from pipelines.config import Measure, Settings
from pipelines.disclosure import SUPPRESSED_MARK
from pipelines.report.leaving import Leaving
from pipelines.report.views import Change, digits_for
from pipelines.report.wording import percent, readable_name
from pipelines.statistics.equity import IMD, LEAST_DEPRIVED, MOST_DEPRIVED

DIMENSIONS = (IMD, "age_band", "sex")
LEAST_FOR_SHARES = 100
"""Shares of fewer people would mostly be rounding."""
NO_LIST = "nobody_registered"
_ORDER = ("under 18", "18 to 39", "40 to 64", "65 to 74", "75 and over")
_SEXES = {"F": "Women", "M": "Men"}


@dataclass(frozen=True)
class Group:
    """The people of a cohort who share a quintile, an age or a sex; `people` is None where hidden."""

    name: str
    people: float | None
    shown: str
    baseline_shown: str
    share_pct: float | None
    rate: float | None
    """Per 1,000 registered people of the group, with its interval; None where the list is not by such groups."""
    rate_low: float | None
    rate_high: float | None
    change_pct: float | None
    change_low: float | None
    change_high: float | None
    change: Change | None
    """In words, with its interval; None where too few to tell."""


@dataclass(frozen=True)
class Grouping:
    """One cohort of one ICB by one dimension."""

    measure: Measure
    org_code: str
    org_name: str
    dimension: str
    basis: str | None
    """Of whom the deprivation is: `patient`; None for age and sex."""
    month: date
    baseline_month: date
    people: str
    """The whole cohort, as the trends show it."""
    groups: tuple[Group, ...]
    why_no_rates: str | None
    """The reason of marts.equity; None where there are rates."""
    gap: str | None
    """Most against least deprived, in words."""

    @property
    def is_drawable(self) -> bool:
        return sum(group.share_pct is not None for group in self.groups) >= 2

    @property
    def digits(self) -> int:
        return digits_for(max((group.rate or 0.0 for group in self.groups), default=0.0))

    @property
    def largest(self) -> Group | None:
        known = [group for group in self.groups if group.people is not None]
        return max(known, key=lambda group: group.people or 0) if known else None

    @property
    def most_deprived(self) -> Group | None:
        return next((group for group in self.groups if group.name.endswith("most deprived")), None)


def groupings(leaving: Leaving, settings: Settings) -> tuple[Grouping, ...]:
    """Every cohort of every ICB by every dimension, in the order of measures.toml."""
    if leaving.equity.is_empty():
        return ()
    measures = {measure.id: measure for measure in settings.measures.measures}
    order = {name: number for number, name in enumerate(measures)}
    wholes = _wholes(leaving)
    keys = ["org_code", "measure", "dimension"]
    found = []
    for (code, name, dimension), rows in leaving.equity.group_by(keys, maintain_order=True):
        if name in measures and dimension in DIMENSIONS:
            whole = wholes.get((code, name, rows["month"][0]))
            found.append(_grouping(measures[str(name)], str(dimension), rows, whole))
    return tuple(sorted(found, key=lambda one: (one.org_name, order[one.measure.id], DIMENSIONS.index(one.dimension))))


def _wholes(leaving: Leaving) -> dict[tuple[Any, ...], float]:
    icbs = leaving.trends.filter((pl.col("org_level") == "icb") & pl.col("numerator").is_not_null())
    return {row[:3]: float(row[3]) for row in icbs.select("org_code", "measure", "month", "numerator").iter_rows()}


def _grouping(measure: Measure, dimension: str, rows: pl.DataFrame, whole: float | None) -> Grouping:
    first = rows.row(0, named=True)
    named = sorted(rows.to_dicts(), key=lambda row: _place(str(row["dimension_value"])))
    return Grouping(
        measure=measure,
        org_code=first["org_code"],
        org_name=readable_name(first["org_name"] or first["org_code"]),
        dimension=dimension,
        basis=first["imd_basis"],
        month=first["month"],
        baseline_month=first["baseline_month"],
        people=SUPPRESSED_MARK if whole is None else f"{whole:,.0f}",
        groups=tuple(_group(row, whole) for row in named),
        why_no_rates=_why_no_rates(named),
        gap=next((row["gap"] for row in named if row["gap"]), None),
    )


def _why_no_rates(rows: list[dict[str, Any]]) -> str | None:
    """One reason for all: that of the groups which are known."""
    if any(row.get("rate_per_1000") is not None for row in rows):
        return None
    known = [row.get("rate_reason") for row in rows if row["dimension_value"] != "unknown"]
    return next((reason for reason in known if reason), NO_LIST)


def _place(value: str) -> tuple[int, str]:
    """Ages from young to old, quintiles from 1 to 5, what is unknown last."""
    if value in _ORDER:
        return _ORDER.index(value), value
    return len(_ORDER) + (value == "unknown"), value


def _group(row: dict[str, Any], whole: float | None) -> Group:
    hidden = set((row["suppressed"] or "").split("|"))

    def shown(name: str) -> str:
        return SUPPRESSED_MARK if name in hidden or row[name] is None else f"{row[name]:,.0f}"

    told = row["change_count_pct"] is not None
    can_share = row["people"] is not None and whole is not None and whole >= LEAST_FOR_SHARES
    return Group(
        name=_name(str(row["dimension_value"])),
        people=row["people"],
        shown=shown("people"),
        baseline_shown=shown("baseline_people"),
        share_pct=row["share_pct"] if can_share else None,
        rate=row.get("rate_per_1000"),
        rate_low=row.get("ci_low"),
        rate_high=row.get("ci_high"),
        change_pct=row["change_count_pct"],
        change_low=row["change_low"],
        change_high=row["change_high"],
        change=Change(percent(row["change_count_pct"]), percent(row["change_low"]), percent(row["change_high"]))
        if told
        else None,
    )


def _name(value: str) -> str:
    ends = {MOST_DEPRIVED: ": most deprived", LEAST_DEPRIVED: ": least deprived"}
    if value.startswith("quintile "):
        return f"Fifth {value.removeprefix('quintile ')}{ends.get(value, '')}"
    return _SEXES.get(value, value[0].upper() + value[1:])
