"""Whether a file holds a certain text, such as an NHS number, however it is encoded, spaced or packed."""

import gzip
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from pipelines.archives import HARMED
from pipelines.errors import UnreadableFile
from pipelines.ingest.opening import kind_of_file

_CHUNK_BYTES = 1 << 20
# Spaces, hyphens, the no-break space in any encoding, and every second byte of UTF-16.
_BETWEEN_DIGITS = b"\x00 \t-\xa0\xc2"


def holds(file: Path, text: str) -> bool:
    """Whether the text (letters and digits) is anywhere in the file. What cannot be read may hold it: that is true."""
    try:
        kind = kind_of_file(file)
        if kind == "parquet":
            return _in_parquet(file, text)
        if kind == "gzip":
            with gzip.open(file) as packed:
                return _in_stream(packed, text)
        if kind == "text":
            with file.open("rb") as plain:
                return _in_stream(plain, text)
        return _in_members(file, text) or (kind == "workbook" and _in_cells(file, text))
    except (UnreadableFile, NotImplementedError, RuntimeError, *HARMED):
        return True


def _in_stream(stream: IO[bytes] | gzip.GzipFile, text: str) -> bool:
    wanted, rest = text.encode(), b""
    while chunk := stream.read(_CHUNK_BYTES):
        rest += chunk.translate(None, _BETWEEN_DIGITS)
        if wanted in rest:
            return True
        rest = rest[-len(wanted) :]
    return False


def _in_members(file: Path, text: str) -> bool:
    with zipfile.ZipFile(file) as archive:
        for name in archive.namelist():
            with archive.open(name) as member:
                if _in_stream(member, text):
                    return True
    return False


def _in_cells(file: Path, text: str) -> bool:
    """The cells of a workbook as they are read: a number may be written in its file in another form."""
    import fastexcel

    try:
        book = fastexcel.read_excel(file)
        return any(_is_in(cells, text) for name in book.sheet_names for cells in _columns_of(book, name))
    except fastexcel.FastExcelError:
        return True


def _columns_of(book: object, name: str) -> Iterator[list[str | None]]:
    sheet = book.load_sheet(name, header_row=None, skip_rows=0, dtypes="string")  # type: ignore[attr-defined]
    yield from (column.to_pylist() for column in sheet.to_arrow().columns)


def _in_parquet(file: Path, text: str) -> bool:
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    try:
        for batch in pq.ParquetFile(file).iter_batches():
            for column in batch.columns:
                try:
                    cells = pc.cast(column, pa.string())
                except pa.ArrowNotImplementedError:
                    cells = pa.array(map(str, column.to_pylist()))
                if _is_in(cells.to_pylist(), text):
                    return True
    except pa.ArrowException:
        return True
    return False


def _is_in(cells: list[str | None], text: str) -> bool:
    wanted = text.encode()
    return any(wanted in cell.encode().translate(None, _BETWEEN_DIGITS) for cell in cells if cell)
