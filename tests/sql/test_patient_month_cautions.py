"""What to beware of in a person's month, for how long it is said, and which cohorts cannot be judged yet."""

from datetime import date
from pathlib import Path

import pytest
from support import build_from
from text_patients import tables_of

ONCE = """
    patient    | months  | product                  | quantity | age
    plain      | 2024-03 | MST 10                   | 56       |
    methadone  | 2024-03 | methadone 5              | 28       |
    maintained | 2024-03 | methadone mixture        | 500      |
    maintained | 2024-03 | morphine injection       | 5        |
    fentanyl   | 2024-03 | Effentora                | 28       |
    injected   | 2024-03 | morphine injection       | 5        |
    worn       | 2024-03 | buprenorphine 52.5 patch | 4        |
    keyed      | 2024-03 | MST 10                   | 3        |
    unknown    | 2024-03 | morphine of no strength  | 300      |
    ageless    | 2024-03 | MST 10                   | 56       | unknown
"""
# Methadone for dependence is no methadone for pain, and an injection is neither methadone nor fentanyl.
FOR_THREE_MONTHS = {
    "plain": None,
    "methadone": "methadone_present",
    "maintained": None,
    "fentanyl": "immediate_release_fentanyl",
    "injected": None,
    "worn": "patch_wear_assumed",
    "keyed": "implausible_quantity",
    "unknown": "dose_is_lower_bound",
}


def patient_months(text: str, loaded: str, folder: Path) -> dict[tuple[str, date], dict]:
    engine = build_from(tables_of(text, loaded), "marts.patient_month", folder)
    rows = engine.fetch("SELECT * FROM marts.patient_month").to_pylist()
    engine.close()
    return {(row["patient_key"], row["month"]): row for row in rows}


@pytest.fixture(scope="module")
def once(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, date], dict]:
    return patient_months(ONCE, "2024-01..2024-12", tmp_path_factory.mktemp("once"))


@pytest.mark.parametrize("who", FOR_THREE_MONTHS)
def test_a_caution_stands_for_three_months(once: dict[tuple[str, date], dict], who: str) -> None:
    said, nothing = FOR_THREE_MONTHS[who], "no_item_this_month"
    after = f"{nothing}; {said}" if said else nothing
    found = [once[who, date(2024, month, 1)]["cautions"] for month in (3, 4, 5, 6)]
    assert found == [said, after, after, nothing]


def test_an_unknown_age_stays_a_caution(once: dict[tuple[str, date], dict]) -> None:
    found = [once["ageless", date(2024, month, 1)]["cautions"] for month in (3, 6)]
    assert found == ["age_unknown", "no_item_this_month; age_unknown"]


@pytest.mark.parametrize(
    ("column", "who"), [("methadone_3m", "methadone"), ("immediate_release_fentanyl_3m", "fentanyl")]
)
def test_methadone_and_immediate_release_fentanyl_are_told_of_those_who_had_them(
    once: dict[tuple[str, date], dict], column: str, who: str
) -> None:
    assert {key: row["month"].month for key, row in once.items() if row[column]} == {
        (who, date(2024, month, 1)): month for month in (3, 4, 5)
    }


def test_the_newest_month_with_an_item_is_told(once: dict[tuple[str, date], dict]) -> None:
    assert {row["last_dispensed_month"] for row in once.values()} == {date(2024, 3, 1)}


EVERY_MONTH = """
    patient | months           | product | quantity
    anne    | 2024-01..2025-08 | MST 10  | 56
"""


def test_a_missing_month_is_told_while_the_window_holds_it(tmp_path: Path) -> None:
    text = EVERY_MONTH.replace("2024-01..2025-08", "2024-01..2024-05,2024-07..2024-12")
    rows = patient_months(text, "2024-01..2024-05,2024-07..2024-12", tmp_path)
    # June is missing: it lies in the three months that end in July and in August.
    assert [month.month for (_, month), row in sorted(rows.items()) if row["window_has_missing_month"]] == [7, 8]


def test_what_cannot_be_judged_yet_is_told_month_by_month(tmp_path: Path) -> None:
    # High dose from the 3rd month of data, long_term_3m from the 4th, long_term from the 7th, rapid escalation from the
    # 9th, escalating from the 12th, new_user from the 13th, a restart from the 19th.
    rows = patient_months(EVERY_MONTH, "2024-01..2025-08", tmp_path)
    reasons = [row["null_reason"] for _, row in sorted(rows.items())]
    changes = [number for number in range(2, 21) if reasons[number - 1] != reasons[number - 2]]
    assert changes == [3, 4, 7, 9, 12, 13, 19]
    for number, reason in enumerate(reasons, start=1):
        said = reason or ""
        assert ("new_user" in said) == (3 <= number < 13), number
        assert ("long_term," in said) == (3 <= number < 7), number
        assert ("escalat" in said) == (3 <= number < 12), number
        assert ("balancing" in said) == (number < 19), number
    assert reasons[0] == "history_too_short: dose and time cohorts, balancing"
