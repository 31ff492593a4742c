"""The naive twin agrees with patients worked by hand, and counts them as a pharmacist would."""

from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from golden_reader import Golden, GoldenFileError, golden_files, read_golden
from naive import COHORTS, Settings, item_rows, patient_months, trend_counts

MARCH = date(2024, 3, 1)


def differences(golden: Golden) -> list[str]:
    "Every expectation the naive twin does not meet, one sentence each"
    rows = patient_months(golden.items, golden.loaded_months, golden.gp_practices)
    items = {row["item_id"]: row for row in item_rows(golden.items)}
    wrong = []
    for wanted in golden.expectations:
        row = items[wanted.item_id] if wanted.item_id else rows.get((wanted.patient_key, wanted.month))
        if wanted.column == "row":
            found = "absent" if row is None else "present"
        else:
            found = "no row" if row is None else row[wanted.column]
        if found != wanted.expected or (found is None) != (wanted.expected is None):
            wrong.append(f"{wanted.where}: {wanted.column} is {found}, by hand {wanted.expected}")
    return wrong


@pytest.mark.parametrize("path", golden_files(), ids=lambda path: path.stem)
def test_the_naive_twin_agrees_with_patients_worked_by_hand(path: Path) -> None:
    assert differences(read_golden(path)) == []


def test_there_are_golden_patients_in_every_file() -> None:
    keys = [{e.patient_key for e in read_golden(path).expectations if e.patient_key} for path in golden_files()]
    assert all(keys)
    assert sum(map(len, keys)) >= 30


def test_every_expectation_names_a_column_that_exists() -> None:
    golden = read_golden(next(path for path in golden_files() if path.stem == "dose"))
    rows = patient_months(golden.items, golden.loaded_months, golden.gp_practices)
    columns = set(next(iter(rows.values())))
    assert set(COHORTS) <= columns
    for path in golden_files():
        named = {e.column for e in read_golden(path).expectations if e.item_id is None}
        assert named - {"row"} <= columns


def test_items_without_a_patient_are_in_no_patient_month() -> None:
    golden = read_golden(next(path for path in golden_files() if path.stem == "reversals"))
    rows = patient_months(golden.items, golden.loaded_months, golden.gp_practices)
    assert any(item["patient_key"] is None for item in golden.items)
    assert all(patient_key is not None for patient_key, _ in rows)


def test_the_order_of_the_rows_of_an_extract_does_not_matter() -> None:
    for path in golden_files():
        golden = read_golden(path)
        rows = patient_months(golden.items, golden.loaded_months, golden.gp_practices)
        turned = patient_months(golden.items[::-1], golden.loaded_months[::-1], golden.gp_practices)
        assert rows == turned


def test_a_threshold_is_a_setting() -> None:
    golden = read_golden(next(path for path in golden_files() if path.stem == "dose"))
    lower = Settings(high_dose_mg_per_day=Decimal(119))
    rows = patient_months(golden.items, golden.loaded_months, golden.gp_practices, lower)
    assert rows["dose-exact", date(2024, 6, 1)]["high_dose"] is True


def test_trend_counts_add_up_from_practice_to_all_and_keep_zeros() -> None:
    # two patients of A (PCN U1), one of B (no PCN), one without a practice; new_user does not exist yet
    rows = {
        ("1", MARCH): {"month": MARCH, "practice_code": "A", "high_dose": True, "new_user": None},
        ("2", MARCH): {"month": MARCH, "practice_code": "A", "high_dose": True, "new_user": None},
        ("3", MARCH): {"month": MARCH, "practice_code": "B", "high_dose": True, "new_user": None},
        ("4", MARCH): {"month": MARCH, "practice_code": None, "high_dose": True, "new_user": None},
        ("5", MARCH): {"month": MARCH, "practice_code": "C", "high_dose": False, "new_user": None},
    }
    practice_pcn = {"A": "U1", "B": None, "C": "U2"}
    assert trend_counts(rows, practice_pcn, ("high_dose", "new_user")) == {
        ("practice", "A", MARCH, "high_dose"): 2,
        ("practice", "B", MARCH, "high_dose"): 1,
        ("practice", "C", MARCH, "high_dose"): 0,
        ("pcn", "U1", MARCH, "high_dose"): 2,
        ("pcn", "U2", MARCH, "high_dose"): 0,
        ("all", "all", MARCH, "high_dose"): 4,
    }


def test_a_golden_line_that_cannot_be_read_says_where(tmp_path: Path) -> None:
    path = tmp_path / "broken.txt"
    path.write_text(
        "loaded: 2024-01\ngp practices: A81001\npatient one: Broken\n"
        "month | product | quantity | mg/unit | expected\n2024-01 | morphine tablet 30mg | 28 | 30\n"
    )
    with pytest.raises(GoldenFileError, match=r"broken.txt:5.*4 cells under 5 columns"):
        read_golden(path)
