"""One measure of one organisation by month, whether it comes from prescribing data or from a local return."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal, NamedTuple

import polars as pl

from pipelines.config import LocalMeasure, Settings
from pipelines.disclosure import NOT_AVAILABLE_MARK, PUBLIC_PREFIX, SUPPRESSED_MARK
from pipelines.report.frame import Annotation
from pipelines.report.leaving import Leaving
from pipelines.report.views import digits_for
from pipelines.report.wording import grouped, readable_name
from pipelines.statistics.local_trends import (
    BASELINE_MONTH,
    NO_BASELINE,
    NO_FIGURE,
    OTHERS_RETURNED,
    PERCENT,
    TOO_FEW_RETURNED,
)
from pipelines.statistics.measures import CountedMeasure

Row = dict[str, Any]
NO_INTERVAL_UNITS = frozenset({"items", "ome_mg", "nic_gbp", "ddd"})


class Dot(NamedTuple):
    """One month: the figure that is drawn and, beside it, the count behind it as text ("" where it says no more)."""

    month: date
    value: float | None
    figure: str
    beside: str
    is_hidden: bool
    is_provisional: bool = False
    is_partial: bool = False
    """Other organisations returned than in the latest month."""


class Moved(NamedTuple):
    """A change and its limits, in percent, percentage points or the measure's own unit."""

    size: float
    low: float | None
    high: float | None
    unit: str

    @property
    def is_clear(self) -> bool:
        """Whether the interval leaves no change out."""
        return self.low is not None and self.high is not None and (self.low > 0) == (self.high > 0)

    @property
    def digits(self) -> int:
        return 0 if self.unit == PERCENT else 1


@dataclass(frozen=True)
class About:
    """What a measure is."""

    id: str
    title: str
    why: str
    numerator: str
    denominator: str | None
    kind: str
    direction: str
    unit: str
    """What the figure counts, in words: "people per 1,000 registered patients"."""
    origin: Literal["data", "return"]
    checked_by: str
    next_review: str


@dataclass(frozen=True)
class Series:
    """A measure of an organisation; `latest` is the month of which is spoken, None where there is none."""

    about: About
    org_level: str
    org_code: str
    org_name: str
    dots: tuple[Dot, ...] = ()
    latest: Dot | None = None
    baseline: Dot | None = None
    moved: Moved | None = None
    why_no_change: str = "nothing was returned yet"
    spc_limits: tuple[float, float, float] | None = None
    """Mean, lower, upper limit of the latest month."""
    spc_words: str | None = None
    returns: str = ""
    """Whose returns the latest figure stands on, where it is a sum."""
    events: tuple[Annotation, ...] = ()

    @property
    def is_drawable(self) -> bool:
        return sum(dot.value is not None for dot in self.dots) >= 2


def about_data(measure: CountedMeasure, has_rates: bool) -> About:
    """A measure of the prescribing data, in words."""
    unit = {"people": "people", "items": "items", "ome_mg": "mg OME", "nic_gbp": "pounds", "ddd": "daily doses"}
    counted = unit[measure.unit]
    per = {"registered_patients": "per 1,000 registered patients", "long_acting_items": "in 1,000 long-acting items"}
    return About(
        id=measure.measure,
        title=measure.title,
        why=measure.why,
        numerator=measure.numerator,
        denominator=None,
        kind=measure.kind,
        direction=measure.direction,
        unit=f"{counted} {per[measure.denominator]}" if has_rates else counted,
        origin="data",
        checked_by=measure.checked_by,
        next_review=measure.next_review,
    )


def about_returned(measure: LocalMeasure) -> About:
    """A measure of a local return, in words."""
    unit = {"share": "percent", "mean": "mean score"}.get(measure.form, measure.unit)
    return About(
        id=measure.id,
        title=measure.title,
        why=measure.why,
        numerator=measure.numerator,
        denominator=measure.denominator,
        kind=measure.kind,
        direction=measure.direction,
        unit=unit,
        origin="return",
        checked_by=str(measure.checked_by),
        next_review=str(measure.next_review),
    )


def data_series(
    rows: pl.DataFrame, measure: CountedMeasure, as_at: date | None, annotations: Sequence[Annotation] = ()
) -> Series:
    """The protected trend rows of one organisation and measure, in any order."""
    found = rows.sort("month").to_dicts()
    has_rates = any(row["rate_per_1000"] is not None for row in found)
    value = "rate_per_1000" if has_rates else "numerator"
    largest = max((row[value] for row in found if row[value] is not None), default=0.0)
    digits = digits_for(largest) if has_rates else 0
    dots = tuple(_data_dot(row, value, digits, has_rates) for row in found)
    about = about_data(measure, has_rates)
    now = next((row for row in found if row["month"] == as_at), None)
    latest = next((dot for dot in dots if dot.month == as_at), None)
    if now is None:
        return Series(about, *_place(found), dots=dots, why_no_change="no figure for the month")
    begin = next((dot for dot in dots if dot.month == now["baseline_month"]), None)
    baseline = begin
    if begin and has_rates and now["baseline"] is not None:
        baseline = begin._replace(value=now["baseline"], figure=_text(now["baseline"], digits))
    moved = None
    if now["change_pct"] is not None:
        moved = Moved(now["change_pct"], now["change_low"], now["change_high"], PERCENT)
    limits = tuple(now[name] for name in ("spc_mean", "spc_lower", "spc_upper"))
    return Series(
        about,
        *_place(found),
        dots=dots,
        latest=latest,
        baseline=baseline,
        moved=moved,
        why_no_change="" if moved else _why_no_change(now, has_rates),
        spc_limits=limits if None not in limits and _is_charted_as_drawn(found, measure, has_rates) else None,
        spc_words=now["spc_variation"],
        events=_events(annotations, str(found[-1]["org_code"]), about.id),
    )


