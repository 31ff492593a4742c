"""Spark, the engine for what one machine cannot hold.

Every table is a folder of Parquet below the build's folder and a temporary view of the session: no catalogue is asked
for and none is changed, so that any session will do. The driver and every worker must see that folder, and the landed
files, under the same path. What is published is the same DuckDB file that the default engine writes. pyspark belongs
to the extra [spark].
"""

import itertools
import logging
import os
import shutil
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from pipelines.config import bytes_of
from pipelines.engine import dialect
from pipelines.engine.base import LandedPart, Parameter
from pipelines.engine.dialect import view_of
from pipelines.engine.duckdb import DuckDBEngine, literal
from pipelines.errors import ConfigError, ModelError, StorageError, UsageError

if TYPE_CHECKING:
    import pyarrow as pa
    from pyspark.sql import DataFrame, SparkSession

    from pipelines.config import PipelineSettings

logger = logging.getLogger(__name__)

# What the SQL means hangs on these. Overflow and a bad cast raise; no digit of a product is dropped unsaid.
_MEANING = {
    "spark.sql.ansi.enabled": "true",
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.caseSensitive": "false",
    "spark.sql.decimalOperations.allowPrecisionLoss": "false",
    "spark.sql.parquet.outputTimestampType": "TIMESTAMP_MICROS",
    "spark.sql.files.ignoreCorruptFiles": "false",
    "spark.sql.files.ignoreMissingFiles": "false",
}
_PUBLISHED = ("marts", "reference")
_PARTITIONS_A_CORE = 4
_SPARK_TYPES = {"string": "STRING", "int64": "BIGINT"}


class Publishing(NamedTuple):
    """What DuckDB may use when it writes the published file."""

    spill_folder: Path
    memory_limit: str = "4GB"
    threads: int = 0
    spill_limit: str | None = None


def running_session() -> "SparkSession | None":
    """The session of the notebook or job that we run in. Raises UsageError where the extra is not installed."""
    dialect.refuse_without_sqlglot()
    try:
        from pyspark.errors import PySparkRuntimeError
        from pyspark.sql import SparkSession
    except ImportError:
        raise UsageError("Spark is asked for, but pyspark is not installed.", "", dialect.INSTALL) from None
    try:
        # That of another thread too: what others began, we neither change nor end.
        return SparkSession.active()
    except PySparkRuntimeError:
        return None


def start_session(master: str, work_folder: Path, memory_limit: str) -> "SparkSession":
    """A session of our own: its spill files in our closed folder, no page that shows queries, and no log of values.

    Whatever else a cluster needs is read from its spark-defaults.conf. Raises UsageError where Spark does not start.
    """
    from pyspark.errors import PySparkException
    from pyspark.sql import SparkSession

    told = {
        "spark.master": master,
        "spark.app.name": "opioids",
        "spark.driver.memory": f"{bytes_of(memory_limit) // 1024**2}m",
        "spark.local.dir": str(work_folder),
        "spark.sql.warehouse.dir": str(work_folder / "spark-warehouse"),
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        # What Spark logs of a failed task may quote a row.
        "spark.log.level": "OFF",
    }
    if master.startswith("local"):
        told |= {
            "spark.driver.bindAddress": "127.0.0.1",
            "spark.driver.host": "127.0.0.1",
            # 200, made for a cluster, cost a small build minutes.
            "spark.sql.shuffle.partitions": str(_PARTITIONS_A_CORE * (os.cpu_count() or 1)),
        }
    builder = SparkSession.builder
    for name, value in told.items():
        builder = builder.config(name, value)
    try:
        return builder.getOrCreate()
    except (PySparkException, _java_error()) as error:
        raise UsageError(
            f"Spark does not start with the master '{master}'.",
            _first_line(error),
            "It needs Java 17 or later; of a cluster, look whether spark_master in pipeline.toml is its address.",
        ) from None


def _java_error() -> type[Exception]:
    from py4j.protocol import Py4JError

    return Py4JError  # type: ignore[no-any-return]


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0]


