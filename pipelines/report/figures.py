"""Protected trend rows → what the pages say: all arithmetic is here or in the statistics, none in the templates.

Everything is worked out from columns that have passed disclosure control, and says no more than they do.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Any, Literal, NamedTuple

import polars as pl

from pipelines.config import Measure, Settings
from pipelines.disclosure import PUBLIC_PREFIX, TOO_FEW_SEE
from pipelines.report.frame import Frame
from pipelines.report.views import (
    AimView,
    Change,
    ChildTable,
    Event,
    Facts,
    Point,
    State,
    View,
    months_between,
)
from pipelines.report.wording import by_number, every_month, grouped, percent, readable_name
from pipelines.statistics import aim
from pipelines.statistics.aim import TOO_FEW
from pipelines.statistics.measures import counted_measures

MISSION_MEASURES = ("high_dose", "long_term", "opioid_gabapentinoid")
EPD_MEASURES = ("epd_ome_total", "epd_opioid_items")
PRACTICE_EPD_MEASURES = (*EPD_MEASURES, "epd_high_strength_120_items", "epd_gabapentinoid_ddd")
CONTROL_MEASURES = ("high_dose_net_change", "epd_ome_total", "ome_total")
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"

_STEPS_TO_SEE = 10
# fmt: off
_COLUMNS = (
    "org_level", "org_code", "month", "measure", "org_name", "is_gp_practice", "pcn_code", "icb_code", "denominator",
    "denominator_basis", "aim_pct", "baseline_month", "provisional", "definition_since", "numerator", "rate_per_1000",
    "rate_reason", "ci_low", "ci_high", "baseline", "change_pct", "change_low", "change_high", "trajectory",
    "probability_aim_met", "aim_status", "spc_mean", "spc_lower", "spc_upper", "spc_signal", "spc_reason",
    "spc_variation", "capture_rate", "suppressed", "shown",
)
# fmt: on

Row = dict[str, Any]
Rows = dict[str, dict[date, Row]]
"""By measure and month."""
Place = tuple[str, str]
"""Level and code of an organisation."""


class Organisation(NamedTuple):
    """One organisation as the pages name it."""

    level: str
    code: str
    name: str
    pcn_code: str | None
    icb_code: str | None
    is_gp_practice: bool


@dataclass(frozen=True)
class Figures:
    """The protected rows by organisation, measure and month, and the views that are made of them."""

    frame: Frame
    facts: Facts
    organisations: dict[Place, Organisation]
    rows: Callable[[Place], Rows]
    measures: dict[str, Measure]
    epd_months: tuple[date, ...]

    def of_level(self, level: str) -> list[Organisation]:
        """Organisations of a level by name, PCN 2 before PCN 10; of practices those of GPs."""
        found = [one for (one_level, _), one in self.organisations.items() if one_level == level and one.is_gp_practice]
        return sorted(found, key=lambda one: (by_number(one.name), one.code))

    def below(self, place: Place, level: str) -> list[Organisation]:
        """The organisations of a level that belong to one above."""
        kind, code = place
        if kind == "all":
            return self.of_level(level)
        parent = {"icb": "icb_code", "pcn": "pcn_code"}[kind]
        return [one for one in self.of_level(level) if getattr(one, parent) == code]

    def measure(self, measure_id: str) -> Measure:
        return self.measures[measure_id]

    def as_at(self, measure_id: str) -> date | None:
        """The month of what is said of a measure: that of the pages, or where open data lack it their newest."""
        if not measure_id.startswith(PUBLIC_PREFIX) or self.facts.as_at in self.epd_months or not self.epd_months:
            return self.facts.as_at
        return self.epd_months[-1]

    def has(self, place: Place, measure_id: str) -> bool:
        return measure_id in self.rows(place)

    def child_table(self, place: Place, level: str, measure_id: str) -> ChildTable | None:
        """One measure of the organisations below, in the order of names."""
        below = [one for one in self.below(place, level) if self.has((level, one.code), measure_id)]
        if not below:
            return None
        views = tuple(self.view((level, one.code), measure_id) for one in below)
        left_out = self.without_list(place) if level == "practice" else 0
        return ChildTable(self.measure(measure_id), level, views, left_out)

    def without_list(self, place: Place) -> int:
        """Cost centres that are no GP practice, below an organisation."""
        kind, code = place
        parent = {"icb": "icb_code", "pcn": "pcn_code"}.get(kind)
        others = [one for one in self.organisations.values() if one.level == "practice" and not one.is_gp_practice]
        return sum(parent is None or getattr(one, parent) == code for one in others)

    def view(self, place: Place, measure_id: str) -> View:
        """One measure of one organisation; its state says whether there is a figure."""
        measure, by_month = self.measure(measure_id), self.rows(place).get(measure_id, {})
        as_at, level = self.as_at(measure_id), place[0]
        has_rates = any(row["rate_per_1000"] is not None for row in by_month.values())
        basis: Literal["rate", "count"] = "rate" if has_rates or not _has_counts(by_month) else "count"
        months = self.epd_months if measure_id.startswith(PUBLIC_PREFIX) else self.facts.months
        points = tuple(self._point(month, by_month.get(month), measure, basis) for month in every_month(months))
        latest = next((point for point in points if point.month == as_at), None)
        now: Row = by_month.get(as_at, {}) if as_at else {}
        then: Row = by_month.get(now.get("baseline_month") or date.min, {})
        baseline = now.get("baseline") if basis == "rate" else None
        policy = self.frame.leaving.policy
        is_rounded = not measure_id.startswith(PUBLIC_PREFIX) and policy.rounding != "none"
        single = ".." not in self.frame.settings.aims.default_aim.baseline
        organisation = self.organisations.get(place)
        return View(
            measure=measure,
            org_level=level,
            org_code=place[1],
            org_name=organisation.name if organisation else place[1],
            state=_state(latest),
            basis=basis,
            is_rounded=is_rounded,
            latest=latest,
            points=points,
            baseline_month=now.get("baseline_month"),
            baseline=baseline,
            baseline_shown=grouped(then["shown"]) if then and single and not then["suppressed"] else None,
            change=_change(now),
            aim=self._aim(now) if baseline else None,
            too_few=_too_few(now),
            within_capture=single and _within_capture(now, then, measure),
            signal=now.get("spc_signal"),
            signal_reason=now.get("spc_reason"),
            denominator_basis=now.get("denominator_basis"),
            capture_pct=_hundredfold(now.get("capture_rate")),
            rounding_shows=is_rounded and _largest(by_month) < _STEPS_TO_SEE * policy.rounding_base,
            events=self._events(place, measure_id, by_month),
        )

    def _point(self, month: date, row: Row | None, measure: Measure, basis: str) -> Point:
        if row is None:
            return Point(month, "", None, None, None, None, False, False, False, False, is_loaded=False)
        full = int(self.frame.settings.cohorts.first_month_of_data.get("full_6m_window", 1))
        is_rate = basis == "rate"
        return Point(
            month=month,
            shown=grouped(row["shown"]),
            value=row["rate_per_1000"] if is_rate else row["numerator"],
            low=row["ci_low"] if is_rate else None,
            high=row["ci_high"] if is_rate else None,
            trajectory=row["trajectory"],
            suppressed=row["suppressed"],
            provisional=bool(row["provisional"]),
            too_short=row["rate_reason"] == "history_too_short",
            is_early=measure.history == "high_dose" and months_between(self.facts.months[0], month) + 1 < full,
            is_loaded=True,
        )

    def _aim(self, now: Row) -> AimView | None:
        if now.get("aim_pct") is None or now.get("baseline_month") is None:
            return None
        planned, baseline, low, high = (now[name] for name in ("trajectory", "baseline", "change_low", "change_high"))
        firm = False
        if planned is not None and low is not None and high is not None:
            planned_pct = 100 * (planned / baseline - 1)
            firm = high < planned_pct or low > planned_pct
        return AimView(
            percent=percent(now["aim_pct"]),
            month=self.frame.settings.aims.default_aim.month_from(now["baseline_month"]),
            rate=baseline * (1 + now["aim_pct"] / 100),
            status=now["aim_status"] or "",
            planned=planned,
            is_firm=firm,
            probability_pct=_hundredfold(now["probability_aim_met"]),
        )

    def _events(self, place: Place, measure_id: str, by_month: dict[date, Row]) -> tuple[Event, ...]:
        """Recorded steps, changes of the definition and what was handed in, of this measure and organisation."""
        found = {
            (date.fromisoformat(f"{step.month}-01"), step.reason)
            for step in self.frame.settings.measures.steps
            if measure_id in step.measures
        }
        breaks = {row["definition_since"] for row in by_month.values() if row["definition_since"]}
        found |= {(month, "the definition of the measure changed") for month in breaks}
        found |= {
            (note.month, note.text)
            for note in self.frame.annotations
            if note.org_code in (None, place[1]) and (not note.measures or measure_id in note.measures)
        }
        months = sorted(by_month)
        within = sorted(one for one in found if months and months[0] <= one[0] <= months[-1])
        return tuple(
            Event(LETTERS[number] if number < len(LETTERS) else "*", month, text)
            for number, (month, text) in enumerate(within)
        )


def figures_of(frame: Frame) -> Figures:
    """Choose measures and the as-at month, and sort the protected rows by organisation."""
    leaving, settings = frame.leaving, frame.settings
    is_epd_only = not leaving.has_patients
    known = {measure.id: measure for measure in settings.measures.measures}
    headline = tuple(known[name] for name in (EPD_MEASURES if is_epd_only else MISSION_MEASURES) if name in known)
    trends = leaving.trends
    said = trends.filter(pl.col("measure").is_in([measure.id for measure in headline]))
    months = _months(said)
    provisional = _months(said.filter(pl.col("provisional")))
    settled = [month for month in months if month not in provisional]
    facts = Facts(
        leaving=leaving,
        settings=settings,
        as_at=_as_at(leaving.as_at_month, settled),
        months=months,
        missing_months=tuple(month for month in every_month(months) if month not in months),
        provisional_months=provisional,
        is_epd_only=is_epd_only,
        measures=headline,
        definition="; ".join(said["definition"].drop_nulls().unique().sort().to_list()),
    )
    balancing = [name for name, measure in known.items() if measure.kind == "balancing" and measure.unit == "people"]
    used = {*MISSION_MEASURES, *balancing, *PRACTICE_EPD_MEASURES, *CONTROL_MEASURES, *settings.actions.measures}
    used |= {f"{name}_net_change" for name in MISSION_MEASURES}
    kept = trends.filter(pl.col("measure").is_in(sorted(used))).select(_COLUMNS)
    epd = _months(kept.filter(pl.col("measure").is_in(PRACTICE_EPD_MEASURES)))
    return Figures(frame, facts, _organisations(kept), _by_place(kept), known | _parts(settings, used - {*known}), epd)


def _months(trends: pl.DataFrame) -> tuple[date, ...]:
    return tuple(trends["month"].unique().sort().to_list())


def _parts(settings: Settings, names: set[str]) -> dict[str, Measure]:
    """Measures that are a part of another, such as one drug's, with their own title."""
    known = {measure.id: measure for measure in settings.measures.measures}
    found = {}
    for counted in counted_measures(settings):
        if counted.measure in names:
            new = {"id": counted.measure, "title": counted.title}
            found[counted.measure] = known[counted.cohort].model_copy(update=new)
    return found


