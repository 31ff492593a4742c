"""Take in a file of reviews: open it if it is sealed, refuse pseudonyms nobody has, keep, enter in the audit."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from pipelines.audit import AuditTrail, operating_system_account
from pipelines.errors import NothingPublished, ReviewsRefused, UnreadableFile
from pipelines.folders import DataFolder
from pipelines.identity import open_door
from pipelines.identity.published import snapshot_of_people
from pipelines.release.rows import asking
from pipelines.release.sealing import is_sealed, opened
from pipelines.reviews import ReviewStore, load_outcomes, read_reviews


@dataclass(frozen=True)
class TakenIn:
    """What an import did, in numbers."""

    new: int
    known: int
    without_review: int
    not_in_data: int


def take_in_reviews(file: Path, data: DataFolder, user: str | None, password: Callable[[], str]) -> TakenIn:
    """Keep the reviews of a file. Raises ReviewsRefused, UnreadableFile; nothing is then kept."""
    data.prepare()
    if not file.is_file():
        raise UnreadableFile("There is no such file.", f"{file}.", "Name the file of reviews.")
    content = file.read_bytes()
    workbook = opened(content, password(), file.name) if is_sealed(content) else content
    found = read_reviews(workbook, file.name, load_outcomes(), open_door(data), date.today())
    people = {review.patient_key for review in found.reviews}
    unknown = people - _people_in_data(people, data)
    made_up = unknown - found.by_nhs_number
    if made_up:
        raise ReviewsRefused(
            f"{len(made_up)} pseudonym(s) of the reviews are nobody's in the published data, so none was taken in.",
            f"File {file.name}. They were mistyped, cut, or made under another key.",
            "Copy them again from the list, or give the NHS number.",
        )
    new = ReviewStore(data).add(found.reviews, operating_system_account())
    AuditTrail(data).append(
        "reviews import", user, file=file.name, sha256=hashlib.sha256(content).hexdigest(), people=len(people), new=new
    )
    return TakenIn(new, len(found.reviews) - new, found.rows_without_review, len(unknown))


def _people_in_data(people: set[str], data: DataFolder) -> set[str]:
    if not people:
        return set()
    try:
        snapshot = snapshot_of_people(data)
    except NothingPublished:
        return set()
    with asking(snapshot.file, data.tmp) as ask:
        return {row["patient_key"] for row in ask("reviews_known_people", patient_keys=sorted(people))}
