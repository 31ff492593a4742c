"""Local returns in the warehouse: who counts where, nothing twice, nothing dropped, nothing filled in."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import support
from returns.filled import HOSPITAL_COSTS, HOSPITAL_VALUES

from pipelines.engine.base import Engine
from pipelines.returns import ReturnRow, returns_tables

# Q1 holds PCN U1 (practices A1, A2), PCN U2 (A3) and practice A4, which is in no PCN; Q2 holds U3.
PLACES = [
    ("all", "all", None, None),
    ("icb", "Q1", None, "Q1"),
    ("icb", "Q2", None, "Q2"),
    ("sub_icb", "S1", None, "Q1"),
    ("pcn", "U1", "U1", "Q1"),
    ("pcn", "U2", "U2", "Q1"),
    ("pcn", "U3", "U3", "Q2"),
    ("practice", "A1", "U1", "Q1"),
    ("practice", "A2", "U1", "Q1"),
    ("practice", "A3", "U2", "Q1"),
    ("practice", "A4", None, "Q1"),
]


def organisations() -> pa.Table:
    rows = [
        {"org_level": level, "org_code": code, "org_name": f"Name {code}", "pcn_code": pcn, "icb_code": icb}
        for level, code, pcn, icb in PLACES
    ]
    return pa.Table.from_pylist([{**row, "is_gp_practice": None, "region_code": "Y1"} for row in rows]).cast(
        pa.schema(
            [
                ("org_level", pa.string()),
                ("org_code", pa.string()),
                ("org_name", pa.string()),
                ("pcn_code", pa.string()),
                ("icb_code", pa.string()),
                ("is_gp_practice", pa.bool_()),
                ("region_code", pa.string()),
            ]
        )
    )


def returned(sheet: str, **cells: Any) -> ReturnRow:
    plain = {name: None if cell is None else str(cell) for name, cell in cells.items()}
    return ReturnRow(sheet, tuple(map(str, plain.values())), tuple(plain.items()))


def local(org: str, value: Any, measure: str = "mdt_cases", month: str = "2025-03-01", of: Any = None) -> ReturnRow:
    return returned("local_returns", month=month, organisation=org, measure=measure, value=value, denominator=of)


def built(rows: list[ReturnRow], wanted: str, tmp_path: Path) -> Engine:
    given = {**returns_tables(rows), "intermediate.int_organisations__attributes": organisations()}
    return support.build_from(given, wanted, tmp_path)


def summed(rows: list[ReturnRow], tmp_path: Path) -> dict[tuple[str, str], dict[str, Any]]:
    engine = built(rows, "intermediate.int_returns__summed", tmp_path)
    found = engine.fetch("SELECT * FROM intermediate.int_returns__summed").to_pylist()
    engine.close()
    assert len({(row["org_level"], row["org_code"], row["month"], row["measure"]) for row in found}) == len(found)
    return {(row["org_level"], row["org_code"]): row for row in found}


def test_what_practices_and_pcns_return_adds_up_to_the_icb_and_to_all(tmp_path: Path) -> None:
    found = summed([local("A1", 2), local("A2", 3), local("A4", 5), local("U2", 7), local("U3", 11)], tmp_path)
    assert {place: int(row["numerator"]) for place, row in found.items()} == {
        ("practice", "A1"): 2,
        ("practice", "A2"): 3,
        ("practice", "A4"): 5,
        ("pcn", "U1"): 2 + 3,
        ("pcn", "U2"): 7,
        ("pcn", "U3"): 11,
        ("icb", "Q1"): 2 + 3 + 5 + 7,
        ("icb", "Q2"): 11,
        ("all", "all"): 2 + 3 + 5 + 7 + 11,
    }
    assert found["icb", "Q1"]["returned_by"] == "A1,A2,A4,U2"
    assert (found["icb", "Q1"]["returns_counted"], found["icb", "Q1"]["is_own"]) == (4, False)
    assert (found["pcn", "U2"]["returned_by"], found["pcn", "U2"]["is_own"]) == ("U2", True)


def test_what_an_organisation_returns_itself_is_not_added_to_its_parts(tmp_path: Path) -> None:
    found = summed([local("A1", 2), local("A2", 3), local("U1", 9), local("Q1", 20), local("U3", 1)], tmp_path)
    counts = {place: int(row["numerator"]) for place, row in found.items()}
    assert counts["pcn", "U1"] == 9
    assert counts["icb", "Q1"] == 20
    assert counts["all", "all"] == 20 + 1
    assert counts["practice", "A1"] == 2


def test_a_return_for_all_stands_above_everything(tmp_path: Path) -> None:
    found = summed([local("Q1", 20), local("all", 50)], tmp_path)
    assert int(found["all", "all"]["numerator"]) == 50


def test_parts_and_wholes_of_shares_are_added_apart_and_months_are_not_mixed(tmp_path: Path) -> None:
    share = "discharge_letters_with_plan"
    rows = [local("U1", 8, share, of=10), local("U2", 9, share, of=30), local("U1", 1, share, "2025-02-01", of=2)]
    engine = built(rows, "intermediate.int_returns__summed", tmp_path)
    found = engine.fetch(
        "SELECT * FROM intermediate.int_returns__summed WHERE org_level = 'icb' ORDER BY month"
    ).to_pylist()
    assert [(int(row["numerator"]), int(row["denominator"])) for row in found] == [(1, 2), (17, 40)]


def test_a_row_of_an_organisation_nobody_knows_is_kept_and_counts_nowhere(tmp_path: Path) -> None:
    rows = [local("Z9", 4), local("U1", 6), local("S1", 8)]
    engine = built(rows, "marts.local_returns", tmp_path)
    found = {row["org_code"]: row for row in engine.fetch("SELECT * FROM marts.local_returns").to_pylist()}
    # A sub-ICB location is no level of returns.
    assert {code: row["org_level"] for code, row in found.items()} == {"Z9": None, "U1": "pcn", "S1": None}
    assert found["U1"]["title"] == "Cases brought to a multidisciplinary meeting"
    assert {place[1] for place in summed(rows, tmp_path)} == {"U1", "Q1", "all"}


def test_surveys_stand_beside_local_returns(tmp_path: Path) -> None:
    survey = returned(
        "surveys", month="2025-03-01", organisation="U1", measure="survey_advice_useful", value=9, responses=12
    )
    engine = built([survey, local("U1", 6)], "marts.local_returns", tmp_path)
    found = {row["measure"]: row for row in engine.fetch("SELECT * FROM marts.local_returns").to_pylist()}
    assert int(found["survey_advice_useful"]["denominator"]) == 12
    assert found["mdt_cases"]["denominator"] is None


def test_service_impact_is_the_published_table_to_the_pound(tmp_path: Path) -> None:
    rows = [returned("unit_costs", **row) for row in HOSPITAL_COSTS]
    engine = built(rows, "marts.service_impact", tmp_path)
    found = {row["service"]: row for row in engine.fetch("SELECT * FROM marts.service_impact").to_pylist()}
    assert {service: row["value_gbp_a_year"] for service, row in found.items()} == {
        service: Decimal(value) for service, value in HOSPITAL_VALUES.items()
    }
    assert {row["patients"] for row in found.values()} == {130}


def test_a_reduction_below_nothing_is_a_cost(tmp_path: Path) -> None:
    more = {**HOSPITAL_COSTS[0], "reduction_per_patient": -0.5}
    engine = built([returned("unit_costs", **more)], "marts.service_impact", tmp_path)
    (row,) = engine.fetch("SELECT * FROM marts.service_impact").to_pylist()
    # 50 x -0.5 x 130
    assert row["value_gbp_a_year"] == Decimal("-3250")


def test_a_cycle_without_a_measure_is_studied_by_the_headline(tmp_path: Path) -> None:
    cells = {"date": "2025-03-04", "organisation": "U1", "change": "A clinic", "prediction": "Fewer"}
    rows = [
        returned("pdsa", id="P1", **cells),
        returned("pdsa", id="P2", **cells, measure="mdt_cases"),
        returned("pdsa", id="P3", **{**cells, "organisation": "Z9"}),
    ]
    engine = built(rows, "marts.pdsa", tmp_path)
    found = {row["id"]: row for row in engine.fetch("SELECT * FROM marts.pdsa").to_pylist()}
    assert {name: (row["measure"], row["studied_measure"], row["org_level"]) for name, row in found.items()} == {
        "P1": (None, "high_dose", "pcn"),
        "P2": ("mdt_cases", "mdt_cases", "pcn"),
        "P3": (None, "high_dose", None),
    }


def test_where_nothing_was_returned_every_table_is_there_with_no_row(tmp_path: Path) -> None:
    for wanted in (
        "marts.local_returns",
        "marts.pdsa",
        "marts.service_impact",
        "intermediate.int_returns__summed",
        "intermediate.int_returns__scores",
    ):
        assert built([], wanted, tmp_path).count(wanted) == 0
