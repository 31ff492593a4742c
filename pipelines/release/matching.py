"""A list of NHS numbers received from elsewhere beside our own cohort: who is in both, in theirs, in ours, and why.

The numbers are read into memory, become pseudonyms there and are not kept; what is written is sealed and audited.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pipelines.errors import UnreadableFile, UsageError
from pipelines.folders import DataFolder
from pipelines.identity import IdentityDoor, kind_of, open_door
from pipelines.identity.published import snapshot_of_people
from pipelines.release import cover, places, sealing
from pipelines.release.asking import ListRequest
from pipelines.release.lists import enter_and_write
from pipelines.release.rows import Facts, Row, Scope, asking, facts_of, refuse_without_patients, scope_of
from pipelines.release.wording import Cell, in_groups, month_in_words, shown_dose
from pipelines.release.workbook import Sheet, simple_workbook
from pipelines.spreadsheets import rows_of

MATCHED_COHORTS = (
    "high_dose",
    "high_dose_ge120",
    "high_dose_gt90",
    "high_dose_ge90",
    "long_term",
    "long_term_3m",
    "opioid_gabapentinoid",
)
_HEADINGS = {"nhs number", "nhsnumber", "nhs no", "patient nhs number"}
_COLUMNS = ("NHS number", "Practice", "OME mg a day, 3 months", "OME mg a day, 6 months", "What we know")
_WIDTHS = (16, 34, 13, 13, 90)
_STATUS = {
    "possible": "above the line over three months, not yet over six (high_dose_possible)",
    "recent": "above the line over six months, no longer over three (high_dose_recent)",
    "new": "above the line with too little history (high_dose_new)",
    "unknown": "too little history to judge",
    "below": "below the line now",
    "confirmed": "above the line (high_dose)",
}


@dataclass(frozen=True)
class Matched:
    """How many people are in both lists, in theirs alone and in ours alone, and how many rows named nobody."""

    both: int
    only_theirs: int
    only_ours: int
    invalid_numbers: int
    sha256: str
    audit_number: int


@dataclass(frozen=True)
class _Theirs:
    """The numbers of the other list by pseudonym, and the rows whose number is none."""

    numbers: Mapping[str, str]
    invalid_rows: Sequence[int]


def match_list(request: ListRequest, file: Path, cohort: str, data: DataFolder, opened: Callable[[], str]) -> Matched:
    """Write who of a list of NHS numbers is in our cohort, and who is not and why. Raises UsageError, UnreadableFile.

    `opened` gives the password of the received list, if it has one.
    """
    if cohort not in MATCHED_COHORTS:
        raise UsageError(f"'{cohort[:40]}' is no cohort to match.", "", f"Use: {', '.join(MATCHED_COHORTS)}.")
    data.prepare()
    target = places.place_for(request.out, data, may_be_clear=False)
    password = request.password()
    sealing.refuse_weak(password)
    door = open_door(data)
    theirs = _read(file, door, opened)
    snapshot = snapshot_of_people(data)
    with asking(snapshot.file, data.tmp) as ask:
        refuse_without_patients(ask)
        scope = scope_of(request.asked, ask)
        facts = facts_of(scope, ask)
        keys = sorted(theirs.numbers)
        people = ask(
            "match_people",
            **scope.parameters,
            as_at_month=facts.as_at_month,
            cohort=cohort,
            patient_keys=keys,
        )
        last_months = {row["patient_key"]: row["last_month"] for row in ask("match_last_months", patient_keys=keys)}
    found = {row["patient_key"]: row for row in people}
    both = [row for row in people if row["is_theirs"] and row["is_in_cohort"] and row["is_here"]]
    ours = [row for row in people if not row["is_theirs"]]
    alone = [key for key in theirs.numbers if not (key in found and _is_in_both(found[key]))]
    numbers = {**door.nhs_numbers_of(row["patient_key"] for row in ours), **theirs.numbers}
    sheets = [
        Sheet("In both", _COLUMNS, _WIDTHS, tuple(_line(row, numbers, _notes(row)) for row in both)),
        Sheet("Only theirs", _COLUMNS, _WIDTHS, tuple(_only_theirs(alone, found, last_months, facts, theirs))),
        Sheet("Only ours", _COLUMNS, _WIDTHS, tuple(_line(row, numbers, _why_only_ours(row, numbers)) for row in ours)),
    ]
    front = _cover(file, scope, facts, snapshot.snapshot_id, cohort, theirs, (len(both), len(alone), len(ours)))
    entry = enter_and_write(
        request,
        target,
        sealing.sealed(simple_workbook(front, sheets), password),
        data,
        people=len(both) + len(alone) + len(ours),
        nhs_numbers=len(numbers),
        organisation_level=scope.org_level,
        organisation=scope.org_code,
        as_at_month=facts.as_at_month.isoformat(),
        snapshot_id=snapshot.snapshot_id,
        matched_cohort=cohort,
        received_sha256=hashlib.sha256(file.read_bytes()).hexdigest(),
    )
    return Matched(len(both), len(alone), len(ours), len(theirs.invalid_rows), entry["sha256"], entry["number"])


def _is_in_both(row: Row) -> bool:
    return bool(row["is_in_cohort"] and row["is_here"])


def _read(file: Path, door: IdentityDoor, opened: Callable[[], str]) -> _Theirs:
    """The NHS numbers of a file with a heading, or of a bare column of numbers."""
    if not file.is_file():
        raise UnreadableFile("There is no such file.", f"{file}.", "Name the list that was received.")
    content = file.read_bytes()
    if sealing.is_sealed(content):
        content = sealing.opened(content, opened(), file.name)
    rows = rows_of(content, file.name, lambda cells: _number_column(cells) is not None or _bare(cells))
    numbers: dict[str, str] = {}
    invalid: list[int] = []
    column: int | None = None
    for row, cells in rows:
        if column is None:
            heading = _number_column(cells)
            if heading is not None or not _bare(cells):
                column = heading
                continue
            column = 0
        text = cells[column].strip() if column < len(cells) else ""
        if text and kind_of(text) == "nhs_number":
            numbers[door.patient_key_of(text)] = "".join(filter(str.isdigit, text))
        elif any(cell.strip() for cell in cells):
            invalid.append(row)
    if column is None:
        raise UnreadableFile(
            "This is no list of NHS numbers.",
            f"File {file.name} has no column headed 'NHS Number'.",
            "Give the list as it was received (csv or xlsx).",
        )
    return _Theirs(numbers, invalid)


def _number_column(cells: Sequence[str]) -> int | None:
    names = [" ".join(cell.split()).casefold() for cell in cells]
    return next((number for number, name in enumerate(names) if name in _HEADINGS), None)


def _bare(cells: Sequence[str]) -> bool:
    return bool(cells) and kind_of(cells[0].strip() or "0") == "nhs_number"


def _line(row: Row, numbers: Mapping[str, str], explained: str) -> tuple[Cell, ...]:
    key = row["patient_key"]
    practice = " ".join(part for part in (row["practice_code"], row["practice_name"]) if part) or "none"
    doses = (shown_dose(row[name], row["dose_is_lower_bound"]) for name in ("ome_mg_per_day_3m", "ome_mg_per_day_6m"))
    return (in_groups(numbers[key]) if key in numbers else key, practice, *doses, explained)


def _notes(row: Row) -> str:
    """What limits a person's place in a cohort."""
    said = []
    if row["is_adult"] is False:
        said.append("under 18")
    if row["is_adult"] is None:
        said.append("age not known")
    if row["palliative_proxy"] == "strong":
        said.append("likely end of life: check the record first, do not invite")
    if row["excluded"]:
        said.append("excluded by review")
    return "; ".join(said)