@contextmanager
def _in_words(doing: str) -> Iterator[None]:
    """A Spark error without values: its message may quote a patient's row, so only what kind it is goes on.

    What the analysis of a query says names tables and columns alone.
    """
    from pyspark.errors import AnalysisException, PySparkException

    try:
        yield
    except (PySparkException, _java_error()) as error:
        if "No space left" in str(error) or "Disk quota" in str(error):
            raise StorageError("The disk is full.", f"While {doing}.", "Free space, then run it again.") from None
        kind = error.getCondition() if isinstance(error, PySparkException) else None
        said = _first_line(error) if isinstance(error, AnalysisException) else "its message may quote a row"
        raise ModelError(
            f"Spark failed while {doing}.",
            f"{kind or type(error).__name__} ({said})",
            "Report this with the name of the table.",
        ) from None


def open_spark_engine(settings: "PipelineSettings", work_folder: Path, build: str) -> "SparkEngine":
    """An engine in the session we run in, else in one of our own. Raises UsageError where there is none to be had."""
    session = running_session()
    stops = session is None
    if session is None:
        session = start_session(settings.spark_master, work_folder, settings.memory_limit)
    logger.info("Building on Spark %s", session.version)
    publishing = Publishing(work_folder, settings.memory_limit, settings.threads, settings.spill_limit)
    return SparkEngine(session, work_folder / build, publishing, stops=stops)


