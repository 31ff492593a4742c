"""What the tests of the generator share."""

from pathlib import Path

import polars as pl

REFERENCE_DIR = Path(__file__).parents[3] / "data" / "reference"
PATIENTS, MONTHS = 3000, 8


def read_text(path: Path) -> pl.DataFrame:
    """A CSV file, every column as text."""
    return pl.read_csv(path, infer_schema=False)
