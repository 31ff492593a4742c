"""Reviews as an input of the build: who is excluded, in which months, from which counts, and the process measures."""

from datetime import date
from pathlib import Path

import pytest
from support import build_from
from text_patients import tables_of

from pipelines.build import reviews_table
from pipelines.engine.base import Engine
from pipelines.reviews import Review, load_outcomes
from pipelines.reviews.store import excluded_now

PEOPLE = """
patient  | months            | product    | quantity | age
high     | 2023-01..2024-12  | MST 60     | 75       |
other    | 2023-01..2024-12  | MST 60     | 75       |
cancer   | 2023-01..2024-12  | MST 60     | 120      |
codeine  | 2024-10..2024-12  | co-codamol | 56       |
child    | 2023-01..2024-12  | MST 60     | 120      | 17
"""


def review(patient: str, day: str, outcome: str) -> Review:
    return Review(patient, date.fromisoformat(day), outcome, "AB")


def built(tmp_path: Path, wanted: str, *reviews: Review) -> Engine:
    return build_from(
        {**tables_of(PEOPLE, "2023-01..2024-12"), "raw.reviews": reviews_table(reviews)}, wanted, tmp_path
    )


def test_an_exclusion_holds_in_every_month_those_before_it_included(tmp_path: Path) -> None:
    engine = built(tmp_path, "marts.patient_month", review("cancer", "2024-11-05", "excluded: cancer"))
    months = engine.fetch("SELECT patient_key, month, excluded, high_dose FROM marts.patient_month").to_pylist()
    engine.close()
    assert {row["patient_key"] for row in months if row["excluded"]} == {"cancer"}
    assert all(row["excluded"] for row in months if row["patient_key"] == "cancer")
    assert len([row for row in months if row["patient_key"] == "cancer"]) == 24
    # 120 x 60 mg a month are 237 mg a day: the cohort does not know of the exclusion.
    assert all(
        row["high_dose"] for row in months if row["patient_key"] == "cancer" and row["month"] >= date(2023, 3, 1)
    )


def test_an_exclusion_leaves_the_measures_without_palliative_care_and_never_the_headline(tmp_path: Path) -> None:
    engine = built(
        tmp_path, "intermediate.int_practice_months__cohorts", review("cancer", "2024-11-05", "excluded: cancer")
    )
    counts = engine.fetch(
        "SELECT month, measure, patients FROM intermediate.int_practice_months__cohorts WHERE measure LIKE 'high_dose%'"
    ).to_pylist()
    engine.close()
    by_measure = {(row["measure"], row["month"]): row["patients"] for row in counts}
    for month in (date(2023, 6, 1), date(2024, 11, 1)):
        # high, other, cancer and the child; without: high and other.
        assert by_measure["high_dose", month] == 4
        assert by_measure["high_dose_adult_no_palliative", month] == 2


def test_the_excluded_leave_the_list_and_are_named_apart(tmp_path: Path) -> None:
    reviews = [
        review("cancer", "2024-11-05", "excluded: cancer"),
        review("cancer", "2024-11-20", "excluded: palliative"),
    ]
    reviews += [review("codeine", "2024-11-05", "excluded: cancer")]
    engine = built(tmp_path, "marts.case_list_excluded", *reviews)
    excluded = engine.fetch("SELECT * FROM marts.case_list_excluded").to_pylist()
    engine.close()
    engine = built(tmp_path, "marts.case_list", *reviews)
    listed = engine.fetch("SELECT patient_key FROM marts.case_list").to_pylist()
    engine.close()
    # Two months of codeine put nobody on the list, excluded or not.
    (row,) = excluded
    wanted = {
        "patient_key": "cancer",
        "priority": 1,
        "practice_code": "A81001",
        "exclusion": "cancer and palliative care",
        "excluded_on": date(2024, 11, 5),
        "as_at_month": date(2024, 11, 1),
    }
    assert {name: row[name] for name in wanted} == wanted
    assert {row["patient_key"] for row in listed} == {"high", "other"}


@pytest.mark.parametrize(
    "told",
    [
        [("2024-11-05", "excluded: cancer")],
        [("2024-11-05", "excluded: cancer"), ("2024-11-09", "dose reduced")],
        [("2024-11-05", "excluded: cancer"), ("2024-11-09", "exclusion ended")],
        [("2024-11-05", "excluded: cancer"), ("2024-11-05", "exclusion ended")],
        [("2024-11-05", "exclusion ended"), ("2024-11-09", "excluded: palliative")],
        [("2024-11-05", "unable to contact")],
    ],
)
def test_the_build_and_the_lists_mean_the_same_by_excluded(tmp_path: Path, told: list[tuple[str, str]]) -> None:
    reviews = [review("cancer", day, outcome) for day, outcome in told]
    engine = built(tmp_path, "intermediate.int_reviews__exclusions", *reviews)
    keys = {
        row["patient_key"]
        for row in engine.fetch("SELECT patient_key FROM intermediate.int_reviews__exclusions").to_pylist()
    }
    engine.close()
    assert keys == excluded_now(reviews, load_outcomes())


def test_the_work_of_reviewing_is_counted_by_month(tmp_path: Path) -> None:
    engine = built(
        tmp_path,
        "intermediate.int_reviews__memberships",
        review("high", "2024-09-05", "dose reduced"),
        review("high", "2024-09-05", "naloxone supplied"),
        review("high", "2024-11-30", "declined"),
        review("other", "2024-10-01", "unable to contact"),
        review("cancer", "2024-10-02", "excluded: cancer"),
        review("stranger", "2024-10-02", "stopped"),
    )
    rows = engine.fetch(
        "SELECT cohort, month, patient_key, practice_code FROM intermediate.int_reviews__memberships "
        "INNER JOIN intermediate.int_patients__numbered USING (patient_number) "
        "WHERE month >= '2024-09-01'"
    ).to_pylist()
    engine.close()
    members = {(row["cohort"], row["month"].isoformat()[:7], row["patient_key"], row["practice_code"]) for row in rows}
    of = {name: sorted(member[1:] for member in members if member[0] == name) for name in {m[0] for m in members}}
    assert of["reviewed"] == [
        ("2024-09", "high", "A81001"),
        ("2024-10", "cancer", "A81001"),
        ("2024-10", "stranger", "-"),
        ("2024-11", "high", "A81001"),
    ]
    assert of["reviewed_with_plan"] == [("2024-09", "high", "A81001"), ("2024-10", "stranger", "-")]
    assert of["listed"] == [(f"2024-{month:02}", who, "A81001") for month in range(9, 13) for who in ("high", "other")]
    assert of["listed_again"] == [(f"2024-{month}", "high", "A81001") for month in (10, 11, 12)]