def _by_place(trends: pl.DataFrame) -> Callable[[Place], Rows]:
    """The rows of an organisation, sorted out when they are asked for: a whole country need not be held twice."""
    parts = trends.partition_by("org_level", "org_code", as_dict=True)

    @lru_cache(maxsize=1000)
    def rows(place: Place) -> Rows:
        found: Rows = {}
        part = parts.get(place)
        for row in part.sort("measure", "month").iter_rows(named=True) if part is not None else ():
            found.setdefault(row["measure"], {})[row["month"]] = row
        return found

    return rows


def _organisations(trends: pl.DataFrame) -> dict[Place, Organisation]:
    """Every organisation under the name of its newest row."""
    ordered = trends.sort("org_level", "org_code", "month", "measure")
    newest = ordered.unique(["org_level", "org_code"], keep="last", maintain_order=True)
    return {
        (row["org_level"], row["org_code"]): Organisation(
            row["org_level"],
            row["org_code"],
            readable_name(str(row["org_name"] or row["org_code"])),
            row["pcn_code"],
            row["icb_code"],
            row["org_level"] != "practice" or row["is_gp_practice"] is not False,
        )
        for row in newest.iter_rows(named=True)
    }


def _as_at(asked_for: date | None, settled: list[date]) -> date | None:
    """The month asked for where it has figures, else the newest that is not provisional."""
    if asked_for in settled:
        return asked_for
    return settled[-1] if settled else None


