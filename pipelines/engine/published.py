"""The published warehouse, opened for reading alone, and the questions that are put to it."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb

from pipelines.engine.base import Parameter
from pipelines.engine.duckdb import PARAMETER, quoted
from pipelines.errors import QueryError, StorageError

# Half a second to import: a query and a list do without it.
if TYPE_CHECKING:
    import pyarrow as pa


def read_only(file: Path, spill_folder: Path, default_schema: str | None = None) -> duckdb.DuckDBPyConnection:
    """The published warehouse, for reading alone: no writes, no other files, no network. Raises StorageError.

    Tables of `default_schema` can be asked for by their bare name, and SHOW TABLES lists them.
    """
    try:
        connection = duckdb.connect(
            str(file),
            read_only=True,
            config={
                "autoinstall_known_extensions": "false",
                "autoload_known_extensions": "false",
                "temp_directory": str(spill_folder),
            },
        )
    except duckdb.Error as error:
        raise StorageError(
            "The published warehouse cannot be opened.",
            f"File {file}: {type(error).__name__}.",
            "Look with 'opioids doctor'; 'opioids refresh' builds it anew from what is landed.",
        ) from None
    connection.execute("SET TimeZone = 'UTC'; SET enable_progress_bar = false")
    if default_schema:
        connection.execute(f"SET schema = {quoted(default_schema)}")
    connection.execute("SET enable_external_access = false")
    connection.execute("SET lock_configuration = true")
    return connection


def one_query(connection: duckdb.DuckDBPyConnection, sql: str) -> duckdb.DuckDBPyConnection:
    """Run exactly one statement that only reads. Raises QueryError in the database's words."""
    try:
        statements = connection.extract_statements(sql)
        if len(statements) != 1:
            raise QueryError("Give exactly one SQL statement.", f"Found {len(statements)}.", "Run them one at a time.")
        return connection.execute(statements[0])
    except duckdb.Error as error:
        raise QueryError(
            "The query was refused.",
            str(error),
            "SHOW TABLES lists the tables, 'opioids warehouse dictionary TABLE' the columns of one.",
        ) from None


def fetch_published(
    file: Path, spill_folder: Path, select: str, parameters: Mapping[str, Parameter] | None = None
) -> "pa.Table":
    """The rows of a SELECT of ours over the published warehouse."""
    connection = read_only(file, spill_folder)
    try:
        return connection.sql(select, params=dict(parameters or {})).to_arrow_table()
    finally:
        connection.close()


def published_table(file: Path, spill_folder: Path, name: str) -> "pa.Table":
    """A whole table of the published warehouse."""
    return fetch_published(file, spill_folder, f"SELECT * FROM {quoted(name)}")


def rows_of(connection: duckdb.DuckDBPyConnection, select: str, parameters: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The rows of a SELECT of ours as dictionaries, given those of the parameters that it names. Raises QueryError."""
    used = {key: parameters[key] for key in set(PARAMETER.findall(select))}
    try:
        answer = connection.execute(select, used)
        columns = [column[0] for column in answer.description or []]
        return [dict(zip(columns, row, strict=True)) for row in answer.fetchall()]
    except (duckdb.BinderException, duckdb.CatalogException):
        raise QueryError(
            "The published warehouse was made by another version of this tool.",
            "It lacks a table or a column that is asked for.",
            "Run 'opioids refresh', then ask again.",
        ) from None
