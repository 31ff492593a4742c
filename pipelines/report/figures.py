"""Protected trend rows → what the page says: all arithmetic is here or in the statistics, none in the templates.

Everything is worked out from columns that have passed disclosure control, and says no more than they do.
"""

import math
import re
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal

import polars as pl

from pipelines.config import Measure, Settings
from pipelines.disclosure import PUBLIC_PREFIX, TOO_FEW_SEE
from pipelines.report.read import Leaving
from pipelines.report.views import (
    AimView,
    Change,
    ChildTable,
    Page,
    Percent,
    Point,
    Section,
    State,
    View,
    months_after,
    months_between,
)
from pipelines.statistics.aim import TOO_FEW

MISSION_MEASURES = ("high_dose", "long_term", "opioid_gabapentinoid")
EPD_MEASURES = ("epd_ome_total", "epd_opioid_items")
MOST_SECTIONS = 8
"""Above this many ICBs the page holds one section for all and a table of ICBs."""
MOST_PRACTICES = 400

_STEPS_TO_SEE = 10
_CAPTURE_WEIGHT_OF_DOSE, _CAPTURE_WEIGHT_OF_PRESENCE = 2.2, 1.0

Row = dict[str, Any]


def _as_at(asked_for: date | None, settled: list[date]) -> date | None:
    """The month asked for where it has figures, else the newest that is not provisional."""
    if asked_for in settled:
        return asked_for
    return settled[-1] if settled else None


def page_of(leaving: Leaving, settings: Settings) -> Page:
    """Choose measures, organisations and the as-at month, and work out what is said of each."""
    is_epd_only = not leaving.has_patients
    wanted = EPD_MEASURES if is_epd_only else MISSION_MEASURES
    known = {measure.id: measure for measure in settings.measures.measures}
    measures = tuple(known[name] for name in wanted if name in known)
    trends = leaving.trends.filter(pl.col("measure").is_in([measure.id for measure in measures]))
    months = tuple(trends["month"].unique().sort().to_list())
    provisional = tuple(trends.filter(pl.col("provisional"))["month"].unique().sort().to_list())
    settled = [month for month in months if month not in provisional]
    reader = _Reader(leaving, settings, trends, measures, _as_at(leaving.as_at_month, settled), months)
    sections, without = reader.sections()
    return Page(
        leaving=leaving,
        settings=settings,
        as_at=reader.as_at,
        months=months,
        missing_months=tuple(month for month in _every_month(months) if month not in months),
        provisional_months=provisional,
        is_epd_only=is_epd_only,
        measures=measures,
        sections=sections,
        icbs_without_section=without,
        definition="; ".join(trends["definition"].drop_nulls().unique().sort().to_list()),
    )


