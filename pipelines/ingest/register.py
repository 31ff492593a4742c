"""The register of what was delivered and landed, in data/state/, outside every snapshot.

A file is its SHA-256. The files of one `add`, or found in incoming/ by one refresh, are one delivery: parts that
add up. A later delivery replaces the same source and month, that month only.
"""

import json
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

from pipelines.engine.landing import MonthCounts
from pipelines.errors import StorageError
from pipelines.folders import DataFolder

# Raise it when the tables below change.
_SCHEMA_VERSION = 1
_SCHEMA = """
CREATE TABLE deliveries (delivery INTEGER PRIMARY KEY AUTOINCREMENT, added_at TEXT NOT NULL);
CREATE TABLE files (
    sha256 TEXT PRIMARY KEY, delivery INTEGER NOT NULL REFERENCES deliveries, file_name TEXT NOT NULL,
    layout TEXT NOT NULL, source TEXT NOT NULL, month_given TEXT, size_bytes INTEGER NOT NULL, kept_as TEXT NOT NULL
);
CREATE TABLE landings (
    sha256 TEXT PRIMARY KEY REFERENCES files, landing_rules TEXT NOT NULL, landed_at TEXT NOT NULL,
    extra_columns TEXT NOT NULL
);
CREATE TABLE file_months (
    sha256 TEXT NOT NULL REFERENCES files, month TEXT, rows_read INTEGER NOT NULL, rows_loaded INTEGER NOT NULL,
    rows_out_of_scope INTEGER NOT NULL, rows_quarantined INTEGER NOT NULL, rows_duplicate INTEGER NOT NULL,
    total_quantity TEXT, quantity_loaded TEXT, values_blanked INTEGER NOT NULL
);
CREATE TABLE runs (
    run_id TEXT PRIMARY KEY, started_at TEXT NOT NULL, finished_at TEXT, outcome TEXT NOT NULL, message TEXT,
    snapshot_id TEXT, cohort_version TEXT, factor_set TEXT, scope TEXT, as_at_month TEXT, allow_unconverted TEXT
);
"""


@dataclass(frozen=True)
class RegisteredFile:
    """One file of a delivery, known by its content."""

    sha256: str
    file_name: str
    layout: str
    source: str
    month_given: date | None
    size_bytes: int
    kept_as: str
    delivery: int = 0


@dataclass(frozen=True)
class LoadedMonth:
    """The reconciliation of one month of one file, and whether a later delivery has replaced it."""

    file: RegisteredFile
    counts: MonthCounts
    is_current: bool


@dataclass(frozen=True)
class Run:
    """One refresh, from start to end."""

    run_id: str
    started_at: datetime
    finished_at: datetime | None
    outcome: str
    message: str | None
    snapshot_id: str | None
    cohort_version: str | None
    factor_set: str | None
    scope: str | None
    as_at_month: str | None
    allow_unconverted: str | None


