"""Open a source file far enough to recognise it: encoding, delimiter, first lines, sheets."""

import codecs
import csv
import io
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pipelines.errors import UnreadableFile

Encoding = Literal["utf-8", "utf-16", "latin-1"]

_HEAD_BYTES = 1 << 20
_HEAD_LINES = 50


@dataclass(frozen=True)
class OpenedText:
    """The first lines of a delimited file, cut into cells."""

    encoding: Encoding
    delimiter: str
    head: tuple[tuple[str, ...], ...]


def open_text(file: Path) -> OpenedText:
    """Read the head of a delimited text file. Raises UnreadableFile for what is not text."""
    with file.open("rb") as handle:
        head = handle.read(_HEAD_BYTES)
    if not head.strip():
        raise UnreadableFile("The file is empty.", f"File {file.name}.", "Export it again.")
    encoding = _encoding_of(head)
    codec = "utf-8-sig" if encoding == "utf-8" else encoding
    # A multi-byte letter may be cut at the end of what was read.
    text = codecs.getincrementaldecoder(codec)().decode(head, final=False)
    if "\0" in text:
        raise UnreadableFile(
            "The file is not a text file of columns.",
            f"File {file.name}.",
            "Supported: csv (any delimiter) and xlsx. Save it in one of these and add it again.",
        )
    delimiter = _delimiter_of(text)
    rows = csv.reader(io.StringIO(text), delimiter=delimiter)
    cells = [tuple(row) for row, _ in zip(rows, range(_HEAD_LINES), strict=False)]
    return OpenedText(encoding, delimiter, tuple(cells))


def _encoding_of(head: bytes) -> Encoding:
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    try:
        codecs.getincrementaldecoder("utf-8")().decode(head, final=False)
    except UnicodeDecodeError:
        return "latin-1"
    return "utf-8"


def _delimiter_of(text: str) -> str:
    """The candidate that cuts the first lines into the most columns."""
    lines = text.splitlines()[:_HEAD_LINES]
    return max(",\t;|", key=lambda candidate: max(line.count(candidate) for line in lines))


def is_workbook(file: Path) -> bool:
    """Whether the file is an xlsx workbook, whatever its name says."""
    with file.open("rb") as handle:
        return handle.read(4) == b"PK\x03\x04"
