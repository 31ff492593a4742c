"""How a person's row reads on paper: units and doubts said, months by name, three empty cells to fill in."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_FLOOR, Decimal
from typing import NamedTuple

from pipelines.release.rows import Row

Cell = str | int | Decimal

REVIEWED_ON, OUTCOME, REVIEWER = "Reviewed on", "Outcome", "Reviewer"
PSEUDONYM, NHS_NUMBER = "Patient (pseudonym)", "NHS number"
PRACTICE, DOSE, BAND = "Practice", "OME mg a day (last 3 months)", "Band (OME mg a day)"
CHANGE, MONTHS = "Change v 6 months before", "Months on opioids"
OPIOIDS, GABAPENTINOIDS = "Opioids (last 3 months)", "Gabapentinoids (last 3 months)"
SEDATIVES, LAST_DISPENSED = "Other sedatives (last 3 months)", "Last dispensed"
WHY, CAUTIONS, SINCE_MONTH = "Why listed", "Cautions", "Since the month before"
SINCE_PUBLICATION, LAST_REVIEW = "Since the last publication", "Last review"
# Left off the paper where they say nothing, or the same of everybody.
_MAY_BE_HIDDEN = (PRACTICE, SINCE_PUBLICATION, LAST_REVIEW)


class Column(NamedTuple):
    """A column of the list: what it is called, and how wide it is on paper (characters)."""

    heading: str
    width: float


COLUMNS = (
    Column("Priority", 8.5),
    Column(PSEUDONYM, 12.5),
    Column("Age", 4.5),
    Column("Sex", 4.5),
    Column(PRACTICE, 11),
    Column(DOSE, 8),
    Column(BAND, 9),
    Column(CHANGE, 8),
    Column(MONTHS, 8),
    Column(OPIOIDS, 27),
    Column(GABAPENTINOIDS, 14),
    Column(SEDATIVES, 13),
    Column(LAST_DISPENSED, 10),
    Column(WHY, 28),
    Column(CAUTIONS, 26),
    Column(SINCE_MONTH, 9),
    Column(SINCE_PUBLICATION, 12),
    Column(LAST_REVIEW, 11),
    Column(REVIEWED_ON, 9),
    Column(OUTCOME, 11),
    Column(REVIEWER, 8.5),
)


@dataclass(frozen=True)
class Line:
    """One person of a list: which block they stand in, their key, their band, and their cells."""

    section: str
    patient_key: str
    band: str | None
    cells: tuple[Cell, ...]


TO_REVIEW = "To review"
END_OF_LIFE = "Likely end of life: check the record first, do not invite"
EXCLUDED = "Excluded by review: not to be worked through"


def line_of(
    row: Row,
    shown_as: Mapping[str, str],
    since: Mapping[str, str],
    reviews: Mapping[str, str],
    do_not_invite: Mapping[str, str],
) -> Line:
    """A person on the list. `shown_as` is the NHS number where it is given; the others too are by pseudonym."""
    key = row["patient_key"]
    is_lower_bound = row["dose_is_lower_bound"]
    return Line(
        END_OF_LIFE if row["is_likely_end_of_life"] else TO_REVIEW,
        key,
        row["band"],
        (
            row["priority_text"],
            shown_as.get(key, key),
            "not known" if row["age"] is None else row["age"],
            row["sex"] or "",
            _practice(row),
            shown_dose(row["ome_mg_per_day_3m"], is_lower_bound),
            row["band"] or "not known",
            _change(row["ome_mg_per_day_3m"], row["change_vs_6_months_before"]),
            _run(row["opioid_run_months"], row["left_censored"]),
            row["opioids"] or "",
            row["gabapentinoids"] or "",
            row["other_sedatives"] or "",
            month_in_words(row["last_dispensed_month"]),
            row["why_listed"],
            "; ".join(said for said in (do_not_invite.get(key), row["cautions"]) if said),
            row["change_since_last_month"],
            since.get(key, ""),
            reviews.get(key, ""),
            "",
            "",
            "",
        ),
    )


def excluded_line(row: Row, shown_as: Mapping[str, str], reviews: Mapping[str, str]) -> Line:
    """A person whom a rule finds and a review has excluded: who, since when, why."""
    key = row["patient_key"]
    why = f"Excluded by review on {day_in_words(row['excluded_on'])}: {row['exclusion']}."
    facts: dict[str, Cell] = {
        "Priority": f"excluded (would be {row['priority']})",
        PSEUDONYM: shown_as.get(key, key),
        "Age": "not known" if row["age"] is None else row["age"],
        "Sex": row["sex"] or "",
        PRACTICE: _practice(row),
        DOSE: shown_dose(row["ome_mg_per_day_3m"], False),
        BAND: row["band"] or "not known",
        WHY: why,
        LAST_REVIEW: reviews.get(key, ""),
    }
    return Line(EXCLUDED, key, row["band"], tuple(facts.get(column.heading, "") for column in COLUMNS))


def headings(*, with_nhs_numbers: bool) -> Sequence[str]:
    """The first row of a list."""
    return [NHS_NUMBER if with_nhs_numbers and column.heading == PSEUDONYM else column.heading for column in COLUMNS]


def position(heading: str) -> int:
    """Where a column stands."""
    return next(number for number, column in enumerate(COLUMNS) if column.heading == heading)


def hidden_columns(lines: Sequence[Line]) -> frozenset[int]:
    """The columns that say nothing on this list, or the same of everybody, so that the others have room on paper."""
    places = (position(heading) for heading in _MAY_BE_HIDDEN)
    return frozenset(number for number in places if len({line.cells[number] for line in lines}) <= 1)


def month_in_words(month: date | None) -> str:
    return f"{_MONTHS[month.month - 1]} {month.year}" if month else ""


def day_in_words(day: date) -> str:
    return f"{day.day} {month_in_words(day)}"


def in_groups(nhs_number: str) -> str:
    """An NHS number as it is read aloud: 3-3-4."""
    return f"{nhs_number[:3]} {nhs_number[3:6]} {nhs_number[6:]}"


_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def _practice(row: Row) -> str:
    return " ".join(part for part in (row["practice_code"], row["practice_name"]) if part) or "none"


def shown_dose(dose: Decimal | None, is_lower_bound: bool) -> Cell:
    """One decimal, never rounded up to a line that is not reached."""
    if dose is None:
        return "not known"
    shown = dose.quantize(Decimal("0.1"), ROUND_FLOOR)
    return f"at least {shown}" if is_lower_bound else shown


def _change(dose: Decimal | None, change: Decimal | None) -> str:
    """Words, not a sign: `up 35 from 90`. Empty where there was no dose six months before."""
    if dose is None or change is None:
        return ""
    # Cut like the dose beside it and the numbers of 'why listed', so that a reader's own sum comes out.
    now, before = (each.quantize(Decimal(1), ROUND_FLOOR) for each in (dose, dose - change))
    if now == before or abs(change) < Decimal("0.5"):
        return "no change"
    return f"{'up' if now > before else 'down'} {abs(now - before)} from {before}"


def _run(months: int, is_censored: bool) -> Cell:
    if not months:
        return "none at present"
    return f"at least {months}" if is_censored else months
