"""The clever and the boring agree: SQL against hand-worked patients, and against the naive twin row by row."""

import os
from pathlib import Path

import pytest
from comparison import differences, wrong_by_hand
from given import tables_of
from golden_reader import golden_files, read_golden
from naive import patient_months
from support import build_from

from pipelines import assets

# `make test-twin` asks for many more.
SYNTHETIC_PATIENTS = int(os.environ.get("OPIOIDS_TWIN_PATIENTS", "1500"))

IN_SQL_ONLY = {
    "patient_key",
    "window_has_missing_month",
    "methadone_3m",
    "immediate_release_fentanyl_3m",
    "excluded",
    "last_dispensed_month",
    "cautions",
    "null_reason",
}


@pytest.mark.parametrize("path", golden_files(), ids=lambda path: path.stem)
def test_the_sql_agrees_with_patients_worked_by_hand(path: Path, tmp_path: Path) -> None:
    golden = read_golden(path)
    engine = build_from(
        tables_of(golden.items, golden.loaded_months, golden.gp_practices), "marts.patient_month", tmp_path
    )
    assert golden.expectations
    assert wrong_by_hand(golden, engine) == []


@pytest.mark.parametrize("dirty", [False, True], ids=["clean", "dirty"])
def test_the_sql_equals_the_naive_twin_on_synthetic_patients(dirty: bool, tmp_path: Path) -> None:
    from extract_items import items_of_extract

    extract = items_of_extract(
        tmp_path, patients=SYNTHETIC_PATIENTS, months=24, seed=11, dirty=dirty, reference=assets.REFERENCE_DIR
    )
    assert len({item["patient_key"] for item in extract.items}) > SYNTHETIC_PATIENTS * 3 / 4
    wrong = list(differences(extract.items, extract.loaded_months, extract.gp_practices, tmp_path))
    assert wrong[:20] == []


def test_every_column_of_the_mart_is_compared() -> None:
    golden = read_golden(golden_files()[0])
    naive = patient_months(golden.items, golden.loaded_months, golden.gp_practices)
    sql = (assets.SQL_DIR / "marts" / "patient_month.sql").read_text()
    columns = {line.strip().rstrip(",") for line in sql.split("SELECT\n")[1].split("FROM")[0].splitlines()}
    assert columns - IN_SQL_ONLY == set(next(iter(naive.values()))) - {"patient_key"}
