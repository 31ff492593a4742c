"""The SQL and the naive twin, cell by cell."""

from collections.abc import Iterable
from datetime import date
from pathlib import Path

from given import item_id_of, same, tables_of
from golden_reader import Golden
from naive import item_rows, patient_months
from support import build_from

from pipelines.engine.duckdb import DuckDBEngine


def sql_rows(engine: DuckDBEngine) -> dict[tuple[str, date], dict]:
    rows = engine.fetch("SELECT * FROM marts.patient_month").to_pylist()
    return {(row["patient_key"], row["month"]): row for row in rows}


def sql_items(engine: DuckDBEngine) -> dict[str, dict]:
    return {row["item_id"]: row for row in engine.fetch("SELECT * FROM intermediate.int_items__ome").to_pylist()}


def wrong_by_hand(golden: Golden, engine: DuckDBEngine) -> list[str]:
    """Every expectation worked by hand that the built tables do not meet."""
    rows, items = sql_rows(engine), sql_items(engine)
    wrong = []
    for wanted in golden.expectations:
        row = items.get(item_id_of(wanted.item_id)) if wanted.item_id else rows.get((wanted.patient_key, wanted.month))
        if wanted.column == "row":
            found: object = "absent" if row is None else "present"
        elif row is None:
            wrong.append(f"{wanted.where}: {wanted.column} has no row, by hand {wanted.expected}")
            continue
        else:
            found = row[wanted.column]
            if wanted.column == "net_quantity" and found is None and row["ome_status"] == "reversal_netted":
                continue  # a reversal leaves nothing of its own: the twin writes 0, the warehouse NULL
        if not same(found, wanted.expected):
            wrong.append(f"{wanted.where}: {wanted.column} is {found}, by hand {wanted.expected}")
    return wrong


def differences(items: list[dict], loaded: list[date], gp_practices: set[str], spill: Path) -> Iterable[str]:
    """Every cell in which SQL and the naive twin differ, in the order of patients and months."""
    engine = build_from(tables_of(items, loaded, gp_practices), "marts.patient_month", spill)
    yield from differences_in(engine, items, patient_months(items, loaded, gp_practices))
    engine.close()


def differences_in(engine: DuckDBEngine, items: list[dict], expected: dict[tuple[str, date], dict]) -> Iterable[str]:
    """The same in tables that are built, against what the twin said."""
    found, found_items = sql_rows(engine), sql_items(engine)
    for key in sorted(found.keys() | expected.keys()):
        if (key in found) != (key in expected):
            yield f"{key} in {'SQL' if key in found else 'the twin'} only"
            continue
        for column, value in expected[key].items():
            if not same(found[key][column], value):
                yield f"{key} {column}: SQL {found[key][column]}, naive {value}"
    for row in item_rows(items):
        item = found_items[item_id_of(row["item_id"])]
        for column in ("ome_mg", "ome_status"):
            if not same(item[column], row[column]):
                yield f"{row['item_id']} {column}: SQL {item[column]}, naive {row[column]}"