class Register:
    """Reads and writes data/state/register.sqlite; each method is one transaction."""

    def __init__(self, data: DataFolder) -> None:
        self._file = data.state / "register.sqlite"
        with closing(sqlite3.connect(self._file)) as database, database:
            is_new = not database.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchone()
            version = database.execute("PRAGMA user_version").fetchone()[0]
            if is_new:
                database.executescript(f"{_SCHEMA} PRAGMA user_version = {_SCHEMA_VERSION};")
            elif version != _SCHEMA_VERSION:
                raise StorageError(
                    "This data folder was made by another version of the tool.",
                    f"{self._file} has form {version}, this version reads form {_SCHEMA_VERSION}.",
                    "Use that version, or a new --data-dir and add the files again.",
                )

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with closing(sqlite3.connect(self._file, timeout=30)) as database:
            database.row_factory = sqlite3.Row
            with database:
                yield database

    def find(self, sha256: str) -> RegisteredFile | None:
        with self._transaction() as database:
            row = database.execute("SELECT * FROM files WHERE sha256 = ?", (sha256,)).fetchone()
        return _file_of(row) if row else None

    def add_delivery(self, files: Sequence[RegisteredFile]) -> None:
        """Register files that came together. They must be new."""
        with self._transaction() as database:
            cursor = database.execute("INSERT INTO deliveries (added_at) VALUES (?)", (_now(),))
            database.executemany(
                "INSERT INTO files VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                [
                    (
                        f.sha256,
                        cursor.lastrowid,
                        f.file_name,
                        f.layout,
                        f.source,
                        _text(f.month_given),
                        f.size_bytes,
                        f.kept_as,
                    )
                    for f in files
                ],
            )

    def files(self) -> list[RegisteredFile]:
        """Every registered file, in the order of delivery, then content."""
        with self._transaction() as database:
            rows = database.execute("SELECT * FROM files ORDER BY delivery, sha256").fetchall()
        return [_file_of(row) for row in rows]

    def landing_rules_of(self, sha256: str) -> str | None:
        """The hash of the rules under which a file was landed; None when it was not."""
        with self._transaction() as database:
            row = database.execute("SELECT landing_rules FROM landings WHERE sha256 = ?", (sha256,)).fetchone()
        return row["landing_rules"] if row else None

    def record_landing(
        self, sha256: str, landing_rules: str, extra_columns: Sequence[str], counts: Sequence[MonthCounts]
    ) -> None:
        """Remember what landing one file gave; replaces what was remembered of it."""
        with self._transaction() as database:
            database.execute("DELETE FROM file_months WHERE sha256 = ?", (sha256,))
            database.executemany(
                "INSERT INTO file_months VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                [
                    (
                        sha256,
                        _text(c.month),
                        *c[1:6],
                        _text(c.total_quantity),
                        _text(c.quantity_loaded),
                        c.values_blanked,
                    )
                    for c in counts
                ],
            )
            database.execute(
                "INSERT OR REPLACE INTO landings VALUES (?, ?, ?, ?)",
                (sha256, landing_rules, _now(), json.dumps(list(extra_columns))),
            )

    def loaded_months(self) -> list[LoadedMonth]:
        """Every month of every landed file; the newest delivery of a source and month is the current one."""
        with self._transaction() as database:
            rows = database.execute(
                """
                SELECT files.*, file_months.*, delivery = max(delivery) OVER (
                    PARTITION BY source, coalesce(month, '')
                ) AS is_current
                FROM files JOIN file_months USING (sha256)
                ORDER BY source, month, sha256
                """
            ).fetchall()
        return [LoadedMonth(_file_of(row), _counts_of(row), bool(row["is_current"])) for row in rows]

    def start_run(self, run_id: str, allow_unconverted: str | None) -> None:
        with self._transaction() as database:
            database.execute(
                "INSERT INTO runs (run_id, started_at, outcome, allow_unconverted) VALUES (?, ?, 'running', ?)",
                (run_id, _now(), allow_unconverted),
            )

    def describe_run(self, run_id: str, **columns: str | None) -> None:
        """Set columns of a run: snapshot_id, cohort_version, factor_set, scope, as_at_month."""
        assignments = ", ".join(f"{column} = ?" for column in columns)
        with self._transaction() as database:
            database.execute(f"UPDATE runs SET {assignments} WHERE run_id = ?", (*columns.values(), run_id))

    def finish_run(self, run_id: str, outcome: str, message: str | None = None) -> None:
        with self._transaction() as database:
            database.execute(
                "UPDATE runs SET finished_at = ?, outcome = ?, message = ? WHERE run_id = ?",
                (_now(), outcome, message, run_id),
            )

    def runs(self) -> list[Run]:
        with self._transaction() as database:
            rows = database.execute("SELECT * FROM runs ORDER BY started_at, run_id").fetchall()
        return [
            Run(
                **{
                    **dict(row),
                    "started_at": datetime.fromisoformat(row["started_at"]),
                    "finished_at": datetime.fromisoformat(row["finished_at"]) if row["finished_at"] else None,
                }
            )
            for row in rows
        ]


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="microseconds")


def _text(item: date | Decimal | None) -> str | None:
    return None if item is None else str(item)


def _file_of(row: sqlite3.Row) -> RegisteredFile:
    return RegisteredFile(
        row["sha256"],
        row["file_name"],
        row["layout"],
        row["source"],
        date.fromisoformat(row["month_given"]) if row["month_given"] else None,
        row["size_bytes"],
        row["kept_as"],
        row["delivery"],
    )


def _counts_of(row: sqlite3.Row) -> MonthCounts:
    return MonthCounts(
        date.fromisoformat(row["month"]) if row["month"] else None,
        row["rows_read"],
        row["rows_loaded"],
        row["rows_out_of_scope"],
        row["rows_quarantined"],
        row["rows_duplicate"],
        Decimal(row["total_quantity"]) if row["total_quantity"] else None,
        Decimal(row["quantity_loaded"]) if row["quantity_loaded"] else None,
        row["values_blanked"],
    )


def original_of(file: RegisteredFile, data: DataFolder) -> Path:
    """Where the bytes of a registered file are kept."""
    return data.root / file.kept_as
