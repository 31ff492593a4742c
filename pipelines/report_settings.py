"""How the site is dressed for one place: report.toml as validated settings. `pipelines.config` reads it."""

from pathlib import Path
from typing import Literal

from pydantic import Field

from pipelines.measure_settings import Frozen


class MapSettings(Frozen):
    """A file of boundaries of one's own, and how its areas name their organisation."""

    path: Path
    """GeoJSON; a relative path is taken from the folder of report.toml."""
    level: Literal["pcn", "icb"]
    code_property: str = Field(min_length=1)
    measure: str = "high_dose"


class ReportSettings(Frozen):
    """report.toml: nothing in it changes a figure."""

    map: MapSettings | None = None
