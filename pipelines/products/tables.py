"""Reading a reference table: every row checked, every problem of a file reported at once.

A table is a CSV file in UTF-8 whose last four columns are source, valid_from, valid_to and checked_by.
Codes are text; a spreadsheet that has been through one leaves `4.27551E+16`, which is refused.
"""

import csv
import datetime as dt
import re
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from itertools import pairwise
from pathlib import Path

from pipelines.errors import ReferenceDataError

PROVENANCE = ("source", "valid_from", "valid_to", "checked_by")

_BNF = re.compile(r"[0-9]{4}[0-9A-Z]{0,11}")
_SCIENTIFIC = re.compile(r"[0-9.]+E[+-]?[0-9]+", re.IGNORECASE)
_STRENGTH_UNIT = re.compile(r"mg(/[0-9]+(\.[0-9]+)?ml)?|microgram/hour|mg/72h")
_DECIMAL = re.compile(r"[0-9]{1,9}(\.[0-9]{1,6})?")

Check = Callable[[str], str]
"""Takes a cell, answers what is wrong with it, or a blank."""


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a table: its cells, the file and line it stands on, and the days it holds for."""

    cells: dict[str, str]
    where: str
    line: int
    valid_from: dt.date
    valid_to: dt.date | None

    def __getitem__(self, column: str) -> str:
        return self.cells[column]

    def decimal(self, column: str) -> Decimal | None:
        """The cell as a Decimal, or None where it is blank."""
        return Decimal(self.cells[column]) if self.cells[column] else None


@dataclass(frozen=True, slots=True)
class Table:
    """What a file must look like: its columns, the check of each, and the columns that make a row unique."""

    file_name: str
    columns: dict[str, Check]
    key: tuple[str, ...]


def text(cell: str) -> str:
    """Any text but a blank."""
    return "" if cell else "is blank"


def anything(_cell: str) -> str:
    """Any text, a blank too."""
    return ""


def bnf(cell: str) -> str:
    """A BNF code or the beginning of one, as text."""
    if _BNF.fullmatch(cell):  # first: 0407020E0 is a chemical substance, not a power of ten
        return ""
    if _SCIENTIFIC.fullmatch(cell):
        return "is a number in scientific notation: a spreadsheet has destroyed a code"
    return "is not a BNF code"


def positive(cell: str) -> str:
    """A plain decimal above zero, with at most six places."""
    try:
        return "" if _DECIMAL.fullmatch(cell) and Decimal(cell) > 0 else "is not a positive decimal number"
    except InvalidOperation:  # pragma: no cover - the pattern above leaves nothing Decimal cannot read
        return "is not a positive decimal number"


def whole(cell: str) -> str:
    """A whole number above zero."""
    return "" if cell.isascii() and cell.isdigit() and int(cell) > 0 else "is not a positive whole number"


def strength_unit(cell: str) -> str:
    """mg, mg in so many ml, or the rate of a patch."""
    return "" if _STRENGTH_UNIT.fullmatch(cell) else "is not mg, mg/5ml, microgram/hour or mg/72h"


def one_of(*allowed: str) -> Check:
    """One of the words given."""
    return lambda cell: "" if cell in allowed else f"is not one of {', '.join(sorted(allowed))}"


def or_blank(check: Check) -> Check:
    """A blank, or what `check` accepts."""
    return lambda cell: check(cell) if cell else ""


def read(folder: Path, table: Table) -> list[Row]:
    """Read and check one table; returns the rows in force (`valid_to` blank), in the file's order.

    Raises ReferenceDataError with every problem of the file, each with its line and value.
    """
    path = folder / table.file_name
    expected = [*table.columns, *PROVENANCE]
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            lines = list(csv.reader(file, strict=True))
    except FileNotFoundError:
        raise ReferenceDataError(
            "A clinical reference table is missing.", str(path), "Restore the file, or reinstall."
        ) from None
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ReferenceDataError(
            f"A clinical reference table cannot be read: {error}.", str(path), "Save it as CSV in UTF-8."
        ) from None
    if not lines or lines[0] != expected:
        raise ReferenceDataError(
            f"The columns of {table.file_name} are not the expected ones.",
            f"{path}, line 1: {', '.join(lines[0]) if lines else 'the file is empty'}",
            f"Expected: {', '.join(expected)}.",
        )
    problems: list[str] = []
    rows = [
        row
        for number, cells in enumerate(lines[1:], start=2)
        if (row := _row(table, expected, number, cells, problems)) is not None
    ]
    if not problems:
        problems += _interval_problems(table, rows)
    refuse(path, problems)
    return [row for row in rows if row.valid_to is None]


def refuse(path: Path, problems: Iterable[str]) -> None:
    """Raise one ReferenceDataError for all problems of a file; do nothing when there are none."""
    found = list(problems)
    if found:
        raise ReferenceDataError(
            f"{path.name} has {len(found)} {'problem' if len(found) == 1 else 'problems'}.",
            "\n".join(f"{path}, {problem}" for problem in found),
            "Correct these rows; README.md beside the file explains every column.",
        )


def _row(table: Table, expected: list[str], number: int, cells: list[str], problems: list[str]) -> Row | None:
    if len(cells) != len(expected):
        problems.append(f"line {number}: {len(cells)} cells, expected {len(expected)}")
        return None
    named = dict(zip(expected, (cell.strip() for cell in cells), strict=True))
    before = len(problems)
    checks: dict[str, Check] = {**table.columns, "source": text, "checked_by": text}
    for column, check in checks.items():
        if fault := check(named[column]):
            problems.append(f"line {number}: {column} '{named[column]}' {fault}")
    valid_from = _date(named["valid_from"])
    valid_to = _date(named["valid_to"])
    if valid_from is None:
        problems.append(f"line {number}: valid_from '{named['valid_from']}' is not a date (2026-01-31)")
    if named["valid_to"] and valid_to is None:
        problems.append(f"line {number}: valid_to '{named['valid_to']}' is not a date (2026-01-31)")
    if valid_from and valid_to and valid_to < valid_from:
        problems.append(f"line {number}: valid_to '{valid_to}' is before valid_from '{valid_from}'")
    if len(problems) > before or valid_from is None:
        return None
    return Row(named, f"{table.file_name}:{number}", number, valid_from, valid_to)


def _date(cell: str) -> dt.date | None:
    try:
        return dt.date.fromisoformat(cell)
    except ValueError:
        return None


def _interval_problems(table: Table, rows: list[Row]) -> list[str]:
    """Rows of one key must follow each other to the day, and the last of them must be open."""
    by_key: dict[tuple[str, ...], list[Row]] = defaultdict(list)
    for row in rows:
        by_key[tuple(row[column] for column in table.key)].append(row)
    problems = []
    for key, versions in by_key.items():
        versions.sort(key=lambda row: row.valid_from)
        named = " ".join(part for part in key if part)
        for earlier, later in pairwise(versions):
            if earlier.valid_to is None or later.valid_from <= earlier.valid_to:
                problems.append(f"line {later.line}: '{named}' overlaps line {earlier.line}")
            elif later.valid_from != earlier.valid_to + dt.timedelta(days=1):
                problems.append(f"line {later.line}: '{named}' leaves a gap after line {earlier.line}")
        if versions[-1].valid_to is not None:
            problems.append(f"line {versions[-1].line}: '{named}' ends and nothing follows it")
    return problems
