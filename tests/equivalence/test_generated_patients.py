"""The SQL equals the naive twin on patients generated to stand on the boundaries of the rules.

Many patients go into one build, for a build costs more than a patient. OPIOIDS_TWIN_EXAMPLES sets how many builds
(`make test-twin`: many, and different ones each time); by default a few, always the same.
"""

import os
import re
import tempfile
from collections import Counter
from datetime import date
from decimal import Decimal
from pathlib import Path

from boundary_patients import GP_PRACTICES, LOADED_MONTHS, Course, items_of, patients
from comparison import differences
from hypothesis import HealthCheck, Phase, Verbosity, given, settings
from hypothesis import strategies as st
from naive import BALANCING, COHORTS, patient_months

EXAMPLES = int(os.environ.get("OPIOIDS_TWIN_EXAMPLES", "8"))
IS_LONG = "OPIOIDS_TWIN_EXAMPLES" in os.environ
many_patients = st.lists(patients, min_size=100, max_size=160)


def generated(examples: int) -> settings:
    "Shrinking takes hundreds of builds: it is for the long run, where somebody waits for a small case"
    always = (Phase.explicit, Phase.generate)
    return settings(
        max_examples=examples,
        derandomize=not IS_LONG,
        database=None,
        deadline=None,
        phases=(*always, Phase.shrink) if IS_LONG else always,
        # A hundred patients are no message: the assertion says what differs, and who it is.
        verbosity=Verbosity.quiet,
        suppress_health_check=list(HealthCheck),
    )


@generated(EXAMPLES)
@given(people=many_patients, loaded=st.sampled_from(LOADED_MONTHS))
def test_the_sql_equals_the_naive_twin_on_generated_patients(people: list[list[Course]], loaded: list[date]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        wrong = list(differences(items_of(people, loaded), loaded, GP_PRACTICES, Path(folder)))
    assert not wrong, "\n".join([*wrong[:5], *map(str, courses_of(wrong[0], people))])


def courses_of(difference: str, people: list[list[Course]]) -> list[Course]:
    "What the patient was dispensed of whom a difference like `('p0007', …` speaks"
    named = re.search(r"'p(\d+)'", difference)
    return people[int(named[1]) - 1] if named else []


def test_generated_patients_reach_both_sides_of_every_rule_and_stand_on_its_line() -> None:
    found: Counter[tuple[str, object]] = Counter()

    @generated(5)
    @given(people=many_patients, loaded=st.sampled_from(LOADED_MONTHS))
    def look(people: list[list[Course]], loaded: list[date]) -> None:
        for row in patient_months(items_of(people, loaded), loaded, GP_PRACTICES).values():
            found.update((rule, row[rule]) for rule in (*COHORTS, *BALANCING, "is_adult", "near_threshold"))
            found.update((rule, row[rule]) for rule in ("palliative_proxy", "high_dose_status", "opioid_run_months"))
            found.update(("rounded dose", row[f"ome_mg_per_day_{window}"]) for window in ("3m", "6m"))

    look()
    assert [rule for rule in (*COHORTS, *BALANCING) if not (found[rule, True] and found[rule, False])] == []
    assert all(found["high_dose_status", status] for status in ("unknown", "possible", "recent", "new", "below"))
    assert all(found["palliative_proxy", sign] for sign in ("strong", "moderate", "none"))
    assert all(found["opioid_run_months", months] for months in (3, 4, 6, 7))
    assert all(found["is_adult", said] for said in (True, False, None))
    on_the_line = [line for line in ("90", "119.9999", "120", "120.0001") if not found["rounded dose", Decimal(line)]]
    assert on_the_line == []
