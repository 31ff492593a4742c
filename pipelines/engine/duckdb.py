"""DuckDB, the embedded default engine."""

import functools
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import duckdb

from pipelines.engine.base import LandedPart, Parameter
from pipelines.engine.streaming import remembering
from pipelines.errors import ModelError, StorageError

# Half a second to import: a query and a list do without it.
if TYPE_CHECKING:
    import pyarrow as pa

# What the database says where the disk refuses; after that it says of each further question that it is invalidated.
_DISK_REFUSES = (
    "No space left",
    "Disk quota",
    "Read-only file system",
    "Permission denied",
    "failed to offload data block",
    "database has been invalidated",
)
# R, JDBC and ODBC come with an older DuckDB than ours: what it cannot read, an analyst cannot open.
PUBLISHED_STORAGE = "v1.0.0"
_ROWS_OF_A_BATCH = 60_000
PARAMETER = re.compile(r"\$([a-z][a-z0-9_]*)")


def quoted(name: str) -> str:
    """An identifier, or `schema.table`, in double quotes."""
    return ".".join('"' + part.replace('"', '""') + '"' for part in name.split("."))


def literal(text: str) -> str:
    """A text as an SQL literal."""
    return "'" + text.replace("'", "''") + "'"


@contextmanager
def _storage_in_words(doing: str) -> Iterator[None]:
    """Turn what DuckDB says of the disk, its spill limit or its memory limit into an error that says so."""
    try:
        yield
    except duckdb.Error as error:
        no_room = _no_room(doing, error)
        if no_room is None:
            raise
        raise no_room from None


def _no_room(doing: str, error: Exception) -> StorageError | None:
    """What is full, and what to do; None for an error that is about something else."""
    if any(words in str(error) for words in _DISK_REFUSES):
        return StorageError(
            "The disk is full or cannot be written, or the limit of what may spill was reached.",
            f"While {doing}.",
            "Free space, or raise memory_limit or spill_limit in pipeline.toml, then run the same command again.",
        )
    if "Out of Memory" in str(error):
        return StorageError(
            "The build needs more memory than it may use.",
            f"While {doing}.",
            "Raise memory_limit in pipeline.toml, or set threads = 1 there, then run the same command again.",
        )
    return None


def _broken_off(error: Exception) -> StorageError | ModelError:
    """What went wrong while rows were taken, without values."""
    return _no_room("asking the build", error) or ModelError(
        "The build broke off while its rows were taken.",
        "What the database said is withheld: it may quote a patient's row.",
        "Report this with the name of the table.",
    )


def _constant(parameter: Parameter) -> str:
    if parameter is None:
        return "NULL"
    return literal(parameter) if isinstance(parameter, str) else str(parameter)


def connect(
    file: Path | None,
    spill_folder: Path,
    *,
    memory_limit: str,
    threads: int,
    may_spill: bool = True,
    spill_limit: str | None = None,
) -> duckdb.DuckDBPyConnection:
    """A connection whose spill files lie in our own closed folder, or that never spills.

    What spills is in clear: DuckDB writes encrypted files only with an extension that has to be downloaded. So a
    build, whose file holds the same pseudonymised rows in the same folder, may spill, and whoever handles
    identifiers may not: beyond the memory limit it fails. `file` None keeps the database in memory. Extensions are
    neither installed nor loaded.
    """
    settings: dict[str, str | bool | int | float | list[str]] = {
        "temp_directory": str(spill_folder),
        # Asked for encryption that it cannot do, DuckDB refuses to write: nothing spills.
        "temp_file_encryption": "false" if may_spill else "true",
        "memory_limit": memory_limit,
        "autoinstall_known_extensions": "false",
        "autoload_known_extensions": "false",
        "preserve_insertion_order": "false",
    }
    if threads:
        settings["threads"] = threads
    if spill_limit:
        settings["max_temp_directory_size"] = spill_limit
    connection = duckdb.connect(str(file) if file else ":memory:", config=settings)
    connection.execute("SET TimeZone = 'UTC'; SET enable_progress_bar = false")
    return connection


def _select_part(part: LandedPart) -> str:
    months = ", ".join(literal(month.isoformat()) for month in part.months if month)
    without_month = "month IS NULL" if None in part.months else "false"
    chosen = f"month IN ({months}) OR {without_month}" if months else without_month
    return (
        f"SELECT *, {literal(part.sha256)} AS file_sha256 FROM read_parquet({literal(str(part.file))}) WHERE {chosen}"
    )


