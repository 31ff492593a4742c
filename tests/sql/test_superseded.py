"""An old definition of a high dose that no cohort of today has: by hand, on the line and beside it."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from support import SETTINGS, build_from
from text_patients import tables_of

from pipelines.measure_settings import SupersededDefinition
from pipelines.statistics.measures import old_rules_table

# January to March 2024 have 91 days, December to March 122. 90 mg a day over three months are 8,190 mg.
# line: 136.5 tablets of 60 mg = 8,190 mg, exactly 90 a day. over: half a tablet more. late: 300 tablets in March alone.
PEOPLE = """
patient | months           | product | quantity | age
line    | 2024-01..2024-03 | MST 60  | 45.5     | 60
over    | 2024-01..2024-02 | MST 60  | 45.5     | 60
over    | 2024-03          | MST 60  | 46       | 60
under   | 2024-01..2024-02 | MST 60  | 45.5     | 60
under   | 2024-03          | MST 60  | 45       | 60
late    | 2024-03          | MST 60  | 300      | 60
child   | 2024-01..2024-03 | MST 60  | 60       | 17
"""


def counted(spill: Path, rule: dict[str, Any], month: str = "2024-03-01") -> dict[str, bool]:
    """Who is counted by an old rule in a month, and whether without under-18s and likely end of life too."""
    old = SupersededDefinition(version="2025-11", last_month="2025-10", rules={"high_dose": rule})  # type: ignore[dict-item]
    cohorts = SETTINGS.cohorts.model_copy(update={"superseded": (old,)})
    rules = old_rules_table(SETTINGS.model_copy(update={"cohorts": cohorts}))
    given = {**tables_of(PEOPLE, "2023-01..2024-12"), "reference.superseded_rules": rules}
    engine = build_from(given, "intermediate.int_patient_months__memberships", spill)
    rows = engine.fetch(
        "SELECT * FROM intermediate.int_patient_months__memberships "
        "INNER JOIN intermediate.int_patients__numbered USING (patient_number) WHERE cohort = 'high_dose_until_2025_11'"
    ).to_pylist()
    engine.close()
    return {row["patient_key"]: row["is_without"] for row in rows if row["month"].isoformat() == month}


def test_exactly_on_the_line_counts_only_where_the_rule_says_so(tmp_path: Path) -> None:
    assert set(counted(tmp_path, {"ome_mg_per_day": 90, "comparison": ">", "windows": ["3m"]})) == {"over", "child"}
    at_it = counted(tmp_path, {"ome_mg_per_day": 90, "comparison": ">=", "windows": ["3m"]})
    assert at_it == {"line": True, "over": True, "child": False}


def test_each_window_must_be_above_the_line(tmp_path: Path) -> None:
    # March alone: 18,000 mg of 31 days are 580 a day, of the six months since the episode began in March the same.
    one = {"ome_mg_per_day": 300, "comparison": ">", "windows": ["1m"], "months_covered": 1}
    assert set(counted(tmp_path, one)) == {"late"}
    # In April nothing was dispensed: of one month 0, of three months 18,000 mg of 61 days, 295.
    april = "2024-04-01"
    assert counted(tmp_path, one, april) == {}
    three = {**one, "ome_mg_per_day": 290, "windows": ["3m"]}
    assert set(counted(tmp_path, three, april)) == {"late"}
    assert counted(tmp_path, {**three, "windows": ["1m", "3m"]}, april) == {}


def test_a_rule_may_ask_for_covered_months(tmp_path: Path) -> None:
    # The episode began in March: one month is covered.
    rule = {"ome_mg_per_day": 300, "comparison": ">", "windows": ["3m"], "months_covered": 1}
    assert set(counted(tmp_path, rule)) == {"late"}
    assert counted(tmp_path, {**rule, "months_covered": 2}) == {}


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, "give measures"),
        ({"rules": {"all_three": {"ome_mg_per_day": 90, "comparison": ">"}}}, "a dose alone does not make it"),
        ({"rules": {"high_dose": {"ome_mg_per_day": 90, "comparison": ">", "windows": ["2m"]}}}, "'1m', '3m', '6m' or"),
        ({"rules": {"high_dose": {"ome_mg_per_day": 0, "comparison": ">"}}}, "greater than 0"),
        (
            {
                "measures": {"high_dose": "high_dose_ge90"},
                "rules": {"high_dose": {"ome_mg_per_day": Decimal(90), "comparison": ">"}},
            },
            "either a cohort of today or a rule",
        ),
    ],
)
def test_a_rule_that_cannot_be_kept_is_refused_in_words(given: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        SupersededDefinition(version="2025-11", last_month="2025-10", **given)
