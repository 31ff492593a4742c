"""A number is found in a file however the file is written, and not where it is not."""

import gzip
import io
import zipfile
from pathlib import Path

import polars as pl
import pytest
import xlsxwriter

from pipelines.ingest.searching import holds

NUMBER = "9434765919"
SPACED = "943 476 5919"
# As many digits in the same order, but of two cells.
APART = "9434765,919"


def workbook(cell: str | int) -> bytes:
    buffer = io.BytesIO()
    with xlsxwriter.Workbook(buffer, {"in_memory": True}) as book:
        sheet = book.add_worksheet()
        sheet.write(5, 3, cell)
    return buffer.getvalue()


def parquet(cells: list[str] | list[int] | list[float]) -> bytes:
    buffer = io.BytesIO()
    pl.DataFrame({"a": cells, "b": ["x"] * len(cells)}).write_parquet(buffer)
    return buffer.getvalue()


def zipped(content: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.csv", content)
    return buffer.getvalue()


DRESSES = {
    "plain": f"a,b\n1,{NUMBER}\n".encode(),
    "spaced": f"a,b\n1,{SPACED}\n".encode(),
    "hyphens": b"a,943-476-5919\n",
    "no-break spaces": "a,943\u00a0476\u00a05919\n".encode(),
    "utf-16": f"a,{SPACED}\n".encode("utf-16"),
    "cp1252": "£,943\u00a04765919\n".encode("cp1252"),
    "beyond a megabyte": b"x" * ((1 << 20) - 5) + NUMBER.encode() + b"y",
    "workbook text": workbook(SPACED),
    "workbook number": workbook(int(NUMBER)),
    "parquet text": parquet(["1", SPACED]),
    "parquet number": parquet([1, int(NUMBER)]),
    "parquet decimals": parquet([1.5, float(NUMBER)]),
    "zip": zipped(f"a,{NUMBER}\n".encode()),
    "gzip": gzip.compress(f"a,{SPACED}\n".encode()),
    "a zip nobody can read": zipped(b"x")[:-30],
}
WITHOUT = {
    "plain": f"a,b\n{APART}\n".encode(),
    "workbook": workbook("9434765918"),
    "parquet": parquet(["9434765", "919"]),
    "zip": zipped(f"a,{APART}\n".encode()),
}


@pytest.mark.parametrize("dress", DRESSES)
def test_a_number_is_found_in_every_dress(tmp_path: Path, dress: str) -> None:
    (tmp_path / "f").write_bytes(DRESSES[dress])
    assert holds(tmp_path / "f", NUMBER)


@pytest.mark.parametrize("dress", WITHOUT)
def test_a_file_without_the_number_is_left_alone(tmp_path: Path, dress: str) -> None:
    (tmp_path / "f").write_bytes(WITHOUT[dress])
    assert not holds(tmp_path / "f", NUMBER)
