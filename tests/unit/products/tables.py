"""Small tables in, answers out: `a | b | c` lines, as a pharmacist would write them."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from pipelines.products import ProductReference, resolve

REFERENCE_DIR = Path(__file__).parents[3] / "data" / "reference"
REFERENCE = ProductReference.load(REFERENCE_DIR)


def rows(table: str) -> list[list[str]]:
    """The cells of each line that is not blank."""
    return [[cell.strip() for cell in line.split("|")] for line in table.strip().splitlines() if line.strip()]


def answers(
    products: Sequence[tuple[str | None, str | None]],
    factor_set: str = "uk_2026",
    scope: str = "nhsbsa_dfm",
) -> list[dict[str, Any]]:
    """One answer for each code and description."""
    table = pa.table(
        {
            "bnf_code": pa.array([code for code, _description in products], pa.string()),
            "bnf_description": pa.array([description for _code, description in products], pa.string()),
        }
    )
    found: list[dict[str, Any]] = resolve(table, REFERENCE, factor_set, scope).to_pylist()
    return found


def answer(
    code: str | None, description: str | None, factor_set: str = "uk_2026", scope: str = "nhsbsa_dfm"
) -> dict[str, Any]:
    """The answer for one product."""
    return answers([(code, description)], factor_set, scope)[0]
