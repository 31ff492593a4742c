"""The list as a workbook, built in memory: cover, list, and what goes with it. Text stays text: no formula, no link."""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from textwrap import wrap
from typing import Any

import xlsxwriter

from pipelines.release.cover import COUNT_HEADINGS, SAFETY, Cover
from pipelines.release.paper import PARTS, cells_of
from pipelines.release.wording import (
    BAND,
    COLUMNS,
    EXCLUDED,
    OUTCOME,
    REVIEWED_ON,
    TO_REVIEW,
    Cell,
    Line,
    headings,
    hidden_columns,
    position,
)
from pipelines.reviews import Outcome

_A4 = 9
_POINTS_A_LINE, _TALLEST_ROW = 13.5, 400.0
_BANDS = {
    "under 50": "#FFFFFF",
    "50 to under 90": "#FFF7DB",
    "90 to 120": "#FFE8B3",
    "over 120 to under 200": "#FFCFB0",
    "200 and over": "#F9B7B0",
}
_COVER_WIDTHS = (64, 12, 12, 12, 12, 16)
PAPER = "To print"


@dataclass(frozen=True)
class Sheet:
    """A further sheet: a heading row and rows of text."""

    name: str
    headings: tuple[str, ...]
    widths: tuple[float, ...]
    rows: tuple[tuple[Cell, ...], ...]


def workbook_of(
    cover: Cover,
    lines: Sequence[Line],
    further: Sequence[Sheet],
    outcomes: Sequence[Outcome],
    *,
    with_nhs_numbers: bool,
) -> bytes:
    """The bytes of the workbook, never on a disk."""
    buffer = io.BytesIO()
    book = xlsxwriter.Workbook(
        buffer,
        {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False},
    )
    formats = _formats(book)
    _write_cover(book, formats, cover)
    _write_list(book, formats, cover, lines, with_nhs_numbers, len(outcomes))
    _write_paper(book, formats, cover, lines)
    for sheet in further:
        _write_sheet(book, formats, cover, sheet)
    meanings = tuple((each.name, each.meaning) for each in outcomes)
    _write_sheet(book, formats, cover, Sheet("Outcomes", ("Outcome", "Meaning"), (30, 90), meanings))
    book.close()
    return buffer.getvalue()


def simple_workbook(cover: Cover, sheets: Sequence[Sheet]) -> bytes:
    """A cover and sheets of rows, without a list to fill in."""
    buffer = io.BytesIO()
    book = xlsxwriter.Workbook(buffer, {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False})
    formats = _formats(book)
    _write_cover(book, formats, cover)
    for sheet in sheets:
        _write_sheet(book, formats, cover, sheet)
    book.close()
    return buffer.getvalue()


def _formats(book: Any) -> dict[str, Any]:
    cell = {"text_wrap": True, "valign": "top", "border": 1, "border_color": "#BFBFBF", "font_size": 11}
    made = {
        "title": {"bold": True, "font_size": 16, "text_wrap": True, "valign": "top"},
        "said": {"text_wrap": True, "valign": "top", "font_size": 10.5},
        "strong": {"text_wrap": True, "valign": "top", "bold": True, "font_size": 10.5},
        "heading": {**cell, "bold": True, "bg_color": "#1F3B57", "font_color": "#FFFFFF", "valign": "vcenter"},
        "section": {"bold": True, "font_size": 11, "bg_color": "#D9D9D9", "valign": "vcenter"},
        "text": {**cell, "num_format": "@"},
        "number": {**cell, "num_format": "0.0", "align": "right"},
        "count": {**cell, "num_format": "0", "align": "right"},
        "first": {**cell, "num_format": "@", "bold": True},
        "day": {**cell, "num_format": "dd/mm/yyyy", "bg_color": "#F3F8FC"},
        "blank": {**cell, "num_format": "@", "bg_color": "#F3F8FC"},
    }
    made |= {f"band {band}": {**cell, "num_format": "@", "bg_color": colour} for band, colour in _BANDS.items()}
    return {name: book.add_format(facts) for name, facts in made.items()}


