"""Open a source file far enough to recognise it: what kind of file, encoding, delimiter, first lines."""

import codecs
import csv
import io
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pipelines.archives import HARMED, is_of_the_disk
from pipelines.errors import UnreadableFile

Encoding = Literal["utf-8", "utf-16", "utf-16-le", "cp1252"]
FileKind = Literal["text", "workbook", "parquet", "zip", "gzip"]

_HEAD_BYTES = 1 << 20
_HEAD_LINES = 50
_OLD_OFFICE = b"\xd0\xcf\x11\xe0"


@dataclass(frozen=True)
class OpenedText:
    """The first lines of a delimited file, cut into cells."""

    encoding: Encoding
    delimiter: str
    head: tuple[tuple[str, ...], ...]


def kind_of_file(file: Path) -> FileKind:
    """What a file is by its first bytes, whatever its name says. Raises UnreadableFile for an old or locked .xls."""
    with file.open("rb") as handle:
        start = handle.read(4)
    if start == _OLD_OFFICE:
        raise UnreadableFile(
            "The workbook is of the old .xls kind, or has a password.",
            f"File {file.name}. An .xls sheet ends at 65,536 rows, and what was beyond is lost without a word.",
            "Export it again as csv or .xlsx, without a password.",
        )
    if start == b"PK\x03\x04":
        return "workbook" if _holds_workbook(file) else "zip"
    if start.startswith(b"\x1f\x8b"):
        return "gzip"
    return "parquet" if start == b"PAR1" else "text"


def _holds_workbook(file: Path) -> bool:
    try:
        with zipfile.ZipFile(file) as archive:
            return "xl/workbook.xml" in archive.namelist()
    except (*HARMED, NotImplementedError) as error:
        if is_of_the_disk(error):
            raise
        raise UnreadableFile(
            "The file is damaged: its end is missing, as after a broken download.",
            f"File {file.name}.",
            "Fetch or export it again.",
        ) from None


def open_text(file: Path) -> OpenedText:
    """Read the head of a delimited text file. Raises UnreadableFile for what is not text."""
    with file.open("rb") as handle:
        head = handle.read(_HEAD_BYTES)
    if not head.strip():
        raise UnreadableFile("The file is empty.", f"File {file.name}.", "Export it again.")
    encoding = _encoding_of(head)
    codec = "utf-8-sig" if encoding == "utf-8" else encoding
    # A multi-byte letter may be cut at the end of what was read.
    text = codecs.getincrementaldecoder(codec)("replace").decode(head, final=False)
    if "\0" in text:
        raise UnreadableFile(
            "The file is not a text file of columns.",
            f"File {file.name}.",
            "Supported: csv (any delimiter), xlsx and parquet, also zipped. Save it in one of these and add it again.",
        )
    delimiter = _delimiter_of(text)
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    try:
        cells = [tuple(row) for row, _ in zip(rows, range(_HEAD_LINES), strict=False)]
    except csv.Error:
        raise UnreadableFile(
            "The file cannot be cut into columns: a quotation mark near its beginning is never closed.",
            f"File {file.name}.",
            "Export it again.",
        ) from None
    return OpenedText(encoding, delimiter, tuple(cells))


def _encoding_of(head: bytes) -> Encoding:
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    if len(head) > 3 and head[1::2].count(0) > len(head) * 0.4:
        return "utf-16-le"
    try:
        codecs.getincrementaldecoder("utf-8")().decode(head, final=False)
    except UnicodeDecodeError:
        return "cp1252"
    return "utf-8"


def _delimiter_of(text: str) -> str:
    """The candidate that cuts the first lines into the most columns."""
    lines = text.splitlines()[:_HEAD_LINES]
    return max(",\t;|", key=lambda candidate: max(line.count(candidate) for line in lines))


def write_as_utf8(file: Path, encoding: Encoding, mended: Path) -> None:
    """A copy in UTF-8 whose lines all end in a line feed.

    UTF-16 is taken at its word. Otherwise each line is UTF-8 where it can be, else Windows-1252: a file that looks
    like UTF-8 at its beginning may hold its first £ a million lines on.
    """
    with mended.open("wb") as out:
        if encoding.startswith("utf-16"):
            with file.open(encoding=encoding, errors="replace") as text:
                while piece := text.read(_HEAD_BYTES):
                    out.write(piece.replace("\ufeff", "").encode())
            return
        for lines in _whole_lines(file):
            try:
                lines.decode()
            except UnicodeDecodeError:
                out.writelines(_line_as_utf8(line) for line in lines.splitlines(keepends=True))
            else:
                out.write(lines)


def _whole_lines(file: Path) -> Iterator[bytes]:
    """The file in pieces that end where a line ends; a carriage return alone ends one only where no line feed does."""
    rest = b""
    with file.open("rb") as raw:
        head = raw.read(_HEAD_BYTES)
        alone = b" " if b"\n" in head else b"\n"
        piece = head
        while piece:
            following = raw.read(_HEAD_BYTES)
            if following and piece.endswith(b"\r"):
                piece, following = piece[:-1], b"\r" + following
            text = rest + piece.replace(b"\r\n", b"\n").replace(b"\r", alone)
            end = text.rfind(b"\n") + 1
            yield text[:end]
            rest, piece = text[end:], following
    yield rest


def _line_as_utf8(line: bytes) -> bytes:
    try:
        line.decode()
    except UnicodeDecodeError:
        return line.decode("cp1252", errors="replace").encode()
    return line
