"""data/state/opt_outs.sqlite: people who are to be left out, by pseudonym alone. No number is kept here.

A pseudonym is all it takes to know them again when a file comes, and says nothing to whoever lacks the key. Somebody
who was erased stays on the list, or the next file would bring them back.
"""

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from pipelines.errors import StorageError
from pipelines.folders import DataFolder, said_in_words

Why = Literal["opted_out", "erased"]

_SCHEMA_VERSION = 1
_SCHEMA = """
CREATE TABLE opt_outs (
    patient_key TEXT PRIMARY KEY, why TEXT NOT NULL, since TEXT NOT NULL, is_applied INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID
"""


@dataclass(frozen=True)
class Changed:
    """What a new list changed, in people."""

    new: int
    known: int
    lifted: int


class OptOutStore:
    """Reads and changes the list of people who are left out."""

    def __init__(self, data: DataFolder) -> None:
        self.file = data.state / "opt_outs.sqlite"

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        with said_in_words(self.file), closing(sqlite3.connect(self.file, timeout=30)) as database:
            # What is deleted is overwritten, not only forgotten.
            database.execute("PRAGMA secure_delete = ON")
            form = database.execute("PRAGMA user_version").fetchone()[0]
            if form == 0:
                database.executescript(f"{_SCHEMA}; PRAGMA user_version = {_SCHEMA_VERSION};")
            elif form != _SCHEMA_VERSION:
                raise StorageError(
                    "The list of opt-outs of this data folder was kept by another version of the tool.",
                    f"{self.file} has form {form}, this version reads form {_SCHEMA_VERSION}.",
                    "Use that version.",
                )
            with database:
                yield database

    def _keys(self, condition: str) -> frozenset[str]:
        if not self.file.exists():
            return frozenset()
        with self._open() as database:
            rows = database.execute(f"SELECT patient_key FROM opt_outs WHERE {condition}")
            return frozenset(row[0] for row in rows)

    def people(self) -> frozenset[str]:
        """Everybody who is left out."""
        return self._keys("TRUE")

    def waiting(self) -> frozenset[str]:
        """Those whose landed rows have not left yet: they leave with the next refresh."""
        return self._keys("NOT is_applied")

    def erased(self) -> frozenset[str]:
        """Those who were erased, rather than opted out."""
        return self._keys("why = 'erased'")

    def take_in(self, people: Iterable[str], why: Why, *, is_whole_list: bool = False) -> Changed:
        """Add people; with a whole list, let those come back who are not on it. Who was erased never comes back so."""
        now = datetime.now(UTC).isoformat(timespec="seconds")
        given = set(people)
        with self._open() as database:
            known = dict(database.execute("SELECT patient_key, why FROM opt_outs"))
            lifted = [key for key, was in known.items() if was == "opted_out" and key not in given]
            lifted = lifted if is_whole_list else []
            database.executemany("DELETE FROM opt_outs WHERE patient_key = ?", [(key,) for key in lifted])
            database.executemany(
                "INSERT INTO opt_outs (patient_key, why, since) VALUES (?, ?, ?) "
                "ON CONFLICT (patient_key) DO UPDATE SET why = CASE why WHEN 'erased' THEN why ELSE excluded.why END",
                [(key, why, now) for key in sorted(given)],
            )
        return Changed(len(given - known.keys()), len(given & known.keys()), len(lifted))

    def mark_applied(self, people: Iterable[str]) -> None:
        """Their rows have left what is landed."""
        with self._open() as database:
            database.executemany("UPDATE opt_outs SET is_applied = 1 WHERE patient_key = ?", [(key,) for key in people])
