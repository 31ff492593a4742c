"""How far the headline depends on its definition: protected counts of an ICB by every definition one step from it."""

from dataclasses import dataclass
from datetime import date
from typing import Any

import polars as pl

from pipelines.config import Settings
from pipelines.disclosure import SUPPRESSED_MARK
from pipelines.report.leaving import Leaving
from pipelines.report.wording import readable_name

LEAST_FOR_PERCENT = 100
"""Below it the rounding of the counts would be most of a percentage."""
_WINDOWS = {"1m": "month alone", "3m": "three months alone", "6m": "six months alone", "12m": "twelve months alone"}


@dataclass(frozen=True)
class Definition:
    """One definition of a high dose, in words, and how many people it counts; `people` is None where hidden."""

    dimension: str
    words: str
    people: float | None
    shown: str
    against: str
    """The difference from the headline in percent of it, as text."""


@dataclass(frozen=True)
class Sensitivity:
    """The definitions of one ICB, the headline first; of factor sets those alone that are shown to differ."""

    org_name: str
    month: date
    definitions: tuple[Definition, ...]
    same_sets: int
    """Factor sets by which the shown count is that of the headline."""

    @property
    def headline(self) -> Definition:
        return self.definitions[0]

    @property
    def ends(self) -> tuple[Definition, Definition] | None:
        """The definitions that count fewest and most people."""
        known = [one for one in self.definitions if one.people is not None]
        if self.headline.people is None or len(known) < 2:
            return None
        return min(known, key=lambda one: one.people or 0), max(known, key=lambda one: one.people or 0)


def sensitivities(leaving: Leaving, settings: Settings) -> tuple[Sensitivity, ...]:
    """For every ICB of which definitions leave."""
    if leaving.sensitivity.is_empty():
        return ()
    groups = leaving.sensitivity.group_by("org_code", maintain_order=True)
    return tuple(one for _, rows in groups if (one := _of_icb(rows, settings)) is not None)


def _of_icb(rows: pl.DataFrame, settings: Settings) -> Sensitivity | None:
    every = rows.to_dicts()
    headline = next((row for row in every if row["is_headline"]), None)
    if headline is None:
        return None
    same = [row for row in every if row["dimension"] == "factor_set" and row["people"] == headline["people"]]
    order = ("headline", "window", "line", "route", "factor_set")
    kept = sorted((row for row in every if row not in same), key=lambda row: order.index(row["dimension"]))
    definitions = tuple(
        Definition(
            row["dimension"],
            _words(row, settings),
            row["people"],
            SUPPRESSED_MARK if row["suppressed"] else f"{row['people']:,.0f}",
            "–" if row is headline else _against(row["people"], headline["people"]),
        )
        for row in kept
    )
    return Sensitivity(readable_name(headline["org_name"]), headline["as_at_month"], definitions, len(same))


def _words(row: dict[str, Any], settings: Settings) -> str:
    lines = settings.cohorts.high_dose
    low, line = (f"{lines[name]:g} mg a day" for name in ("lower_ome_mg_per_day", "ome_mg_per_day"))
    if row["dimension"] == "window":
        return f"Above {line} over the last {_WINDOWS[row['dose_window']]}"
    if row["dimension"] == "line":
        return {"ge120": f"{line} or more", "gt90": f"Above {low}", "ge90": f"{low} or more"}[row["preset"]]
    if row["dimension"] == "route":
        return "With injected opioids counted as well"
    if row["dimension"] == "factor_set":
        return f"With other factors: {row['factor_set_title'] or row['factor_set']}"
    return f"Above {line} over the last three and over the last six months"


def _against(people: float | None, headline: float | None) -> str:
    if people is None or headline is None or headline < LEAST_FOR_PERCENT:
        return "–"
    share = round(100 * (people - headline) / headline)
    return f"{abs(share)}% {'more' if share > 0 else 'fewer'}" if share else "no difference shown"
