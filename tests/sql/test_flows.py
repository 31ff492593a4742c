"""Who joined, who left, and of what a change is made: people by hand in, flows and parts out."""

from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from support import SETTINGS, build_from

from pipelines import assets
from pipelines.statistics.aim_terms import aim_measures_table
from pipelines.statistics.measures import measures_table

JAN, FEB, MAR, APR = (date(2025, month, 1) for month in (1, 2, 3, 4))
INDEX = {month: 2025 * 12 + month.month for month in (JAN, FEB, MAR, APR)}
# Practices A and B are in PCN U1, C in U2, all in one ICB; "-" is in no practice.
PLACES = {"A": ("U1", "QZA"), "B": ("U1", "QZA"), "C": ("U2", "QZA")}


def levels() -> pa.Table:
    rows = [("-", "all", "all")]
    for practice, (pcn, icb) in PLACES.items():
        rows += [
            (practice, "practice", practice),
            (practice, "pcn", pcn),
            (practice, "icb", icb),
            (practice, "all", "all"),
        ]
    return pa.Table.from_pylist(
        [dict(zip(("practice_code", "org_level", "org_code"), row, strict=True)) for row in rows]
    )


def calendar(missing: date | None = None) -> pa.Table:
    return pa.Table.from_pylist(
        [
            {
                "month": month,
                "month_index": index,
                "is_loaded": month != missing,
                "data_month_number": number,
                "is_provisional": False,
            }
            for number, (month, index) in enumerate(INDEX.items(), 20)
        ]
    )


def memberships(people: dict[str, str], cohort: str = "high_dose") -> pa.Table:
    """`{"ann": "A A . B"}`: the practice in which a person is in the cohort, month by month; `.` in none, `A*` not
    counted without end of life."""
    return pa.Table.from_pylist(
        [
            {
                "patient_number": key,
                "month": month,
                "practice_code": cell.rstrip("*"),
                "is_without": not cell.endswith("*"),
                "cohort": cohort,
            }
            for key, cells in people.items()
            for month, cell in zip(INDEX, cells.split(), strict=True)
            if cell != "."
        ]
    )


def given(people: dict[str, str], missing: date | None = None) -> dict[str, pa.Table]:
    return {
        "intermediate.int_organisations__levels": levels(),
        "intermediate.int_months__patient": calendar(missing),
        "intermediate.int_patient_months__memberships": memberships(people),
        "reference.measures": measures_table(SETTINGS),
        "reference.aim_measures": aim_measures_table(SETTINGS),
    }


def flows(people: dict[str, str], spill: Path, missing: date | None = None) -> dict[tuple[str, date, str], int]:
    engine = build_from(given(people, missing), "intermediate.int_trends__flows", spill)
    rows = engine.fetch("SELECT * FROM intermediate.int_trends__flows").to_pylist()
    engine.close()
    return {
        (row["org_code"], row["month"], row["measure"].removeprefix("high_dose_")): row["people"]
        for row in rows
        if row["people"]
    }


def test_who_comes_joins_and_who_goes_leaves(tmp_path: Path) -> None:
    found = flows({"ann": ". A A .", "bob": "A A A A"}, tmp_path)
    for place in ("A", "U1", "QZA", "all"):
        assert found.pop((place, FEB, "joined")) == found.pop((place, FEB, "net_change")) == 1
        assert found.pop((place, APR, "left")) == -found.pop((place, APR, "net_change")) == 1
    assert found == {}


def test_who_moves_leaves_one_practice_and_joins_another_and_neither_above_both(tmp_path: Path) -> None:
    found = flows({"ann": "A A B C"}, tmp_path)
    assert found == {
        ("A", MAR, "left"): 1,
        ("A", MAR, "net_change"): -1,
        ("B", MAR, "joined"): 1,
        ("B", MAR, "net_change"): 1,
        ("B", APR, "left"): 1,
        ("B", APR, "net_change"): -1,
        ("U1", APR, "left"): 1,
        ("U1", APR, "net_change"): -1,
        ("C", APR, "joined"): 1,
        ("C", APR, "net_change"): 1,
        ("U2", APR, "joined"): 1,
        ("U2", APR, "net_change"): 1,
    }


