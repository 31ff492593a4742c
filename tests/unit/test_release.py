"""The one door for rows of patients: what a list says, where it may lie, and that nothing else gets out."""

import csv
import io
import json
import logging
import os
import stat
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pytest

from pipelines.engine.duckdb import DuckDBEngine
from pipelines.errors import InsecureFolder, NothingPublished, UsageError
from pipelines.folders import DataFolder
from pipelines.release import Written, write_case_list

MONTH = date(2024, 11, 1)
MONEY = pa.decimal128(18, 4)
LIST = pa.schema(
    [
        ("priority", pa.int32()),
        ("priority_text", pa.string()),
        ("patient_key", pa.string()),
        ("age", pa.int32()),
        ("sex", pa.string()),
        ("practice_code", pa.string()),
        ("practice_name", pa.string()),
        ("ome_mg_per_day_3m", MONEY),
        ("band", pa.string()),
        ("change_vs_6_months_before", MONEY),
        ("opioid_run_months", pa.int32()),
        ("left_censored", pa.bool_()),
        ("opioids", pa.string()),
        ("gabapentinoids", pa.string()),
        ("other_sedatives", pa.string()),
        ("last_dispensed_month", pa.date32()),
        ("why_listed", pa.string()),
        ("cautions", pa.string()),
        ("change_since_last_month", pa.string()),
        ("palliative_proxy", pa.string()),
        ("as_at_month", pa.date32()),
    ]
)
MONTHS = pa.schema(
    [
        ("patient_key", pa.string()),
        ("month", pa.date32()),
        ("dose_is_lower_bound", pa.bool_()),
        ("palliative_proxy", pa.string()),
        ("null_reason", pa.string()),
    ]
)


def person(key: str, **facts: object) -> dict:
    plain = {
        "priority": 4,
        "priority_text": "4 – review in turn",
        "patient_key": key,
        "age": 60,
        "sex": "F",
        "practice_code": "A81001",
        "practice_name": "THE SURGERY",
        "ome_mg_per_day_3m": Decimal("20.0000"),
        "band": "under 50",
        "opioid_run_months": 12,
        "left_censored": False,
        "opioids": "Codeine 30mg tablets: 56 a month (immediate-release)",
        "last_dispensed_month": MONTH,
        "why_listed": "Opioids for 12 months.",
        "change_since_last_month": "stayed",
        "palliative_proxy": "none",
        "as_at_month": MONTH,
    }
    return plain | facts


PEOPLE = [
    person("dying", priority=1, priority_text="likely end of life (1): check", palliative_proxy="strong"),
    person("later"),
    person("b-lower", priority=2, ome_mg_per_day_3m=Decimal("130.0000")),
    person("a-higher", priority=2, ome_mg_per_day_3m=Decimal("140.0000")),
    person("first", priority=1),
    person("elsewhere", practice_code="A81002", practice_name="OTHER SURGERY"),
]


@pytest.fixture(autouse=True)
def umask_as_usual() -> Iterator[None]:
    before = os.umask(0o022)
    yield
    os.umask(before)


def published(
    folder: Path, people: list[dict], provisional: bool = False, null_reason: str | None = None
) -> DataFolder:
    """A data folder with a warehouse that holds what a list needs."""
    data = DataFolder(folder)
    data.prepare()
    os.umask(0o022)
    engine = DuckDBEngine(data.warehouse / "opioids-abc.duckdb", data.tmp)
    months = [
        {
            "patient_key": each["patient_key"],
            "month": MONTH,
            "dose_is_lower_bound": each.get("dose_is_lower_bound", False),
            "palliative_proxy": each["palliative_proxy"],
            "null_reason": null_reason,
        }
        for each in [*people, person("nobody on the list")]
    ]
    rows = [{name: each.get(name) for name in LIST.names} for each in people]
    engine.load("marts.case_list", pa.Table.from_pylist(rows, schema=LIST))
    engine.load("marts.patient_month", pa.Table.from_pylist(months, schema=MONTHS))
    codes = ["all", "A81001", "A81002", "A81003"]
    trends = {
        "org_level": ["all", "practice", "practice", "practice"],
        "org_code": codes,
        "org_name": ["all", "THE SURGERY", "OTHER SURGERY", None],
        "month": pa.array([MONTH] * 4, pa.date32()),
        "measure": ["any_opioid"] * 4,
        "provisional": [provisional] * 4,
        "capture_rate": [0.97234] * 4,
        "definition": ["cohorts 2026-11; factors uk_2026"] * 4,
    }
    engine.load("marts.trends", pa.table(trends))
    engine.close()
    pointer = {"file": "opioids-abc.duckdb", "snapshot_id": "abc", "sha256": ""}
    (data.warehouse / "current.json").write_text(json.dumps(pointer))
    return data


@pytest.fixture
def data(tmp_path: Path) -> DataFolder:
    return published(tmp_path / "data", PEOPLE)


def rows_of(file: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(file.read_bytes().decode("utf-8-sig"), newline="")))