def _is_charted_as_drawn(rows: Sequence[Row], measure: CountedMeasure, has_rates: bool) -> bool:
    """Whether the limits of process control are in the unit of the figures: those of items and flows are in counts."""
    of_rates = measure.flow is None and (measure.unit == "people" or measure.denominator != "registered_patients")
    every = all(row["rate_per_1000"] is not None for row in rows if row["numerator"] is not None)
    return has_rates == (of_rates and every)


def _why_no_change(now: Row, has_rates: bool) -> str:
    if now["baseline_month"] is None:
        return "no baseline yet"
    if now["month"] == now["baseline_month"]:
        return "this is the baseline month"
    if now["aim_status"]:
        return str(now["aim_status"])
    if not has_rates:
        return "no list sizes, so no rate and no change"
    return "nobody at the baseline" if now["baseline"] == 0 and not now["suppressed"] else "too few to tell"


def _data_dot(row: Row, value: str, digits: int, has_rates: bool) -> Dot:
    figure = SUPPRESSED_MARK if row["suppressed"] else _text(row[value], digits)
    is_exact = row["measure"].startswith(PUBLIC_PREFIX)
    count = f"{'' if is_exact else 'about '}{grouped(row['shown'])}" if has_rates and row["shown"][0] != "[" else ""
    return Dot(row["month"], row[value], figure, count, bool(row["suppressed"]), bool(row["provisional"]))


def returned_series(rows: pl.DataFrame, measure: LocalMeasure, annotations: Sequence[Annotation] = ()) -> Series:
    """The protected local returns of one organisation and measure, in any order; the newest month is spoken of."""
    found = rows.sort("month").to_dicts()
    digits = {"share": 0, "count": 0, "amount": 1, "mean": 1}[measure.form]
    now = found[-1]
    dots = tuple(_returned_dot(row, digits, row["returned_by"] != now["returned_by"]) for row in found)
    moved = None
    if now["change"] is not None:
        moved = Moved(now["change"], now["change_low"], now["change_high"], now["change_unit"])
    limits = tuple(now[name] for name in ("spc_mean", "spc_lower", "spc_upper"))
    return Series(
        about_returned(measure),
        *_place(found),
        dots=dots,
        latest=dots[-1],
        baseline=next(dot for dot in dots if dot.month == now["baseline_month"]),
        moved=moved,
        why_no_change="" if moved else _WHY.get(now["change_reason"], "no change can be given"),
        spc_limits=limits if None not in limits else None,
        spc_words=now["spc_variation"],
        returns="" if now["is_own"] else f"{now['returns_counted']} organisation(s) returned",
        events=_events(annotations, str(now["org_code"]), measure.id),
    )


_WHY = {
    BASELINE_MONTH: "this is the first month",
    NO_FIGURE: "too few to tell",
    NO_BASELINE: "too few to tell",
    TOO_FEW_RETURNED: "too few to tell",
    OTHERS_RETURNED: "other organisations returned then",
    "baseline_zero": "none in the first month",
}


def _returned_dot(row: Row, digits: int, is_partial: bool) -> Dot:
    about = "about " if row["unit"] == "people" else ""
    figure = SUPPRESSED_MARK if row["suppressed"] and row["value"] is None else _text(row["value"], digits)
    count = ""
    if row["form"] == "share" and row["value"] is not None:
        count = f"{about}{_text(row['numerator'], 0)} of {about}{_text(row['denominator'], 0)}"
    if row["form"] == "mean" and row["value"] is not None:
        count = f"of {about}{_text(row['denominator'], 0)}"
    if row["form"] == "share" and figure != SUPPRESSED_MARK:
        figure += "%"
    return Dot(row["month"], row["value"], figure, count, figure == SUPPRESSED_MARK, is_partial=is_partial)


def _events(annotations: Sequence[Annotation], org_code: str, measure_id: str) -> tuple[Annotation, ...]:
    return tuple(
        note
        for note in annotations
        if note.org_code in (None, org_code) and (not note.measures or measure_id in note.measures)
    )


def _place(rows: Iterable[Row]) -> tuple[str, str, str]:
    newest = [*rows][-1]
    name = readable_name(str(newest["org_name"] or newest["org_code"]))
    return str(newest["org_level"]), str(newest["org_code"]), name


def _text(value: float | None, digits: int) -> str:
    if value is None:
        return NOT_AVAILABLE_MARK
    return f"{value:,.{digits}f}"


def unreturned(measure: LocalMeasure, place: tuple[str, str, str]) -> Series:
    """A measure that may be returned and was not."""
    return Series(about_returned(measure), *place)


def main_place(leaving: Leaving) -> tuple[str, str, str] | None:
    """Level, code and name of what the pages speak of: the one ICB, else everything loaded; None of no data at all."""
    trends = leaving.trends
    for level in ("icb", "all"):
        found = trends.filter(pl.col("org_level") == level).sort("month").unique("org_code", keep="last").to_dicts()
        if len(found) == 1:
            return _place(found)
    return None


def local_measures(settings: Settings) -> dict[str, LocalMeasure]:
    """The measures that may be returned, by id, in their order."""
    return {measure.id: measure for measure in settings.local.returned}
