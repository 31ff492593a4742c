"""The clever and the boring agree: SQL against hand-worked patients, and against the naive twin row by row."""

from collections.abc import Iterable
from datetime import date
from pathlib import Path

import pytest
from given import item_id_of, same, tables_of
from golden_reader import golden_files, read_golden
from naive import item_rows, patient_months
from support import build_from

from pipelines import assets
from pipelines.engine.duckdb import DuckDBEngine

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


def sql_rows(engine: DuckDBEngine) -> dict[tuple[str, date], dict]:
    rows = engine.fetch("SELECT * FROM marts.patient_month").to_pylist()
    return {(row["patient_key"], row["month"]): row for row in rows}


def sql_items(engine: DuckDBEngine) -> dict[str, dict]:
    return {row["item_id"]: row for row in engine.fetch("SELECT * FROM intermediate.int_items__ome").to_pylist()}


@pytest.mark.parametrize("path", golden_files(), ids=lambda path: path.stem)
def test_the_sql_agrees_with_patients_worked_by_hand(path: Path, tmp_path: Path) -> None:
    golden = read_golden(path)
    engine = build_from(
        tables_of(golden.items, golden.loaded_months, golden.gp_practices), "marts.patient_month", tmp_path
    )
    rows, items = sql_rows(engine), sql_items(engine)
    wrong = []
    for wanted in golden.expectations:
        key = (wanted.patient_key, wanted.month)
        row = items.get(item_id_of(wanted.item_id)) if wanted.item_id else rows.get(key)
        if wanted.column == "row":
            found = "absent" if row is None else "present"
        else:
            found = "no row" if row is None else row[wanted.column]
        if wanted.column == "net_quantity" and found is None and wanted.expected == 0:
            continue  # a reversal leaves nothing of its own: the twin writes 0, the warehouse NULL
        if not same(found, wanted.expected):
            wrong.append(f"{wanted.where}: {wanted.column} is {found}, by hand {wanted.expected}")
    assert golden.expectations
    assert wrong == []


def differences(items: list[dict], loaded: list[date], gp_practices: set[str], spill: Path) -> Iterable[str]:
    """Every cell in which SQL and the naive twin differ."""
    engine = build_from(tables_of(items, loaded, gp_practices), "marts.patient_month", spill)
    found, expected = sql_rows(engine), patient_months(items, loaded, gp_practices)
    yield from (f"{key} in one only" for key in found.keys() ^ expected.keys())
    for key in found.keys() & expected.keys():
        for column, value in expected[key].items():
            if not same(found[key][column], value):
                yield f"{key} {column}: SQL {found[key][column]}, naive {value}"
    found_items = sql_items(engine)
    for row in item_rows(items):
        item = found_items[item_id_of(row["item_id"])]
        for column in ("ome_mg", "ome_status"):
            if not same(item[column], row[column]):
                yield f"{row['item_id']} {column}: SQL {item[column]}, naive {row[column]}"


@pytest.mark.parametrize("dirty", [False, True], ids=["clean", "dirty"])
def test_the_sql_equals_the_naive_twin_on_synthetic_patients(dirty: bool, tmp_path: Path) -> None:
    from extract_items import items_of_extract

    extract = items_of_extract(tmp_path, patients=2000, months=24, seed=11, dirty=dirty, reference=assets.REFERENCE_DIR)
    assert len({item["patient_key"] for item in extract.items}) > 1500
    wrong = list(differences(extract.items, extract.loaded_months, extract.gp_practices, tmp_path))
    assert wrong[:20] == []


def test_every_column_of_the_mart_is_compared() -> None:
    golden = read_golden(golden_files()[0])
    naive = patient_months(golden.items, golden.loaded_months, golden.gp_practices)
    sql = (assets.SQL_DIR / "marts" / "patient_month.sql").read_text()
    columns = {line.strip().rstrip(",") for line in sql.split("SELECT\n")[1].split("FROM")[0].splitlines()}
    assert columns - IN_SQL_ONLY == set(next(iter(naive.values()))) - {"patient_key"}
