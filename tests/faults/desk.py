"""A data folder and its user: land files as `add` and `refresh` do, without building a warehouse."""

from dataclasses import dataclass
from pathlib import Path

import polars as pl
import pytest

from pipelines.config import Settings
from pipelines.engine.landing import MonthCounts
from pipelines.folders import DataFolder
from pipelines.ingest.delivery import Added, add_files
from pipelines.ingest.landing import land_new_files, landed_file, quarantine_file
from pipelines.ingest.register import Register, RegisteredFile
from pipelines.products import FollowedPrefix

FOLLOWED = [FollowedPrefix("0407020Q0", True), FollowedPrefix("0309", False)]


@dataclass
class Desk:
    """A data folder, and what its user sees."""

    folder: Path
    data: DataFolder
    settings: Settings
    log: pytest.LogCaptureFixture

    def file(self, name: str, content: str | bytes) -> Path:
        path = self.folder / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    def add(self, *files: Path, **options: object) -> list[Added]:
        return add_files(files, self.data, self.settings, **options)  # type: ignore[arg-type]

    def land(self) -> int:
        return land_new_files(self.data, self.settings, FOLLOWED)

    def registered(self, file_name: str) -> RegisteredFile:
        return next(file for file in Register(self.data).files() if file.file_name == file_name)

    def counts(self, file_name: str) -> list[MonthCounts]:
        return [m.counts for m in Register(self.data).loaded_months() if m.file.file_name == file_name]

    def landed(self, file_name: str) -> pl.DataFrame:
        return pl.read_parquet(landed_file(self.registered(file_name), self.data))

    def quarantined(self, file_name: str) -> pl.DataFrame:
        return pl.read_parquet(quarantine_file(self.registered(file_name), self.data))

    def take(self, name: str, content: str | bytes, **options: object) -> pl.DataFrame:
        """Add and land one file; the landed rows."""
        self.add(self.file(name, content), **options)
        self.land()
        return self.landed(name)

    @property
    def said(self) -> str:
        return "\n".join(record.getMessage() for record in self.log.records)


def epd(*rows: str, header: str | None = None) -> str:
    """An EPD file of the older edition."""
    first = header or (
        "YEAR_MONTH,PRACTICE_NAME,PRACTICE_CODE,BNF_CODE,BNF_DESCRIPTION,QUANTITY,ITEMS,TOTAL_QUANTITY,NIC,ACTUAL_COST"
    )
    return "\n".join([first, *rows]) + "\n"
