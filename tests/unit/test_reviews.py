"""Reviews: read whole or not at all, kept once, excluded until an exclusion ends, and never a patient in a message."""

import io
import sqlite3
from contextlib import closing
from datetime import UTC, date, datetime
from pathlib import Path

import fastexcel
import pytest
import xlsxwriter
from release_rows import PASSWORD, person, published, request

from pipelines.audit import AuditTrail
from pipelines.errors import NothingPublished, ReviewsRefused, UnreadableFile, UsageError
from pipelines.folders import DataFolder
from pipelines.identity import open_door
from pipelines.release import release_list
from pipelines.release.importing import TakenIn, take_in_reviews
from pipelines.release.sealing import sealed
from pipelines.reviews import Review, ReviewStore, load_outcomes, read_reviews
from pipelines.reviews.store import excluded_now, last_reviews
from pipelines.reviews.template import write_template

NUMBER = "9434765919"
KEY_A, KEY_B = "a" * 32, "b" * 32
TODAY = date(2024, 12, 1)
HEADER = "Patient,Reviewed on,Outcome,Reviewer"


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> DataFolder:
    monkeypatch.setenv("OPIOIDS_KEY_FILE", str(tmp_path / "key"))
    return published(tmp_path / "data", [person(KEY_A, priority=1), person(KEY_B)])


def read(data: DataFolder, *rows: str, header: str = HEADER) -> tuple[Review, ...]:
    content = "\n".join([header, *rows]).encode()
    return read_reviews(content, "r.csv", load_outcomes(), open_door(data), TODAY).reviews


def numbers(taken: TakenIn) -> tuple[int, int, int, int]:
    return taken.new, taken.known, taken.without_review, taken.not_in_data


def test_a_review_is_read_however_its_day_and_outcome_are_written(data: DataFolder) -> None:
    days = ("2024-11-05", "05/11/2024", "5.11.2024", "5 Nov 2024", "5 November 2024", "2024-11-05 00:00:00")
    for day in days:
        assert read(data, f"{KEY_A},{day},  Dose   REDUCED ,ab") == (
            Review(KEY_A, date(2024, 11, 5), "dose reduced", "AB"),
        )


def test_an_nhs_number_becomes_the_pseudonym_the_door_would_give_and_is_not_remembered(data: DataFolder) -> None:
    (review,) = read(data, "943 476 5919,2024-11-05,declined,AB")
    assert open_door(data).nhs_numbers_of([review.patient_key]) == {}
    (keyed,) = open_door(data).pass_through([NUMBER], "x.csv")
    assert review.patient_key == keyed.patient_key


def test_rows_without_a_review_are_counted_and_further_columns_ignored(data: DataFolder) -> None:
    content = f"Priority;NHS number;Reviewed on;Outcome;Reviewer;x\n1;{KEY_A};2024-11-05;moved;AB;?\n2;{KEY_B};;;;\n"
    found = read_reviews(content.encode("utf-8-sig"), "r.csv", load_outcomes(), open_door(data), TODAY)
    assert (len(found.reviews), found.rows_without_review) == (1, 1)


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (f"{KEY_A},2025-01-01,declined,AB", "row 3: the review is dated in the future (2025-01-01)"),
        (f"{KEY_A},1999-01-01,declined,AB", "row 3: the review is dated before 2010"),
        (f"{KEY_A},31/02/2024,declined,AB", "row 3: '31/02/2024' is no date"),
        (f"{KEY_A},,declined,AB", "row 3: the day of the review is missing"),
        (f"{KEY_A},2024-11-05,,AB", "row 3: the outcome is missing"),
        (f"{KEY_A},2024-11-05,cured,AB", "row 3: 'cured' is no outcome"),
        (f"{KEY_A},2024-11-05,declined,", "row 3: the reviewer's initials"),
        (f"{KEY_A},2024-11-05,declined,12345", "row 3: the reviewer is given by other than initials"),
        ("9434765918,2024-11-05,declined,AB", "row 3: the patient is given by neither"),
        (",2024-11-05,declined,AB", "row 3: the patient is given by neither"),
        ("SMITH JOHN,2024-11-05,declined,AB", "row 3: the patient is given by neither"),
        ("9.43E+09,2024-11-05,declined,AB", "row 3: a spreadsheet has rounded"),
    ],
)
def test_what_is_wrong_is_said_by_row_and_nothing_is_taken(data: DataFolder, row: str, said: str) -> None:
    with pytest.raises(ReviewsRefused) as error:
        read(data, f"{KEY_B},2024-11-05,declined,AB", row)
    assert said in error.value.where
    assert "r.csv" in error.value.where
    assert ("dose reduced" in error.value.remedy) == ("outcome" in said)


