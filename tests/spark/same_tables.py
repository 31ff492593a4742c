"""Whether two published warehouses hold the same tables, column by column and row by row."""

import math
from pathlib import Path

import duckdb
import pyarrow as pa

# What a run writes about itself differs from run to run.
OF_THE_RUN = {"marts.runs"}
CLOSE_ENOUGH = 1e-9


def tables_of(file: Path) -> dict[str, pa.Table]:
    """Every table and view of marts and reference, its rows in the order in which they are published."""
    with duckdb.connect(str(file), read_only=True) as connection:
        connection.execute("SET TimeZone = 'UTC'; SET threads = 1")
        names = connection.execute(
            "SELECT table_schema || '.' || table_name FROM information_schema.tables "
            "WHERE table_schema IN ('marts', 'reference')"
        ).fetchall()
        return {name: _ordered(connection, name) for (name,) in names if name not in OF_THE_RUN}


def _ordered(connection: duckdb.DuckDBPyConnection, name: str) -> pa.Table:
    """By every column that is exact: a DOUBLE that differs in its last digit must not move its row."""
    described = connection.execute(f"DESCRIBE {name}").fetchall()
    exact = ", ".join(f'"{row[0]}"' for row in described if row[1] != "DOUBLE")
    close = ", ".join(f'round("{row[0]}", 6)' for row in described if row[1] == "DOUBLE")
    return connection.sql(f"SELECT * FROM {name} ORDER BY {', '.join(filter(None, (exact, close)))}").to_arrow_table()


def differences(one: dict[str, pa.Table], other: dict[str, pa.Table]) -> list[str]:
    """What is not the same, a line each: tables, columns, types, numbers of rows, values (never the values)."""
    found = [f"{name} is in one alone" for name in sorted(one.keys() ^ other.keys())]
    for name in sorted(one.keys() & other.keys()):
        mine, theirs = one[name], other[name]
        if mine.schema != theirs.schema:
            found.append(f"{name} has other columns: {set(mine.schema) ^ set(theirs.schema)}")
        elif mine.num_rows != theirs.num_rows:
            found.append(f"{name} has {mine.num_rows} rows and {theirs.num_rows}")
        else:
            found += [
                f"{name}.{column} differs"
                for column in mine.column_names
                if not _same(mine[column].combine_chunks(), theirs[column].combine_chunks())
            ]
    return found


def _same(mine: pa.Array, theirs: pa.Array) -> bool:
    if not pa.types.is_floating(mine.type):
        return bool(mine.equals(theirs))
    return all(
        a == b or (a is not None and b is not None and _close(a, b))
        for a, b in zip(mine.to_pylist(), theirs.to_pylist(), strict=True)
    )


def _close(a: float, b: float) -> bool:
    return (math.isnan(a) and math.isnan(b)) or math.isclose(a, b, rel_tol=CLOSE_ENOUGH, abs_tol=CLOSE_ENOUGH)