def _on_paper(sheet: Any, cover: Cover, *, is_cover: bool = False) -> None:
    """A4 landscape, one page wide, with a footer that says what it is."""
    sheet.set_landscape()
    sheet.set_paper(_A4)
    sheet.fit_to_pages(1, 1 if is_cover else 0)
    sheet.set_margins(left=0.3, right=0.3, top=0.6, bottom=0.6)
    # An ampersand begins a code in headers and footers, which hold at most 255 characters.
    sheet.set_header(f"&L&9 {cover.title[:120].replace('&', '&&')}")
    sheet.set_footer(
        f'&L&9&"Calibri,Bold"Confidential: patient identifiable&C&9Page &P of &N&R&9Snapshot {cover.snapshot_id}'
    )
    if not is_cover:
        sheet.repeat_rows(0)


def _write_cover(book: Any, formats: dict[str, Any], cover: Cover) -> None:
    sheet = book.add_worksheet("Read first")
    _on_paper(sheet, cover, is_cover=True)
    for column, width in enumerate(_COVER_WIDTHS):
        sheet.set_column(column, column, width)
    row = 0
    parts = (
        ("title", (cover.title,)),
        ("strong", SAFETY),
        ("said", (*cover.facts, *cover.selection, cover.confidential)),
    )
    for form, sentences in parts:
        for sentence in sentences:
            sheet.merge_range(row, 0, row, len(_COVER_WIDTHS) - 1, "", formats[form])
            sheet.write_string(row, 0, sentence, formats[form])
            # Merged cells do not grow by themselves.
            per_line = sum(_COVER_WIDTHS) * (0.65 if form == "title" else 1.05)
            sheet.set_row(row, (24 if form == "title" else 15) * len(wrap(sentence, int(per_line))))
            row += 1
        row += 1
    if cover.counts:
        for column, heading in enumerate(COUNT_HEADINGS):
            sheet.write_string(row, column, heading, formats["heading"])
        sheet.set_row(row, 30)
        for counted in cover.counts:
            row += 1
            for column, cell in enumerate(counted):
                _write_cell(sheet, row, column, cell, formats)
        row += 2
    for sentence in cover.explained:
        sheet.merge_range(row, 0, row, len(_COVER_WIDTHS) - 1, "", formats["said"])
        sheet.write_string(row, 0, sentence, formats["said"])
        sheet.set_row(row, 15 * len(wrap(sentence, int(sum(_COVER_WIDTHS) * 1.05))))
        row += 1


def _write_list(
    book: Any, formats: dict[str, Any], cover: Cover, lines: Sequence[Line], with_nhs_numbers: bool, outcomes: int
) -> None:
    sheet = book.add_worksheet("List")
    _on_paper(sheet, cover)
    hidden = hidden_columns(lines)
    for number, column in enumerate(COLUMNS):
        sheet.set_column(number, number, column.width, None, {"hidden": number in hidden})
    names = headings(with_nhs_numbers=with_nhs_numbers)
    widths = [1000 if number in hidden else column.width for number, column in enumerate(COLUMNS)]
    for number, heading in enumerate(names):
        sheet.write_string(0, number, heading, formats["heading"])
    sheet.set_row(0, _row_height(names, widths) * 1.15)
    sheet.freeze_panes(1, 2)
    reviewed_on, outcome = (position(name) for name in (REVIEWED_ON, OUTCOME))
    row, section = 0, TO_REVIEW
    last_of_work = 0
    for line in lines:
        row += 1
        if line.section != section:
            section = line.section
            sheet.write_string(row, 0, section, formats["section"])
            for number in range(1, len(COLUMNS)):
                sheet.write_blank(row, number, None, formats["section"])
            row += 1
        if section == TO_REVIEW:
            last_of_work = row
        sheet.set_row(row, _row_height(line.cells, widths))
        _write_line(sheet, row, line, formats, reviewed_on)
    # Sections below the filter stay where they are when the list is sorted or filtered.
    sheet.autofilter(0, 0, last_of_work, len(COLUMNS) - 1)
    if row:
        sheet.data_validation(
            1, outcome, row, outcome, {"validate": "list", "source": f"=Outcomes!$A$2:$A${outcomes + 1}"}
        )


