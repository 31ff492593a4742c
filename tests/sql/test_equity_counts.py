"""People of a cohort by deprivation, age and sex: six people by hand in, counts now, then and in both out."""

from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path

import pyarrow as pa
import pytest
from support import SETTINGS, build_from

from pipelines.statistics.measures import measures_table

DEC, JAN, FEB = date(2024, 12, 1), date(2025, 1, 1), date(2025, 2, 1)
# Practice A is in one ICB, B in another; "-" is in no practice.
LEVELS = [("A", "icb", "QA"), ("A", "all", "all"), ("B", "icb", "QB"), ("B", "all", "all"), ("-", "all", "all")]
# Month, practice, age, sex, decile of deprivation (1 is the most deprived; two deciles are a quintile).
Months = Sequence[tuple[date, str, int | None, str | None, int | None]]
PEOPLE: Mapping[str, Months] = {
    "ann, who has a birthday": [(JAN, "A", 39, "F", 2), (FEB, "A", 40, "F", 2)],
    "bob, who moves to B": [(JAN, "A", 80, "M", 10), (FEB, "B", 80, "M", 10)],
    "cid, of whom nothing is known": [(FEB, "B", None, None, None)],
    "dot, in no practice": [(JAN, "-", 66, "F", 5), (FEB, "-", 66, "F", 6)],
    "eve, who leaves the cohort": [(JAN, "A", 17, "F", 1)],
    "fay, who left it before the baseline": [(DEC, "B", 20, "F", 8)],
}
# Ann is in these too; the first has flows and a baseline of one month, the second no flows, the third two months.
OTHER_COHORTS = ("long_term", "any_opioid", "opioid_gabapentinoid")
BASELINES = [
    (SETTINGS.aims.default, "high_dose", JAN, JAN),
    ("another", "high_dose", FEB, FEB),
    (SETTINGS.aims.default, "long_term", FEB, FEB),
    (SETTINGS.aims.default, "any_opioid", JAN, JAN),
    (SETTINGS.aims.default, "opioid_gabapentinoid", JAN, FEB),
]


def rows_of(names: str, rows: Sequence[tuple[object, ...]]) -> pa.Table:
    return pa.Table.from_pylist([dict(zip(names.split(), row, strict=True)) for row in rows])


def counted(
    spill: Path, given: Mapping[str, Months] = PEOPLE, measure: str = "high_dose"
) -> dict[tuple[str, date], dict[str, tuple[int, int, int]]]:
    """By place and month, then by dimension and value: people now, at the baseline and in both."""
    people = [(key, *month) for key, months in given.items() for month in months]
    members = [(key, month, practice, True, "high_dose") for key, month, practice, *_ in people]
    members += [(*row[:4], cohort) for row in members if row[0].startswith("ann") for cohort in OTHER_COHORTS]
    tables = {
        "intermediate.int_patient_months__memberships": rows_of(
            "patient_number month practice_code is_without cohort", members
        ),
        "intermediate.int_patient_months__judged": rows_of(
            "patient_number month practice_code age sex imd_decile", people
        ),
        "intermediate.int_organisations__levels": rows_of("practice_code org_level org_code", LEVELS),
        "intermediate.int_months__patient": rows_of(
            "month is_loaded is_provisional", [(DEC, True, False), (JAN, True, False), (FEB, True, True)]
        ),
        "intermediate.int_measures__baseline": rows_of(
            "aim measure baseline_first_month baseline_last_month", BASELINES
        ),
        "reference.measures": measures_table(SETTINGS),
    }
    engine = build_from(tables, "intermediate.int_equity__counts", spill)
    table = engine.fetch("SELECT * FROM intermediate.int_equity__counts").to_pylist()
    engine.close()
    assert {row["measure"] for row in table} <= {"high_dose", "long_term"}
    found: dict[tuple[str, date], dict[str, tuple[int, int, int]]] = {}
    for row in table:
        assert row["baseline_month"] == (JAN if row["measure"] == "high_dose" else FEB)
        assert row["provisional"] == (row["month"] == FEB)
        if row["measure"] == measure:
            group = f"{row['dimension']} {row['dimension_value']}"
            counts = (row["people"], row["baseline_people"], row["people_in_both"])
            assert group not in found.setdefault((row["org_code"], row["month"]), {})
            found[row["org_code"], row["month"]][group] = counts
    return found


