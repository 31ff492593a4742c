"""Every fault of a file is named by sheet, row, column and value, with what to do; nothing of it is then taken in."""

from datetime import date
from typing import Any

import pytest
from returns.filled import HOSPITAL_COSTS, PILOT_SCORES, returned, workbook

from pipelines.config import load_settings
from pipelines.errors import ReturnsRefused, UnreadableFile
from pipelines.returns import ReturnRow, read_returns

SETTINGS = load_settings()
TODAY = date(2026, 6, 15)
KNOWN = frozenset({"A81001", "U1", "QZA"})
# Valid by its check digit, from the range kept for tests.
TEST_NUMBER = "9990000018"
CYCLE = {"id": "P1", "date": "2026-01-05", "organisation": "QZA", "change": "A clinic", "prediction": "Fewer"}


def rows(content: bytes, file_name: str = "r.xlsx") -> tuple[ReturnRow, ...]:
    return read_returns(content, file_name, SETTINGS, KNOWN, TODAY).rows


def faults(sheet: str, row: dict[str, Any]) -> str:
    with pytest.raises(ReturnsRefused) as refused:
        rows(workbook({sheet: [row]}))
    return refused.value.where


def test_a_row_is_taken_as_plain_text() -> None:
    cells = returned("Mar 2026", "a81001", "Referrals to personalised care", 1234, note="  by   phone ")
    (row,) = rows(workbook({"local_returns": [cells]}))
    assert row.key == ("2026-03-01", "A81001", "referrals_personalised_care")
    assert row.content["value"] == "1234"
    assert row.content["note"] == "by phone"
    assert row.content["denominator"] is None


@pytest.mark.parametrize(
    "month", ["2026-03", "2026-03-31", "31/03/2026", "March 2026", "Mar 2026", "03/2026", date(2026, 3, 9)]
)
def test_a_month_may_be_written_in_many_ways(month: Any) -> None:
    (row,) = rows(workbook({"local_returns": [returned(month, "U1", "mdt_cases", 0)]}))
    assert row.content["month"] == "2026-03-01"


@pytest.mark.parametrize(
    ("value", "kept"), [("12.50", "12.5"), ("1,234.5", "1234.5"), (0.1 + 0.2, "0.3"), ("0", "0"), (40.0, "40")]
)
def test_a_number_is_kept_without_what_a_spreadsheet_adds(value: Any, kept: str) -> None:
    (row,) = rows(workbook({"local_returns": [returned("2026-03", "U1", "hours_reviews", value)]}))
    assert row.content["value"] == kept


@pytest.mark.parametrize(
    ("cells", "said"),
    [
        ({"month": "soon"}, "row 5, month: 'soon' is no month: write 2026-03"),
        ({"month": "2027-01"}, "row 5, month: 2027-01-01 is in the future: give what has happened"),
        ({"month": "1926-03"}, "row 5, month: 1926-03-01 is before 2010: look at the year"),
        ({"organisation": "Z9"}, "row 5, organisation: 'Z9' is no practice, PCN or ICB of the published data"),
        ({"organisation": "The Surgery"}, "row 5, organisation: 'The Surgery' is no code"),
        ({"measure": "referals"}, "row 5, measure: 'referals' is no measure of this sheet: see the sheet Measures"),
        ({"measure": "survey_advice_useful"}, "is no measure of this sheet"),
        ({"value": "a few"}, "row 5, value: 'a few' is no number: write digits with a point"),
        ({"value": "12 people"}, "'12 people' is no number"),
        ({"value": "1,5"}, "'1,5' is no number"),
        ({"value": -1}, "row 5, value: -1 is below 0"),
        ({"value": 2.5}, "row 5, value: 2.5 is no whole number, and mdt_cases counts people"),
        ({"value": ""}, "row 5, value: it is empty"),
        ({"denominator": 20}, "row 5, denominator: mdt_cases has none: leave it empty"),
        ({"note": "x" * 501}, "row 5, note: the text has 501 letters, more than 500: shorten it"),
        ({"withdraw": "maybe"}, "row 5, withdraw: 'maybe' is neither yes nor no"),
    ],
)
def test_a_fault_is_named_with_its_place_and_remedy(cells: dict[str, Any], said: str) -> None:
    found = faults("local_returns", {**returned("2026-03", "U1", "mdt_cases", 3), **cells})
    assert "local_returns, " in found
    assert said in found