def written(data: DataFolder, practice: str = "A81001") -> tuple[Written, list[dict[str, str]]]:
    out = data.root / "lists" / "list.csv"
    return write_case_list(practice, out, data), rows_of(out)


def test_a_list_is_that_of_one_practice_in_the_order_of_work_with_the_end_of_life_last(data: DataFolder) -> None:
    done, rows = written(data)
    assert [row["Patient (pseudonym)"] for row in rows] == ["first", "a-higher", "b-lower", "later", "dying"]
    assert (done.people, done.practice, done.as_at) == (5, "THE SURGERY (A81001)", MONTH)


def test_the_code_of_a_practice_may_be_typed_in_small_letters(data: DataFolder) -> None:
    assert written(data, " a81002 ")[0].practice == "OTHER SURGERY (A81002)"


def test_excel_opens_it_well_and_every_line_ends_as_rfc_4180_says(data: DataFolder) -> None:
    out = data.root / "lists" / "list.csv"
    write_case_list("A81001", out, data)
    content = out.read_bytes()
    assert content.startswith("\ufeffPriority,".encode())
    assert content.count(b"\n") == content.count(b"\r\n") == 6


@pytest.mark.parametrize(
    ("facts", "heading", "said"),
    [
        ({"ome_mg_per_day_3m": Decimal("119.9999")}, "Dose (mg OME a day, last 3 months)", "119.9"),
        ({"dose_is_lower_bound": True}, "Dose (mg OME a day, last 3 months)", "at least 20.0"),
        ({"ome_mg_per_day_3m": None}, "Dose (mg OME a day, last 3 months)", "not known"),
        (
            {"change_vs_6_months_before": Decimal("-15.4")},
            "Change against 6 months before (mg OME a day)",
            "down 15 from 35",
        ),
        (
            {"change_vs_6_months_before": Decimal("12.5")},
            "Change against 6 months before (mg OME a day)",
            "up 13 from 8",
        ),
        ({"change_vs_6_months_before": Decimal("0.4")}, "Change against 6 months before (mg OME a day)", "no change"),
        ({}, "Change against 6 months before (mg OME a day)", ""),
        ({"left_censored": True}, "Opioids for (months)", "at least 12"),
        ({"opioid_run_months": 0}, "Opioids for (months)", "none at present"),
        ({"age": None}, "Age (years)", "not known"),
        ({}, "Last dispensed (month)", "Nov 2024"),
        ({"opioids": "=HYPERLINK(1)"}, "Opioids (last 3 months)", "'=HYPERLINK(1)"),
        ({"cautions": "@SUM(1)"}, "Cautions", "'@SUM(1)"),
        ({"why_listed": "+1"}, "Why listed", "'+1"),
        ({"sex": "\t-1"}, "Sex", "'\t-1"),
        ({"patient_key": "12345678e12"}, "Patient (pseudonym)", "'12345678e12"),
        ({}, "Reviewed on", ""),
    ],
)
def test_a_cell_says_what_a_pharmacist_needs(tmp_path: Path, facts: dict, heading: str, said: str) -> None:
    data = published(tmp_path / "data", [person("a") | facts])
    assert written(data)[1][0][heading] == said


def test_only_the_owner_can_read_the_list_its_readme_and_the_folders_made_for_them(data: DataFolder) -> None:
    out = data.root / "lists" / "november" / "list.csv"
    write_case_list("A81001", out, data)
    readme = out.with_name("list.csv.readme.txt")
    assert [stat.S_IMODE(file.stat().st_mode) for file in (out, readme)] == [0o600, 0o600]
    assert [stat.S_IMODE(each.stat().st_mode) for each in (out.parent, out.parent.parent)] == [0o700, 0o700]
    assert sorted(each.name for each in out.parent.iterdir()) == ["list.csv", "list.csv.readme.txt"]


def test_a_part_that_others_can_read_is_not_written_into(data: DataFolder) -> None:
    folder = data.root / "lists"
    folder.mkdir(mode=0o700)
    (folder / "list.csv.part").touch(mode=0o666)
    write_case_list("A81001", folder / "list.csv", data)
    assert stat.S_IMODE((folder / "list.csv").stat().st_mode) == 0o600


def test_a_list_does_not_leave_the_data_folder(data: DataFolder, tmp_path: Path) -> None:
    link = data.root / "link"
    link.symlink_to(tmp_path)
    for out in (tmp_path / "x.csv", data.root / ".." / "x.csv", link / "x.csv", Path("x.csv")):
        with pytest.raises(UsageError, match="until lists are encrypted"):
            write_case_list("A81001", out, data)
    assert not list(tmp_path.glob("x.csv*"))


@pytest.mark.parametrize(
    "place", ["warehouse/x.csv", "incoming/x.csv", "identifiable/originals/x.csv", "reference/x.csv", "tmp/a/x.csv"]
)
def test_a_list_does_not_lie_among_the_files_of_the_pipeline(data: DataFolder, place: str) -> None:
    with pytest.raises(UsageError, match="not for lists"):
        write_case_list("A81001", data.root / place, data)