def test_people_are_counted_where_they_stand_and_in_both_months_where_they_stood_there_then_too(tmp_path: Path) -> None:
    found = counted(tmp_path)
    assert found["all", FEB] == {
        "age_band under 18": (0, 1, 0),
        "age_band 18 to 39": (0, 1, 0),
        "age_band 40 to 64": (1, 0, 0),
        "age_band 65 to 74": (1, 1, 1),
        "age_band 75 and over": (1, 1, 1),
        "age_band unknown": (1, 0, 0),
        "sex F": (2, 3, 2),
        "sex M": (1, 1, 1),
        "sex unknown": (1, 0, 0),
        "imd_quintile quintile 1": (1, 2, 1),
        "imd_quintile quintile 3": (1, 1, 1),
        "imd_quintile quintile 5": (1, 1, 1),
        "imd_quintile unknown": (1, 0, 0),
    }
    assert found["QA", FEB] == {
        "age_band under 18": (0, 1, 0),
        "age_band 18 to 39": (0, 1, 0),
        "age_band 40 to 64": (1, 0, 0),
        "age_band 75 and over": (0, 1, 0),
        "sex F": (1, 2, 1),
        "sex M": (0, 1, 0),
        "imd_quintile quintile 1": (1, 2, 1),
        "imd_quintile quintile 5": (0, 1, 0),
    }
    # Bob is in the cohort in both months, and was not in this ICB then.
    assert found["QB", FEB] == {
        "age_band 75 and over": (1, 0, 0),
        "age_band unknown": (1, 0, 0),
        "sex M": (1, 0, 0),
        "sex unknown": (1, 0, 0),
        "imd_quintile quintile 5": (1, 0, 0),
        "imd_quintile unknown": (1, 0, 0),
    }


def test_at_the_baseline_itself_everybody_is_in_both(tmp_path: Path) -> None:
    found = counted(tmp_path)
    assert found["QA", JAN]["sex F"] == (2, 2, 2)
    assert found["all", JAN]["sex F"] == (3, 3, 3)
    for (_, month), groups in found.items():
        assert month != JAN or all(now == then == both for now, then, both in groups.values())


def test_each_cohort_is_counted_from_its_own_baseline_on(tmp_path: Path) -> None:
    found = counted(tmp_path, measure="long_term")
    everybody = {"age_band 40 to 64": (1, 1, 1), "sex F": (1, 1, 1), "imd_quintile quintile 1": (1, 1, 1)}
    assert found == {("all", FEB): everybody, ("QA", FEB): everybody}


@pytest.mark.parametrize(
    ("ages", "band"),
    [
        ((0, 17), "under 18"),
        ((18, 39), "18 to 39"),
        ((40, 64), "40 to 64"),
        ((65, 74), "65 to 74"),
        ((75, 110), "75 and over"),
    ],
)
def test_a_band_has_its_first_and_its_last_year(tmp_path: Path, ages: tuple[int, int], band: str) -> None:
    found = counted(tmp_path, {str(age): [(JAN, "A", age, "F", 1)] for age in ages})
    assert found["all", JAN][f"age_band {band}"] == (2, 2, 2)


@pytest.mark.parametrize("quintile", [1, 2, 3, 4, 5])
def test_two_deciles_are_a_quintile(tmp_path: Path, quintile: int) -> None:
    deciles = (2 * quintile - 1, 2 * quintile)
    found = counted(tmp_path, {str(decile): [(JAN, "A", 50, "F", decile)] for decile in deciles})
    assert found["all", JAN][f"imd_quintile quintile {quintile}"] == (2, 2, 2)
