"""The same items give the same marts, whatever the number of threads."""

from pathlib import Path

import pytest
from given import tables_of
from support import build_from

from pipelines import assets
from pipelines.engine.duckdb import DuckDBEngine

PATIENTS = 300


def content(engine: DuckDBEngine, mart: str) -> list[str]:
    """Every row of a mart as text, in an order of its own."""
    rows = engine.connection.execute(f"SELECT CAST(mart AS VARCHAR) FROM {mart} AS mart ORDER BY 1").fetchall()
    return [row[0] for row in rows]


@pytest.mark.parametrize(
    "mart", ["marts.patient_month", "marts.item_ome", "intermediate.int_patient_months__memberships"]
)
def test_one_thread_and_two_build_the_same_content(mart: str, tmp_path: Path) -> None:
    from extract_items import items_of_extract

    extract = items_of_extract(
        tmp_path, patients=PATIENTS, months=24, seed=5, dirty=True, reference=assets.REFERENCE_DIR
    )
    given = tables_of(extract.items, extract.loaded_months, extract.gp_practices)
    one, two = (content(build_from(given, mart, tmp_path, threads=threads), mart) for threads in (1, 2))
    assert len(one) > PATIENTS
    assert one == two