@pytest.mark.parametrize("place", ["lists/list", "identifiable/identities.sqlite", "warehouse", "."])
def test_a_list_is_a_csv_file(data: DataFolder, place: str) -> None:
    with pytest.raises(UsageError, match="CSV"):
        write_case_list("A81001", data.root / place, data)


def test_in_a_folder_that_others_may_enter_the_list_itself_stays_closed(data: DataFolder) -> None:
    folder = data.root / "shared"
    folder.mkdir(mode=0o755)
    write_case_list("A81001", folder / "x.csv", data)
    assert stat.S_IMODE((folder / "x.csv").stat().st_mode) == 0o600


def test_a_data_folder_open_to_others_is_refused(data: DataFolder) -> None:
    data.warehouse.chmod(0o755)
    with pytest.raises(InsecureFolder):
        write_case_list("A81001", data.root / "x.csv", data)
    assert not (data.root / "x.csv").exists()


def test_a_practice_nobody_knows_is_answered_with_codes_like_it(data: DataFolder) -> None:
    with pytest.raises(UsageError) as error:
        write_case_list("A8101", data.root / "x.csv", data)
    assert "A81001 THE SURGERY" in str(error.value)
    assert "practice_trends" in error.value.remedy


@pytest.mark.parametrize("practice", ["' OR 1=1 --", "A81001' --", "", "%", "all", "-"])
def test_what_is_no_code_finds_no_patient(data: DataFolder, practice: str) -> None:
    with pytest.raises(UsageError):
        write_case_list(practice, data.root / "x.csv", data)
    assert not (data.root / "x.csv").exists()


def test_a_practice_with_nobody_on_the_list_gets_a_header_and_zero_people(data: DataFolder) -> None:
    done, rows = written(data, "A81003")
    assert (done.people, done.practice, rows) == (0, "A81003", [])


def test_a_warehouse_in_which_nobody_is_flagged_writes_an_empty_list(tmp_path: Path) -> None:
    done, rows = written(published(tmp_path / "data", []))
    assert (done.people, done.as_at, rows) == (0, MONTH, [])


def test_a_warehouse_without_patients_makes_no_list(data: DataFolder) -> None:
    engine = DuckDBEngine(data.warehouse / "opioids-abc.duckdb", data.tmp)
    engine.connection.execute("DELETE FROM marts.patient_month")
    engine.close()
    with pytest.raises(NothingPublished, match="no patients"):
        written(data)


def test_a_warehouse_published_before_there_were_lists_says_so(data: DataFolder) -> None:
    engine = DuckDBEngine(data.warehouse / "opioids-abc.duckdb", data.tmp)
    engine.connection.execute("DROP TABLE marts.case_list")
    engine.close()
    with pytest.raises(NothingPublished, match="no case list"):
        written(data)


def test_the_reminders_stand_beside_the_list_too(data: DataFolder) -> None:
    done, _ = written(data)
    readme = (data.root / "lists" / "list.csv.readme.txt").read_text(encoding="utf-8")
    assert all(reminder in readme for reminder in done.reminders)
    told = " ".join(done.reminders)
    for words in (
        "As at Nov 2024; snapshot abc; definitions: cohorts 2026-11; factors uk_2026.",
        "97.2 %",
        "Dispensed, not taken",
        "cancer, palliative care",
        "Do not stop or cut opioids, gabapentinoids or benzodiazepines abruptly",
        "never use it to convert or switch medicines",
        "does not mean low risk",
        "Pseudonyms",
    ):
        assert words in told
    assert "provisional" not in told
    assert "too young" not in told


def test_the_reminders_say_what_is_provisional_too_young_or_cannot_be_seen(tmp_path: Path) -> None:
    people = [person("a", palliative_proxy=None), person("b", practice_code=None, palliative_proxy=None)]
    reason = "history_too_short: long_term, at_risk_3_to_6m, escalation, new_user"
    data = published(tmp_path / "data", people, provisional=True, null_reason=reason)
    engine = DuckDBEngine(data.warehouse / "opioids-abc.duckdb", data.tmp)
    engine.connection.execute("UPDATE marts.patient_month SET palliative_proxy = NULL")
    engine.close()
    told = " ".join(written(data)[0].reminders)
    assert "Nov 2024 is provisional: people new to the data are missing." in told
    assert "which find nobody yet: long term, at risk 3 to 6m, escalation." in told
    assert "signs of end-of-life care cannot be seen" in told
    assert "belong to no practice" in told


def test_the_same_warehouse_gives_the_same_bytes(data: DataFolder) -> None:
    one, two = data.root / "lists" / "one.csv", data.root / "lists" / "two.csv"
    assert write_case_list("A81001", one, data) == write_case_list("A81001", two, data)
    assert one.read_bytes() == two.read_bytes()


def test_no_patient_reaches_a_log_a_reminder_or_the_readme(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    data = published(tmp_path / "data", [person("5e1f0a")])
    done, _ = written(data)
    readme = (data.root / "lists" / "list.csv.readme.txt").read_text(encoding="utf-8")
    assert "5e1f0a" not in caplog.text + repr(done) + readme
