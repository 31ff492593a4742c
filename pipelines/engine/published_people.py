"""Who is in a published warehouse: every table with a column of pseudonyms is asked."""

from collections.abc import Iterable
from pathlib import Path

from pipelines.engine.duckdb import literal, quoted
from pipelines.engine.published import read_only


def holds_any(file: Path, spill_folder: Path, patient_keys: Iterable[str]) -> bool:
    """Whether one of these people has a row in any table of a published warehouse. Raises StorageError."""
    wanted = ", ".join(literal(key) for key in patient_keys)
    connection = read_only(file, spill_folder)
    try:
        tables = connection.execute(
            "SELECT schema_name || '.' || table_name FROM duckdb_columns() WHERE column_name = 'patient_key' "
            "AND database_name = current_database() AND schema_name IN ('marts', 'reference')"
        ).fetchall()
        return any(
            connection.execute(f"SELECT 1 FROM {quoted(name)} WHERE patient_key IN ({wanted}) LIMIT 1").fetchall()
            for (name,) in tables
        )
    finally:
        connection.close()
