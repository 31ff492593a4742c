"""What is said of a file before it is taken in is what landing makes of it, and nothing is written to say it."""

import gzip
import os
import zipfile
from datetime import date
from pathlib import Path

import polars as pl
import pytest
from faults.desk import FOLLOWED, Desk
from ingest.test_opting_out import EXTRACT

from pipelines.ingest.previewing import Previewed, preview_registered, preview_waiting
from pipelines.ingest.register import Register

# By hand (see there): January 7 rows, 4 of them count; February 2 and 2.
MONTHS = ((date(2024, 1, 1), 7, 4), (date(2024, 2, 1), 2, 2))


def written(desk: Desk, dress: str) -> Path:
    file = desk.data.incoming / f"items.{dress}"
    if dress == "zip":
        with zipfile.ZipFile(file, "w") as archive:
            archive.writestr("items.csv", EXTRACT)
            archive.writestr("readme.txt", "not data")
    elif dress == "gz":
        file.write_bytes(gzip.compress(EXTRACT.encode()))
    elif dress in ("xlsx", "parquet"):
        table = pl.read_csv(EXTRACT.encode(), infer_schema=False)
        table.write_parquet(file) if dress == "parquet" else table.write_excel(file)
    else:
        file.write_text(EXTRACT)
    return file


def look(desk: Desk, file: Path) -> list[Previewed]:
    before = {path: (os.lstat(path).st_mtime_ns, os.lstat(path).st_size) for path in desk.data.root.rglob("*")}
    found = preview_waiting(file, desk.data, Register(desk.data), desk.settings, FOLLOWED)
    assert {path: (os.lstat(path).st_mtime_ns, os.lstat(path).st_size) for path in desk.data.root.rglob("*")} == before
    return found


@pytest.mark.parametrize("dress", ["csv", "zip", "gz", "xlsx", "parquet"])
def test_the_months_of_a_file_that_waits_are_those_that_landing_finds(desk: Desk, dress: str) -> None:
    Register(desk.data)
    file = written(desk, dress)
    (found,) = look(desk, file)
    assert (found.file_name, found.layout, found.is_known) == (file.name, "epact2_items", False)
    assert found.months == MONTHS
    desk.add(file)
    registered = desk.registered(file.name)
    assert preview_registered(registered, desk.data, desk.settings, FOLLOWED).months == MONTHS
    desk.land()
    assert [(c.month, c.rows_read, c.rows_loaded) for c in desk.counts(file.name)] == list(MONTHS)
    (known,) = look(desk, file)
    assert known.is_known


def test_what_would_be_refused_says_why(desk: Desk) -> None:
    Register(desk.data)
    for name, content, said in (
        ("odd.csv", b"a,b\n1,2\n", "matches no known layout"),
        ("empty.csv", b"", "is empty"),
        ("old.xls", b"\xd0\xcf\x11\xe0 and so on", "old .xls kind"),
        ("broken.zip", b"PK\x03\x04 and no more", "damaged"),
    ):
        (desk.data.incoming / name).write_bytes(content)
        (found,) = look(desk, desk.data.incoming / name)
        assert said in found.refused
        assert found.layout is None


def test_a_file_whose_bytes_need_mending_is_known_by_layout_and_its_months_wait(desk: Desk) -> None:
    Register(desk.data)
    file = desk.data.incoming / "items.csv"
    file.write_bytes(EXTRACT.encode("utf-16"))
    (found,) = look(desk, file)
    assert (found.layout, found.months, found.months_unknown) == ("epact2_items", None, "its bytes need mending first")