@pytest.mark.parametrize(
    "row",
    [
        f"9434765918,{NUMBER},{KEY_A},943 476 5919",
        f"{NUMBER} x,943-476-5919,{NUMBER},{NUMBER}",
        f"{KEY_A}{KEY_A},{KEY_A},the one with {NUMBER},{KEY_B}",
        "JOHN SMITH,2024-11-05,declined,AB",
    ],
)
def test_no_message_holds_a_patient(data: DataFolder, row: str) -> None:
    with pytest.raises(ReviewsRefused) as error:
        read(data, row)
    told = str(error.value)
    for secret in (NUMBER, "943 476 5919", "943-476-5919", "9434765918", KEY_A, KEY_B, "SMITH"):
        assert secret not in told


def test_a_file_without_the_headings_is_no_file_of_reviews(data: DataFolder) -> None:
    with pytest.raises(UnreadableFile, match="no file of reviews"):
        read(data, header="Patient,When,What,Who")


def test_importing_again_changes_nothing(data: DataFolder, tmp_path: Path) -> None:
    file = tmp_path / "r.csv"
    file.write_text(
        f"{HEADER}\n{KEY_A},2024-11-05,dose reduced,AB\n{KEY_A},2024-11-05,naloxone supplied,AB\n{KEY_B},,,\n"
    )
    first = take_in_reviews(file, data, None, lambda: "")
    assert numbers(first) == (2, 0, 1, 0)
    assert first.outcomes == {"dose reduced": 1, "naloxone supplied": 1}
    assert first.days == (date(2024, 11, 5), date(2024, 11, 5))
    before = ReviewStore(data).reviews()
    again = take_in_reviews(file, data, None, lambda: "")
    assert (numbers(again), again.outcomes, again.days) == ((0, 2, 1, 0), {}, None)
    assert ReviewStore(data).reviews() == before
    assert len(before) == 2
    assert ReviewStore(data).file.stat().st_mode & 0o077 == 0
    assert [entry["new"] for entry in AuditTrail(data).entries()] == [2, 0]


def test_a_pseudonym_that_is_nobodys_is_refused_and_a_number_is_kept_and_counted(
    data: DataFolder, tmp_path: Path
) -> None:
    file = tmp_path / "r.csv"
    file.write_text(f"{HEADER}\n{'c' * 32},2024-11-05,declined,AB\n{KEY_A},2024-11-05,declined,AB\n")
    with pytest.raises(ReviewsRefused, match=r"1 pseudonym\(s\)") as error:
        take_in_reviews(file, data, None, lambda: "")
    assert "c" * 32 not in str(error.value)
    assert ReviewStore(data).reviews() == ()
    file.write_text(f"{HEADER}\n{NUMBER},2024-11-05,declined,AB\n")
    assert numbers(take_in_reviews(file, data, None, lambda: "")) == (1, 0, 0, 1)


LIST_HEADER = "Priority,Patient (pseudonym),Age,Sex,Reviewed on,Outcome,Reviewer"


@pytest.mark.parametrize(
    ("age", "sex", "is_taken"),
    [
        ("60", "F", True),
        ("60.0", "F", True),
        ("61", "F", True),  # an older or a newer list
        ("not known", "", True),
        ("", "", True),
        ("62", "F", False),
        ("58", "F", False),
        ("60", "M", False),
    ],
)
def test_a_review_beside_age_or_sex_of_somebody_else_is_refused(
    data: DataFolder, tmp_path: Path, age: str, sex: str, is_taken: bool
) -> None:
    """Everybody published here is a woman of 60: a row that says otherwise was sorted or pasted apart."""
    file = tmp_path / "list.csv"
    rows = (f"1,{KEY_A},60,F,2024-11-05,declined,AB", f"1,{KEY_B},{age},{sex},2024-11-05,excluded: cancer,AB")
    file.write_text("\n".join((LIST_HEADER, *rows)))
    if is_taken:
        assert take_in_reviews(file, data, None, lambda: "").new == 2
        return
    with pytest.raises(ReviewsRefused, match="1 of the reviewed people") as error:
        take_in_reviews(file, data, None, lambda: "")
    assert "row(s) 3." in error.value.where
    assert KEY_B not in str(error.value)
    assert ReviewStore(data).reviews() == ()


