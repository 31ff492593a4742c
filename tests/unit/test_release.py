"""The one door for rows of patients: what a list says, where it may lie, and that nothing else gets out."""

import csv
import io
import logging
import os
import stat
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from release_rows import MONTH, PEOPLE, person, published, request

from pipelines.audit import AuditTrail
from pipelines.engine.duckdb import DuckDBEngine
from pipelines.errors import ContractError, InsecureFolder, NothingPublished, UsageError
from pipelines.folders import DataFolder
from pipelines.release import Asked, Released, release_list
from pipelines.reviews import Review, ReviewStore

DOSE, CHANGE = "OME mg a day (last 3 months)", "Change v 6 months before"


@pytest.fixture(autouse=True)
def umask_as_usual() -> Iterator[None]:
    before = os.umask(0o022)
    yield
    os.umask(before)


@pytest.fixture
def data(tmp_path: Path) -> DataFolder:
    return published(tmp_path / "data", PEOPLE)


def rows_of(file: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(file.read_bytes().decode("utf-8-sig"), newline="")))


def written(
    data: DataFolder, practice: str | None = "A81001", **options: object
) -> tuple[Released, list[dict[str, str]]]:
    out = data.root / "lists" / "list.csv"
    return release_list(request(out, practice, **options), data), rows_of(out)


def names(rows: list[dict[str, str]]) -> list[str]:
    return [row["Patient (pseudonym)"] for row in rows]


def test_a_list_is_that_of_one_practice_in_the_order_of_work_with_the_end_of_life_last(data: DataFolder) -> None:
    done, rows = written(data)
    assert names(rows) == ["first", "a-higher", "b-lower", "later", "dying"]
    assert [row["Section"] for row in rows[3:]] == [
        "To review",
        "Likely end of life: check the record first, do not invite",
    ]
    assert (done.people, done.title, done.as_at) == (5, "THE SURGERY (A81001)", MONTH)


def test_a_list_is_that_of_a_pcn_or_of_those_in_no_practice(data: DataFolder) -> None:
    assert names(written(data, asked=Asked(pcn="u00001"))[1]) == [
        "first",
        "a-higher",
        "b-lower",
        "elsewhere",
        "later",
        "dying",
    ]
    done, rows = written(data, asked=Asked(unallocated=True))
    assert (names(rows), done.title) == (["nowhere"], "people in no practice")


def test_a_list_can_be_of_some_cohorts_and_of_the_first_few(data: DataFolder) -> None:
    assert names(written(data, cohorts=("high_dose", "rapid_escalation"))[1]) == ["first", "a-higher", "b-lower"]
    done, rows = written(data, cohorts=("high_dose",), top=1)
    assert names(rows) == ["a-higher"]
    assert "Only the first 1 of 2 people, in the order of the list." in done.reminders


def test_a_referral_list_follows_the_pain_teams_rule_and_leaves_the_end_of_life_out(tmp_path: Path) -> None:
    people = [
        *PEOPLE,
        person("recent", high_dose_recent=True),
        person("new", high_dose_new=True),
        person("high-dying", high_dose=True, palliative_proxy="strong"),
    ]
    data = published(tmp_path / "data", people)
    done, rows = written(data, kind="referral-list", asked=Asked(everyone=True))
    assert names(rows) == ["first", "a-higher", "b-lower", "new"]
    assert "Likely near the end of life, and left out: 1." in done.reminders


def test_people_excluded_by_review_stand_at_the_end_with_day_and_reason(tmp_path: Path) -> None:
    out = person("gone", priority=1, exclusion="cancer", excluded_on=MONTH)
    data = published(tmp_path / "data", PEOPLE, excluded=[out])
    done, rows = written(data)
    assert (rows[-1]["Patient (pseudonym)"], rows[-1]["Priority"]) == ("gone", "excluded (would be 1)")
    assert rows[-1]["Why listed"] == "Excluded by review on 1 Nov 2024: cancer."
    assert rows[-1]["Section"] == "Excluded by review: not to be worked through"
    assert done.people == 5


def test_the_cover_counts_list_and_excluded_and_under_18_to_the_cohort_and_its_trend(tmp_path: Path) -> None:
    data = published(
        tmp_path / "data",
        PEOPLE,
        excluded=[person("gone", exclusion="cancer", excluded_on=MONTH)],
        children=[person("child"), person("child-2", high_dose=True)],
    )
    written(data)
    readme = (data.root / "lists" / "list.csv.readme.txt").read_text(encoding="utf-8")
    # Long term at A81001: five on the list, one excluded, two under 18. High dose: two and a child.
    assert "Opioids for more than six months | 5 | 1 | 2 | 8 | 8" in readme
    assert "High dose, confirmed over three and six months | 2 | 0 | 1 | 3 | 3" in readme


