"""Who is counted in a cohort, and who also in its twin of adults without palliative care: by hand."""

from datetime import date
from pathlib import Path
from typing import Any

import naive
import pyarrow as pa
import pytest
from support import build_from

JUNE = date(2025, 6, 1)
COHORTS = (*naive.COHORTS, *naive.BALANCING, "near_threshold", "dose_is_lower_bound")


def person(name: str, *cohorts: str, **given: Any) -> dict[str, Any]:
    known = {"practice_code": "A", "is_adult": True, "palliative_proxy": None, "excluded": False, **given}
    return {"patient_number": name, "month": JUNE, **known, **{cohort: cohort in cohorts for cohort in COHORTS}}


def members(folder: Path, *people: dict[str, Any]) -> list[tuple[str, str, bool]]:
    flagged = pa.Table.from_pylist(
        list(people),
        pa.schema(
            [
                ("patient_number", pa.string()),
                ("month", pa.date32()),
                ("practice_code", pa.string()),
                ("is_adult", pa.bool_()),
                ("palliative_proxy", pa.string()),
                ("excluded", pa.bool_()),
                *((cohort, pa.bool_()) for cohort in COHORTS),
            ]
        ),
    )
    none = pa.schema(
        [(name, pa.string()) for name in ("patient_number", "practice_code", "cohort")]
        + [("month", pa.date32()), ("is_without", pa.bool_())]
    ).empty_table()
    given = {
        "intermediate.int_patient_months__flagged": flagged,
        "intermediate.int_reviews__memberships": none,
        "intermediate.int_superseded__memberships": none,
    }
    engine = build_from(given, "intermediate.int_patient_months__memberships", folder)
    asked = "SELECT patient_number, cohort, is_without, practice_code FROM intermediate.int_patient_months__memberships"
    rows = engine.fetch(asked).to_pylist()
    engine.close()
    return sorted((row["patient_number"], row["cohort"], row["is_without"]) for row in rows)


@pytest.mark.parametrize(
    ("given", "is_without"),
    [
        ({}, True),
        # Of unknown age: never left out for want of it.
        ({"is_adult": None}, True),
        ({"is_adult": False}, False),
        ({"palliative_proxy": "strong"}, False),
        # A moderate sign is a caution, no reason to leave somebody out.
        ({"palliative_proxy": "moderate"}, True),
        ({"excluded": True}, False),
    ],
)
def test_the_twin_leaves_out_children_strong_palliative_signs_and_the_excluded(
    given: dict[str, Any], is_without: bool, tmp_path: Path
) -> None:
    assert members(tmp_path, person("p", "high_dose", **given)) == [("p", "high_dose", is_without)]


@pytest.mark.parametrize(("is_adult", "counted"), [(True, True), (None, True), (False, False)])
def test_balancing_measures_count_no_child_and_other_cohorts_do(
    is_adult: bool | None, counted: bool, tmp_path: Path
) -> None:
    found = members(tmp_path, person("p", *COHORTS, is_adult=is_adult))
    expected = {*COHORTS, "dose_unknown"} - {"dose_is_lower_bound"} - (set() if counted else {*naive.BALANCING})
    assert [cohort for _, cohort, _ in found] == sorted(expected)


def test_whoever_is_in_no_cohort_is_no_row(tmp_path: Path) -> None:
    assert members(tmp_path, person("nobody"), person("p", "escalating")) == [("p", "escalating", True)]
