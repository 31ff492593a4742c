"""What each sheet of a local return holds: its columns, which must be filled in, and which make the key of a row."""

from dataclasses import dataclass
from typing import Literal

Kind = Literal["month", "day", "organisation", "measure", "instrument", "number", "count", "money", "text"]
WITHDRAW = "withdraw"
ALL = "all"
"""The organisation that stands for everything loaded."""


@dataclass(frozen=True)
class Column:
    """One column of a sheet."""

    name: str
    kind: Kind
    says: str
    is_needed: bool = True


@dataclass(frozen=True)
class Sheet:
    """One sheet: its rows are told apart by `key`."""

    name: str
    says: str
    key: tuple[str, ...]
    columns: tuple[Column, ...]

    def column(self, name: str) -> Column:
        return next(column for column in self.columns if column.name == name)


@dataclass(frozen=True, order=True)
class ReturnRow:
    """A row that was returned: cells as plain text (months YYYY-MM-01, numbers with a point), as columns stand."""

    sheet: str
    key: tuple[str, ...]
    cells: tuple[tuple[str, str | None], ...]
    is_withdrawn: bool = False

    @property
    def content(self) -> dict[str, str | None]:
        return dict(self.cells)


_MONTH = Column("month", "month", "The month in which it happened, such as 2026-03")
_ORGANISATION = Column("organisation", "organisation", "Code of the practice, PCN or ICB; or all: everything loaded")
_MEASURE = Column("measure", "measure", "Which measure: see the sheet Measures")
_NOTE = Column("note", "text", "What must be known beside the figure. Never anything about a patient", is_needed=False)

SHEETS = {
    sheet.name: sheet
    for sheet in (
        Sheet(
            "local_returns",
            "Referrals, meetings, clinical time, audits: one row a month, organisation and measure.",
            ("month", "organisation", "measure"),
            (
                _MONTH,
                _ORGANISATION,
                _MEASURE,
                Column("value", "number", "The figure; 0 where there was none. A month that is left out is not known"),
                Column("denominator", "count", "Of how many, where the measure has a denominator", is_needed=False),
                _NOTE,
            ),
        ),
        Sheet(
            "surveys",
            "Answers to surveys: one row a month, organisation and measure.",
            ("month", "organisation", "measure"),
            (
                _MONTH,
                _ORGANISATION,
                _MEASURE,
                Column("value", "number", "How many gave the answer that is counted"),
                Column("responses", "count", "How many answered"),
                _NOTE,
            ),
        ),
        Sheet(
            "patient_reported_scores",
            "Mean scores of the same people before and after: one row a period, organisation and instrument.",
            ("month", "organisation", "instrument"),
            (
                Column("month", "month", "The last month of the period"),
                _ORGANISATION,
                Column("instrument", "instrument", "Which questionnaire: see the sheet Measures"),
                Column("n", "count", "People who answered both before and after"),
                Column("mean_before", "number", "Mean score before"),
                Column("mean_after", "number", "Mean score after"),
                Column("sd_before", "number", "Standard deviation before", is_needed=False),
                Column("sd_after", "number", "Standard deviation after", is_needed=False),
                Column("sd_change", "number", "Standard deviation of each person's change: the best", is_needed=False),
                Column("change_low", "number", "Lower 95% limit of the mean change, if worked out", is_needed=False),
                Column("change_high", "number", "Upper 95% limit of the mean change, if worked out", is_needed=False),
                _NOTE,
            ),
        ),
        Sheet(
            "pdsa",
            "Plan, do, study, act: one row a cycle. What was measured since is worked out from the data.",
            ("id",),
            (
                Column("id", "text", "A short name that stays, such as PDSA-3"),
                Column("date", "day", "The day on which the change began"),
                Column("organisation", "organisation", "Where: code of a practice, PCN or ICB, or all"),
                Column("change", "text", "What was changed, in a few words: they are marked on the charts"),
                Column("prediction", "text", "What you expect"),
                Column("result", "text", "What you saw", is_needed=False),
                Column("next", "text", "What you do next: adopt, adapt, abandon", is_needed=False),
                Column("measure", "measure", "Which measure it is to move; blank: the headline", is_needed=False),
            ),
        ),
        Sheet(
            "unit_costs",
            "Costs and reductions as you know them locally: one row a service. Nothing is assumed for you.",
            ("organisation", "service"),
            (
                _ORGANISATION,
                Column("service", "text", "Such as GP appointments"),
                Column("unit_cost_gbp", "money", "Cost of one contact or day, in pounds"),
                Column("reduction_per_patient", "number", "How many fewer a patient and year (below 0: more)"),
                Column("patients", "count", "Of how many patients"),
                Column("note", "text", "Where the figures come from", is_needed=False),
            ),
        ),
    )
}