def test_a_list_that_does_not_agree_with_its_trend_is_not_released(data: DataFolder) -> None:
    engine = DuckDBEngine(data.warehouse / "opioids-abc.duckdb", data.tmp)
    engine.connection.execute("UPDATE marts.trends SET numerator = numerator + 1 WHERE measure = 'high_dose'")
    engine.close()
    with pytest.raises(ContractError, match="high_dose"):
        written(data)
    assert not (data.root / "lists").exists()
    assert AuditTrail(data).entries() == []


def test_the_code_of_a_practice_may_be_typed_in_small_letters(data: DataFolder) -> None:
    assert written(data, " a81002 ")[0].title == "OTHER SURGERY (A81002)"


def test_excel_opens_it_well_and_every_line_ends_as_rfc_4180_says(data: DataFolder) -> None:
    written(data)
    content = (data.root / "lists" / "list.csv").read_bytes()
    assert content.startswith("\ufeffPriority,".encode())
    assert content.count(b"\n") == content.count(b"\r\n") == 6


def test_parquet_has_the_same_rows_as_text(data: DataFolder) -> None:
    _, rows = written(data)
    out = data.root / "lists" / "list.parquet"
    release_list(request(out), data)
    assert pq.read_table(out).to_pylist() == rows


@pytest.mark.parametrize(
    ("facts", "heading", "said"),
    [
        ({"ome_mg_per_day_3m": Decimal("119.9999")}, DOSE, "119.9"),
        ({"dose_is_lower_bound": True}, DOSE, "at least 20.0"),
        ({"ome_mg_per_day_3m": None}, DOSE, "not known"),
        ({"change_vs_6_months_before": Decimal("-15.4")}, CHANGE, "down 15 from 35"),
        ({"change_vs_6_months_before": Decimal("12.5")}, CHANGE, "up 13 from 7"),  # 20 − 12.5 = 7.5, cut
        ({"change_vs_6_months_before": Decimal("0.4")}, CHANGE, "no change"),
        # 110.7692 from 60.8696 (± 0): the dose reads 110.7, 'why listed' 110 and 60, and 60 + 50 = 110
        (
            {"ome_mg_per_day_3m": Decimal("110.7692"), "change_vs_6_months_before": Decimal("49.8996")},
            CHANGE,
            "up 50 from 60",
        ),
        ({}, CHANGE, ""),
        ({"left_censored": True}, "Months on opioids", "at least 12"),
        ({"opioid_run_months": 0}, "Months on opioids", "none at present"),
        ({"age": None}, "Age", "not known"),
        ({}, "Last dispensed", "Nov 2024"),
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


def test_the_last_review_stands_beside_the_person(data: DataFolder) -> None:
    ReviewStore(data).add(
        [
            Review("first", MONTH.replace(day=3), "unable to contact", "CD"),
            Review("first", MONTH.replace(day=12), "dose reduced", "AB"),
            Review("first", MONTH.replace(day=12), "naloxone supplied", "AB"),
        ],
        "somebody",
    )
    rows = written(data)[1]
    assert rows[0]["Last review"] == "12 Nov 2024: dose reduced, naloxone supplied (AB)"
    assert rows[1]["Last review"] == ""


def test_whom_the_last_review_found_gone_stays_listed_with_a_caution(data: DataFolder) -> None:
    """The record decides; but nobody is invited who is said to have died."""
    ReviewStore(data).add(
        [
            Review("first", MONTH.replace(day=12), "died", "AB"),
            Review("b-lower", MONTH.replace(day=2), "moved", "AB"),
            Review("b-lower", MONTH.replace(day=3), "dose reduced", "AB"),
        ],
        "somebody",
    )
    cautions = {row["Patient (pseudonym)"]: row["Cautions"] for row in written(data)[1]}
    assert cautions["first"] == "do not invite: died, says the review of 12 Nov 2024"
    assert cautions["b-lower"] == ""


def test_the_cover_says_the_lines_of_the_priorities_and_a_referral_list_counts_no_other_rule(data: DataFolder) -> None:
    """The lines are those of the fixture, none of them shipped."""
    out = data.root / "lists" / "list.csv"
    release_list(request(out), data)
    said = out.with_name("list.csv.readme.txt").read_text()
    assert "above 130 mg OME a day" in said
    assert "from 80 years on; 220 mg a day and over; a dose that rises fast and has reached 95 mg a day." in said
    assert "Opioids for more than six months" in said
    release_list(request(out, kind="referral-list"), data)
    said = out.with_name("list.csv.readme.txt").read_text()
    assert "The pain-team rule" in said
    assert "Opioids for more than six months" not in said


def test_an_exclusion_after_the_publication_is_said_and_waits_for_the_refresh(data: DataFolder) -> None:
    ReviewStore(data).add([Review("first", MONTH, "excluded: palliative", "AB")], "somebody")
    done, rows = written(data)
    assert rows[0]["Last review"] == "1 Nov 2024: excluded: palliative (AB)"
    assert any("review that came after this publication (see 'Last review'): 1." in line for line in done.reminders)


def test_only_the_owner_can_read_the_list_its_readme_and_the_folders_made_for_them(data: DataFolder) -> None:
    out = data.root / "lists" / "november" / "list.csv"
    release_list(request(out), data)
    readme = out.with_name("list.csv.readme.txt")
    assert [stat.S_IMODE(file.stat().st_mode) for file in (out, readme)] == [0o600, 0o600]
    assert [stat.S_IMODE(each.stat().st_mode) for each in (out.parent, out.parent.parent)] == [0o700, 0o700]
    assert sorted(each.name for each in out.parent.iterdir()) == ["list.csv", "list.csv.readme.txt"]


def test_a_part_that_others_can_read_is_not_written_into(data: DataFolder) -> None:
    folder = data.root / "lists"
    folder.mkdir(mode=0o700)
    (folder / "list.csv.part").touch(mode=0o666)
    release_list(request(folder / "list.csv"), data)
    assert stat.S_IMODE((folder / "list.csv").stat().st_mode) == 0o600


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_a_list_in_clear_does_not_leave_the_data_folder(data: DataFolder, tmp_path: Path, form: str) -> None:
    link = data.root / "link"
    link.symlink_to(tmp_path)
    for out in (tmp_path / f"x.{form}", data.root / ".." / f"x.{form}", link / f"x.{form}", Path(f"x.{form}")):
        with pytest.raises(UsageError, match="in clear stays below the data folder"):
            release_list(request(out), data)
    assert not list(tmp_path.glob("x.*"))


@pytest.mark.parametrize(
    "place",
    ["warehouse/x.csv", "incoming/x.csv", "identifiable/x.xlsx", "reference/x.csv", "tmp/a/x.csv", "state/x.xlsx"],
)
def test_a_list_does_not_lie_among_the_files_of_the_pipeline(data: DataFolder, place: str) -> None:
    with pytest.raises(UsageError, match="not for lists"):
        release_list(request(data.root / place), data)


@pytest.mark.parametrize("place", ["lists/list", "lists/list.xls", "warehouse", "."])
def test_a_list_has_a_form_that_is_known(data: DataFolder, place: str) -> None:
    with pytest.raises(UsageError, match="encrypted"):
        release_list(request(data.root / place), data)


def test_nhs_numbers_do_not_go_into_a_file_in_clear(data: DataFolder) -> None:
    with pytest.raises(UsageError) as error:
        release_list(request(data.root / "x.csv", with_nhs_numbers=True), data)
    assert "NHS numbers leave only encrypted" in error.value.remedy


@pytest.mark.parametrize("role", ["analysis", "service management", "friend", ""])
def test_nhs_numbers_are_for_direct_care_and_commissioned_reviews(data: DataFolder, role: str) -> None:
    with pytest.raises(UsageError):
        request(data.root / "x.xlsx", role=role, with_nhs_numbers=True)


@pytest.mark.parametrize("purpose", ["", "   ", "reviews", "review of 943 476 5919 and others", "for 9434765919 only"])
def test_a_purpose_is_said_and_names_nobody(data: DataFolder, purpose: str) -> None:
    with pytest.raises(UsageError) as error:
        request(data.root / "x.csv", purpose=purpose)
    assert "943" not in str(error.value)


@pytest.mark.parametrize("asked", [{}, {"practice": "A81001", "pcn": "U00001"}, {"pcn": "U1", "unallocated": True}])
def test_it_is_said_whose_patients_once(asked: dict) -> None:
    with pytest.raises(UsageError, match="whose patients"):
        Asked(**asked)


def test_a_cohort_nobody_knows_and_a_list_of_nobody_are_refused(data: DataFolder) -> None:
    with pytest.raises(UsageError, match="No cohort"):
        request(data.root / "x.csv", cohorts=("hihg_dose",))
    with pytest.raises(UsageError, match="no people"):
        request(data.root / "x.csv", top=0)


def test_in_a_folder_that_others_may_enter_the_list_itself_stays_closed(data: DataFolder) -> None:
    folder = data.root / "shared"
    folder.mkdir(mode=0o755)
    release_list(request(folder / "x.csv"), data)
    assert stat.S_IMODE((folder / "x.csv").stat().st_mode) == 0o600


def test_a_data_folder_open_to_others_is_refused(data: DataFolder) -> None:
    data.warehouse.chmod(0o755)
    with pytest.raises(InsecureFolder):
        release_list(request(data.root / "x.csv"), data)
    assert not (data.root / "x.csv").exists()


def test_a_practice_nobody_knows_is_answered_with_codes_like_it(data: DataFolder) -> None:
    with pytest.raises(UsageError) as error:
        written(data, "A8101")
    assert "A81001 THE SURGERY" in str(error.value)
    assert "practice_trends" in error.value.remedy


@pytest.mark.parametrize("practice", ["' OR 1=1 --", "A81001' --", "", "%", "all", "-", "U00001"])
def test_what_is_no_code_finds_no_patient(data: DataFolder, practice: str) -> None:
    with pytest.raises(UsageError):
        release_list(request(data.root / "x.csv", practice), data)
    assert not (data.root / "x.csv").exists()


def test_a_practice_with_nobody_on_the_list_gets_a_header_and_zero_people(data: DataFolder) -> None:
    done, rows = written(data, "A81003")
    assert (done.people, done.title, rows) == (0, "A81003", [])


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
    engine.connection.execute("DROP TABLE marts.case_list_excluded")
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
        "seudonyms",
        "belong to no practice",
    ):
        assert words in told
    assert "provisional" not in told
    assert "too young" not in told


def test_the_reminders_say_what_is_provisional_too_young_or_cannot_be_seen(tmp_path: Path) -> None:
    people = [person("a", palliative_proxy=None)]
    reason = "history_too_short: long_term, at_risk_3_to_6m, escalation, new_user, balancing"
    data = published(tmp_path / "data", people, provisional=True, null_reason=reason)
    engine = DuckDBEngine(data.warehouse / "opioids-abc.duckdb", data.tmp)
    engine.connection.execute("UPDATE marts.patient_month SET palliative_proxy = NULL")
    engine.connection.execute("INSERT INTO marts.unconverted_items VALUES ('patient', 7, TRUE), ('epd', 9, TRUE)")
    engine.close()
    told = " ".join(written(data)[0].reminders)
    assert "Nov 2024 is provisional: people new to the data are missing." in told
    assert "which find nobody yet: long term, at risk 3 to 6m, escalation." in told
    assert "signs of end-of-life care cannot be seen" in told
    assert "7 opioid items of the whole data have no known dose" in told
    assert "Missing: list sizes." in told


def test_the_same_warehouse_gives_the_same_bytes(data: DataFolder) -> None:
    one, two = data.root / "lists" / "one.csv", data.root / "lists" / "two.csv"
    for out in (one, two):
        release_list(request(out), data)
    assert one.read_bytes() == two.read_bytes()


def test_a_release_is_entered_in_the_audit_with_what_was_asked(data: DataFolder) -> None:
    done, _ = written(data, cohorts=("high_dose",))
    (entry,) = AuditTrail(data).entries()
    assert entry["sha256"] == done.sha256
    wanted = {
        "action": "case-list",
        "user": "p.macist",
        "purpose": "structured medication reviews",
        "role": "direct care",
        "organisation": "A81001",
        "organisation_level": "practice",
        "cohorts": ["high_dose"],
        "people": 2,
        "nhs_numbers": 0,
        "encrypted": False,
        "snapshot_id": "abc",
        "file": "list.csv",
    }
    assert {name: entry[name] for name in wanted} == wanted
    assert entry["account"]


def test_a_list_that_could_not_be_written_is_entered_as_such(data: DataFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError("no")

    monkeypatch.setattr("pipelines.release.places.write_closed", refuse)
    with pytest.raises(OSError, match="no"):
        release_list(request(data.root / "x.csv"), data)
    assert [entry["action"] for entry in AuditTrail(data).entries()] == ["case-list", "not written"]


def test_no_patient_reaches_a_log_a_reminder_the_readme_or_the_audit(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    data = published(tmp_path / "data", [person("5e1f0a")])
    done, _ = written(data)
    readme = (data.root / "lists" / "list.csv.readme.txt").read_text(encoding="utf-8")
    audit = (data.state / "audit.jsonl").read_text()
    assert "5e1f0a" not in caplog.text + repr(done) + readme + audit