class DuckDBEngine:
    """One build, in one DuckDB file."""

    def __init__(
        self,
        file: Path | None,
        spill_folder: Path,
        *,
        memory_limit: str = "4GB",
        threads: int = 0,
        spill_limit: str | None = None,
    ) -> None:
        with _storage_in_words("beginning a build"):
            self.connection = connect(
                file, spill_folder, memory_limit=memory_limit, threads=threads, spill_limit=spill_limit
            )
            for schema in ("raw", "reference", "staging", "intermediate", "marts"):
                self.connection.execute(f"CREATE SCHEMA IF NOT EXISTS {schema}")

    def tables_named_in(self, select: str) -> frozenset[str]:
        with _storage_in_words("asking the build"):
            return tables_in(_parse_tree(self.connection, select))

    def create(
        self,
        name: str,
        select: str,
        parameters: Mapping[str, Parameter],
        kind: Literal["table", "view"] = "table",
    ) -> None:
        used = {key: parameters[key] for key in PARAMETER.findall(select)}
        if kind == "view":
            # A view is kept as text: nothing can be bound to it.
            select, used = PARAMETER.sub(lambda found: _constant(parameters[found[1]]), select), {}
        try:
            self.connection.execute(f"CREATE {kind.upper()} {quoted(name)} AS {select}", used)
        except duckdb.Error as error:
            raise _in_words(name, error) from None

    def load(self, name: str, table: "pa.Table | pa.RecordBatchReader") -> None:
        failed: list[BaseException] = []
        # A second connection: rows may be worked out from what the first is asked while they are loaded.
        with _storage_in_words(f"building {name}"), self.connection.cursor() as loading:
            loading.register("_loading", remembering(table, failed))
            try:
                loading.execute(f"CREATE TABLE {quoted(name)} AS SELECT * FROM _loading")
            except duckdb.Error:
                if failed:
                    raise failed[0] from None
                raise

    def view_landed(self, name: str, parts: Sequence[LandedPart], shape: "pa.Schema") -> None:
        """Let `schema.table` show landed Parquet, each part in its current months; of none, an empty table."""
        self.load(f"{name}_shape", shape.empty_table())
        selects = [f"SELECT * FROM {quoted(f'{name}_shape')}", *(_select_part(part) for part in parts)]
        with _storage_in_words(f"building {name}"):
            self.connection.execute(f"CREATE VIEW {quoted(name)} AS {' UNION ALL BY NAME '.join(selects)}")

    def count(self, name: str) -> int:
        """Rows of a table."""
        return int(self._one_value(f"SELECT count(*) FROM {quoted(name)}"))

    def rows_beyond_key(self, name: str, key: Sequence[str]) -> int:
        """Rows that a key does not tell apart: 0 where the key holds."""
        columns = ", ".join(quoted(column) for column in key)
        grouped = f"SELECT count(*) AS n FROM {quoted(name)} GROUP BY {columns}"
        return int(self._one_value(f"SELECT coalesce(sum(n - 1), 0) FROM ({grouped})"))

    def _one_value(self, select: str, parameters: Mapping[str, Parameter] | None = None) -> Any:
        """The one value of a SELECT; read to its end, since an unread result blocks the connection."""
        with _storage_in_words("asking the build"):
            return self.connection.execute(select, dict(parameters or {})).fetchall()[0][0]

    def copy_published(
        self,
        file: Path,
        comments: Mapping[str, str],
        keys: Mapping[str, Sequence[str]] | None = None,
        column_comments: Mapping[str, Mapping[str, str]] | None = None,
    ) -> None:
        """Write marts and reference, and nothing else, to a new database file; rows in the order of their keys.

        A table whose key is not told is put in the order of all its columns, which costs many times more.
        """
        with _storage_in_words("writing the file to publish"):
            self._copy_published(file, comments, keys or {}, column_comments or {})

    def _copy_published(
        self,
        file: Path,
        comments: Mapping[str, str],
        keys: Mapping[str, Sequence[str]],
        column_comments: Mapping[str, Mapping[str, str]],
    ) -> None:
        self.connection.execute(
            f"ATTACH {literal(str(file))} AS published (STORAGE_VERSION {literal(PUBLISHED_STORAGE)})"
        )
        try:
            tables = self.connection.execute(
                # A view over what is not published, or on the files of another engine, is published as a table.
                "SELECT schema_name || '.' || table_name, TRUE, '' FROM duckdb_tables() "
                "WHERE schema_name IN ('marts', 'reference') AND database_name = current_database() "
                "UNION ALL SELECT schema_name || '.' || view_name, "
                "contains(sql, 'intermediate.') OR contains(sql, 'read_parquet('), sql FROM duckdb_views() "
                "WHERE schema_name IN ('marts', 'reference') AND database_name = current_database() ORDER BY 2 DESC, 1"
            ).fetchall()
            for schema in ("marts", "reference"):
                self.connection.execute(f"CREATE SCHEMA published.{schema}")
            for name, is_table, _ in tables:
                if is_table:
                    order = ", ".join(quoted(column) for column in keys.get(name, ())) or "ALL"
                    self.connection.execute(
                        f"CREATE TABLE published.{quoted(name)} AS SELECT * FROM {quoted(name)} ORDER BY {order}"
                    )
            # A view names its tables without a database, so it is made from inside the new file.
            build_name = str(self._one_value("SELECT current_database()"))
            self.connection.execute("USE published")
            # A thousand comments, flushed to the disk once.
            with self._one_transaction():
                for name, is_table, sql in tables:
                    if not is_table:
                        self.connection.execute(sql)
                    if name in comments:
                        kind = "TABLE" if is_table else "VIEW"
                        self.connection.execute(f"COMMENT ON {kind} {quoted(name)} IS {literal(comments[name])}")
                    self._comment_on_columns(name, column_comments.get(name, {}))
            self.connection.execute(f"USE {quoted(build_name)}")
            self.connection.execute("CHECKPOINT published")
        finally:
            self.connection.execute("DETACH published")

    @contextmanager
    def _one_transaction(self) -> Iterator[None]:
        self.connection.execute("BEGIN")
        try:
            yield
        except BaseException:
            # Where the disk has failed there may be nothing left to roll back.
            with suppress(duckdb.Error):
                self.connection.execute("ROLLBACK")
            raise
        self.connection.execute("COMMIT")

    def _comment_on_columns(self, name: str, comments: Mapping[str, str]) -> None:
        answer = self.connection.execute(f"SELECT * FROM {quoted(name)} LIMIT 0")
        for column in [described[0] for described in answer.description or []]:
            if column in comments:
                target = f"{quoted(name)}.{quoted(column)}"
                self.connection.execute(f"COMMENT ON COLUMN {target} IS {literal(comments[column])}")

    def fetch(self, select: str, parameters: Mapping[str, Parameter] | None = None) -> "pa.Table":
        with _storage_in_words("asking the build"):
            return self.connection.sql(select, params=dict(parameters or {})).to_arrow_table()

    def in_order(self, select: str, by: str) -> "pa.RecordBatchReader":
        import pyarrow as pa

        # A connection of its own, which other questions do not break off.
        asking = self.connection.cursor()
        try:
            rows = asking.sql(f"SELECT * FROM ({select}) ORDER BY {quoted(by)}").to_arrow_reader(_ROWS_OF_A_BATCH)
        except duckdb.Error as error:
            raise _broken_off(error) from None

        def batches() -> "Iterator[pa.RecordBatch]":
            try:
                with asking:
                    yield from rows
            except OSError as error:
                # What the database says once the first rows are there.
                raise _broken_off(error) from None

        return pa.RecordBatchReader.from_batches(rows.schema, batches())

    def close(self) -> None:
        self.connection.close()


