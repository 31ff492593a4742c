"""Who is in more than one of the three cohorts: protected counts of people in exactly these."""

from dataclasses import dataclass
from datetime import date
from typing import NamedTuple

import polars as pl

from pipelines.config import Settings
from pipelines.disclosure import SUPPRESSED_MARK
from pipelines.disclosure.parts import LEVEL, OVERLAPPING
from pipelines.report.leaving import Leaving
from pipelines.report.wording import readable_name

_SHORT = {"high_dose": "High dose", "long_term": "Long term", "opioid_gabapentinoid": "Gabapentinoid"}


class Cohort(NamedTuple):
    """One of the cohorts: what it is called, in few words and in fewer."""

    id: str
    title: str
    short: str


@dataclass(frozen=True)
class Intersection:
    """People in exactly these cohorts; `people` is None where hidden."""

    members: tuple[bool, ...]
    people: float | None
    shown: str
    words: str
    """Which these are: "high dose and long term"."""


@dataclass(frozen=True)
class Overlap:
    """The cohorts of one ICB and how they overlap, the largest group first."""

    org_name: str
    month: date
    cohorts: tuple[Cohort, ...]
    intersections: tuple[Intersection, ...]

    @property
    def everything(self) -> Intersection:
        return next(one for one in self.intersections if all(one.members))

    @property
    def at_least_two(self) -> float | None:
        """People in two or three cohorts, of the counts shown; None where one of these is hidden."""
        counts = [one.people for one in self.intersections if sum(one.members) > 1]
        return None if None in counts else sum(count for count in counts if count is not None)

    @property
    def everybody(self) -> float | None:
        counts = [one.people for one in self.intersections]
        return None if None in counts else sum(count for count in counts if count is not None)


def overlap_of(leaving: Leaving, settings: Settings, place: tuple[str, str]) -> Overlap | None:
    """The overlap of one place by level and code; None where nothing of it leaves."""
    level, code = place
    if level != LEVEL or leaving.overlap.is_empty():
        return None
    rows = leaving.overlap.filter(pl.col("org_code") == code).to_dicts()
    if not rows or all(row["suppressed"] for row in rows):
        return None
    line = settings.cohorts.high_dose["ome_mg_per_day"]
    titles = {
        "high_dose": f"Above {line:g} mg OME a day",
        "long_term": "Longer than 6 months",
        "opioid_gabapentinoid": "With a gabapentinoid",
    }
    cohorts = tuple(Cohort(name, titles[name], _SHORT[name]) for name in OVERLAPPING)
    found = [
        Intersection(
            members := tuple(bool(row[name]) for name in OVERLAPPING),
            row["people"],
            SUPPRESSED_MARK if row["suppressed"] else f"{row['people']:,.0f}",
            _words(members, cohorts),
        )
        for row in rows
    ]
    ordered = sorted(
        found, key=lambda one: (one.people is None, -(one.people or 0), [not is_in for is_in in one.members])
    )
    return Overlap(readable_name(rows[0]["org_name"]), rows[0]["month"], cohorts, tuple(ordered))


def _words(members: tuple[bool, ...], cohorts: tuple[Cohort, ...]) -> str:
    named = [
        cohort.title[0].lower() + cohort.title[1:] for cohort, is_in in zip(cohorts, members, strict=True) if is_in
    ]
    if len(named) == len(cohorts):
        return "all three: " + ", ".join(named)
    return " and ".join(named) + " only" * (len(named) == 1)