def _only_theirs(
    alone: Sequence[str],
    found: Mapping[str, Row],
    last_months: Mapping[str, object],
    facts: Facts,
    theirs: _Theirs,
) -> list[tuple[Cell, ...]]:
    lines: list[tuple[Cell, ...]] = []
    for key in alone:
        if key in found:
            lines.append(_line(found[key], theirs.numbers, _why_only_theirs(found[key])))
        else:
            last = last_months.get(key)
            why = (
                f"in the data until {month_in_words(last)}, not in {month_in_words(facts.as_at_month)}: "  # type: ignore[arg-type]
                "moved, died or no longer prescribed to"
                if last
                else "not in the data: another area, an upstream pseudonym, or no item of a class that is followed"
            )
            lines.append((in_groups(theirs.numbers[key]), "", "", "", why))
    lines += [(f"row {row} of the list", "", "", "", "not a valid NHS number") for row in theirs.invalid_rows]
    return lines


def _why_only_theirs(row: Row) -> str:
    said = []
    if not row["is_here"]:
        said.append("belongs to another practice" if row["practice_code"] else "belongs to no practice")
    if not row["is_in_cohort"]:
        said.append(f"not in the cohort: high dose is {_STATUS[row['high_dose_status']]}")
        said.append(f"opioids for {row['opioid_run_months']} months")
    return "; ".join([*said, _notes(row)]).rstrip("; ")


def _why_only_ours(row: Row, numbers: Mapping[str, str]) -> str:
    said = [] if row["patient_key"] in numbers else ["the NHS number is not known here: cannot be matched"]
    said.append(f"high dose is {_STATUS[row['high_dose_status']]}; opioids for {row['opioid_run_months']} months")
    said.append("not in their list: another month, other factors, or another practice there")
    return "; ".join([*said, _notes(row)]).rstrip("; ")


def _cover(
    file: Path, scope: Scope, facts: Facts, snapshot_id: str, cohort: str, theirs: _Theirs, counts: tuple[int, int, int]
) -> cover.Cover:
    both, only_theirs, only_ours = counts
    month = month_in_words(facts.as_at_month)
    selection = (
        f"{len(theirs.numbers)} people in {file.name}; {len(theirs.invalid_rows)} rows hold no valid NHS number.",
        f"In both {both}; only theirs {only_theirs}; only ours {only_ours}. Our cohort: {cohort}, {scope.title}.",
        "Their month, factors and rules may be others than ours: a difference is a question, not an error.",
    )
    return cover.Cover(
        f"NHS numbers received, matched with {cohort}: {scope.title}, as at {month}",
        tuple(cover.facts_in_words(facts, snapshot_id)),
        selection,
        (),
        (),
        cover.confidential(with_nhs_numbers=True, is_clear=False),
        snapshot_id,
    )