def test_a_mistaken_review_is_withdrawn_by_its_own_row_and_stays_so(data: DataFolder, tmp_path: Path) -> None:
    file = tmp_path / "r.csv"
    wrong = Review(KEY_A, date(2024, 11, 5), "excluded: cancer", "AB")
    file.write_text(f"{HEADER}\n{KEY_A},2024-11-05,excluded: cancer,AB\n{KEY_B},2024-11-05,declined,AB\n")
    take_in_reviews(file, data, None, lambda: "")
    assert excluded_now(ReviewStore(data).reviews(), load_outcomes()) == {KEY_A}
    back = tmp_path / "back.csv"
    back.write_text(f"{HEADER},Withdraw\n{KEY_A},2024-11-05,excluded: cancer,AB,yes\n")
    taken = take_in_reviews(back, data, None, lambda: "")
    assert (taken.new, taken.withdrawn) == (0, 1)
    assert ReviewStore(data).reviews() == (Review(KEY_B, date(2024, 11, 5), "declined", "AB"),)
    assert wrong in ReviewStore(data).everything()
    again = take_in_reviews(file, data, None, lambda: "")
    assert (again.new, again.withdrawn_before) == (0, 1)
    assert wrong not in ReviewStore(data).reviews()
    assert [entry["withdrawn"] for entry in AuditTrail(data).entries()] == [0, 1, 0]


def test_what_was_never_taken_in_is_not_withdrawn_and_nothing_else_of_the_file_is_taken(
    data: DataFolder, tmp_path: Path
) -> None:
    file = tmp_path / "r.csv"
    file.write_text(f"{HEADER},Withdraw\n{KEY_A},2024-11-05,died,AB,yes\n{KEY_B},2024-11-05,declined,AB,\n")
    with pytest.raises(ReviewsRefused) as error:
        take_in_reviews(file, data, None, lambda: "")
    assert "would withdraw what was never taken in" in error.value.where
    file.write_text(f"{HEADER},Withdraw\n{KEY_A},2024-11-05,died,AB,perhaps\n")
    with pytest.raises(ReviewsRefused) as error:
        take_in_reviews(file, data, None, lambda: "")
    assert "row 2: in the column Withdraw" in error.value.where
    assert ReviewStore(data).everything() == frozenset()


def test_reviews_of_the_form_before_are_read_and_can_be_withdrawn(data: DataFolder) -> None:
    store = ReviewStore(data)
    with closing(sqlite3.connect(store.file)) as connection, connection:
        connection.executescript(
            "CREATE TABLE reviews (patient_key TEXT NOT NULL, reviewed_on TEXT NOT NULL, outcome TEXT NOT NULL,"
            " reviewer TEXT NOT NULL, imported_at TEXT NOT NULL, imported_by TEXT NOT NULL,"
            " PRIMARY KEY (patient_key, reviewed_on, outcome, reviewer)) WITHOUT ROWID; PRAGMA user_version = 1;"
        )
        connection.execute(
            "INSERT INTO reviews VALUES (?, '2024-11-05', 'moved', 'AB', '2024-11-06T00:00:00+00:00', 'ann')", (KEY_A,)
        )
    moved = Review(KEY_A, date(2024, 11, 5), "moved", "AB")
    assert store.reviews() == (moved,)
    assert store.add([], "ann", [moved]).withdrawn == (moved,)
    assert store.reviews() == ()
    assert store.imported_since(datetime(2024, 11, 7, tzinfo=UTC)) == 1


