"""Fault F30, archives: what is packed is looked into by `layouts test` too, and a harmed one is told in words."""

import gzip
import io
import zipfile

import pytest
from faults.desk import Desk, epd

from pipelines.errors import PipelineError, UnreadableFile
from pipelines.ingest.explaining import explain

ITEMS = "Year Month,Practice Code,Patient ID,BNF Code,Items\n202401,A81001,9990000018,0407020Q0AAAAAA,1\n"


def zipped(**members: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(f"{name}.csv", content)
    return buffer.getvalue()


def test_f30_layouts_test_says_what_each_file_in_an_archive_is_and_keeps_nothing(desk: Desk) -> None:
    parts = desk.file("parts.zip", zipped(a=epd(), b=ITEMS))
    found = explain(parts, desk.data, desk.settings)
    assert [(said.file_name, said.title.split(" (")[0]) for said in found] == [
        ("parts.zip/a.csv", "would be taken in as epd"),
        ("parts.zip/b.csv", "would be taken in as epact2_items"),
    ]
    packed = desk.file("one.csv.gz", gzip.compress(ITEMS.replace("Items", "Itms").encode()))
    (nearest, *_) = explain(packed, desk.data, desk.settings)
    assert (nearest.file_name, nearest.is_recognised) == ("one.csv.gz", False)
    assert [file for file in desk.data.root.rglob("*") if file.is_file()] == []
    assert set(desk.data.identifiable.iterdir()) == {desk.data.originals, desk.data.refused}


def test_f30_an_archive_that_is_harmed_anywhere_is_refused_in_words_never_with_a_traceback(desk: Desk) -> None:
    whole = zipped(a=ITEMS * 50)
    said = []
    for place in range(0, len(whole), 3):
        harmed = whole[:place] + bytes([whole[place] ^ 0xFF]) + whole[place + 1 :]
        try:
            explain(desk.file("harmed.zip", harmed), desk.data, desk.settings)
        except PipelineError as error:
            said.append(str(error))
    assert len(said) > len(whole) // 6
    assert "9990000018" not in "".join(said)


@pytest.mark.parametrize("kept", [10, 30])
def test_f30_an_archive_that_is_cut_off_is_refused(desk: Desk, kept: int) -> None:
    for name, content in (("a.zip", zipped(a=ITEMS)), ("a.csv.gz", gzip.compress(ITEMS.encode()))):
        with pytest.raises(UnreadableFile, match="damaged"):
            explain(desk.file(name, content[:kept]), desk.data, desk.settings)