def test_who_was_in_no_practice_joins_the_practice_and_not_the_whole(tmp_path: Path) -> None:
    found = flows({"ann": "- - A A"}, tmp_path)
    assert {place for place, _, flow in found if flow == "joined"} == {"A", "U1", "QZA"}
    assert {month for _, month, _ in found} == {MAR}


def test_nobody_joins_or_leaves_over_a_month_that_is_missing(tmp_path: Path) -> None:
    # February is not loaded: neither February nor March has a month before to compare with.
    assert flows({"ann": "A . . .", "bob": ". . A A"}, tmp_path, missing=FEB) == {}


def test_those_who_return_after_a_month_left_and_joined(tmp_path: Path) -> None:
    found = flows({"ann": "A . A A"}, tmp_path)
    assert {(month, flow) for place, month, flow in found if place == "all" and flow != "net_change"} == {
        (FEB, "left"),
        (MAR, "joined"),
    }


WINDOWS = {"ann": (1, MAR), "bea": (0, APR), "cat": (0, JAN), "dan": (1, APR), "eve": (1, APR), "fay": (1, APR)}


def parts(people: dict[str, str], practices: dict[str, str], spill: Path) -> dict[tuple[str, str], dict[str, Any]]:
    """The parts of the change from January to April; of each person in WINDOWS: opioid months in the last three, and
    the month of the last item; `practices` says where they are seen in April."""
    judged = [
        {
            "patient_number": key,
            "month_index": INDEX[APR],
            "practice_code": practices.get(key, "A"),
            "opioid_months_3m": opioids,
            "last_item_month_index": INDEX[last],
        }
        for key, (opioids, last) in WINDOWS.items()
    ]
    tables = given(people) | {
        "intermediate.int_patient_months__judged": pa.Table.from_pylist(judged),
        "intermediate.int_measures__baseline": pa.Table.from_pylist(
            [
                {"aim": "halve_high_dose", "measure": m, "baseline_first_month": JAN, "baseline_last_month": JAN}
                for m in ("high_dose", "high_dose_adult_no_palliative")
            ]
        ),
        "marts.trends": trends(people),
    }
    engine = build_from(tables, "marts.change_components", spill)
    rows = engine.fetch("SELECT * FROM marts.change_components").to_pylist()
    check = (assets.SQL_DIR / "checks" / "assert_change_components_add_up.sql").read_text(encoding="utf-8")
    assert engine.fetch(check).num_rows == 0
    engine.close()
    return {(row["org_code"], row["measure"]): row for row in rows if row["month"] == APR}


def trends(people: dict[str, str]) -> pa.Table:
    """Counts made here a second time, person by person."""
    rows = []
    for place, level in (("A", "practice"), ("B", "practice"), ("U1", "pcn"), ("QZA", "icb"), ("all", "all")):
        inside = {p for p, above in PLACES.items() if place in (p, *above, "all")} | (
            {"-"} if place == "all" else set()
        )
        for measure in ("high_dose", "high_dose_adult_no_palliative"):
            for number, month in enumerate(INDEX):
                cells = [row.split() for row in people.values()]
                counted = [
                    sum(c[at].rstrip("*") in inside and (measure == "high_dose" or "*" not in c[at]) for c in cells)
                    for at in (0, number)
                ]
                rows.append(
                    {
                        "org_level": level,
                        "org_code": place,
                        "org_name": place,
                        "month": month,
                        "measure": measure,
                        "baseline_month": JAN,
                        "baseline_numerator": float(counted[0]),
                        "numerator": float(counted[1]),
                        "months_since_baseline": number,
                        "provisional": False,
                        "definition": "v1",
                    }
                )
    return pa.Table.from_pylist(rows)