def test_a_folder_in_which_nothing_is_published_takes_no_review(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The data folder was mistyped: a review that nobody will ever see must not be accepted."""
    monkeypatch.setenv("OPIOIDS_KEY_FILE", str(tmp_path / "key"))
    empty = DataFolder(tmp_path / "mistyped")
    file = tmp_path / "r.csv"
    file.write_text(f"{HEADER}\n{NUMBER},2024-11-05,declined,AB\n")
    with pytest.raises(NothingPublished):
        take_in_reviews(file, empty, None, lambda: "")
    assert ReviewStore(empty).everything() == frozenset()


def test_a_released_list_that_is_filled_in_is_imported_sealed(data: DataFolder, tmp_path: Path) -> None:
    release_list(request(tmp_path / "list.xlsx"), data)
    book = io.BytesIO()
    filled = xlsxwriter.Workbook(book, {"in_memory": True})
    filled.add_worksheet("Read first").write_string(0, 0, "Case-finding list")
    sheet = filled.add_worksheet("List")
    day = filled.add_format({"num_format": "dd/mm/yyyy"})
    for column, heading in enumerate(("Priority", "Patient (pseudonym)", "Reviewed on", "Outcome", "Reviewer")):
        sheet.write_string(0, column, heading)
    sheet.write_string(1, 1, KEY_A)
    sheet.write_datetime(1, 2, date(2024, 11, 5), day)
    sheet.write_string(1, 3, "stable and justified")
    sheet.write_string(1, 4, "AB")
    sheet.write_string(2, 0, "Likely end of life: check the record first, do not invite")
    sheet.write_string(3, 1, KEY_B)
    filled.close()
    file = tmp_path / "filled.xlsx"
    file.write_bytes(sealed(book.getvalue(), PASSWORD))
    assert numbers(take_in_reviews(file, data, "ann", lambda: PASSWORD)) == (1, 0, 1, 0)
    assert ReviewStore(data).reviews() == (Review(KEY_A, date(2024, 11, 5), "stable and justified", "AB"),)
    with pytest.raises(UnreadableFile, match="does not open"):
        take_in_reviews(file, data, "ann", lambda: "not the password")


@pytest.mark.parametrize("form", ["xlsx", "csv"])
def test_the_template_is_understood_and_offers_every_outcome(data: DataFolder, tmp_path: Path, form: str) -> None:
    out = tmp_path / f"template.{form}"
    write_template(out, load_outcomes().values())
    found = read_reviews(out.read_bytes(), out.name, load_outcomes(), open_door(data), TODAY)
    assert found.reviews == ()
    if form == "xlsx":
        listed = fastexcel.read_excel(out).load_sheet("Outcomes", dtypes="string").to_arrow().to_pylist()
        assert [row["Outcome"] for row in listed] == list(load_outcomes())


def test_the_template_has_a_form_that_is_known(tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        write_template(tmp_path / "t.docx", load_outcomes().values())


def test_the_outcomes_are_those_the_programme_asks_for() -> None:
    outcomes = load_outcomes()
    assert {name for name, outcome in outcomes.items() if outcome.exclusion} == {
        "excluded: cancer",
        "excluded: palliative",
    }
    assert {name for name, outcome in outcomes.items() if outcome.ends_exclusion} == {"exclusion ended"}
    assert {name for name, outcome in outcomes.items() if outcome.is_plan} == {
        "dose reduced", "stopped", "increased", "stable and justified", "not taking what is dispensed", "referred",
    }  # fmt: skip
    assert {name for name, outcome in outcomes.items() if not outcome.is_review} == {
        "unable to contact", "deferred", "exclusion ended", "moved", "died",
    }  # fmt: skip


def test_an_exclusion_stands_until_a_review_of_the_same_or_a_later_day_ends_it() -> None:
    def standing(*told: tuple[int, str]) -> set[str]:
        return excluded_now([Review("x", date(2024, 1, day), outcome, "AB") for day, outcome in told], load_outcomes())

    assert standing((5, "excluded: cancer")) == {"x"}
    assert standing((5, "excluded: cancer"), (9, "dose reduced")) == {"x"}
    assert standing((5, "excluded: cancer"), (9, "exclusion ended")) == set()
    assert standing((5, "excluded: cancer"), (5, "exclusion ended")) == set()
    assert standing((5, "exclusion ended"), (9, "excluded: cancer")) == {"x"}
    assert standing((5, "declined")) == set()


def test_the_last_reviews_are_those_of_the_latest_day() -> None:
    reviews = [Review("x", date(2024, 1, day), outcome, "AB") for day, outcome in ((9, "moved"), (5, "declined"))]
    assert [review.outcome for review in last_reviews(reviews)["x"]] == ["moved"]
