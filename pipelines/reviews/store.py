"""data/state/reviews.sqlite: outcomes of reviews by pseudonym, outside every snapshot."""

import sqlite3
from collections.abc import Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, date, datetime

from pipelines.errors import StorageError
from pipelines.folders import DataFolder, said_in_words
from pipelines.reviews.outcomes import Outcome

_SCHEMA_VERSION = 1
_SCHEMA = """
CREATE TABLE reviews (
    patient_key TEXT NOT NULL, reviewed_on TEXT NOT NULL, outcome TEXT NOT NULL, reviewer TEXT NOT NULL,
    imported_at TEXT NOT NULL, imported_by TEXT NOT NULL,
    PRIMARY KEY (patient_key, reviewed_on, outcome, reviewer)
) WITHOUT ROWID
"""


@dataclass(frozen=True, order=True)
class Review:
    """One outcome of one review of one person."""

    patient_key: str
    reviewed_on: date
    outcome: str
    reviewer: str


class ReviewStore:
    """Reads and adds reviews. A review that is there already is left as it is."""

    def __init__(self, data: DataFolder) -> None:
        self.file = data.state / "reviews.sqlite"

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self.file, timeout=30)
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        if version == 0:
            connection.executescript(f"{_SCHEMA}; PRAGMA user_version = {_SCHEMA_VERSION};")
        elif version != _SCHEMA_VERSION:
            connection.close()
            raise StorageError(
                "The reviews of this data folder were kept by another version of the tool.",
                f"{self.file} has form {version}, this version reads form {_SCHEMA_VERSION}.",
                "Use that version.",
            )
        return connection

    def reviews(self) -> tuple[Review, ...]:
        """Every review, in a fixed order."""
        if not self.file.exists():
            return ()
        with closing(self._connect()) as connection:
            rows = connection.execute(
                "SELECT patient_key, reviewed_on, outcome, reviewer FROM reviews ORDER BY 1, 2, 3, 4"
            ).fetchall()
        return tuple(Review(key, date.fromisoformat(day), outcome, by) for key, day, outcome, by in rows)

    def imported_since(self, moment: datetime | None) -> int:
        """How many reviews came in after a moment; all of them without one."""
        if not self.file.exists():
            return 0
        since = moment.isoformat(timespec="seconds") if moment else ""
        with closing(self._connect()) as connection:
            return int(connection.execute("SELECT count(*) FROM reviews WHERE imported_at > ?", (since,)).fetchone()[0])

    def add(self, reviews: Iterable[Review], imported_by: str) -> int:
        """Keep reviews, all or none. Returns how many were new."""
        now = datetime.now(UTC).isoformat(timespec="seconds")
        with said_in_words(self.file), closing(self._connect()) as connection, connection:
            before = connection.total_changes
            connection.executemany(
                "INSERT OR IGNORE INTO reviews VALUES (?, ?, ?, ?, ?, ?)",
                [(r.patient_key, r.reviewed_on.isoformat(), r.outcome, r.reviewer, now, imported_by) for r in reviews],
            )
            return connection.total_changes - before

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
