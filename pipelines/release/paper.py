"""The list as it is printed: what 21 columns hold in nine, large enough to read on A4 landscape.

On the screen a column of its own can be sorted, filtered and filled in. On paper 21 of them are some seven points high.
"""

from collections.abc import Collection, Sequence
from typing import NamedTuple

from pipelines.release.wording import (
    BAND,
    CAUTIONS,
    CHANGE,
    DOSE,
    EXCLUDED,
    GABAPENTINOIDS,
    LAST_DISPENSED,
    LAST_REVIEW,
    MONTHS,
    OPIOIDS,
    OUTCOME,
    PRACTICE,
    PSEUDONYM,
    REVIEWED_ON,
    REVIEWER,
    SEDATIVES,
    SINCE_MONTH,
    SINCE_PUBLICATION,
    WHY,
    Line,
    position,
)


class Part(NamedTuple):
    """A column on paper: its heading, its width in characters, and of the list's columns those it holds with labels."""

    heading: str
    width: float
    holds: tuple[tuple[str, str], ...]


PARTS = (
    Part("Priority", 9, (("Priority", ""),)),
    Part("Patient", 14.5, ((PSEUDONYM, ""), ("Age", "Age"), ("Sex", "Sex"), (PRACTICE, ""))),
    Part(
        "Dose (OME mg a day)",
        17,
        ((DOSE, "Last 3 months"), (BAND, "Band"), (CHANGE, "6 months before"), (MONTHS, "Months on opioids")),
    ),
    Part("Opioids (last 3 months)", 27, ((OPIOIDS, ""),)),
    Part("Beside them (last 3 months)", 18, ((GABAPENTINOIDS, "Gabapentinoid"), (SEDATIVES, "Sedative"))),
    Part("Why listed", 27, ((WHY, ""),)),
    Part("Cautions and earlier reviews", 24, ((CAUTIONS, ""), (LAST_REVIEW, "Last review"))),
    Part(
        "When",
        15,
        (
            (LAST_DISPENSED, "Last dispensed"),
            (SINCE_MONTH, "Since the month before"),
            (SINCE_PUBLICATION, "Since the last publication"),
        ),
    ),
    Part("Review", 20, ((REVIEWED_ON, "Reviewed on"), (OUTCOME, "Outcome"), (REVIEWER, "Reviewer"))),
)
# On paper they are filled in by hand: their labels stand with nothing beside them.
_TO_FILL_IN = (REVIEWED_ON, OUTCOME, REVIEWER)


def cells_of(line: Line, hidden: Collection[int]) -> Sequence[str]:
    """One person on paper. `hidden` columns say the same of everybody and are left out, as on the screen."""
    return ["\n".join(_lines(part, line, hidden)) for part in PARTS]


def _lines(part: Part, line: Line, hidden: Collection[int]) -> list[str]:
    said = []
    for heading, label in part.holds:
        text = str(line.cells[position(heading)])
        if heading in _TO_FILL_IN and line.section != EXCLUDED:
            said.append(f"{label}: {text}")
        elif text and position(heading) not in hidden:
            said.append(f"{label}: {text}" if label else text)
    return said
