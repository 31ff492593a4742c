"""How high the doses of people on opioids are: protected counts by band, with the lines of 90 and 120 mg a day."""

from dataclasses import dataclass
from datetime import date
from typing import Any

import polars as pl

from pipelines.config import Settings
from pipelines.disclosure import SUPPRESSED_MARK
from pipelines.disclosure.parts import LEVEL
from pipelines.report.leaving import Leaving
from pipelines.report.wording import readable_name


@dataclass(frozen=True)
class DoseBand:
    """People whose dose over three months lies in a band; `people` is None where hidden."""

    name: str
    from_mg: float | None
    people: float | None
    shown: str
    share: str | None
    """Of all, as text; None where it cannot be given."""
    is_over: bool
    """Above the line of the aim."""
    line: bool
    """Whether a line that means something lies at its lower end."""


@dataclass(frozen=True)
class Doses:
    """The doses of everybody with an opioid in the last three months, in one ICB."""

    org_name: str
    month: date
    line_mg: float
    bands: tuple[DoseBand, ...]
    over: float | None
    """People above the line, of the counts shown; None where one is hidden."""
    total: float | None

    @property
    def over_pct(self) -> float | None:
        if self.over is None or not self.total:
            return None
        return 100 * self.over / self.total


def doses_of(leaving: Leaving, settings: Settings, place: tuple[str, str]) -> Doses | None:
    """The doses of one place by level and code; None where no band of it leaves."""
    level, code = place
    if level != LEVEL or leaving.dose_bands.is_empty():
        return None
    rows = leaving.dose_bands.filter(pl.col("org_code") == code).sort("band_number").to_dicts()
    if not rows or all(row["suppressed"] for row in rows):
        return None
    lines = settings.cohorts.high_dose
    lower, line = float(lines["lower_ome_mg_per_day"]), float(lines["ome_mg_per_day"])
    total = _sum(rows)
    found = [row for row in rows if row["from_ome_mg_per_day"] is not None or row["people"] != 0]
    bands = tuple(
        DoseBand(
            name=_name(row["from_ome_mg_per_day"], _next(rows, number), line),
            from_mg=row["from_ome_mg_per_day"],
            people=row["people"],
            shown=SUPPRESSED_MARK if row["suppressed"] else f"{row['people']:,.0f}",
            share=_share(row["people"], total),
            is_over=(row["from_ome_mg_per_day"] or 0) >= line,
            line=row["from_ome_mg_per_day"] in (lower, line),
        )
        for number, row in enumerate(found)
    )
    over = _sum([row for row in rows if (row["from_ome_mg_per_day"] or 0) >= line])
    return Doses(readable_name(rows[0]["org_name"]), rows[0]["month"], line, bands, over, total)


def _sum(rows: list[dict[str, Any]]) -> float | None:
    if any(row["suppressed"] for row in rows):
        return None
    return float(sum(row["people"] for row in rows))


def _next(rows: list[dict[str, Any]], number: int) -> float | None:
    later: float | None = rows[number + 1]["from_ome_mg_per_day"] if number + 1 < len(rows) else None
    return later


def _name(start: float | None, end: float | None, line: float) -> str:
    """The line itself belongs to the band below it."""
    if start is None:
        return "dose not known"
    first = f"over {start:g}" if start == line else f"{start:g}"
    if end is None:
        return f"{first} mg a day or more"
    if start == 0:
        return f"under {end:g} mg a day"
    return f"{first} to {end:g} mg a day" if end == line else f"{first} to under {end:g} mg a day"


def _share(people: float | None, total: float | None) -> str | None:
    """A share of rounded counts, no finer than these allow."""
    if people is None or not total or total < 100:
        return None
    share = 100 * people / total
    return f"{share:.1f}%" if share < 10 else f"{share:.0f}%"
