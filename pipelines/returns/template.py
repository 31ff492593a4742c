"""The empty workbook that local returns are written into."""

import io
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from pipelines.config import LocalMeasure, Settings
from pipelines.errors import UsageError
from pipelines.folders import said_in_words, write_whole
from pipelines.returns.sheets import SHEETS, WITHDRAW, Column, Sheet
from pipelines.spreadsheets import new_workbook
from pipelines.statistics.measures import counted_measures

WARNING = "Never write anything about a patient here: no name, no NHS number, no date of birth, no story."
_ROWS_TO_FILL = 500
_HEADING_ROW = 3
_WIDTHS = {"month": 12, "day": 14, "organisation": 14, "measure": 34, "instrument": 16, "text": 40}
_READ_ME = (
    WARNING,
    "Import it with: opioids returns import FILE. It counts from the next 'opioids refresh' on.",
    "One sheet alone may be saved as .csv and imported so.",
    "Leave out what you do not know. 0 says that there was none; a month that is left out is not known.",
    "To correct a row, import it again with the same key: the new one counts, the old one is kept in the history.",
    f"To take a row back, import its key with yes in the column {WITHDRAW}.",
    "Give each figure once: where a PCN or an ICB returns a measure of a month, those below it are not added to it.",
    "Counts of people are shown only protected, small ones not at all. Staff, hours, documents and pounds are shown.",
    "Notes, changes, predictions and results are shown on the pages as you write them.",
)


def write_template(out: Path, settings: Settings) -> None:
    """Write the empty workbook. Raises UsageError where it is not named .xlsx."""
    if out.suffix.lower() != ".xlsx":
        raise UsageError("The template is an .xlsx file.", f"{out} is not named so.", "Name it so.")
    with said_in_words(out):
        out.parent.mkdir(parents=True, exist_ok=True)
    write_whole(out, _workbook(settings))


def _workbook(settings: Settings) -> bytes:
    buffer = io.BytesIO()
    book = new_workbook(buffer, "Local returns")
    formats = {
        "title": book.add_format({"bold": True, "font_size": 14}),
        "warning": book.add_format({"bold": True, "font_color": "#b00000"}),
        "heading": book.add_format({"bold": True, "bottom": 1}),
        "optional": book.add_format({"italic": True, "bottom": 1}),
        "wrapped": book.add_format({"text_wrap": True, "valign": "top"}),
        "text": book.add_format({"num_format": "@"}),
        "month": book.add_format({"num_format": "yyyy-mm"}),
        "day": book.add_format({"num_format": "yyyy-mm-dd"}),
    }
    _read_me(book, formats)
    measures, ranges = _measures(settings)
    for sheet in SHEETS.values():
        _sheet_to_fill(book, formats, sheet, ranges)
    _measures_sheet(book, formats, measures)
    book.close()
    return buffer.getvalue()


def _read_me(book: Any, formats: dict[str, Any]) -> None:
    sheet = book.add_worksheet("Read me")
    sheet.set_column(0, 0, 26)
    sheet.set_column(1, 1, 100)
    sheet.write_string(0, 0, "Local returns", formats["title"])
    for number, line in enumerate(_READ_ME, 2):
        sheet.write_string(number, 0, line, formats["warning"] if line == WARNING else None)
    row = len(_READ_ME) + 3
    for name, each in SHEETS.items():
        sheet.write_string(row, 0, name, formats["heading"])
        sheet.write_string(row, 1, each.says, formats["heading"])
        for column in each.columns:
            row += 1
            sheet.write_string(row, 0, column.name)
            sheet.write_string(
                row, 1, f"{column.says}.{'' if column.is_needed else ' May be left empty.'}", formats["wrapped"]
            )
        row += 2


def _sheet_to_fill(book: Any, formats: dict[str, Any], sheet: Sheet, ranges: dict[str, str]) -> None:
    worksheet = book.add_worksheet(sheet.name)
    worksheet.write_string(0, 0, sheet.says, formats["title"])
    worksheet.write_string(1, 0, WARNING, formats["warning"])
    columns = (*sheet.columns, Column(WITHDRAW, "text", "yes takes the row of this key back", is_needed=False))
    last = _HEADING_ROW + _ROWS_TO_FILL
    for number, column in enumerate(columns):
        form = formats.get(column.kind, formats["text"] if column.kind in ("organisation", "text") else None)
        width = 10 if column.name in (WITHDRAW, "id") else _WIDTHS.get(column.kind, len(column.name) + 4)
        worksheet.set_column(number, number, width, form)
        worksheet.write_string(
            _HEADING_ROW, number, column.name, formats["heading" if column.is_needed else "optional"]
        )
        listed = ranges.get(f"{sheet.name}.{column.name}")
        says = {"input_title": column.name[:32], "input_message": column.says[:255]}
        choice: dict[str, Any] = {"validate": "list", "source": listed} if listed else {"validate": "any"}
        if column.name == WITHDRAW:
            choice = {"validate": "list", "source": ["yes"]}
        worksheet.data_validation(_HEADING_ROW + 1, number, last, number, {**choice, **says})
    worksheet.freeze_panes(_HEADING_ROW + 1, 0)


def _measures(settings: Settings) -> tuple[list[tuple[str, ...]], dict[str, str]]:
    """The rows of the sheet Measures, and which of its cells each column may choose from."""
    local = settings.local.returned
    blocks: dict[str, list[tuple[str, ...]]] = {
        "local_returns.measure": [_described(measure) for measure in local if measure.sheet == "local_returns"],
        "surveys.measure": [_described(measure) for measure in local if measure.sheet == "surveys"],
        "patient_reported_scores.instrument": [
            (one.id, one.title, "patient_reported_scores", "outcome", f"mean, {one.lowest} to {one.highest}", "n")
            for one in settings.local.instruments
        ],
        "pdsa.measure": [
            (measure.measure, measure.title, "pdsa", measure.kind, "worked out from the data", "")
            for measure in counted_measures(settings)
            if measure.kind != "context" and measure.flow is None and measure.measure == measure.cohort
        ],
    }
    rows: list[tuple[str, ...]] = []
    ranges = {}
    for name, block in blocks.items():
        first = _HEADING_ROW + len(rows) + 2
        ranges[name] = f"=Measures!$A${first}:$A${first + len(block) - 1}"
        rows += block
    return rows, ranges


def _described(measure: LocalMeasure) -> tuple[str, ...]:
    return (measure.id, measure.title, measure.sheet, measure.kind, measure.numerator, measure.denominator or "")


def _measures_sheet(book: Any, formats: dict[str, Any], rows: Iterable[tuple[str, ...]]) -> None:
    sheet = book.add_worksheet("Measures")
    sheet.write_string(0, 0, "What may be written into the columns measure and instrument", formats["title"])
    sheet.write_string(1, 0, "The sheet pdsa takes the measures of local_returns and surveys as well.")
    headings = ("id", "title", "sheet", "type", "value", "of how many")
    for column, (heading, width) in enumerate(zip(headings, (34, 60, 24, 12, 80, 50), strict=True)):
        sheet.set_column(column, column, width)
        sheet.write_string(_HEADING_ROW, column, heading, formats["heading"])
    for number, row in enumerate(rows, _HEADING_ROW + 1):
        for column, text in enumerate(row):
            sheet.write_string(number, column, text, formats["wrapped"])
    sheet.freeze_panes(_HEADING_ROW + 1, 0)
