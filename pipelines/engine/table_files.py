"""Published tables written out as Parquet files: one a month where a mart has months, else one."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import NamedTuple

from pipelines.engine.duckdb import quoted
from pipelines.engine.published import read_only

_ROWS_AT_A_TIME = 50_000


class WrittenFile(NamedTuple):
    """A file that was written: of which month (None: of no month, or of all), and its rows."""

    path: Path
    month: date | None
    rows: int


class PublishedTables:
    """The published warehouse, to be read table by table."""

    def __init__(self, file: Path, spill_folder: Path) -> None:
        self._connection = read_only(file, spill_folder)

    def names(self) -> list[str]:
        """Every table, without views: what they show is in a table already."""
        rows = self._connection.execute(
            "SELECT schema_name || '.' || table_name FROM duckdb_tables() "
            "WHERE schema_name IN ('marts', 'reference') ORDER BY 1"
        ).fetchall()
        return [row[0] for row in rows]

    def write(self, table: str, folder: Path) -> Iterator[WrittenFile]:
        """Write a table as `folder/schema/table.parquet`, or as `folder/schema/table/2024-03.parquet` and so on.

        The column month stays in the files, so that every reader sees its type. Rows keep the order of their key.
        """
        schema, name = table.split(".")
        if schema != "marts" or not self._has_months(table):
            yield self._write(table, None, folder / schema / f"{name}.parquet", is_whole=True)
            return
        months = self._connection.execute(
            f"SELECT DISTINCT month FROM {quoted(table)} ORDER BY month NULLS LAST"
        ).fetchall()
        for (month,) in months:
            file = f"{month:%Y-%m}.parquet" if month else "without-month.parquet"
            yield self._write(table, month, folder / schema / name / file)
        if not months:
            # A reader of the folder finds the columns.
            yield self._write(table, None, folder / schema / name / "no-rows.parquet", is_whole=True)

    def _has_months(self, table: str) -> bool:
        described = self._connection.execute(f"DESCRIBE {quoted(table)}").fetchall()
        return ("month", "DATE") in {(row[0], row[1]) for row in described}

    def _write(self, table: str, month: date | None, file: Path, *, is_whole: bool = False) -> WrittenFile:
        import pyarrow.parquet as pq

        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        where = "" if is_whole else "WHERE month IS NOT DISTINCT FROM $month"
        found = self._connection.sql(
            f"SELECT * FROM {quoted(table)} {where}", params={} if is_whole else {"month": month}
        )
        rows = 0
        with (
            found.to_arrow_reader(_ROWS_AT_A_TIME) as reader,
            pq.ParquetWriter(file, reader.schema, compression="zstd") as writer,
        ):
            for batch in reader:
                writer.write_batch(batch)
                rows += batch.num_rows
        return WrittenFile(file, month, rows)

    def close(self) -> None:
        self._connection.close()
