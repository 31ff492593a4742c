"""The register of what was delivered and landed, in data/state/, outside every snapshot.

A file is its SHA-256. The files of one `add`, or found in incoming/ by one refresh, are one delivery: parts that
add up. A later delivery replaces the same source and month, that month only; of a source whose files are each one part
of a month (men, women), the same part only.
"""

import json
import os
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

from pipelines.engine.landing import SEVERAL, MonthCounts
from pipelines.engine.landing_withheld import Withheld, without
from pipelines.errors import StorageError
from pipelines.folders import DataFolder
from pipelines.ingest.forms import FORM, TABLES

INTERRUPTED = "interrupted"
INTERRUPTED_SAYS = "Its process ended without a word."
# A file, and whether it was taken back: by itself, or with its delivery by a rollback.
_FILES = (
    "SELECT files.*, coalesce(files.withdrawn_at, deliveries.withdrawn_at) IS NOT NULL AS is_withdrawn "
    "FROM files JOIN deliveries USING (delivery)"
)


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
    is_withdrawn: bool = False
    original_removed: str | None = None


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
    process_id: int | None = None


class Register:
    """Reads and writes data/state/register.sqlite; each method is one transaction."""

    def __init__(self, data: DataFolder) -> None:
        self._file = data.state / "register.sqlite"
        with closing(sqlite3.connect(self._file)) as database, database:
            is_new = not database.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchone()
            form = database.execute("PRAGMA user_version").fetchone()[0]
            if is_new:
                database.executescript(f"{TABLES} PRAGMA user_version = {FORM};")
            elif form != FORM:
                raise StorageError(
                    "This data folder was made by another version of the tool.",
                    f"{self._file} has form {form}, this version reads form {FORM}.",
                    "Any command, such as 'opioids status', upgrades an older one; a newer one needs that version.",
                )

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with closing(sqlite3.connect(self._file, timeout=30)) as database:
            database.row_factory = sqlite3.Row
            with database:
                yield database

    def find(self, sha256: str) -> RegisteredFile | None:
        with self._transaction() as database:
            row = database.execute(f"{_FILES} WHERE sha256 = ?", (sha256,)).fetchone()
        return _file_of(row) if row else None

    def add_delivery(self, files: Sequence[RegisteredFile], again: Sequence[RegisteredFile] = ()) -> None:
        """Register files that came together: new ones, and those that were withdrawn and come again."""
        with self._transaction() as database:
            cursor = database.execute("INSERT INTO deliveries (added_at) VALUES (?)", (_now(),))
            database.executemany(
                "INSERT INTO files VALUES (?, ?, ?, ?, ?, ?, ?, ?, NULL, NULL)",
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
            database.executemany(
                "UPDATE files SET delivery = ?, withdrawn_at = NULL WHERE sha256 = ?",
                [(cursor.lastrowid, file.sha256) for file in again],
            )

    def withdraw(self, sha256: str) -> None:
        """Take one file back: no refresh lands or counts it, until it is added again or a rollback goes back to it."""
        with self._transaction() as database:
            database.execute("UPDATE files SET withdrawn_at = ? WHERE sha256 = ?", (_now(), sha256))

    def settle_deliveries(
        self, files: Iterable[str], run_id: str
    ) -> tuple[tuple[RegisteredFile, ...], tuple[RegisteredFile, ...]]:
        """Let those landed deliveries count that one of these files came with, and no other.

        Returns the files that were withdrawn, and those that count again. A delivery of which nothing was ever landed
        stays as it is: it has had no part in any publication.
        """
        wanted = set(files)
        with self._transaction() as database:
            landed = database.execute(f"{_FILES} JOIN landings USING (sha256) ORDER BY delivery, sha256").fetchall()
            counting = {row["delivery"] for row in landed if row["sha256"] in wanted}
            withdrawn = [_file_of(row) for row in landed if row["delivery"] not in counting and not row["is_withdrawn"]]
            restored = [
                _file_of(row)
                for row in landed
                if row["is_withdrawn"]
                and row["delivery"] in counting
                # What was taken back by itself counts again only where it had a part in that publication.
                and (row["withdrawn_at"] is None or row["sha256"] in wanted)
            ]
            database.executemany(
                "UPDATE deliveries SET withdrawn_at = ?, withdrawn_by = ? WHERE delivery = ?",
                [(_now(), run_id, file.delivery) for file in withdrawn]
                + [(None, None, file.delivery) for file in restored],
            )
            database.executemany(
                "UPDATE files SET withdrawn_at = NULL WHERE sha256 = ?", [(file.sha256,) for file in restored]
            )
        return tuple(withdrawn), tuple(restored)

    def files(self) -> list[RegisteredFile]:
        """Every registered file, in the order of delivery, then content."""
        with self._transaction() as database:
            rows = database.execute(f"{_FILES} ORDER BY delivery, sha256").fetchall()
        return [_file_of(row) for row in rows]

    def files_with_time(self) -> list[tuple[RegisteredFile, datetime]]:
        """Every registered file and when its delivery came, in the order of delivery, then content."""
        with self._transaction() as database:
            rows = database.execute(
                f"SELECT files.*, added_at FROM ({_FILES}) AS files JOIN deliveries USING (delivery) "
                "ORDER BY delivery, sha256"
            ).fetchall()
        return [(_file_of(row), datetime.fromisoformat(row["added_at"])) for row in rows]

    def landing_rules_of(self, sha256: str) -> str | None:
        """The hash of the rules under which a file was landed; None when it was not."""
        with self._transaction() as database:
            row = database.execute("SELECT landing_rules FROM landings WHERE sha256 = ?", (sha256,)).fetchone()
        return row["landing_rules"] if row else None

    def record_landing(
        self,
        sha256: str,
        landing_rules: str,
        extra_columns: Sequence[str],
        counts: Sequence[MonthCounts],
        parts: Mapping[date | None, str] | None = None,
    ) -> None:
        """Remember what landing a file gave, and which part of each month it is; replaces what was remembered of it."""
        parts = parts or {}
        with self._transaction() as database:
            database.execute("DELETE FROM file_months WHERE sha256 = ?", (sha256,))
            database.executemany(
                "INSERT INTO file_months VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                [
                    (
                        sha256,
                        _text(c.month),
                        *c[1:6],
                        _text(c.total_quantity),
                        _text(c.quantity_loaded),
                        c.values_blanked,
                        c.rows_opted_out,
                        parts.get(c.month, ""),
                    )
                    for c in counts
                ],
            )
            database.execute(
                "INSERT OR REPLACE INTO landings VALUES (?, ?, ?, ?, NULL)",
                (sha256, landing_rules, _now(), json.dumps(list(extra_columns))),
            )

    def loaded_months(self) -> list[LoadedMonth]:
        """Every month of every landed file; the newest delivery of a source, month and part is the current one.

        What was withdrawn is left out, as if it had never come. Rows without a month of which none was loaded, such as
        a line of totals, belong to their file alone: they replace nothing and nothing replaces them.
        """
        with self._transaction() as database:
            rows = database.execute(
                f"""
                SELECT files.*, file_months.*
                FROM ({_FILES}) AS files JOIN file_months USING (sha256)
                WHERE NOT is_withdrawn
                ORDER BY source, month, sha256
                """
            ).fetchall()
        later: dict[tuple[str, str | None], list[tuple[int, str]]] = {}
        for row in rows:
            if row["month"] or row["rows_loaded"]:
                later.setdefault((row["source"], row["month"]), []).append((row["delivery"], row["part"]))
        return [
            LoadedMonth(
                _file_of(row),
                _counts_of(row),
                not (row["month"] or row["rows_loaded"])
                or not any(
                    delivery > row["delivery"] and _covers(part, row["part"])
                    for delivery, part in set(later[row["source"], row["month"]])
                ),
            )
            for row in rows
        ]

    def record_withheld(self, sha256: str, left: Sequence[Withheld], replaced_by: str) -> None:
        """Count the rows that leave a landed file as out of scope, and name the file that takes its place.

        One transaction: whoever is stopped before the file has moved finds here that it has to.
        """
        with self._transaction() as database:
            for row in database.execute("SELECT rowid, * FROM file_months WHERE sha256 = ?", (sha256,)).fetchall():
                counts = without(_counts_of(row), left)
                database.execute(
                    "UPDATE file_months SET rows_loaded = ?, rows_out_of_scope = ?, quantity_loaded = ?, "
                    "rows_opted_out = ? WHERE rowid = ?",
                    (
                        counts.rows_loaded,
                        counts.rows_out_of_scope,
                        _text(counts.quantity_loaded),
                        counts.rows_opted_out,
                        row["rowid"],
                    ),
                )
            database.execute("UPDATE landings SET replaced_by = ? WHERE sha256 = ?", (replaced_by, sha256))

    def replaced_landings(self) -> dict[str, str]:
        """The landed files, by hash, whose place another one has still to take, and its name."""
        with self._transaction() as database:
            rows = database.execute("SELECT sha256, replaced_by FROM landings WHERE replaced_by IS NOT NULL")
            return {row["sha256"]: row["replaced_by"] for row in rows}

    def record_original_removed(self, sha256: str, why: str) -> None:
        """Remember why the bytes of a file are not kept any more: `retention` or `erasure`."""
        with self._transaction() as database:
            database.execute("UPDATE files SET original_removed = ? WHERE sha256 = ?", (why, sha256))

    def land_anew(self, sha256s: Iterable[str]) -> None:
        """Have the next refresh land files again from their originals."""
        with self._transaction() as database:
            database.executemany(
                "UPDATE landings SET landing_rules = '' WHERE sha256 = ?", [(sha256,) for sha256 in sha256s]
            )

    def landing_replaced(self, sha256: str) -> None:
        """The other file has taken its place."""
        with self._transaction() as database:
            database.execute("UPDATE landings SET replaced_by = NULL WHERE sha256 = ?", (sha256,))

    def start_run(self, run_id: str, allow_unconverted: str | None) -> None:
        with self._transaction() as database:
            database.execute(
                "INSERT INTO runs (run_id, started_at, outcome, allow_unconverted, process_id) "
                "VALUES (?, ?, 'running', ?, ?)",
                (run_id, _now(), allow_unconverted, os.getpid()),
            )

    def close_interrupted(self) -> int:
        """Say of every run that still says 'running' that it was interrupted. The caller holds the lock of the folder.

        Returns how many. When they ended is not known, and stays so.
        """
        with self._transaction() as database:
            return database.execute(
                "UPDATE runs SET outcome = ?, message = ? WHERE outcome = 'running'", (INTERRUPTED, INTERRUPTED_SAYS)
            ).rowcount

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
        """Every run in the order in which they began, whatever the clock said."""
        with self._transaction() as database:
            rows = database.execute("SELECT * FROM runs ORDER BY rowid").fetchall()
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


def _covers(part: str, other: str) -> bool:
    """Whether a delivery of one part holds all of another: the same, or several where the other has one."""
    pairs = list(zip(part.split(", "), other.split(", "), strict=False))
    return part == other or (
        "" not in (part, other) and all(a == b or (b != "ALL" and a == _several(b)) for a, b in pairs)
    )


def _several(named: str) -> str:
    return f"{named.partition(':')[0]}:{SEVERAL}"


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
        bool(row["is_withdrawn"]),
        row["original_removed"],
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
        row["rows_opted_out"],
    )


def original_of(file: RegisteredFile, data: DataFolder) -> Path:
    """Where the bytes of a registered file are kept."""
    return data.root / file.kept_as
