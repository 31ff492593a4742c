"""Small synthetic extracts, written once for all tests of the generator."""

import datetime as dt
from pathlib import Path

import polars as pl
import pytest
from synthetic_extracts import MONTHS, PATIENTS, REFERENCE_DIR, read_text

from pipelines.synthetic import write_extract


@pytest.fixture(scope="session")
def clean(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("clean")
    write_extract(folder, patients=PATIENTS, months=MONTHS, seed=7, reference_dir=REFERENCE_DIR)
    return folder


@pytest.fixture(scope="session")
def shorter(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shorter")
    write_extract(folder, patients=PATIENTS, months=3, seed=7, reference_dir=REFERENCE_DIR)
    return folder


@pytest.fixture(scope="session")
def dirty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dirty")
    start = dt.date(2024, 1, 1)
    write_extract(
        folder, patients=PATIENTS, months=MONTHS, seed=7, start=start, dirty=True, reference_dir=REFERENCE_DIR
    )
    return folder


@pytest.fixture(scope="session")
def items(clean: Path) -> pl.DataFrame:
    """The rows of the clean patient file, numbers as numbers."""
    number = pl.col("Age", "Quantity", "Items", "Total Quantity", "IMD Decile").cast(pl.Int64)
    return read_text(clean / "patient_items.csv").with_columns(number, pl.col("NIC").cast(pl.Float64))


@pytest.fixture(scope="session")
def epd(clean: Path) -> pl.DataFrame:
    """The rows of the clean EPD file, numbers as numbers."""
    number = pl.col("QUANTITY", "ITEMS", "TOTAL_QUANTITY").cast(pl.Int64)
    cost = pl.col("NIC", "ACTUAL_COST").cast(pl.Float64)
    return read_text(clean / "epd.csv").with_columns(number, cost)
