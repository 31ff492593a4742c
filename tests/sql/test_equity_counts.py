"""People of a cohort by deprivation, age and sex: five people by hand in, counts now, then and in both out."""

from datetime import date
from pathlib import Path

import pyarrow as pa
from support import SETTINGS, build_from

from pipelines.statistics.measures import measures_table

JAN, FEB = date(2025, 1, 1), date(2025, 2, 1)
# Practice A is in one ICB, B in another; "-" is in no practice.
LEVELS = [("A", "icb", "QA"), ("A", "all", "all"), ("B", "icb", "QB"), ("B", "all", "all"), ("-", "all", "all")]
# Month, practice, age, sex, decile of deprivation (1 is the most deprived; two deciles are a quintile).
PEOPLE = {
    "ann, who has a birthday": [(JAN, "A", 39, "F", 2), (FEB, "A", 40, "F", 2)],
    "bob, who moves to B": [(JAN, "A", 80, "M", 10), (FEB, "B", 80, "M", 10)],
    "cid, of whom nothing is known": [(FEB, "B", None, None, None)],
    "dot, in no practice": [(JAN, "-", 66, "F", 5), (FEB, "-", 66, "F", 6)],
    "eve, who leaves the cohort": [(JAN, "A", 17, "F", 1)],
}


def counted(spill: Path) -> dict[tuple[str, date], dict[str, tuple[int, int, int]]]:
    """By place and month, then by dimension and value: people now, at the baseline and in both."""
    rows = [
        {
            "patient_number": key,
            "month": month,
            "practice_code": practice,
            "is_without": True,
            "cohort": "high_dose",
            "age": age,
            "sex": sex,
            "imd_decile": decile,
        }
        for key, months in PEOPLE.items()
        for month, practice, age, sex, decile in months
    ]
    people = pa.Table.from_pylist(rows)
    names = ("practice_code", "org_level", "org_code")
    given = {
        "intermediate.int_patient_months__memberships": people.select(
            ["patient_number", "month", "practice_code", "is_without", "cohort"]
        ),
        "intermediate.int_patient_months__judged": people.select(
            ["patient_number", "month", "age", "sex", "imd_decile"]
        ),
        "intermediate.int_organisations__levels": pa.Table.from_pylist(
            [dict(zip(names, row, strict=True)) for row in LEVELS]
        ),
        "intermediate.int_months__patient": pa.table(
            {"month": [JAN, FEB], "is_loaded": [True, True], "is_provisional": [False, True]}
        ),
        "intermediate.int_measures__baseline": pa.table(
            {
                "aim": [SETTINGS.aims.default],
                "measure": ["high_dose"],
                "baseline_first_month": [JAN],
                "baseline_last_month": [JAN],
            }
        ),
        "reference.measures": measures_table(SETTINGS),
    }
    engine = build_from(given, "intermediate.int_equity__counts", spill)
    table = engine.fetch("SELECT * FROM intermediate.int_equity__counts").to_pylist()
    engine.close()
    found: dict[tuple[str, date], dict[str, tuple[int, int, int]]] = {}
    for row in table:
        assert row["measure"] == "high_dose"
        assert row["baseline_month"] == JAN
        assert row["provisional"] == (row["month"] == FEB)
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
