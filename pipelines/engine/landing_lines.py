"""On which line of its file a row stands, as an editor counts lines. No database.

The reader numbers the rows it could cut. Lines it refused, blank lines and line breaks inside quotes lie between them,
so the number of a row and its line drift apart; where they do is found here, and that no line is unaccounted for.
"""

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

_CHUNK_BYTES = 1 << 22


class Refused(NamedTuple):
    """Where the reader refused a row: first byte, text of all its lines, and the rule it broke."""

    byte_position: int
    text: str
    rule: str


class RefusedLines(NamedTuple):
    """The lines of a refused row."""

    line: int
    lines: int
    rule: str


class Lines(NamedTuple):
    """`starts`: (number of a row from 0, its line) wherever the two drift apart; `unaccounted`: rows that differ."""

    starts: tuple[tuple[int, int], ...]
    refused: tuple[RefusedLines, ...]
    unaccounted: int


def locate(file: Path, delimiter: str, records_before_data: int, rows: int, refused: Sequence[Refused]) -> Lines:
    """The line of every row of a UTF-8 file of which `rows` rows were cut and some refused."""
    refused = sorted(refused)
    total, before = _lines_of(file, [r.byte_position for r in refused])
    placed = tuple(
        RefusedLines(line, 1 + r.text.strip("\r\n").count("\n"), r.rule)
        for r, line in zip(refused, before, strict=True)
    )
    first = _lines_before_data(file, delimiter, records_before_data)
    if total - first == rows + sum(r.lines for r in placed):
        return Lines(_starts_without_breaks(first, rows, placed), placed, 0)
    return _starts_one_by_one(file, delimiter, records_before_data, rows, placed)


def _lines_of(file: Path, positions: Sequence[int]) -> tuple[int, list[int]]:
    """How many lines a file has, and on which line each byte position lies."""
    newlines, offset, found = 0, 0, []
    waiting = list(reversed(positions))
    last = b"\n"
    with file.open("rb") as handle:
        while chunk := handle.read(_CHUNK_BYTES):
            while waiting and waiting[-1] < offset + len(chunk):
                found.append(1 + newlines + chunk.count(b"\n", 0, waiting.pop() - offset))
            newlines += chunk.count(b"\n")
            offset += len(chunk)
            last = chunk[-1:]
    found += [1 + newlines] * len(waiting)
    return newlines + (last != b"\n"), found


def _lines_before_data(file: Path, delimiter: str, records: int) -> int:
    with file.open(encoding="utf-8-sig", newline="", errors="replace") as handle:
        reader = csv.reader(handle, delimiter=delimiter)
        for _ in range(records):
            next(reader, None)
        return reader.line_num


def _starts_without_breaks(first: int, rows: int, refused: Sequence[RefusedLines]) -> tuple[tuple[int, int], ...]:
    """Every line is one row: only refused lines lie between."""
    starts = {0: first + 1}
    skipped = 0
    for bad in refused:
        row = bad.line - first - 1 - skipped
        skipped += bad.lines
        if row < rows:
            starts[row] = bad.line + bad.lines
    return tuple(sorted(starts.items()))


def _starts_one_by_one(file: Path, delimiter: str, records: int, rows: int, refused: Sequence[RefusedLines]) -> Lines:
    """Blank lines or quoted line breaks: read the file once more, row by row."""
    csv.field_size_limit(1 << 24)
    not_rows = {line for bad in refused for line in range(bad.line, bad.line + bad.lines)}
    starts: list[tuple[int, int]] = []
    number, drift = 0, None
    with file.open(encoding="utf-8-sig", newline="", errors="replace") as handle:
        reader = csv.reader(handle, delimiter=delimiter)
        for _ in range(records):
            next(reader, None)
        line = reader.line_num + 1
        for cells in reader:
            if cells and line not in not_rows:
                if line - number != drift:
                    drift = line - number
                    starts.append((number, line))
                number += 1
            line = reader.line_num + 1
    return Lines(tuple(starts), tuple(refused), abs(number - rows))
