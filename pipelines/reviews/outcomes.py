"""The outcomes a review can have: rows of data/reference/review_outcomes.csv."""

import csv
from dataclasses import dataclass
from pathlib import Path

from pipelines import assets
from pipelines.errors import ReferenceDataError


@dataclass(frozen=True)
class Outcome:
    """One outcome: whether there was a review, a plan; whether it excludes or ends that; whether the person is gone."""

    name: str
    is_review: bool
    is_plan: bool
    exclusion: str | None
    ends_exclusion: bool
    is_gone: bool
    meaning: str


def load_outcomes(reference_dir: Path = assets.REFERENCE_DIR) -> dict[str, Outcome]:
    """The outcomes in use by name, in the order of the file. Raises ReferenceDataError."""
    file = reference_dir / "review_outcomes.csv"
    with file.open(encoding="utf-8", newline="") as handle:
        rows = [row for row in csv.DictReader(handle) if not row["valid_to"]]
    outcomes: dict[str, Outcome] = {}
    for line, row in enumerate(rows, 2):
        flags = [row[name] for name in ("is_review", "is_plan", "ends_exclusion", "is_gone")]
        if row["outcome"] in outcomes or not set(flags) <= {"yes", "no"}:
            raise ReferenceDataError(
                "The review outcomes hold a name twice, or a flag that is neither yes nor no.",
                f"data/reference/{file.name}, row {line}: {row['outcome']}.",
                "Mend the row.",
            )
        is_review, is_plan, ends, gone = (flag == "yes" for flag in flags)
        outcomes[row["outcome"]] = Outcome(
            row["outcome"], is_review, is_plan, row["exclusion"] or None, ends, gone, row["meaning"]
        )
    return outcomes