def _hundredfold(share: float | None) -> float | None:
    return None if share is None else 100 * share


def _has_counts(by_month: dict[date, Row]) -> bool:
    return any(row["numerator"] is not None for row in by_month.values())


def _largest(by_month: dict[date, Row]) -> float:
    return max((row["numerator"] or 0.0 for row in by_month.values()), default=0.0)


def _state(latest: Point | None) -> State:
    if latest is None or not latest.is_loaded:
        return "absent"
    if latest.suppressed:
        return "suppressed"
    if latest.too_short:
        return "too_short"
    return "shown" if latest.shown and latest.shown[0] != "[" else "absent"


def _too_few(now: Row) -> str | None:
    """What the door says of a level where protected counts allow no change; None where there is one, or no baseline."""
    if now.get("change_pct") is not None or not now.get("baseline_month"):
        return None
    if now["baseline"] == 0 and not now["suppressed"]:
        return None
    return TOO_FEW_SEE.get(now["org_level"], TOO_FEW)


def _change(now: Row) -> Change | None:
    if now.get("change_pct") is None:
        return None
    low, high = now["change_low"], now["change_high"]
    return Change(
        percent(now["change_pct"]),
        None if low is None else percent(low),
        None if high is None else percent(high),
    )


def _within_capture(now: Row, then: Row, measure: Measure) -> bool:
    """Whether a better or worse identification of patients alone could have made a change of this size."""
    weight = aim.CAPTURE_WEIGHT_OF_DOSE if measure.is_dose_cohort else aim.CAPTURE_WEIGHT_OF_PRESENCE
    new, old, linked_now, linked_then = (
        float("nan") if row.get(name) is None else row[name]
        for name in ("numerator", "capture_rate")
        for row in (now, then)
    )
    return aim.within_capture(new, old, linked_now, linked_then, weight).item() is True