@pytest.fixture(scope="module")
def change(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, str], dict[str, Any]]:
    people = {
        "ann": "A A A .",  # out of the cohort, still on an opioid
        "bea": "A A . .",  # no opioid, seen with another item in April
        "cat": "A A . .",  # last item in January: not seen for three months
        "joe": "A A . .",  # no row of April at all: no item for half a year
        "dan": "A A B B",  # in the cohort, in practice B
        "eve": "A . . .",  # out of the cohort, on an opioid, seen at practice C
        "fay": "A A A A*",  # in the cohort, near the end of life since April
        "gus": "A A A A",  # stayed, though he has no number
        "hal": ". . A A",  # joined
        "ida": "B B B B*",  # of practice B all along
    }
    return parts(people, {"dan": "B", "eve": "C"}, tmp_path_factory.mktemp("spill"))


def figures(row: dict[str, Any]) -> list[int]:
    names = (
        "baseline_people stayed lower_still_on_opioid no_opioid_still_seen moved_away not_seen excluded_or_redefined "
        "joined people"
    )
    return [row[name] for name in names.split()]


def test_of_what_the_fall_in_a_practice_is_made(change: dict[tuple[str, str], dict[str, Any]]) -> None:
    # January: ann bea cat dan eve fay gus joe. Stayed: fay, gus. Moved away: dan and eve. April: fay, gus, and hal.
    assert figures(change["A", "high_dose"]) == [8, 2, 1, 1, 2, 2, 0, 1, 3]
    # January: ida. April: ida, and dan who joined.
    assert figures(change["B", "high_dose"]) == [1, 1, 0, 0, 0, 0, 0, 1, 2]


def test_a_move_within_a_pcn_is_no_move_of_the_pcn(change: dict[tuple[str, str], dict[str, Any]]) -> None:
    # dan stayed in U1; eve went to U2; in the ICB she is still on an opioid.
    assert figures(change["U1", "high_dose"]) == [9, 4, 1, 1, 1, 2, 0, 1, 5]
    assert figures(change["QZA", "high_dose"]) == [9, 4, 2, 1, 0, 2, 0, 1, 5]


def test_who_is_near_the_end_of_life_since_is_no_fall_of_the_twin(
    change: dict[tuple[str, str], dict[str, Any]],
) -> None:
    # Without end of life: fay and ida are excluded in April, though their dose is not lower.
    assert figures(change["QZA", "high_dose_adult_no_palliative"]) == [9, 2, 2, 1, 0, 2, 2, 1, 3]


@pytest.mark.parametrize(
    "spoilt", [{"stayed": 2}, {"joined": 0}, {"people": None}, {"not_seen": 9}], ids=lambda spoilt: next(iter(spoilt))
)
def test_the_check_notices_parts_that_do_not_add_up(
    spoilt: dict[str, Any], change: dict[tuple[str, str], dict[str, Any]], tmp_path: Path
) -> None:
    whole = change["QZA", "high_dose"]
    check = (assets.SQL_DIR / "checks" / "assert_change_components_add_up.sql").read_text(encoding="utf-8")
    engine = build_from(
        {"marts.change_components": pa.Table.from_pylist([whole, {**whole, **spoilt}])}, "reference.months", tmp_path
    )
    assert engine.fetch(check).num_rows == 1
    engine.close()


def test_the_check_notices_a_flow_that_does_not_add_up(tmp_path: Path) -> None:
    rows = [
        {
            "org_level": "icb",
            "org_code": "QZA",
            "measure": measure,
            "cohort": "high_dose",
            "flow": flow,
            "month": month,
            "numerator": n,
        }
        for month, measure, flow, n in (
            (JAN, "high_dose", None, 10),
            (FEB, "high_dose", None, 12),
            (MAR, "high_dose", None, 11),
            (FEB, "high_dose_joined", "joined", 3),
            (FEB, "high_dose_left", "left", 1),
            (FEB, "high_dose_net_change", "net_change", 2),
            (MAR, "high_dose_joined", "joined", 0),
            (MAR, "high_dose_left", "left", 2),
            (MAR, "high_dose_net_change", "net_change", -2),
        )
    ]
    check = (assets.SQL_DIR / "checks" / "assert_flows_add_up.sql").read_text(encoding="utf-8")
    engine = build_from({"intermediate.int_trends__counts": pa.Table.from_pylist(rows)}, "reference.months", tmp_path)
    # March: 12 - 2 is 10, not 11.
    assert [row["month"] for row in engine.fetch(check).to_pylist()] == [MAR]
    engine.close()