def select_parser() -> Callable[[str], dict[str, Any]]:
    """A function that gives the parse tree of a SELECT, without any database. It raises ModelError where it is none."""
    return functools.cache(functools.partial(_parse_tree, duckdb.connect(":memory:")))


def _parse_tree(connection: duckdb.DuckDBPyConnection, select: str) -> dict[str, Any]:
    answer = connection.execute("SELECT json_serialize_sql($select)", {"select": select}).fetchall()[0][0]
    tree: dict[str, Any] = json.loads(answer)
    if tree.get("error"):
        raise ModelError("A model is not one valid SELECT.", str(tree.get("error_message")), "Mend its SQL.")
    return tree


def tables_in(tree: dict[str, Any]) -> frozenset[str]:
    """`schema.table` of everything that a parsed SELECT reads."""
    return frozenset(
        f"{node['schema_name']}.{node['table_name']}"
        for node in _nodes(tree)
        if node.get("type") == "BASE_TABLE" and node.get("schema_name")
    )


def _nodes(tree: Any) -> Iterator[dict[str, Any]]:
    """Every object of a parsed statement, however deep."""
    if isinstance(tree, dict):
        yield tree
        for child in tree.values():
            yield from _nodes(child)
    elif isinstance(tree, list):
        for child in tree:
            yield from _nodes(child)


def _in_words(name: str, error: duckdb.Error) -> ModelError | StorageError:
    """A database error without values: the message may quote a patient's row, so only its first line is kept."""
    first_line = str(error).splitlines()[0]
    no_room = _no_room(f"building {name}", error)
    if no_room:
        return no_room
    if isinstance(error, duckdb.ConversionException | duckdb.OutOfRangeException | duckdb.ConstraintException):
        first_line = f"{type(error).__name__} (values withheld: they may be a patient's)"
    return ModelError(f"The table {name} could not be built.", first_line, "Report this with the name of the table.")