def _write_paper(book: Any, formats: dict[str, Any], cover: Cover, lines: Sequence[Line]) -> None:
    """The same people for the printer: fewer and wider columns, a person never split between two pages."""
    sheet = book.add_worksheet(PAPER)
    _on_paper(sheet, cover)
    sheet.freeze_panes(1, 2)
    hidden = hidden_columns(lines)
    widths = [part.width for part in PARTS]
    for number, part in enumerate(PARTS):
        sheet.set_column(number, number, part.width)
        sheet.write_string(0, number, part.heading, formats["heading"])
    sheet.set_row(0, _row_height([part.heading for part in PARTS], widths) * 1.15)
    row, section = 0, TO_REVIEW
    for line in lines:
        row += 1
        if line.section != section:
            section = line.section
            for number in range(len(PARTS)):
                sheet.write_string(row, number, "" if number else section, formats["section"])
            row += 1
        cells = cells_of(line, hidden)
        sheet.set_row(row, _row_height(cells, widths))
        for number, cell in enumerate(cells):
            form = "first" if number == 0 else "text"
            if any(heading == BAND for heading, _ in PARTS[number].holds):
                form = f"band {line.band}"
            sheet.write_string(row, number, cell, formats.get(form, formats["text"]))


def _write_line(sheet: Any, row: int, line: Line, formats: dict[str, Any], reviewed_on: int) -> None:
    for number, cell in enumerate(line.cells):
        if number == position(BAND):
            sheet.write_string(row, number, str(cell), formats.get(f"band {line.band}", formats["text"]))
        elif number == reviewed_on and line.section != EXCLUDED:
            sheet.write_blank(row, number, None, formats["day"])
        elif number > reviewed_on and line.section != EXCLUDED:
            sheet.write_blank(row, number, None, formats["blank"])
        elif number == 0:
            sheet.write_string(row, 0, str(cell), formats["first"])
        else:
            _write_cell(sheet, row, number, cell, formats)


def _row_height(cells: Sequence[Cell], widths: Sequence[float]) -> float:
    """Points that the tallest of wrapped cells needs: not every program makes rows grow by themselves."""
    lines = max(
        sum(max(len(wrap(line, max(int(width * 1.1), 4))), 1) for line in cell.split("\n"))
        if isinstance(cell, str)
        else 1
        for cell, width in zip(cells, widths, strict=True)
    )
    return min(_POINTS_A_LINE * max(lines, 1) + 3, _TALLEST_ROW)


def _write_cell(sheet: Any, row: int, column: int, cell: Cell, formats: dict[str, Any]) -> None:
    """Text as text, whatever it begins with; numbers as numbers."""
    if isinstance(cell, str):
        sheet.write_string(row, column, cell, formats["text"])
    elif isinstance(cell, int):
        sheet.write_number(row, column, cell, formats["count"])
    else:
        sheet.write_number(row, column, cell, formats["number"])


def _write_sheet(book: Any, formats: dict[str, Any], cover: Cover, sheet: Sheet) -> None:
    page = book.add_worksheet(sheet.name)
    _on_paper(page, cover)
    page.freeze_panes(1, 0)
    for number, (heading, width) in enumerate(zip(sheet.headings, sheet.widths, strict=True)):
        page.set_column(number, number, width)
        page.write_string(0, number, heading, formats["heading"])
    for row, cells in enumerate(sheet.rows, 1):
        page.set_row(row, _row_height(cells, sheet.widths))
        for number, cell in enumerate(cells):
            _write_cell(page, row, number, cell, formats)
