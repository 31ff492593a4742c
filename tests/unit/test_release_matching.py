"""A received list of NHS numbers beside our cohort: everybody in one of three sheets, each explained."""

import io
import logging
from decimal import Decimal
from pathlib import Path

import pytest
import xlsxwriter
from release_rows import MONTH, PASSWORD, person, published, request
from test_release_workbook import sheet_rows, unsealed

from pipelines.audit import AuditTrail
from pipelines.errors import UnreadableFile, UsageError
from pipelines.folders import DataFolder
from pipelines.identity import open_door
from pipelines.release import Asked, ListRequest, Matched, match_list
from pipelines.release.sealing import sealed

BOTH, FALLEN, CHILD, ELSEWHERE, LEFT, ABROAD, OURS = (
    "9434765919",
    "9434765870",
    "4010232137",
    "4505577104",
    "9990000018",
    "9990000026",
    "9990000034",
)
HIGH = {"high_dose": True, "ome_mg_per_day_3m": Decimal("150.0000")}


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> DataFolder:
    monkeypatch.setenv("OPIOIDS_KEY_FILE", str(tmp_path / "key"))
    data = DataFolder(tmp_path / "data")
    data.prepare()
    known = [BOTH, FALLEN, CHILD, ELSEWHERE, LEFT, OURS, "an-upstream-id"]
    keys = {keyed.identifier: str(keyed.patient_key) for keyed in open_door(data).pass_through(known, "x.csv")}
    people = [
        person(keys[BOTH], **HIGH),
        person(keys[ELSEWHERE], practice_code="A81002", practice_name="OTHER SURGERY", **HIGH),
        person(keys[FALLEN], ome_mg_per_day_3m=Decimal("96.2500"), ome_mg_per_day_6m=Decimal("118.0000")),
        person(keys[OURS], palliative_proxy="strong", **HIGH),
        person(keys["an-upstream-id"], **HIGH),
    ]
    before = (MONTH.replace(month=3), [person(keys[LEFT], **HIGH)])
    return published(data.root, people, children=[person(keys[CHILD], **HIGH)], further_months=[before])


def asked(out: Path, **options: object) -> ListRequest:
    return request(out, **{"kind": "match-list", "with_nhs_numbers": True, "asked": Asked("A81001"), **options})


def matched(data: DataFolder, content: bytes, tmp_path: Path, name: str = "list.csv") -> tuple[Matched, dict]:
    file, out = tmp_path / name, tmp_path / "matched.xlsx"
    file.write_bytes(content)
    done = match_list(asked(out), file, "high_dose", data, lambda: PASSWORD)
    workbook = unsealed(out)
    return done, {
        name: {row[0]: row[1:] for row in sheet_rows(workbook, name)[1:]}
        for name in ("In both", "Only theirs", "Only ours")
    }


def spaced(number: str) -> str:
    return f"{number[:3]} {number[3:6]} {number[6:]}"


LINES = [
    "NHS Number,Comparator",
    *(f"{number},x" for number in (BOTH, FALLEN, CHILD, ELSEWHERE, LEFT, ABROAD)),
    "9434765918,x",
]


def test_everybody_is_in_one_of_three_and_each_is_explained(data: DataFolder, tmp_path: Path) -> None:
    done, sheets = matched(data, "\n".join(LINES).encode(), tmp_path)
    assert (done.both, done.only_theirs, done.only_ours, done.invalid_numbers) == (2, 4, 2, 1)
    assert set(sheets["In both"]) == {spaced(BOTH), spaced(CHILD)}
    assert sheets["In both"][spaced(CHILD)][-1] == "under 18"
    theirs = {who: cells[-1] for who, cells in sheets["Only theirs"].items()}
    assert theirs[spaced(FALLEN)] == ("not in the cohort: high dose is below the line now; opioids for 12 months")
    assert sheets["Only theirs"][spaced(FALLEN)][1:3] == ["96.2", "118"]
    assert theirs[spaced(ELSEWHERE)] == "belongs to another practice"
    assert sheets["Only theirs"][spaced(ELSEWHERE)][0] == "A81002 OTHER SURGERY"
    assert theirs[spaced(LEFT)].startswith("in the data until Mar 2024, not in Nov 2024")
    assert theirs[spaced(ABROAD)].startswith("not in the data")
    assert theirs["row 8 of the list"] == "not a valid NHS number"
    ours = {who: cells[-1] for who, cells in sheets["Only ours"].items()}
    assert "likely end of life: check the record first" in ours[spaced(OURS)]
    (without_number,) = ours.keys() - {spaced(OURS)}
    assert "the NHS number is not known here" in ours[without_number]


@pytest.mark.parametrize("dress", ["spaced", "semicolon", "bare", "twice", "workbook", "sealed"])
def test_the_list_is_read_however_it_comes(data: DataFolder, tmp_path: Path, dress: str) -> None:
    numbers = [BOTH, FALLEN]
    if dress in ("workbook", "sealed"):
        buffer = io.BytesIO()
        book = xlsxwriter.Workbook(buffer, {"in_memory": True})
        sheet = book.add_worksheet("x")
        for row, cell in enumerate(["NHS Number", *numbers]):
            sheet.write_string(row, 0, cell)
        book.close()
        content = buffer.getvalue() if dress == "workbook" else sealed(buffer.getvalue(), PASSWORD)
    else:
        text = {
            "spaced": ["NHS No", *map(spaced, numbers)],
            "semicolon": ["Practice Code;NHS Number", *(f"A81001;{number}" for number in numbers)],
            "bare": numbers,
            "twice": ["NHS Number", *numbers, *numbers],
        }[dress]
        content = "\r\n".join(text).encode("utf-8-sig")
    done, sheets = matched(data, content, tmp_path, "list.bin")
    assert (done.both, done.only_theirs, done.invalid_numbers) == (1, 1, 0)
    assert spaced(BOTH) in sheets["In both"]


def test_matching_remembers_no_number_and_says_none(
    data: DataFolder, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    store = data.identifiable / "identities.sqlite"
    before = store.read_bytes()
    done, _ = matched(data, "\n".join(LINES).encode(), tmp_path)
    assert store.read_bytes() == before
    (entry,) = AuditTrail(data).entries()
    assert (entry["action"], entry["matched_cohort"], entry["people"]) == ("match-list", "high_dose", 8)
    told = caplog.text + repr(done) + (data.state / "audit.jsonl").read_text()
    assert not any(number in told or spaced(number) in told for number in (BOTH, FALLEN, ABROAD, "9434765918"))


def test_it_is_for_those_who_may_see_numbers_and_leaves_sealed(data: DataFolder, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="care for the patients"):
        asked(tmp_path / "x.xlsx", role="analysis")
    file = tmp_path / "list.csv"
    file.write_text("\n".join(LINES))
    with pytest.raises(UsageError):
        match_list(asked(data.root / "x.csv"), file, "high_dose", data, lambda: "")
    with pytest.raises(UsageError, match="no cohort to match"):
        match_list(asked(tmp_path / "x.xlsx"), file, "methadone", data, lambda: "")


@pytest.mark.parametrize("content", [b"", b"Name,Age\nx,1\n", b"\x00\x01\x02"])
def test_what_is_no_list_of_numbers_is_refused(data: DataFolder, tmp_path: Path, content: bytes) -> None:
    with pytest.raises(UnreadableFile, match="no list of NHS numbers"):
        matched(data, content, tmp_path)
    assert not (tmp_path / "matched.xlsx").exists()