@dataclass(frozen=True)
class _Reader:
    """The protected rows of the page's measures and what all views share."""

    leaving: Leaving
    settings: Settings
    trends: pl.DataFrame
    measures: tuple[Measure, ...]
    as_at: date | None
    months: tuple[date, ...]

    def sections(self) -> tuple[tuple[Section, ...], int]:
        """One section an ICB; one for all where there are several, or none; and how many ICBs have none."""
        icbs = self._organisations("icb")
        if len(icbs) == 1:
            return (self._section("icb", icbs[0], "pcn"),), 0
        whole = [self._section("all", code, "icb" if icbs else "pcn") for code in self._organisations("all")]
        if len(icbs) > MOST_SECTIONS:
            return tuple(whole), len(icbs)
        return (*whole, *(self._section("icb", code, "pcn") for code in icbs)), 0

    def _organisations(self, level: str) -> list[str]:
        codes: list[str] = self.trends.filter(pl.col("org_level") == level)["org_code"].unique().sort().to_list()
        return codes

    def _section(self, level: str, code: str, child_level: str) -> Section:
        own = self.trends.filter((pl.col("org_level") == level) & (pl.col("org_code") == code))
        below = self.trends
        if level == "icb":
            below = below.filter(pl.col("icb_code") == code)
        levels = [child_level, "practice"] if not self.leaving.has_patients else [child_level]
        views = tuple(self._view(own.filter(pl.col("measure") == m.id), m) for m in self.measures)
        return Section(
            level,
            next((view.org_name for view in views), code),
            f"{level}-{code}",
            views,
            tuple(
                table
                for child in levels
                for measure in self.measures
                if (table := self._children(below, child, measure)) is not None
            ),
        )

    def _children(self, below: pl.DataFrame, level: str, measure: Measure) -> ChildTable | None:
        rows = below.filter((pl.col("org_level") == level) & (pl.col("measure") == measure.id))
        without_list = pl.lit(False)
        if level == "practice" and "is_gp_practice" in rows.columns:
            without_list = ~pl.col("is_gp_practice").fill_null(True)
        left_out = rows.filter(without_list)["org_code"].n_unique()
        listed = rows.filter(~without_list).partition_by("org_code", maintain_order=True)
        if not listed or len(listed) > MOST_PRACTICES:
            return None
        views = sorted((self._view(one, measure) for one in listed), key=lambda view: _by_number(view.org_name))
        return ChildTable(measure, level, tuple(views), left_out)

    def _view(self, rows: pl.DataFrame, measure: Measure) -> View:
        by_month: dict[date, Row] = {row["month"]: row for row in rows.sort("month").iter_rows(named=True)}
        any_row: Row = next(iter(by_month.values()), {})
        has_rates = any(row["rate_per_1000"] is not None for row in by_month.values())
        basis: Literal["rate", "count"] = "rate" if has_rates or not _has_counts(by_month) else "count"
        points = tuple(self._point(month, by_month.get(month), measure, basis) for month in _every_month(self.months))
        latest = next((point for point in points if point.month == self.as_at), None)
        now: Row = by_month.get(self.as_at, {}) if self.as_at else {}
        then: Row = by_month.get(now.get("baseline_month") or date.min, {})
        baseline = now.get("baseline") if basis == "rate" else None
        is_rounded = not measure.id.startswith(PUBLIC_PREFIX) and self.leaving.policy.rounding != "none"
        single = ".." not in self.settings.aims.default_aim.baseline
        return View(
            measure=measure,
            org_level=str(any_row.get("org_level", "")),
            org_name=readable_name(str(any_row.get("org_name") or any_row.get("org_code", ""))),
            state=_state(latest),
            basis=basis,
            is_rounded=is_rounded,
            latest=latest,
            points=points,
            baseline_month=now.get("baseline_month"),
            baseline=baseline,
            baseline_shown=_grouped(then["shown"]) if then and single and not then["suppressed"] else None,
            change=_change(now),
            aim=self._aim(now) if baseline else None,
            too_few=_too_few(now),
            within_capture=single and _within_capture(now, then, measure),
            signal=now.get("spc_signal"),
            signal_reason=now.get("spc_reason"),
            denominator_basis=now.get("denominator_basis"),
            capture_pct=_hundredfold(now.get("capture_rate")),
            rounding_shows=is_rounded and _largest(by_month) < _STEPS_TO_SEE * self.leaving.policy.rounding_base,
        )

    def _point(self, month: date, row: Row | None, measure: Measure, basis: str) -> Point:
        if row is None:
            return Point(month, "", None, None, None, None, False, False, False, False, is_loaded=False)
        full = int(self.settings.cohorts.first_month_of_data.get("full_6m_window", 1))
        is_rate = basis == "rate"
        return Point(
            month=month,
            shown=_grouped(row["shown"]),
            value=row["rate_per_1000"] if is_rate else row["numerator"],
            low=row["ci_low"] if is_rate else None,
            high=row["ci_high"] if is_rate else None,
            trajectory=row["trajectory"],
            suppressed=row["suppressed"],
            provisional=bool(row["provisional"]),
            too_short=row["rate_reason"] == "history_too_short",
            is_early=measure.history == "high_dose" and months_between(self.months[0], month) + 1 < full,
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
            month=self.settings.aims.default_aim.month_from(now["baseline_month"]),
            rate=baseline * (1 + now["aim_pct"] / 100),
            status=now["aim_status"] or "",
            planned=planned,
            is_firm=firm,
            probability_pct=_hundredfold(now["probability_aim_met"]),
        )


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
    new, old = now.get("numerator"), then.get("numerator")
    linked_now, linked_then = now.get("capture_rate"), then.get("capture_rate")
    if not (new and old and linked_now and linked_then):
        return False
    change, capture = math.log(new / old), math.log(linked_now / linked_then)
    weight = _CAPTURE_WEIGHT_OF_DOSE if measure.history == "high_dose" else _CAPTURE_WEIGHT_OF_PRESENCE
    return change * capture > 0 and abs(change) <= weight * abs(capture)


def _by_number(name: str) -> list[tuple[int, str]]:
    """Sort key: PCN 2 before PCN 10."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", name.casefold())]


def percent(value: float) -> Percent:
    """−24.7 → 25, lower."""
    return Percent(math.floor(abs(value) + 0.5), "lower" if value < 0 else "higher")


def _every_month(months: tuple[date, ...]) -> tuple[date, ...]:
    if not months:
        return ()
    return tuple(months_after(months[0], step) for step in range(months_between(months[0], months[-1]) + 1))


def _grouped(shown: str) -> str:
    """12345 → 12,345; marks such as [c] stay."""
    try:
        figure = float(shown)
    except ValueError:
        return shown
    return f"{figure:,.0f}"


_SMALL_WORDS = frozenset({"and", "at", "by", "for", "in", "of", "on", "the", "upon", "with"})
_LETTERS = frozenset({"NHS", "ICB", "PCN", "GP", "HMP", "UK", "OOH", "II", "III", "LLP"})


def readable_name(name: str) -> str:
    """A register's capitals as a name: NHS NORTH EAST ICB - 00L → NHS North East ICB - 00L."""
    if not name.isupper():
        return name
    words = (
        "-".join(_readable_word(part, number) for part in word.split("-")) for number, word in enumerate(name.split())
    )
    return " ".join(words)


def _readable_word(word: str, number: int) -> str:
    if word in _LETTERS or any(letter.isdigit() for letter in word):
        return word
    if number and word.casefold() in _SMALL_WORDS:
        return word.lower()
    return word.capitalize()
