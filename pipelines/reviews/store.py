"""data/state/reviews.sqlite: outcomes of reviews by pseudonym, outside every snapshot.

A review that was entered by mistake is withdrawn: it stays in the file, and counts nowhere.
"""

import sqlite3
from collections.abc import Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, date, datetime

from pipelines.errors import StorageError
from pipelines.folders import DataFolder, said_in_words
from pipelines.reviews.outcomes import Outcome

_SCHEMA_VERSION = 2
_SCHEMA = """
CREATE TABLE reviews (
    patient_key TEXT NOT NULL, reviewed_on TEXT NOT NULL, outcome TEXT NOT NULL, reviewer TEXT NOT NULL,
    imported_at TEXT NOT NULL, imported_by TEXT NOT NULL, withdrawn_at TEXT, withdrawn_by TEXT,
    PRIMARY KEY (patient_key, reviewed_on, outcome, reviewer)
) WITHOUT ROWID
"""
_FROM_VERSION_1 = "ALTER TABLE reviews ADD COLUMN withdrawn_at TEXT; ALTER TABLE reviews ADD COLUMN withdrawn_by TEXT"


@dataclass(frozen=True, order=True)
class Review:
    """One outcome of one review of one person."""

    patient_key: str
    reviewed_on: date
    outcome: str
    reviewer: str


@dataclass(frozen=True)
class Kept:
    """What became of reviews that were handed in: the new ones, those withdrawn now, those withdrawn once already."""

    new: tuple[Review, ...]
    withdrawn: tuple[Review, ...]
    withdrawn_before: tuple[Review, ...]


class ReviewStore:
    """Reads and adds reviews. A review that is there already is left as it is."""

    def __init__(self, data: DataFolder) -> None:
        self.file = data.state / "reviews.sqlite"

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self.file, timeout=30)
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        if version == 0:
            connection.executescript(f"{_SCHEMA}; PRAGMA user_version = {_SCHEMA_VERSION};")
        elif version == 1:
            connection.executescript(f"BEGIN; {_FROM_VERSION_1}; PRAGMA user_version = {_SCHEMA_VERSION}; COMMIT;")
        elif version != _SCHEMA_VERSION:
            connection.close()
            raise StorageError(
                "The reviews of this data folder were kept by another version of the tool.",
                f"{self.file} has form {version}, this version reads form {_SCHEMA_VERSION}.",
                "Use that version.",
            )
        return connection

    def reviews(self) -> tuple[Review, ...]:
        """Every review that counts, in a fixed order."""
        if not self.file.exists():
            return ()
        with closing(self._connect()) as connection:
            return tuple(review for review, is_withdrawn in _all_of(connection) if not is_withdrawn)

    def everything(self) -> frozenset[Review]:
        """Every review that was ever taken in, those withdrawn too."""
        if not self.file.exists():
            return frozenset()
        with closing(self._connect()) as connection:
            return frozenset(review for review, _ in _all_of(connection))

    def imported_since(self, moment: datetime | None) -> int:
        """How many reviews came in or were withdrawn after a moment; all of them without one."""
        if not self.file.exists():
            return 0
        since = moment.isoformat(timespec="seconds") if moment else ""
        with closing(self._connect()) as connection:
            question = "SELECT count(*) FROM reviews WHERE imported_at > ? OR coalesce(withdrawn_at, '') > ?"
            return int(connection.execute(question, (since, since)).fetchone()[0])

    def add(self, reviews: Iterable[Review], imported_by: str, withdrawn: Iterable[Review] = ()) -> Kept:
        """Keep reviews and withdraw others, all or none. What was withdrawn once stays so, also when it comes again."""
        now = datetime.now(UTC).isoformat(timespec="seconds")
        with said_in_words(self.file), closing(self._connect()) as connection, connection:
            known = dict(_all_of(connection))
            given, taken_back = tuple(sorted(set(reviews))), tuple(sorted(set(withdrawn)))
            new = tuple(review for review in given if review not in known)
            connection.executemany(
                "INSERT INTO reviews VALUES (?, ?, ?, ?, ?, ?, NULL, NULL)",
                [(*_columns_of(review), now, imported_by) for review in new],
            )
            connection.executemany(
                "UPDATE reviews SET withdrawn_at = ?, withdrawn_by = ? WHERE withdrawn_at IS NULL"
                " AND patient_key = ? AND reviewed_on = ? AND outcome = ? AND reviewer = ?",
                [(now, imported_by, *_columns_of(review)) for review in taken_back],
            )
            return Kept(
                new,
                tuple(review for review in taken_back if known.get(review) is False),
                tuple(review for review in (*given, *taken_back) if known.get(review)),
            )

    def forget(self, patient_key: str) -> int:
        """Remove the reviews of one person, their bytes included. Returns how many there were."""
        if not self.file.exists():
            return 0
        with said_in_words(self.file), closing(self._connect()) as connection:
            connection.execute("PRAGMA secure_delete = ON")
            with connection:
                deleted = connection.execute("DELETE FROM reviews WHERE patient_key = ?", (patient_key,)).rowcount
            connection.execute("VACUUM")
        return deleted


def _columns_of(review: Review) -> tuple[str, str, str, str]:
    return review.patient_key, review.reviewed_on.isoformat(), review.outcome, review.reviewer


def _all_of(connection: sqlite3.Connection) -> list[tuple[Review, bool]]:
    """Every review, and whether it is withdrawn."""
    rows = connection.execute(
        "SELECT patient_key, reviewed_on, outcome, reviewer, withdrawn_at IS NOT NULL FROM reviews ORDER BY 1, 2, 3, 4"
    ).fetchall()
    return [(Review(key, date.fromisoformat(day), outcome, by), bool(gone)) for key, day, outcome, by, gone in rows]


def last_reviews(reviews: Iterable[Review]) -> dict[str, list[Review]]:
    """Of each person, the reviews of the latest day on which there is one."""
    latest: dict[str, list[Review]] = {}
    for review in sorted(reviews):
        kept = latest.setdefault(review.patient_key, [])
        if kept and kept[0].reviewed_on < review.reviewed_on:
            kept.clear()
        kept.append(review)
    return latest


def excluded_now(reviews: Iterable[Review], outcomes: Mapping[str, Outcome]) -> set[str]:
    """The people with an exclusion that no later or same-day review has ended."""
    excluded: dict[str, date] = {}
    ended: dict[str, date] = {}
    for review in sorted(reviews):
        outcome = outcomes.get(review.outcome)
        if outcome and outcome.exclusion:
            excluded[review.patient_key] = max(review.reviewed_on, excluded.get(review.patient_key, date.min))
        if outcome and outcome.ends_exclusion:
            ended[review.patient_key] = max(review.reviewed_on, ended.get(review.patient_key, date.min))
    return {key for key, day in excluded.items() if day > ended.get(key, date.min)}
