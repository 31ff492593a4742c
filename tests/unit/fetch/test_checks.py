"""No harm done to a file passes unnoticed, and nothing but words comes of it."""

import io
import random
import zipfile
from pathlib import Path

import pytest
from open_data_server import epd_csv

from pipelines.errors import DownloadFailed
from pipelines.fetch.checks import refuse_damaged

TABLE = epd_csv("202501", rows=40)


def archive_of(table: bytes, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", method) as out:
        out.writestr(zipfile.ZipInfo("EPD.csv"), table, method)
    return archive.getvalue()


@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_STORED])
def test_an_archive_with_any_byte_changed_is_refused_or_gives_the_same_table(tmp_path: Path, method: int) -> None:
    whole, chance = archive_of(TABLE, method), random.Random(5)
    file = tmp_path / "x.zip"
    refusals = 0
    for position in chance.sample(range(len(whole)), 300) if len(whole) > 300 else range(len(whole)):
        harmed = bytearray(whole)
        harmed[position] ^= 1 << chance.randrange(8)
        file.write_bytes(bytes(harmed))
        try:
            refuse_damaged(file, file.name)
        except DownloadFailed:
            refusals += 1
        else:
            with zipfile.ZipFile(file) as archive:
                assert archive.read(archive.infolist()[0]) == TABLE, position
    assert refusals > 200


def test_an_archive_cut_anywhere_is_refused(tmp_path: Path) -> None:
    whole = archive_of(TABLE)
    file = tmp_path / "x.zip"
    for length in range(0, len(whole), 7):
        file.write_bytes(whole[:length])
        with pytest.raises(DownloadFailed):
            refuse_damaged(file, file.name)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "cut off"),
        (b"a,b\n1,2", "cut off"),
        (b"\r\n <!DOCTYPE html>\n", "web page"),
        (b"YEAR_MONTH,A\n2025-02,1\n", "month 202502"),
        (b'\xef\xbb\xbf"year_month","A"\r\n"2025_02","1"\r\n', "month 202502"),
    ],
)
def test_a_table_that_cannot_be_what_was_asked_for_is_refused(tmp_path: Path, content: bytes, words: str) -> None:
    file = tmp_path / "x.csv"
    file.write_bytes(content)
    with pytest.raises(DownloadFailed, match=words):
        refuse_damaged(file, file.name, "202501")


@pytest.mark.parametrize("content", [b"A,YEAR_MONTH\n1,2025-01\n", b"A,B\n1,2\n", b"YEAR_MONTH\n", b"YEAR_MONTH\nx\n"])
def test_a_table_that_says_its_month_rightly_or_not_at_all_passes(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "x.csv"
    file.write_bytes(content)
    refuse_damaged(file, file.name, "202501")


def test_a_locked_archive_is_refused(tmp_path: Path) -> None:
    harmed = bytearray(archive_of(TABLE))
    directory = harmed.index(b"PK\x01\x02")
    harmed[6] |= 1
    harmed[directory + 8] |= 1
    file = tmp_path / "x.zip"
    file.write_bytes(bytes(harmed))
    with pytest.raises(DownloadFailed, match="password"):
        refuse_damaged(file, file.name)


def test_a_workbook_is_checked_as_an_archive(tmp_path: Path) -> None:
    file = tmp_path / "ePCN.xlsx"
    with zipfile.ZipFile(file, "w") as out:
        out.writestr("[Content_Types].xml", "<Types/>")
        out.writestr("xl/workbook.xml", "<workbook/>")
    refuse_damaged(file, file.name)
    file.write_bytes(file.read_bytes().replace(b"<workbook/>", b"<workb00k/>"))
    with pytest.raises(DownloadFailed, match="damaged"):
        refuse_damaged(file, file.name)
