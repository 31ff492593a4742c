"""What a page holds: sections, measures of an organisation, months. Shapes only, made by figures.py."""

from dataclasses import dataclass
from datetime import date
from typing import Literal

from pipelines.config import Measure, Settings
from pipelines.report.read import Leaving

State = Literal["shown", "suppressed", "too_short", "absent"]


def digits_for(largest: float) -> int:
    """Decimals for figures up to this size."""
    if largest >= 1000:
        return 0
    return 1 if largest >= 10 else 2


def months_between(first: date, last: date) -> int:
    """Calendar months from one to the other."""
    return (last.year - first.year) * 12 + last.month - first.month


def months_after(month: date, count: int) -> date:
    """The first day of the month so many months later."""
    year, index = divmod(month.year * 12 + month.month - 1 + count, 12)
    return date(year, index + 1, 1)


@dataclass(frozen=True)
class Percent:
    """A change in whole percent, without its sign, and the word's choice that goes with it."""

    size: int
    direction: Literal["lower", "higher"]


@dataclass(frozen=True)
class Change:
    """Change of the rate since the baseline month; the interval only where the protected counts allow one."""

    percent: Percent
    low: Percent | None
    high: Percent | None

    @property
    def is_clear(self) -> bool:
        """Whether the interval leaves no change out."""
        return self.low is not None and self.high is not None and self.low.direction == self.high.direction


@dataclass(frozen=True)
class AimView:
    """The aim of the headline measure and how the latest month stands to it."""

    percent: Percent
    month: date
    rate: float
    status: str
    planned: float | None
    is_firm: bool
    """Whether the interval of the change lies wholly on one side of the trajectory."""
    probability_pct: float | None
    """The chance, in percent, that the whole aim is already met."""


@dataclass(frozen=True)
class Point:
    """One month of one measure."""

    month: date
    shown: str
    value: float | None
    low: float | None
    high: float | None
    trajectory: float | None
    suppressed: bool
    provisional: bool
    too_short: bool
    is_early: bool
    """A dose that stands on fewer than six months of history."""
    is_loaded: bool


@dataclass(frozen=True)
class View:
    """One measure of one organisation, up to the newest month."""

    measure: Measure
    org_level: str
    org_name: str
    state: State
    basis: Literal["rate", "count"]
    is_rounded: bool
    latest: Point | None
    points: tuple[Point, ...]
    baseline_month: date | None
    baseline: float | None
    baseline_shown: str | None
    """The count of the baseline month; None where it is hidden or the baseline is a mean of months."""
    change: Change | None
    aim: AimView | None
    too_few: str | None
    """What the door says where the protected counts allow no change."""
    within_capture: bool
    signal: str | None
    signal_reason: str | None
    denominator_basis: str | None
    capture_pct: float | None
    """Of 100 opioid items, those linked to a person."""
    rounding_shows: bool
    """Whether the counts are so small that steps from month to month are steps of rounding."""

    @property
    def is_drawable(self) -> bool:
        return sum(point.value is not None for point in self.points) >= 2

    @property
    def digits(self) -> int:
        """Decimals that fit the size of the figures: 0.47, 13.1, 15,681."""
        if self.basis == "count":
            return 0
        figures = [point.value for point in self.points if point.value is not None]
        return digits_for(max([*figures, self.baseline or 0.0]))

    @property
    def baseline_fills_up(self) -> bool:
        """Whether the baseline is the first month of a measure of long use, when the data still fill up."""
        first = next((point.month for point in self.points if point.is_loaded and not point.too_short), None)
        return self.measure.history.startswith("long_term") and self.baseline_month == first


@dataclass(frozen=True)
class ChildTable:
    """One measure of the organisations below a section's own."""

    measure: Measure
    level: str
    rows: tuple[View, ...]
    left_out: int
    """Organisations of this level that have no list of patients of their own (not GP practices)."""

    @property
    def digits(self) -> int:
        return min(view.digits for view in self.rows)


@dataclass(frozen=True)
class Section:
    """One ICB, or everything loaded."""

    org_level: str
    org_name: str
    anchor: str
    views: tuple[View, ...]
    children: tuple[ChildTable, ...]


@dataclass(frozen=True)
class Page:
    """All that index.html says."""

    leaving: Leaving
    settings: Settings
    as_at: date | None
    months: tuple[date, ...]
    missing_months: tuple[date, ...]
    provisional_months: tuple[date, ...]
    is_epd_only: bool
    measures: tuple[Measure, ...]
    sections: tuple[Section, ...]
    icbs_without_section: int
    definition: str
