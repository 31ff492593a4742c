"""On which line of its file a row stands, as an editor counts lines. No database.

The reader numbers the rows it could cut. Lines it refused, blank lines and line breaks inside quotes lie between them,
so the number of a row and its line drift apart; where they do is found here, and that no line is unaccounted for.
"""

import csv
from array import array
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

_CHUNK_BYTES = 1 << 20
_LINE_FEED = ord("\n")
_LONGEST_SEEN = 1 << 15


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


class LineSeen(NamedTuple):
    """A line of the file as it stands there."""

    line: int
    text: str


class Lines(NamedTuple):
    """`rows`: number of a row from 0, `lines`: its line, wherever the two drift apart; `unaccounted`: rows that differ.

    A line break in every row of a large file makes as many drifts as rows, so they are kept as plain numbers. `seen`:
    a line of each mebibyte of the file, by which its rows can be compared with it.
    """

    rows: Sequence[int]
    lines: Sequence[int]
    refused: tuple[RefusedLines, ...] = ()
    unaccounted: int = 0
    seen: tuple[LineSeen, ...] = ()

    def of(self, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """The line on which each row begins."""
        firsts, lines = np.asarray(self.rows, np.int64), np.asarray(self.lines, np.int64)
        drift = np.searchsorted(firsts, rows, side="right") - 1
        return rows - firsts[drift] + lines[drift]

    def rows_seen(self) -> dict[int, str]:
        """The rows that begin on a line that was seen, with its text."""
        firsts, lines = np.asarray(self.rows, np.int64), np.asarray(self.lines, np.int64)
        wanted = np.asarray([seen.line for seen in self.seen], np.int64)
        drift = np.maximum(np.searchsorted(lines, wanted, side="right") - 1, 0)
        rows = wanted - lines[drift] + firsts[drift]
        # Between two drifts a line may be a refused one, or the second line of a row.
        begins = (rows >= firsts[0]) & (self.of(rows) == wanted)
        return {int(row): seen.text for row, seen, is_row in zip(rows, self.seen, begins, strict=True) if is_row}


def cells_of(text: str, delimiter: str) -> list[str]:
    """One line cut into its cells; none where it goes on in the next, or quotation marks leave room for doubt how."""
    if text.count('"') % 2:
        return []
    try:
        cells = next(csv.reader([text], delimiter=delimiter), [])
    except csv.Error:
        return []
    return [] if any('"' in cell for cell in cells) else cells


def locate(file: Path, delimiter: str, records_before_data: int, rows: int, refused: Sequence[Refused]) -> Lines:
    """The line of every row of a UTF-8 file of which `rows` rows were cut and some refused."""
    refused = sorted(refused)
    total, before, seen = _lines_of(file, [r.byte_position for r in refused])
    placed = tuple(
        RefusedLines(line, 1 + r.text.strip("\r\n").count("\n"), r.rule)
        for r, line in zip(refused, before, strict=True)
    )
    first = _lines_before_data(file, delimiter, records_before_data)
    if total - first == rows + sum(r.lines for r in placed):
        starts = _starts_without_breaks(first, rows, placed)
        return Lines(list(starts), list(starts.values()), placed, seen=seen)
    return _starts_one_by_one(file, delimiter, records_before_data, rows, placed)._replace(seen=seen)


def _lines_of(file: Path, positions: Sequence[int]) -> tuple[int, list[int], tuple[LineSeen, ...]]:
    """How many lines a file has, on which line each byte position lies, and the first whole line of each chunk."""
    newlines, offset, found = 0, 0, []
    seen = []
    waiting = list(reversed(positions))
    last = _LINE_FEED
    buffer = np.empty(_CHUNK_BYTES, np.uint8)
    with file.open("rb", buffering=0) as handle:
        while size := handle.readinto(buffer):  # type: ignore[arg-type]
            is_end = buffer[:size] == _LINE_FEED
            while waiting and waiting[-1] < offset + size:
                found.append(1 + newlines + int(np.count_nonzero(is_end[: waiting.pop() - offset])))
            ends = np.flatnonzero(is_end[:_LONGEST_SEEN])[:2]
            if len(ends) == 2:
                text = buffer[ends[0] + 1 : ends[1]].tobytes().decode("utf-8", errors="replace")
                seen.append(LineSeen(newlines + 2, text))
            newlines += int(np.count_nonzero(is_end))
            offset += size
            last = int(buffer[size - 1])
    found += [1 + newlines] * len(waiting)
    return newlines + (last != _LINE_FEED), found, tuple(seen)


def _lines_before_data(file: Path, delimiter: str, records: int) -> int:
    with file.open(encoding="utf-8-sig", newline="", errors="replace") as handle:
        reader = csv.reader(handle, delimiter=delimiter)
        for _ in range(records):
            next(reader, None)
        return reader.line_num


def _starts_without_breaks(first: int, rows: int, refused: Sequence[RefusedLines]) -> dict[int, int]:
    """Every line is one row: only refused lines lie between."""
    starts = {0: first + 1}
    skipped = 0
    for bad in refused:
        row = bad.line - first - 1 - skipped
        skipped += bad.lines
        if row < rows:
            starts[row] = bad.line + bad.lines
    return starts


def _starts_one_by_one(file: Path, delimiter: str, records: int, rows: int, refused: Sequence[RefusedLines]) -> Lines:
    """Blank lines or quoted line breaks: read the file once more, row by row."""
    csv.field_size_limit(1 << 24)
    not_rows = {line for bad in refused for line in range(bad.line, bad.line + bad.lines)}
    firsts, lines = array("q"), array("q")
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
                    firsts.append(number)
                    lines.append(line)
                number += 1
            line = reader.line_num + 1
    return Lines(firsts or [0], lines or [1], tuple(refused), abs(number - rows))
