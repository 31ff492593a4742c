"""data/state/returns.sqlite: local returns with their history, outside every snapshot."""

import json
import sqlite3
from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime

from pipelines.errors import StorageError
from pipelines.folders import DataFolder, said_in_words
from pipelines.returns.sheets import ReturnRow

_FORM = 1
# A row that is corrected or withdrawn stays, with the time at which it ended.
_SCHEMA = """
CREATE TABLE returns (
    number INTEGER PRIMARY KEY, sheet TEXT NOT NULL, row_key TEXT NOT NULL, content TEXT NOT NULL,
    imported_at TEXT NOT NULL, imported_by TEXT NOT NULL, ended_at TEXT, ended_by TEXT
);
CREATE UNIQUE INDEX one_row_in_force ON returns (sheet, row_key) WHERE ended_at IS NULL
"""


@dataclass(frozen=True)
class Kept:
    """What an import did, in rows."""

    new: int
    corrected: int
    withdrawn: int
    unchanged: int


class ReturnStore:
    """Reads and adds returns. A row that is there already is left as it is."""

    def __init__(self, data: DataFolder) -> None:
        self.file = data.state / "returns.sqlite"

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self.file, timeout=30)
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        if version == 0:
            connection.executescript(f"BEGIN; {_SCHEMA}; PRAGMA user_version = {_FORM}; COMMIT;")
        elif version != _FORM:
            connection.close()
            raise StorageError(
                "The local returns of this data folder were kept by another version of the tool.",
                f"{self.file} has form {version}, this version reads form {_FORM}.",
                "Use that version.",
            )
        return connection

    def rows(self) -> tuple[ReturnRow, ...]:
        """The rows in force, in a fixed order."""
        if not self.file.exists():
            return ()
        with closing(self._connect()) as connection:
            rows = connection.execute(
                "SELECT sheet, row_key, content FROM returns WHERE ended_at IS NULL ORDER BY sheet, row_key"
            ).fetchall()
        return tuple(
            ReturnRow(sheet, tuple(json.loads(key)), tuple(json.loads(content).items())) for sheet, key, content in rows
        )

    def take(self, rows: Iterable[ReturnRow], imported_by: str) -> Kept:
        """Keep rows, all or none: new ones, and those that correct or withdraw one of the same key."""
        now = datetime.now(UTC).isoformat(timespec="seconds")
        done = {"new": 0, "corrected": 0, "withdrawn": 0, "unchanged": 0}
        with said_in_words(self.file), closing(self._connect()) as connection, connection:
            for row in rows:
                key, content = json.dumps(row.key, ensure_ascii=False), json.dumps(row.content, ensure_ascii=False)
                before = connection.execute(
                    "SELECT number, content FROM returns WHERE sheet = ? AND row_key = ? AND ended_at IS NULL",
                    (row.sheet, key),
                ).fetchone()
                if (before is None and row.is_withdrawn) or (before and not row.is_withdrawn and before[1] == content):
                    done["unchanged"] += 1
                    continue
                if before:
                    connection.execute(
                        "UPDATE returns SET ended_at = ?, ended_by = ? WHERE number = ?", (now, imported_by, before[0])
                    )
                if not row.is_withdrawn:
                    connection.execute(
                        "INSERT INTO returns (sheet, row_key, content, imported_at, imported_by) "
                        "VALUES (?, ?, ?, ?, ?)",
                        (row.sheet, key, content, now, imported_by),
                    )
                done["withdrawn" if row.is_withdrawn else "corrected" if before else "new"] += 1
        return Kept(**done)
