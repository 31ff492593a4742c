"""Read a file of review outcomes: the template, or a released list with its last columns filled in.

The NHS number becomes a pseudonym here, and is neither kept nor said. A file is taken whole or not at all; every
problem is named by its row, never by its patient.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import NamedTuple, NoReturn

from pipelines.errors import ReviewsRefused, UnreadableFile
from pipelines.identity import IdentityDoor, kind_of
from pipelines.reviews.outcomes import Outcome
from pipelines.reviews.store import Review
from pipelines.spreadsheets import rows_of

TEMPLATE_HEADINGS = ("Patient", "Reviewed on", "Outcome", "Reviewer", "Withdraw")
_NEEDED_HEADINGS = TEMPLATE_HEADINGS[:4]
_PATIENT_HEADINGS = {"patient", "nhs number", "patient (pseudonym)", "pseudonym", "patient_key"}
_OTHERS = ("reviewed on", "outcome", "reviewer")
# A list has the first two, the template the last.
_OPTIONAL = ("age", "sex", "withdraw")
_PSEUDONYM = re.compile(r"[0-9a-f]{32}")
_INITIALS = re.compile(r"[^\W\d_][^\W\d_ .'-]{0,9}( ?[^\W\d_]{1,2}){0,3}")
_DAY_FORMS = ("%Y-%m-%d", "%Y-%m-%d %H:%M:%S", "%d/%m/%Y", "%d.%m.%Y", "%d %b %Y", "%d %B %Y")
_EARLIEST = date(2010, 1, 1)
_MOST_PROBLEMS_SAID = 15


class _Filled(NamedTuple):
    row: int
    patient: str
    reviewed_on: str
    outcome: str
    reviewer: str
    age: str
    sex: str
    withdraw: str


class Described(NamedTuple):
    """What stands beside a reviewed person in a list: by it, a number that was pasted or sorted apart is noticed."""

    row: int
    patient_key: str
    age: str
    sex: str


@dataclass(frozen=True)
class Found:
    """What a file of reviews holds: reviews, those to withdraw, and how many rows were left empty."""

    reviews: tuple[Review, ...]
    withdrawn: tuple[Review, ...]
    rows_without_review: int
    by_nhs_number: frozenset[str]
    described: tuple[Described, ...]


def read_reviews(
    content: bytes, file_name: str, outcomes: Mapping[str, Outcome], door: IdentityDoor, today: date
) -> Found:
    """The reviews of a file (csv or xlsx). Raises ReviewsRefused with every problem by row, UnreadableFile."""
    filled, empty = _filled_rows(rows_of(content, file_name, _has_headings), file_name)
    problems: list[str] = []
    reviews: set[Review] = set()
    withdrawn: set[Review] = set()
    by_number: set[str] = set()
    described: list[Described] = []
    for line in filled:
        key, patient_problem = _key_of(line.patient, door)
        day, day_problem = _day_of(line.reviewed_on, today)
        name, outcome_problem = _outcome_of(line.outcome, outcomes)
        reviewer, reviewer_problem = _reviewer_of(line.reviewer)
        said = line.withdraw.casefold()
        withdraw_problem = "" if said in ("", "no", "yes") else "in the column Withdraw stands neither yes nor nothing"
        wrong = (patient_problem, day_problem, outcome_problem, reviewer_problem, withdraw_problem)
        problems += [f"row {line.row}: {each}" for each in wrong if each]
        if not any(wrong):
            assert key is not None
            assert day is not None
            (withdrawn if said == "yes" else reviews).add(Review(key, day, name, reviewer))
            described.append(Described(line.row, key, line.age, line.sex))
            if kind_of(line.patient) == "nhs_number":
                by_number.add(key)
    if problems:
        refuse(problems, file_name, outcomes)
    return Found(tuple(sorted(reviews)), tuple(sorted(withdrawn)), empty, frozenset(by_number), tuple(described))


def refuse(problems: Sequence[str], file_name: str, outcomes: Mapping[str, Outcome]) -> NoReturn:
    """Raise ReviewsRefused with the problems, and with the outcomes where one of them is about an outcome."""
    more = f"; and {len(problems) - _MOST_PROBLEMS_SAID} more" if len(problems) > _MOST_PROBLEMS_SAID else ""
    which = f" Outcomes are: {', '.join(outcomes)}." if any("outcome" in each for each in problems) else ""
    raise ReviewsRefused(
        f"{len(problems)} {'entry' if len(problems) == 1 else 'entries'} of the reviews cannot be taken in, "
        "so none was.",
        f"File {file_name}: {'; '.join(problems[:_MOST_PROBLEMS_SAID])}{more}.",
        f"Mend them and import again.{which}",
    )


def _key_of(patient: str, door: IdentityDoor) -> tuple[str | None, str]:
    text = patient.strip()
    if _PSEUDONYM.fullmatch(text):
        return text, ""
    kind = kind_of(text) if text else "invalid_nhs_number"
    if kind == "nhs_number":
        return door.patient_key_of(text), ""
    if kind == "spoilt_by_spreadsheet":
        return None, "a spreadsheet has rounded the patient's number"
    return None, "the patient is given by neither a valid NHS number nor a pseudonym of this tool"


def _day_of(text: str, today: date) -> tuple[date | None, str]:
    if not text.strip():
        return None, "the day of the review is missing"
    for form in _DAY_FORMS:
        try:
            day = datetime.strptime(text.strip(), form).date()
        except ValueError:
            continue
        if day > today:
            return None, f"the review is dated in the future ({day})"
        if day < _EARLIEST:
            return None, f"the review is dated before {_EARLIEST.year} ({day})"
        return day, ""
    return None, f"'{_harmless(text)}' is no date (write 2026-03-31 or 31/03/2026)"


def _outcome_of(text: str, outcomes: Mapping[str, Outcome]) -> tuple[str, str]:
    if not text.strip():
        return "", "the outcome is missing"
    wanted = " ".join(text.split()).casefold()
    for name in outcomes:
        if name.casefold() == wanted:
            return name, ""
    return "", f"'{_harmless(text)}' is no outcome"


def _reviewer_of(text: str) -> tuple[str, str]:
    reviewer = " ".join(text.split())
    if not reviewer:
        return "", "the reviewer's initials are missing"
    if not _INITIALS.fullmatch(reviewer):
        return "", "the reviewer is given by other than initials (write AB)"
    return reviewer.upper(), ""


def _harmless(text: str) -> str:
    """A value as it may be said: nothing in which a number or a pseudonym of a patient could stand."""
    digits = sum(character.isdigit() for character in text)
    return "(withheld)" if digits > 8 or _PSEUDONYM.search(text) else text.strip()[:40]


def _filled_rows(rows: Sequence[tuple[int, Sequence[str]]], file_name: str) -> tuple[list[_Filled], int]:
    """The rows with any of date, outcome and reviewer; and how many have a patient alone."""
    columns = None
    filled, empty = [], 0
    for number, cells in rows:
        if columns is None:
            columns = _columns_of(cells)
            continue
        patient, *rest = (cells[column].strip() if 0 <= column < len(cells) else "" for column in columns)
        if any(rest[: len(_OTHERS)]):
            filled.append(_Filled(number, patient, *rest))
        elif patient:
            empty += 1
    if columns is None:
        raise UnreadableFile(
            "This is no file of reviews.",
            f"File {file_name} has no row with the headings {', '.join(_NEEDED_HEADINGS)}.",
            "Begin with 'opioids reviews template --out FILE', or fill in the last columns of a list.",
        )
    return filled, empty


def _columns_of(cells: Sequence[str]) -> tuple[int, ...] | None:
    names = [" ".join(cell.split()).casefold() for cell in cells]
    patient = [number for number, name in enumerate(names) if name in _PATIENT_HEADINGS]
    if len(patient) != 1 or not all(names.count(other) == 1 for other in _OTHERS):
        return None
    optional = (names.index(name) if names.count(name) == 1 else -1 for name in _OPTIONAL)
    return (patient[0], *(names.index(other) for other in _OTHERS), *optional)


def _has_headings(cells: Sequence[str]) -> bool:
    return _columns_of(cells) is not None
