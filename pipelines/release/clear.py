"""A list in clear, with pseudonyms alone, for work below the data folder: CSV and Parquet."""

import csv
import io
import re
from collections.abc import Sequence

from pipelines.release.wording import Cell, Line, headings

_STARTS_A_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_LOOKS_LIKE_A_NUMBER = re.compile(r"\d+(e\d+)?")
_SECTION = "Section"


def csv_of(lines: Sequence[Line]) -> bytes:
    """RFC 4180, with the mark by which spreadsheets know UTF-8; no text that a spreadsheet takes for a formula."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow([*headings(with_nhs_numbers=False), _SECTION])
    for line in lines:
        writer.writerow([*(_safe(cell) for cell in line.cells), line.section])
    return text.getvalue().encode("utf-8-sig")


def parquet_of(lines: Sequence[Line]) -> bytes:
    """The same columns as text."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    names = [*headings(with_nhs_numbers=False), _SECTION]
    rows = [[*map(str, line.cells), line.section] for line in lines]
    columns = list(zip(*rows, strict=True)) if rows else [()] * len(names)
    table = pa.table({name: pa.array(column, pa.string()) for name, column in zip(names, columns, strict=True)})
    out = io.BytesIO()
    pq.write_table(table, out)
    return out.getvalue()


def _safe(cell: Cell) -> str:
    if not isinstance(cell, str):
        return str(cell)
    is_risky = cell.startswith(_STARTS_A_FORMULA) or _LOOKS_LIKE_A_NUMBER.fullmatch(cell)
    return f"'{cell}" if is_risky else cell
