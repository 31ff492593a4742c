"""Spreadsheets in and out: small files that people fill in, and worksheets as government guidance wants them.

Guidance: UK Government Analysis Function, "Releasing statistics in spreadsheets": a title in A1, one marked-up table a
sheet, no merged and no blank cell, marks for what is suppressed or not available explained in the file.
"""

import csv
import io
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from pipelines.errors import UnreadableFile

Rows = list[tuple[int, Sequence[str]]]
"""Cells as text, with the number of their row."""

SUPPRESSED_MARK = "[c]"
NOT_AVAILABLE_MARK = "[x]"
EXCEL_ROWS = 1_048_576
HEAD_ROWS = 4
"""Lines of a sheet up to and with the headings of its table."""
_WIDEST, _WIDEST_OF_FEW, _NARROWEST = 60, 110, 9
_LINE = 15
"""Points of a line of text."""
_A4 = 9


class Sheet(NamedTuple):
    """A sheet of a file that was filled in; a csv has one, without a name."""

    name: str
    rows: Rows


def sheets_of(content: bytes, file_name: str) -> list[Sheet]:
    """The sheets of a small csv or xlsx as text. Raises UnreadableFile."""
    if content.startswith(b"PK"):
        return _workbook_sheets(content, file_name)
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = content.decode("cp1252", errors="replace")
    first_line = text.split("\n", 1)[0]
    delimiter = max(",;\t", key=first_line.count)
    try:
        return [Sheet("", list(enumerate(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter), 1)))]
    except csv.Error as error:
        raise UnreadableFile(
            "The file is no table.", f"File {file_name} ({error}).", "Save it as .csv or .xlsx."
        ) from None


def rows_of(content: bytes, file_name: str, has_headings: Callable[[Sequence[str]], bool]) -> Rows:
    """The rows of a csv, or of the first sheet of a workbook in which a row of headings stands."""
    sheets = sheets_of(content, file_name)
    if content.startswith(b"PK"):
        sheets = [sheet for sheet in sheets if any(has_headings(cells) for _, cells in sheet.rows)]
    return sheets[0].rows if sheets else []


def _workbook_sheets(content: bytes, file_name: str) -> list[Sheet]:
    import fastexcel

    try:
        book = fastexcel.read_excel(content)
        found = []
        for name in book.sheet_names:
            table = book.load_sheet(name, header_row=None, skip_rows=0, dtypes="string").to_arrow()
            rows = [[cell or "" for cell in row.values()] for row in table.to_pylist()]
            found.append(Sheet(name, list(enumerate(rows, 1))))
    except fastexcel.FastExcelError as error:
        raise UnreadableFile(
            "The workbook cannot be read.", f"File {file_name} ({type(error).__name__}).", "Save it again as .xlsx."
        ) from None
    return found


def new_workbook(buffer: io.BytesIO, title: str) -> Any:
    """A workbook in memory in which no text becomes a formula or a link; the same content, the same bytes."""
    from datetime import datetime

    import xlsxwriter

    book = xlsxwriter.Workbook(
        buffer,
        {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False},
    )
    # Without a fixed time the file would hold the clock's.
    book.set_properties({"title": title, "created": datetime(2000, 1, 1)})
    return book


def cell_of(value: Any, instead: str = NOT_AVAILABLE_MARK, is_figure: bool = False) -> Any:
    """A value as a cell that is never blank; `is_figure`: text that is a number is written as one."""
    if value is None or value == "" or value != value:
        return instead
    if isinstance(value, bool):
        return "true" if value else "false"
    if is_figure and value not in (SUPPRESSED_MARK, NOT_AVAILABLE_MARK):
        return float(value)
    return value if isinstance(value, int | float) else str(value)


def add_table_sheet(
    book: Any,
    name: str,
    title: str,
    columns: Sequence[str],
    rows: Sequence[Sequence[Any]],
    about: str = f"{SUPPRESSED_MARK} = suppressed, {NOT_AVAILABLE_MARK} = not available or does not apply. "
    "See the sheet Notes.",
) -> None:
    """A title, what is in the sheet, and one table that screen readers and programs find as such; headings frozen."""
    sheet = book.add_worksheet(name)
    heading = book.add_format({"bold": True, "font_size": 14})
    of_column = book.add_format({"bold": True, "text_wrap": True, "valign": "bottom", "bottom": 1})
    plain, wrapped = book.add_format({"valign": "top"}), book.add_format({"valign": "top", "text_wrap": True})
    mark = book.add_format({"valign": "top", "align": "right"})
    widest = _WIDEST_OF_FEW if len(columns) <= 3 else _WIDEST
    sheet.write_string(0, 0, title, heading)
    sheet.write_string(1, 0, f"This worksheet contains one table, of {len(rows):,} row(s).")
    sheet.write_string(2, 0, about)
    sheet.add_table(
        HEAD_ROWS - 1,
        0,
        HEAD_ROWS - 1 + len(rows),
        len(columns) - 1,
        {
            "name": f"table_{name}",
            "columns": [{"header": column, "header_format": of_column} for column in columns],
            "style": "Table Style Light 1",
        },
    )
    widths = [_width(column, [row[number] for row in rows], widest) for number, column in enumerate(columns)]
    sheet.set_row(
        HEAD_ROWS - 1, _LINE * max(_lines(column, width - 3) for column, width in zip(columns, widths, strict=True))
    )
    numeric = {number for row in rows for number, cell in enumerate(row) if not isinstance(cell, str)}
    for number, row in enumerate(rows, HEAD_ROWS):
        for column, value in enumerate(row):
            if not isinstance(value, str):
                sheet.write_number(number, column, value, plain)
            elif column in numeric and value in (SUPPRESSED_MARK, NOT_AVAILABLE_MARK):
                sheet.write_string(number, column, value, mark)
            else:
                sheet.write_string(number, column, value, wrapped if len(value) > widest else plain)
        lines = max(_lines(cell, widest) for cell in row)
        if lines > 1:
            sheet.set_row(number, _LINE * lines)
    for column, width in enumerate(widths):
        sheet.set_column(column, column, width)
    sheet.freeze_panes(HEAD_ROWS, 0)
    sheet.set_landscape()
    sheet.set_paper(_A4)
    sheet.fit_to_pages(1, 0)
    sheet.repeat_rows(HEAD_ROWS - 1)


def _width(heading: str, cells: Sequence[Any], widest: int) -> int:
    """Wide enough for the cells and for the longest word of the heading with its filter button, within reason."""
    word = max(len(word) for word in heading.split()) + 4
    return min(max([_NARROWEST, word, *(len(str(cell)) + 2 for cell in cells)]), widest)


def _lines(cell: Any, width: int) -> int:
    """How many lines a text takes in a cell of this width, roughly."""
    return -(-len(cell) // max(width, 1)) if isinstance(cell, str) else 1
