"""Look for NHS numbers in every file, in every dress: spaced, wide, encoded, zipped, columnar, in databases."""

import base64
import gzip
import io
import shutil
import sqlite3
import tempfile
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path

import duckdb
import polars as pl


def dresses_of(number: str) -> Iterator[bytes]:
    """The bytes by which a ten-digit number can lie in a file."""
    for separator in ("", " ", "-", "\u00a0"):
        text = separator.join((number[:3], number[3:6], number[6:]))
        yield from (text.encode(form) for form in ("utf-8", "utf-16-le", "utf-16-be"))
    # Base64 of it at each of the three places in a group of three bytes, without the characters its neighbours decide.
    for shift, decided_before, decided_after in ((0, 0, 3), (1, 2, 2), (2, 3, 0)):
        encoded = base64.b64encode(b"\0" * shift + number.encode())
        yield encoded[decided_before : len(encoded) - decided_after]


def contents_of(file: Path) -> Iterator[bytes]:
    """The bytes of a file, and what is packed or compressed in it."""
    content = file.read_bytes()
    yield content
    yield from _unpacked(content)
    # Without its end a Parquet file cannot be read by anybody.
    if content[:4] == content[-4:] == b"PAR1":
        yield pl.read_parquet(io.BytesIO(content)).write_csv().encode()
    if content[8:12] == b"DUCK":
        yield from _duckdb_tables(file)
    if content.startswith(b"SQLite format 3\0"):
        with closing(sqlite3.connect(f"file:{file}?mode=ro&immutable=1", uri=True)) as store:
            yield "\n".join(store.iterdump()).encode()


def _unpacked(content: bytes) -> Iterator[bytes]:
    if content.startswith(b"PK"):
        with zipfile.ZipFile(io.BytesIO(content)) as packed:
            for name in packed.namelist():
                member = packed.read(name)
                yield name.encode()
                yield member
                yield from _unpacked(member)
    if content.startswith(b"\x1f\x8b"):
        member = gzip.decompress(content)
        yield member
        yield from _unpacked(member)


def _duckdb_tables(file: Path) -> Iterator[bytes]:
    """Every table; of a killed build, from a copy of the file with its log, which only a writer may take up."""
    with tempfile.TemporaryDirectory() as folder:
        log = file.with_name(f"{file.name}.wal")
        if log.exists():
            shutil.copy(log, Path(folder) / f"copy{file.suffix}.wal")
            file = Path(shutil.copy(file, Path(folder) / f"copy{file.suffix}"))
        with closing(duckdb.connect(str(file), read_only=not log.exists())) as connection:
            names = connection.execute("SELECT schema_name, table_name FROM duckdb_tables()").fetchall()
            for schema, table in names:
                rows = connection.execute(f'SELECT * FROM "{schema}"."{table}"').fetchall()
                yield repr(rows).encode()


def files_that_hold(numbers: Iterable[str], *folders: Path) -> set[Path]:
    """The files below the folders in whose bytes, in any dress, one of the numbers lies."""
    wanted = [dress for number in numbers for dress in dresses_of(number)]
    found = set()
    for folder in folders:
        for file in sorted(folder.rglob("*")):
            if file.is_file() and any(dress in content for content in contents_of(file) for dress in wanted):
                found.add(file)
    return found
