"""F13 for list sizes: all patients, men, women and five-year bands come in deliveries of their own, in any order."""

import itertools
from collections.abc import Sequence
from typing import Any

import pytest
from faults.desk import Desk

from pipelines import assets
from pipelines.build import BuildInputs, build
from pipelines.engine.duckdb import DuckDBEngine
from pipelines.ingest.register import Register

# Two practices: 300 and 100 people. By year of age: men 17, 40, 95 and over; women 40 and 80.
ALL = (
    "EXTRACT_DATE,TYPE,CODE,SEX,AGE,NUMBER_OF_PATIENTS\n"
    "01JAN2026,GP,Z10001,ALL,ALL,300\n"
    "01JAN2026,GP,Z10002,ALL,ALL,100\n"
)
SINGLE = "EXTRACT_DATE,CCG_CODE,ORG_CODE,POSTCODE,SEX,AGE,NUMBER_OF_PATIENTS\n"
MEN = SINGLE + "".join(
    f"01JAN2026,00T,{code},X,MALE,{age},{count}\n"
    for code, ages in (("Z10001", (150, 50, 90, 10)), ("Z10002", (60, 20, 30, 10)))
    for age, count in zip(("ALL", "17", "40", "95+"), ages, strict=True)
)
WOMEN = SINGLE + "".join(
    f"01JAN2026,00T,{code},X,FEMALE,{age},{count}\n"
    for code, ages in (("Z10001", (150, 100, 50)), ("Z10002", (40, 30, 10)))
    for age, count in zip(("ALL", "40", "80"), ages, strict=True)
)
BANDS = "EXTRACT_DATE,ORG_TYPE,ORG_CODE,SEX,AGE_GROUP_5,NUMBER_OF_PATIENTS\n" + "".join(
    f"01JAN2026,{kind},{code},{sex},{age},{count}\n"
    for kind, code, sex, age, count in (
        ("GP", "Z10001", "ALL", "ALL", 300),
        ("GP", "Z10001", "MALE", "ALL", 150),
        ("GP", "Z10001", "MALE", "15_19", 50),
        ("GP", "Z10001", "MALE", "40_44", 90),
        ("GP", "Z10001", "MALE", "95+", 10),
        ("PCN", "U12345", "ALL", "ALL", 9000),
    )
)
KINDS = {"all.csv": ALL, "men.csv": MEN, "women.csv": WOMEN, "bands.csv": BANDS}


def lists(desk: Desk, wanted: str = "intermediate.int_list_sizes__monthly") -> list[dict[str, Any]]:
    engine = DuckDBEngine(None, desk.folder)
    loaded = tuple(Register(desk.data).loaded_months())
    inputs = BuildInputs(desk.data, desk.settings, loaded, assets.SQL_DIR, assets.REFERENCE_DIR, None)
    try:
        build(inputs, engine, [wanted])
        rows: list[dict[str, Any]] = engine.fetch(f"SELECT * FROM {wanted} ORDER BY ALL").to_pylist()
        return rows
    finally:
        engine.close()


def sizes(desk: Desk) -> dict[str, int]:
    return {row["practice_code"]: row["registered_patients"] for row in lists(desk)}


def deliver(desk: Desk, *names: str) -> None:
    for name in names:
        desk.add(desk.file(name, KINDS[name]))
        desk.land()


@pytest.mark.parametrize("order", list(itertools.permutations(KINDS))[::5])
def test_f13_parts_of_a_month_in_deliveries_of_their_own_stay_beside_each_other(
    desk: Desk, order: Sequence[str]
) -> None:
    deliver(desk, *order)
    assert sizes(desk) == {"Z10001": 300, "Z10002": 100}
    assert all(month.is_current for month in Register(desk.data).loaded_months())
    by_sex = lists(desk, "intermediate.int_list_sizes__by_sex")
    assert {(row["practice_code"], row["sex"]): row["registered_patients"] for row in by_sex} == {
        ("Z10001", "MALE"): 150, ("Z10001", "FEMALE"): 150, ("Z10002", "MALE"): 60, ("Z10002", "FEMALE"): 40,
    }  # fmt: skip
    by_age = {
        (row["practice_code"], row["sex"], row["form"], row["first_age"]): row["registered_patients"]
        for row in lists(desk, "intermediate.int_list_sizes__by_age")
    }
    # The open last age is both a year and a band, and counts once in each.
    assert {key[2:]: n for key, n in by_age.items() if key[:2] == ("Z10001", "MALE")} == {
        ("years", 17): 50, ("years", 40): 90, ("years", 95): 10,
        ("bands", 15): 50, ("bands", 40): 90, ("bands", 95): 10,
    }  # fmt: skip


def test_f13_a_part_published_anew_replaces_that_part_alone(desk: Desk) -> None:
    deliver(desk, *KINDS)
    desk.log.clear()
    anew = MEN.replace("Z10001,X,MALE,40,90", "Z10001,X,MALE,40,91").replace(
        "Z10001,X,MALE,ALL,150", "Z10001,X,MALE,ALL,151"
    )
    desk.add(desk.file("men_v2.csv", anew))
    desk.land()
    current = {m.file.file_name: m.is_current for m in Register(desk.data).loaded_months()}
    assert current == {"all.csv": True, "men.csv": False, "women.csv": True, "bands.csv": True, "men_v2.csv": True}
    assert "men_v2.csv replaces 2026-01 of list_sizes (was men.csv): 8 rows before, 8 rows now." in desk.said
    assert "was all.csv" not in desk.said
    # The whole is that of the file of all, and not 151 + 150.
    assert sizes(desk)["Z10001"] == 300


def test_f13_a_file_of_men_and_women_replaces_both_and_not_the_whole(desk: Desk) -> None:
    deliver(desk, "all.csv", "men.csv", "women.csv")
    both = MEN + "\n".join(WOMEN.splitlines()[1:]) + "\n"
    desk.add(desk.file("both.csv", both.replace("Z10002,X,MALE,95+,10", "Z10002,X,MALE,95+,11")))
    desk.land()
    current = {m.file.file_name for m in Register(desk.data).loaded_months() if m.is_current}
    assert current == {"all.csv", "both.csv"}


def test_f13_men_published_anew_after_a_file_of_both_count_once(desk: Desk) -> None:
    both = MEN + "\n".join(WOMEN.splitlines()[1:]) + "\n"
    desk.add(desk.file("both.csv", both))
    desk.land()
    desk.add(desk.file("men.csv", MEN.replace("MALE,ALL,150", "MALE,ALL,151")))
    desk.land()
    # 151 men by the later file, 150 women by the earlier.
    assert sizes(desk) == {"Z10001": 301, "Z10002": 100}


@pytest.mark.parametrize("name", ["men.csv", "women.csv"])
def test_f12_one_sex_alone_is_no_list_size(desk: Desk, name: str) -> None:
    deliver(desk, name)
    assert sizes(desk) == {}


def test_men_and_women_without_the_whole_are_summed(desk: Desk) -> None:
    deliver(desk, "men.csv", "women.csv")
    assert sizes(desk) == {"Z10001": 300, "Z10002": 100}