@pytest.mark.parametrize(
    ("sheet", "row", "said"),
    [
        (
            "local_returns",
            returned("2026-03", "U1", "discharge_letters_with_plan", 9),
            "denominator: discharge_letters_with_plan needs one above 0",
        ),
        (
            "local_returns",
            returned("2026-03", "U1", "discharge_letters_with_plan", 9, denominator=8),
            "value: 9 is more than the denominator, 8",
        ),
        ("surveys", returned("2026-03", "U1", "survey_advice_useful", 9), "responses: it is empty"),
        ("patient_reported_scores", {**PILOT_SCORES[0], "n": 0}, "n: it is 0"),
        ("patient_reported_scores", {**PILOT_SCORES[0], "mean_after": 57}, "57 is not between 0 and 56"),
        ("patient_reported_scores", {**PILOT_SCORES[0], "change_low": 1}, "give both limits or none"),
        (
            "patient_reported_scores",
            {**PILOT_SCORES[0], "change_low": 5, "change_high": 6},
            "5 to 6 does not hold the mean change, 4.125",
        ),
        ("patient_reported_scores", {**PILOT_SCORES[0], "sd_change": -1}, "sd_change: -1 is below 0"),
        ("patient_reported_scores", {**PILOT_SCORES[0], "instrument": "EQ"}, "'EQ' is no instrument"),
        ("unit_costs", {**HOSPITAL_COSTS[0], "unit_cost_gbp": -5}, "'-5' is below 0: a cost is not"),
        ("unit_costs", {**HOSPITAL_COSTS[0], "patients": 1.5}, "'1.5' is no whole number of 0 or more"),
        ("pdsa", {**CYCLE, "date": "spring"}, "date: 'spring' is no date: write 2026-03-31"),
        ("pdsa", {**CYCLE, "measure": "happiness"}, "'happiness' is no measure"),
        ("pdsa", {**CYCLE, "patient": "J S"}, "pdsa, column patient: it is none of this sheet's: take it out"),
    ],
)
def test_faults_between_the_cells_of_a_row_and_of_the_other_sheets(sheet: str, row: dict[str, Any], said: str) -> None:
    assert said in faults(sheet, row)


@pytest.mark.parametrize(
    "text",
    [
        TEST_NUMBER,
        "999 000 0018",
        "999-000-0018 was seen",
        "NHS no. 9990 000 018.",
        "about 999 000 0018, who",
        "123 456 7890",
        "8f14e45fceea167a5a36dedd4bea2543",
    ],
)
@pytest.mark.parametrize("column", ["note", "value", "organisation"])
def test_what_looks_like_a_patient_is_refused_and_not_repeated(text: str, column: str) -> None:
    found = faults("local_returns", {**returned("2026-03", "U1", "mdt_cases", 3), column: text})
    assert f"row 5, {column}: it looks like an NHS number or a pseudonym of a patient" in found
    assert text not in found
    assert "0018" not in found


@pytest.mark.parametrize("text", ["by phone 020 7946 0000", "2026-03-31 10 people", "0.1234567891", "£1,234,567"])
def test_what_is_no_number_of_a_patient_may_stand_in_a_note(text: str) -> None:
    assert rows(workbook({"local_returns": [returned("2026-03", "U1", "mdt_cases", 3, note=text)]}))


