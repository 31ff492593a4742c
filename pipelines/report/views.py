"""What pages hold: measures of an organisation, months, comparisons. Shapes only, made by figures.py and its like."""

from dataclasses import dataclass
from datetime import date
from typing import Literal, NamedTuple

from pipelines.config import Measure, Settings
from pipelines.report.leaving import Leaving

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


class Event(NamedTuple):
    """Something that happened in a month, under the letter by which the chart shows it."""

    letter: str
    month: date
    text: str


@dataclass(frozen=True)
class View:
    """One measure of one organisation, up to the newest month."""

    measure: Measure
    org_level: str
    org_code: str
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
    events: tuple[Event, ...] = ()

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


class ControlPoint(NamedTuple):
    """One month of a process-control chart; `nature` is empty, `improving` or `concerning`."""

    month: date
    shown: str
    value: float | None
    mean: float | None
    lower: float | None
    upper: float | None
    nature: Literal["", "improving", "concerning"]
    signal: str


@dataclass(frozen=True)
class Control:
    """Process control of a measure whose months are independent, up to the newest month with limits."""

    measure_id: str
    title: str
    unit: str
    basis: Literal["rate", "count"]
    org_name: str
    points: tuple[ControlPoint, ...]
    variation: str
    """What the newest month shows, in the standard words."""
    digits: int

    @property
    def latest(self) -> ControlPoint:
        return self.points[-1]


@dataclass(frozen=True)
class NetChange:
    """Process control on who joined less who left, in words: the icon of a stock of the same people."""

    title: str
    """Of the stock."""
    variation: str | None
    """The standard words; None where they cannot be said."""
    why_not: str
    nature: Literal["", "improving", "concerning", "unknown"]


class Part(NamedTuple):
    """Some of the people of the baseline, or those who joined; `people` is None where hidden."""

    words: str
    short: str
    people: float | None
    shown: str
    is_care: bool
    """Whether it is fewer people on a high dose because of care."""


@dataclass(frozen=True)
class Parts:
    """Of what the change since the baseline is made."""

    org_name: str
    month: date
    baseline_month: date
    parts: tuple[Part, ...]
    people: str
    baseline_people: str


class Decile(NamedTuple):
    """One month: the nine deciles of practices, lowest first, None where hidden; and the organisation's own rate."""

    month: date
    lines: tuple[float | None, ...]
    own: float | None


@dataclass(frozen=True)
class Deciles:
    """An organisation among the deciles of GP practices."""

    measure: Measure
    org_name: str
    own_label: str
    rows: tuple[Decile, ...]
    practices: int
    digits: int

    @property
    def latest(self) -> Decile | None:
        """The newest month with both the organisation's rate and the deciles."""
        both = (row for row in reversed(self.rows) if row.own is not None and row.lines[8] is not None)
        return next(both, None)


class FunnelPoint(NamedTuple):
    """One organisation of a funnel."""

    code: str
    name: str
    size: float
    rate: float
    shown: str
    nature: Literal["within", "above", "below"]
    """Where it lies by the limits of 99.8 %."""
    is_named: bool


class FunnelRow(NamedTuple):
    """The limits at one list size."""

    size: float
    low_95: float
    high_95: float
    low_998: float
    high_998: float


@dataclass(frozen=True)
class Funnel:
    """Organisations by size and rate, within limits of chance."""

    measure: Measure
    level: str
    month: date
    points: tuple[FunnelPoint, ...]
    curve: tuple[FunnelRow, ...]
    centre: float
    dispersion: float
    hidden: int
    """Organisations that cannot be drawn, since their count is hidden."""
    size_title: str
    digits: int


@dataclass(frozen=True)
class Standing:
    """One figure of a practice beside similar practices."""

    measure: Measure
    view: View
    similar: float | None
    """The median among them; None where it cannot be told."""
    similar_known: int
    similar_basis: str
    """In what they are alike, in the words of marts.practice_comparison."""
    tenth: int | None
    """1 = among the lowest tenth of practices, 10 = among the highest."""
    compared: int
    year_change_pct: float | None
    """The latest three months against the same three a year before; open data alone."""

    @property
    def digits(self) -> int:
        return self.view.digits


@dataclass(frozen=True)
class Facts:
    """What all pages share."""

    leaving: Leaving
    settings: Settings
    as_at: date | None
    months: tuple[date, ...]
    missing_months: tuple[date, ...]
    provisional_months: tuple[date, ...]
    is_epd_only: bool
    measures: tuple[Measure, ...]
    definition: str
