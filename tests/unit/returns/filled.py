"""Workbooks of local returns as somebody fills them in: the template's sheets with rows below the headings."""

import io
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import xlsxwriter

from pipelines.returns.sheets import SHEETS, WITHDRAW

Rows = Sequence[Mapping[str, Any]]


def workbook(sheets: Mapping[str, Rows], heading_row: int = 3) -> bytes:
    """Rows of cells by column; dates become cells with a date, numbers cells with a number."""
    buffer = io.BytesIO()
    book = xlsxwriter.Workbook(buffer, {"in_memory": True, "strings_to_formulas": False})
    day = book.add_format({"num_format": "yyyy-mm-dd"})
    for name, rows in sheets.items():
        sheet = book.add_worksheet(name)
        known = [column.name for column in SHEETS[name].columns] if name in SHEETS else []
        extra = sorted({column for row in rows for column in row} - {*known, WITHDRAW})
        columns = [*known, WITHDRAW, *extra]
        for number, column in enumerate(columns):
            sheet.write_string(heading_row, number, column)
        for line, row in enumerate(rows, heading_row + 1):
            for column, cell in row.items():
                at = (line, columns.index(column))
                if isinstance(cell, date):
                    sheet.write_datetime(*at, cell, day)
                elif isinstance(cell, str):
                    sheet.write_string(*at, cell)
                else:
                    sheet.write_number(*at, cell)
    book.close()
    return buffer.getvalue()


def returned(month: str, organisation: str, measure: str, value: float, **others: Any) -> dict[str, Any]:
    """A row of local_returns or surveys."""
    return {"month": month, "organisation": organisation, "measure": measure, "value": value, **others}


PILOT_SCORES = [
    {
        "month": "2025-03",
        "organisation": "all",
        "instrument": "MSK-HQ",
        "n": 46,
        "mean_before": 15.75,
        "mean_after": 19.875,
    },
    {
        "month": "2025-03",
        "organisation": "all",
        "instrument": "PAM",
        "n": 46,
        "mean_before": 48.37,
        "mean_after": 52.93,
    },
]
"""Published by one pilot of the programme, without standard deviations."""

HOSPITAL_COSTS = [
    {"organisation": "all", "service": service, "unit_cost_gbp": cost, "reduction_per_patient": fewer, "patients": 130}
    for service, cost, fewer in (
        ("GP appointments", 50, 2.2),
        ("A&E attendances", 400, 2.6),
        ("Outpatient appointments", 120, 1.6),
        ("Days in a hospital bed", 400, 11.6),
    )
]
"""Published by one hospital: what each service would be worth a year."""
HOSPITAL_VALUES = {
    "GP appointments": 14_300,
    "A&E attendances": 135_200,
    "Outpatient appointments": 24_960,
    "Days in a hospital bed": 603_200,
}
