"""The empty file that reviews are written into. It holds no patient."""

import io
from collections.abc import Iterable
from pathlib import Path

from pipelines.errors import UsageError
from pipelines.folders import said_in_words, write_whole
from pipelines.reviews.outcomes import Outcome
from pipelines.reviews.reading import TEMPLATE_HEADINGS

_ROWS_TO_FILL = 500


def write_template(out: Path, outcomes: Iterable[Outcome]) -> None:
    """Write the template as .xlsx, with the outcomes to choose from, or as .csv with its header alone."""
    form = out.suffix.lower()
    if form not in (".xlsx", ".csv"):
        raise UsageError("The template is an .xlsx or a .csv file.", f"{out} is not named so.", "Name it so.")
    content = (
        _workbook(list(outcomes)) if form == ".xlsx" else (",".join(TEMPLATE_HEADINGS) + "\r\n").encode("utf-8-sig")
    )
    with said_in_words(out):
        out.parent.mkdir(parents=True, exist_ok=True)
    write_whole(out, content)


def _workbook(outcomes: list[Outcome]) -> bytes:
    import xlsxwriter

    buffer = io.BytesIO()
    book = xlsxwriter.Workbook(buffer, {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False})
    bold, text = book.add_format({"bold": True}), book.add_format({"num_format": "@"})
    day = book.add_format({"num_format": "dd/mm/yyyy"})
    sheet, listed = book.add_worksheet("Reviews"), book.add_worksheet("Outcomes")
    for column, (heading, width, form) in enumerate(
        zip(TEMPLATE_HEADINGS, (36, 14, 32, 12, 12), (text, day, text, text, text), strict=True)
    ):
        sheet.set_column(column, column, width, form)
        sheet.write_string(0, column, heading, bold)
    sheet.freeze_panes(1, 0)
    sheet.data_validation(
        1, 2, _ROWS_TO_FILL, 2, {"validate": "list", "source": f"=Outcomes!$A$2:$A${len(outcomes) + 1}"}
    )
    takes_back = (
        "yes takes back what was entered by mistake. Give patient, day, outcome and reviewer as they were then."
    )
    sheet.data_validation(1, 4, _ROWS_TO_FILL, 4, {"validate": "list", "source": ["yes"], "input_message": takes_back})
    for column, (heading, width) in enumerate((("Outcome", 30), ("Meaning", 80))):
        listed.set_column(column, column, width)
        listed.write_string(0, column, heading, bold)
    for row, outcome in enumerate(outcomes, 1):
        listed.write_string(row, 0, outcome.name)
        listed.write_string(row, 1, outcome.meaning)
    book.close()
    return buffer.getvalue()