class SparkEngine:
    """One build: Parquet below one folder, named as views in a session of its own."""

    def __init__(self, session: "SparkSession", folder: Path, publishing: Publishing, *, stops: bool = False) -> None:
        """`folder` is new and seen by all workers; `stops`: closing the engine ends Spark."""
        self._given = session
        # Settings and views of ours are none of whoever handed in the session.
        self._session = session.newSession()
        self._folder = folder
        self._publishing = publishing
        self._stops = stops
        # As DuckDB reads them: what shows only what is published stays a view there.
        self._views: dict[str, tuple[str, Mapping[str, Parameter]]] = {}
        self._orders = itertools.count()
        self._tables: set[str] = set()
        _make_mean_the_same(self._session)
        folder.mkdir(mode=0o700, parents=True)

    def tables_named_in(self, select: str) -> frozenset[str]:
        return dialect.tables_named_in(select)

    def create(
        self, name: str, select: str, parameters: Mapping[str, Parameter], kind: Literal["table", "view"] = "table"
    ) -> None:
        with _in_words(f"building {name}"):
            rows = self._session.sql(dialect.spark_sql(select, parameters))
            if kind == "table":
                self._store(name, rows)
            else:
                self._views[name] = select, parameters
                rows.createOrReplaceTempView(view_of(name))

    def _store(self, name: str, rows: "DataFrame") -> None:
        rows.write.parquet(self._folder_of(name).as_uri())
        self._show(name, rows.schema)

    def _show(self, name: str, schema: Any = None) -> None:
        """Name stored Parquet as a view: with the types it was written with, since of no row there may be no file."""
        reader = self._session.read if schema is None else self._session.read.schema(schema)
        reader.parquet(self._folder_of(name).as_uri()).createOrReplaceTempView(view_of(name))
        self._tables.add(name)

    def _folder_of(self, name: str) -> Path:
        return self._folder / view_of(name)

    def load(self, name: str, table: "pa.Table | pa.RecordBatchReader") -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        self._folder_of(name).mkdir(mode=0o700)
        batches = table.to_batches() if isinstance(table, pa.Table) else table
        with pq.ParquetWriter(self._folder_of(name) / "part-0.parquet", table.schema) as writer:
            for batch in batches:
                writer.write_batch(batch)
        with _in_words(f"building {name}"):
            self._show(name)

    def view_landed(self, name: str, parts: Sequence[LandedPart], shape: "pa.Schema") -> None:
        """All files are read at once and kept in their current months by a join: a hundred unions would take minutes.

        A column that a file does not have is NULL.
        """
        columns = [f"{_backticked(field.name)} {_SPARK_TYPES[str(field.type)]}" for field in shape]
        text = ", ".join(column for column in columns if not column.startswith("`file_sha256`"))
        current = [(part.sha256, month.isoformat() if month else None) for part in parts for month in part.months]
        with _in_words(f"building {name}"):
            from pyspark.sql import functions as f

            wanted = self._session.createDataFrame(current, "file_sha256 STRING, current_month STRING")
            if parts:
                landed = self._session.read.schema(text).parquet(*(part.file.as_uri() for part in parts))
                named = landed.select("*", f.regexp_extract("_metadata.file_name", "^([^.]*)", 1).alias("file_sha256"))
            else:
                named = self._session.createDataFrame([], f"{text}, file_sha256 STRING")
            is_current = named["month"].eqNullSafe(wanted["current_month"])
            kept = named.join(
                f.broadcast(wanted), (named["file_sha256"] == wanted["file_sha256"]) & is_current, "left_semi"
            )
            kept.select(*(field.name for field in shape)).createOrReplaceTempView(view_of(name))

    def count(self, name: str) -> int:
        with _in_words(f"counting {name}"):
            return int(self._session.table(view_of(name)).count())

    def rows_beyond_key(self, name: str, key: Sequence[str]) -> int:
        grouped = ", ".join(_backticked(column) for column in key)
        with _in_words(f"checking the key of {name}"):
            found = self._session.sql(
                f"SELECT coalesce(sum(n - 1), 0) AS beyond FROM "
                f"(SELECT count(*) AS n FROM {_backticked(view_of(name))} GROUP BY {grouped})"
            ).collect()
        return int(found[0]["beyond"])

    def fetch(self, select: str, parameters: Mapping[str, Parameter] | None = None) -> "pa.Table":
        with _in_words("asking the build"), warnings.catch_warnings():
            # It warns of pandas 3, of which nothing is used here.
            warnings.simplefilter("ignore", FutureWarning)
            return self._session.sql(dialect.spark_sql(select, parameters or {})).toArrow()

    def in_order(self, select: str, by: str) -> "pa.RecordBatchReader":
        """Spark writes the rows in order, in files whose names are in order too; they are read one after the other."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        folder = self._folder / f"in_order_{next(self._orders)}"
        with _in_words("asking the build"):
            rows = self._session.sql(dialect.spark_sql(select, {})).orderBy(by)
            rows.write.mode("overwrite").parquet(folder.as_uri())
        files = sorted(folder.glob("*.parquet"))
        schema = pq.read_schema(files[0])

        def batches() -> "Iterator[pa.RecordBatch]":
            try:
                for file in files:
                    yield from pq.ParquetFile(file).iter_batches()
            finally:
                shutil.rmtree(folder)

        return pa.RecordBatchReader.from_batches(schema, batches())

    def copy_published(
        self,
        file: Path,
        comments: Mapping[str, str],
        keys: Mapping[str, Sequence[str]] | None = None,
        column_comments: Mapping[str, Mapping[str, str]] | None = None,
    ) -> None:
        """Spark stores what is not stored yet; DuckDB, which readers know, then copies it as it copies its own."""
        for name in [name for name in self._views if name.startswith(_PUBLISHED) and not self._is_over_published(name)]:
            with _in_words(f"building {name}"):
                self._store(name, self._session.table(view_of(name)))
        spill, *limits = self._publishing
        writer = DuckDBEngine(
            None,
            spill,
            **dict(zip(("memory_limit", "threads", "spill_limit"), limits, strict=True)),  # type: ignore[arg-type]
        )
        try:
            for name in sorted(self._tables):
                if name.startswith(_PUBLISHED):
                    found = literal(str(self._folder_of(name) / "*.parquet"))
                    writer.create(name, f"SELECT * FROM read_parquet({found})", {}, "view")
            for name in self._views:
                if name.startswith(_PUBLISHED) and name not in self._tables:
                    writer.create(name, *self._views[name], "view")
            writer.copy_published(file, comments, keys, column_comments)
        finally:
            writer.close()

    def _is_over_published(self, name: str) -> bool:
        return all(table.startswith(_PUBLISHED) for table in dialect.tables_named_in(self._views[name][0]))

    def close(self) -> None:
        if self._stops:
            self._given.stop()
        shutil.rmtree(self._folder, ignore_errors=True)


def _backticked(name: str) -> str:
    """An identifier as Spark quotes it."""
    return "`" + name.replace("`", "``") + "`"


def _make_mean_the_same(session: "SparkSession") -> None:
    """Set what the meaning of the SQL hangs on. Raises ConfigError where the session keeps it otherwise."""
    with _in_words("setting up its session"):
        for name, value in _MEANING.items():
            session.conf.set(name, value)
        other = [name for name, value in _MEANING.items() if session.conf.get(name) != value]
    if other:
        raise ConfigError(
            "This Spark session keeps settings under which the same SQL would mean something else.",
            ", ".join(other),
            "Let the session set them, or use another.",
        )
