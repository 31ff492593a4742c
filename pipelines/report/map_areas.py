"""The figures of a map: each area with its protected rate, in five steps of shade, and what cannot be shown."""

from dataclasses import dataclass
from datetime import date
from typing import Any

import polars as pl

from pipelines.config import Measure, Settings
from pipelines.disclosure import SUPPRESSED_MARK
from pipelines.errors import ConfigError
from pipelines.report.boundaries import Ring, boundaries, middle
from pipelines.report.leaving import Leaving
from pipelines.report.views import digits_for
from pipelines.report.wording import by_number, readable_name

SHADES = ("#dbe9f6", "#a6cbe8", "#5fa2d4", "#1f6fb4", "#003a70")
"""From low to high; each a third darker than the one before, so that they are told apart in grey."""
_WITHOUT = {"suppressed": "hidden: few people", "absent": "no figure"}


@dataclass(frozen=True)
class AreaView:
    """One organisation: its shape where the file has it, its figure where it may be shown."""

    code: str
    name: str
    polygons: list[list[Ring]]
    middle: tuple[float, float] | None
    rate: float | None
    shown: str
    state: str
    step: int | None
    """The shade, from 0; None without a rate."""


@dataclass(frozen=True)
class MapView:
    """All areas, the steps, and which organisations and shapes have no partner."""

    measure: Measure
    level: str
    month: date
    areas: tuple[AreaView, ...]
    steps: tuple[tuple[float, float], ...]
    without_shape: tuple[str, ...]
    unknown_shapes: int
    digits: int

    @property
    def known(self) -> list[AreaView]:
        return [area for area in self.areas if area.rate is not None]

    @property
    def highest(self) -> AreaView | None:
        return max(self.known, key=lambda area: area.rate or 0.0) if self.known else None


def map_view(leaving: Leaving, settings: Settings) -> MapView | None:
    """The map that report.toml asks for; None where it asks for none, or no month is settled."""
    asked = settings.report.map
    if asked is None:
        return None
    measure = next(
        (one for one in settings.measures.measures if one.id == asked.measure and one.unit == "people"), None
    )
    if measure is None:
        raise ConfigError(
            "The map asks for a measure that is not there.",
            f"report.toml: measure = '{asked.measure}'.",
            "Name a measure of measures.toml that counts people.",
        )
    rows = leaving.trends.filter(
        (pl.col("org_level") == asked.level) & (pl.col("measure") == asked.measure) & ~pl.col("provisional")
    )
    rows = rows.filter(pl.col("month") == pl.col("month").max())
    if rows.is_empty():
        return None
    shapes = boundaries(asked)
    found = {row["org_code"]: row for row in rows.iter_rows(named=True)}
    if not shapes.keys() & found.keys():
        raise ConfigError(
            "No area of the map has a figure.",
            f"{asked.path}: '{asked.code_property}' holds codes such as {', '.join(sorted(shapes)[:3])}; the figures "
            f"have {', '.join(sorted(found)[:3])}.",
            "Choose the property with the organisation codes, or boundaries of the right level.",
        )
    steps = _steps([row["rate_per_1000"] for row in found.values() if row["rate_per_1000"] is not None])
    areas = tuple(_area(row, shapes.get(code, []), steps) for code, row in found.items())
    return MapView(
        measure=measure,
        level=asked.level,
        month=rows["month"][0],
        areas=tuple(sorted(areas, key=lambda area: by_number(area.name))),
        steps=steps,
        without_shape=tuple(sorted(area.name for area in areas if not area.polygons)),
        unknown_shapes=len(shapes.keys() - found.keys()),
        digits=digits_for(max((end for _, end in steps), default=0.0)),
    )


def _steps(rates: list[float]) -> tuple[tuple[float, float], ...]:
    """Equal steps between the lowest and the highest rate; one where they are the same."""
    if not rates:
        return ()
    low, high = min(rates), max(rates)
    if low == high:
        return ((low, high),)
    width = (high - low) / len(SHADES)
    return tuple((low + number * width, low + (number + 1) * width) for number in range(len(SHADES)))


def _area(row: dict[str, Any], polygons: list[list[Ring]], steps: tuple[tuple[float, float], ...]) -> AreaView:
    rate = row["rate_per_1000"]
    state = "suppressed" if row["suppressed"] else "shown" if rate is not None else "absent"
    step = None
    if rate is not None:
        step = next(number for number, (_, end) in enumerate(steps) if rate <= end or number == len(steps) - 1)
    return AreaView(
        code=row["org_code"],
        name=readable_name(row["org_name"] or row["org_code"]),
        polygons=polygons,
        middle=middle(polygons) if polygons else None,
        rate=rate,
        shown=SUPPRESSED_MARK if row["suppressed"] else row["shown"] if row["shown"] != "[x]" else "–",
        state=_WITHOUT.get(state, state),
        step=step,
    )