def test_every_fault_of_a_file_is_named_and_nothing_is_taken() -> None:
    sheets = {
        "local_returns": [
            returned("2026-03", "U1", "mdt_cases", 3),
            returned("2026-13", "U1", "mdt_cases", -3),
            returned("2026-03", "U9", "mdt_cases", 3),
        ],
        "pdsa": [{**CYCLE, "change": ""}],
    }
    with pytest.raises(ReturnsRefused) as refused:
        rows(workbook(sheets))
    assert refused.value.what == "3 fault(s) in the returns, so nothing was taken in."
    assert [line.split(":")[0].strip() for line in refused.value.where.splitlines()[1:]] == [
        "local_returns, row 6, month",
        "local_returns, row 7, organisation",
        "pdsa, row 5, change",
    ]


def test_the_same_key_twice_with_other_cells_is_a_fault_and_the_same_row_twice_is_one() -> None:
    row = returned("2026-03", "U1", "mdt_cases", 3)
    assert len(rows(workbook({"local_returns": [row, row]}))) == 1
    with pytest.raises(ReturnsRefused, match="1 fault") as refused:
        rows(workbook({"local_returns": [row, {**row, "value": 4}]}))
    assert "row 6: the same month, organisation, measure stands in this file with other cells" in refused.value.where


def test_one_sheet_may_come_as_csv_whatever_its_name() -> None:
    text = "Month;Org;Measure;Value;Denominator\r\n2026-03;U1;discharge_letters_with_plan;9;12\r\n;;;;\r\n"
    (row,) = rows(text.encode("utf-8-sig"), "audit.csv")
    assert (row.sheet, row.content["denominator"]) == ("local_returns", "12")
    survey = b"month,organisation,measure,value,responses\n2026-03,U1,survey_advice_useful,9,12\n"
    assert rows(survey, "s.csv")[0].sheet == "surveys"
    costs = "organisation,service,unit_cost_gbp,reduction_per_patient,patients\nall,GP,£50,2.2,130\n"
    assert rows(costs.encode("cp1252"), "c.csv")[0].content["unit_cost_gbp"] == "50"


def test_a_sheet_of_ours_whose_headings_were_changed_is_a_fault_and_others_are_named() -> None:
    import io

    import xlsxwriter

    buffer = io.BytesIO()
    book = xlsxwriter.Workbook(buffer)
    book.add_worksheet("surveys").write_string(0, 0, "Monat")
    book.add_worksheet("Holidays").write_string(0, 0, "August")
    book.close()
    with pytest.raises(ReturnsRefused) as refused:
        rows(buffer.getvalue())
    assert "surveys: its headings are missing or changed: they are month, organisation" in refused.value.where
    found = read_returns(
        workbook({"local_returns": [returned("2026-03", "U1", "mdt_cases", 3)], "Holidays": [{"a": "b"}]}),
        "r.xlsx",
        SETTINGS,
        KNOWN,
        TODAY,
    )
    assert found.not_read == ("Holidays",)


def test_a_cell_beside_the_columns_is_a_fault() -> None:
    text = b"month,organisation,measure,value,note\n2026-03,U1,mdt_cases,3,,Mrs Smith\n"
    with pytest.raises(ReturnsRefused) as refused:
        rows(text, "r.csv")
    assert "row 2: a cell stands beside the columns: take it out" in refused.value.where
    assert "Smith" not in str(refused.value)


@pytest.mark.parametrize("content", [b"", b"hello\n", b"PK\x03\x04rubbish", b"\x00\x01\x02"])
def test_a_file_that_is_no_return_is_refused_in_words(content: bytes) -> None:
    with pytest.raises((ReturnsRefused, UnreadableFile)):
        rows(content, "r.csv")


def test_before_anything_is_published_a_code_is_judged_by_its_form() -> None:
    content = workbook({"local_returns": [returned("2026-03", "B99999", "mdt_cases", 3)]})
    assert read_returns(content, "r.xlsx", SETTINGS, None, TODAY).rows
