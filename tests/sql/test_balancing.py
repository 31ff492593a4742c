"""Balancing flags are pure rules; counted as measures, they are about adults and people of unknown age."""

from pathlib import Path

import pytest
from support import SETTINGS, build_from, parameters
from text_patients import tables_of

from pipelines import assets, models

FLAGS = [
    "balance_abrupt_stop",
    "balance_fast_fall",
    "balance_substitution",
    "balance_restart",
    "balance_switch",
    "not_seen",
]

# 150 tablets of 60 mg a month: 9,000 mg, about 296 mg a day.
STOPPED = """
patient | months           | product    | quantity | age
child   | 2024-01..2024-06 | MST 60     | 150      | 17
child   | 2024-09          | gabapentin | 84       | 17
adult   | 2024-01..2024-06 | MST 60     | 150      | 18
adult   | 2024-09          | gabapentin | 84       | 18
unknown | 2024-01..2024-06 | MST 60     | 150      | unknown
unknown | 2024-09          | gabapentin | 84       | unknown
"""
# All six harms. High dose to March 2024 or after; who has no item from July on is not seen in September, and gabapentin
# in June is begun after the high dose.
LEFT = """
patient      | months           | product            | quantity | age
fall         | 2023-01..2024-03 | MST 60             | 150      | {age}
fall         | 2024-04..2024-06 | MST 60             | 20       | {age}
fall         | 2024-06          | zopiclone          | 28       | {age}
fall         | 2024-06          | morphine injection | 5        | {age}
restart      | 2023-01..2024-03 | co-codamol         | 100      | {age}
restart      | 2024-07          | co-codamol         | 100      | {age}
vanished     | 2023-01..2024-03 | MST 60             | 150      | {age}
stopped      | 2023-01..2024-03 | MST 60             | 150      | {age}
stopped      | 2024-06          | gabapentin         | 84       | {age}
"""


def members(text: str, spill: Path) -> set[tuple[str, str]]:
    engine = build_from(tables_of(text, "2023-01..2024-12"), "intermediate.int_patient_months__memberships", spill)
    rows = engine.fetch(
        "SELECT patient_key, cohort FROM intermediate.int_patient_months__memberships "
        "INNER JOIN intermediate.int_patients__numbered USING (patient_number)"
    ).to_pylist()
    engine.close()
    return {(row["patient_key"], row["cohort"]) for row in rows if row["cohort"] in FLAGS}


def test_a_child_has_the_flag_but_is_not_counted(tmp_path: Path) -> None:
    counted = {person for person, flag in members(STOPPED, tmp_path) if flag == "balance_abrupt_stop"}
    assert counted == {"adult", "unknown"}
    engine = build_from(tables_of(STOPPED, "2023-01..2024-12"), "marts.patient_month", tmp_path)
    flagged = engine.fetch("SELECT patient_key FROM marts.patient_month WHERE balance_abrupt_stop ORDER BY 1")
    assert flagged.column("patient_key").to_pylist() == ["adult", "child", "unknown"]


@pytest.mark.parametrize(("age", "is_counted"), [("17", False), ("18", True), ("unknown", True)])
def test_every_balancing_measure_counts_adults_only(age: str, is_counted: bool, tmp_path: Path) -> None:
    expected = {
        ("fall", "balance_fast_fall"),
        ("fall", "balance_substitution"),
        ("fall", "balance_switch"),
        ("fall", "not_seen"),
        ("restart", "balance_restart"),
        ("vanished", "not_seen"),
        ("stopped", "balance_abrupt_stop"),
        ("stopped", "balance_substitution"),
        ("stopped", "not_seen"),
    }
    assert members(LEFT.format(age=age), tmp_path) == (expected if is_counted else set())


def test_every_balancing_measure_is_a_cohort_of_its_name_with_a_first_month() -> None:
    balancing = [measure for measure in SETTINGS.measures.measures if measure.kind == "balancing"]
    assert [measure.id for measure in balancing if measure.unit == "people"] == FLAGS
    assert all(f"first_month_of_data_{flag}" in parameters() for flag in FLAGS)


def test_the_check_finds_who_is_called_not_seen_beside_a_high_dose(tmp_path: Path) -> None:
    engine = build_from(tables_of(LEFT.format(age=50), "2023-01..2024-12"), "marts.patient_month", tmp_path)
    check = models.read_model(assets.SQL_DIR / "checks" / "assert_not_seen_is_apart_from_dose.sql", "checks")
    assert engine.fetch(check.select).num_rows == 0
    broken = check.select.replace(
        "marts.patient_month", "(SELECT * REPLACE (TRUE AS not_seen) FROM marts.patient_month)"
    )
    assert engine.fetch(broken).num_rows > 0
