"""Take in a file of reviews: open it if sealed, refuse what is nobody's or another's, keep, enter in the audit."""

import hashlib
import re
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from pipelines.audit import AuditTrail, operating_system_account
from pipelines.errors import ReviewsRefused, UnreadableFile
from pipelines.folders import DataFolder
from pipelines.identity import open_door
from pipelines.identity.published import snapshot_of_people
from pipelines.release.rows import Row, asking
from pipelines.release.sealing import is_sealed, opened
from pipelines.reviews import Found, Outcome, Review, ReviewStore, load_outcomes, read_reviews
from pipelines.reviews.reading import Described, refuse

# How far an age on an older list may lie from those in the data.
_YEARS_APART = 1


@dataclass(frozen=True)
class TakenIn:
    """What an import did, in numbers; of the new reviews, how many of each outcome, and their first and last day."""

    new: int
    known: int
    without_review: int
    not_in_data: int
    withdrawn: int
    withdrawn_before: int
    outcomes: Mapping[str, int]
    days: tuple[date, date] | None


def take_in_reviews(file: Path, data: DataFolder, user: str | None, password: Callable[[], str]) -> TakenIn:
    """Keep the reviews of a file. Raises ReviewsRefused, UnreadableFile, NothingPublished; nothing is then kept."""
    data.prepare()
    if not file.is_file():
        raise UnreadableFile("There is no such file.", f"{file}.", "Name the file of reviews.")
    content = file.read_bytes()
    snapshot = snapshot_of_people(data)
    workbook = opened(content, password(), file.name) if is_sealed(content) else content
    outcomes = load_outcomes()
    found = read_reviews(workbook, file.name, outcomes, open_door(data), date.today())
    people = {each.patient_key for each in found.described}
    with asking(snapshot.file, data.tmp) as ask:
        known = {row["patient_key"]: row for row in ask("reviews_known_people", patient_keys=sorted(people))}
    made_up = people - known.keys() - found.by_nhs_number
    if made_up:
        raise ReviewsRefused(
            f"{len(made_up)} pseudonym(s) of the reviews are nobody's in the published data, so none was taken in.",
            f"File {file.name}. They were mistyped, cut, or made under another key.",
            "Copy them again from the list, or give the NHS number.",
        )
    _refuse_somebody_else(found, known, file.name)
    store = ReviewStore(data)
    _refuse_to_withdraw_what_is_not_there(found, store.everything(), file.name, outcomes)
    kept = store.add(found.reviews, operating_system_account(), found.withdrawn)
    AuditTrail(data).append(
        "reviews import",
        user,
        file=file.name,
        sha256=hashlib.sha256(content).hexdigest(),
        people=len(people),
        new=len(kept.new),
        withdrawn=len(kept.withdrawn),
    )
    days = sorted(review.reviewed_on for review in kept.new)
    return TakenIn(
        len(kept.new),
        len(found.reviews) - len(kept.new),
        found.rows_without_review,
        len(people - known.keys()),
        len(kept.withdrawn),
        len(kept.withdrawn_before),
        Counter(review.outcome for review in kept.new),
        (days[0], days[-1]) if days else None,
    )


def _refuse_somebody_else(found: Found, known: Mapping[str, Row], file_name: str) -> None:
    """Refuse a list whose patients no longer stand beside their own age and sex: columns sorted or pasted apart."""
    rows = [each.row for each in found.described if each.patient_key in known and not _is_of(each, known)]
    if rows:
        shown = ", ".join(map(str, rows[:15])) + (f" and {len(rows) - 15} more" if len(rows) > 15 else "")
        raise ReviewsRefused(
            f"Beside {len(rows)} of the reviewed people stand age or sex of somebody else, so no review was taken in.",
            f"File {file_name}, row(s) {shown}. A column was sorted by itself, or a patient pasted over another.",
            "Copy the reviews into a fresh list. Where age or sex in the list is wrong, empty these cells.",
        )


def _is_of(described: Described, known: Mapping[str, Row]) -> bool:
    person = known[described.patient_key]
    if described.sex and person["sexes"] and described.sex not in person["sexes"]:
        return False
    age = re.fullmatch(r"(\d{1,3})(\.0+)?", described.age)
    if age is None or person["youngest"] is None:
        return True
    return bool(person["youngest"] - _YEARS_APART <= int(age[1]) <= person["oldest"] + _YEARS_APART)


def _refuse_to_withdraw_what_is_not_there(
    found: Found, everything: Collection[Review], file_name: str, outcomes: Mapping[str, Outcome]
) -> None:
    missing = sum(review not in everything for review in found.withdrawn)
    if missing:
        refuse(
            [
                f"{missing} row(s) would withdraw what was never taken in: patient, day, outcome and reviewer must be "
                "those of the mistaken entry"
            ],
            file_name,
            outcomes,
        )
