"""Where a practice belongs from day to day: mergers, moves, moving back, successors, new ICBs."""

from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from support import build_from
from test_organisations import ALWAYS, OPEN, items, maps, members, placed, practices, references, sub_icbs, successors

A, B, C = "A81001", "A81002", "A81003"


def dated(spill: Path, *codes: str, **given: pa.Table) -> dict[str, list[tuple[Any, ...]]]:
    """For each practice its periods: first day, PCN, sub-ICB, ICB, region, basis."""
    engine = build_from(
        {"intermediate.int_items__classified": items(*codes), **references(**given)},
        "intermediate.int_organisations__dated",
        spill,
    )
    found: dict[str, list[tuple[Any, ...]]] = {}
    select = "SELECT * FROM intermediate.int_organisations__dated ORDER BY practice_code, start_date"
    ends: dict[str, date] = {}
    for row in engine.fetch(select).to_pylist():
        code = row["practice_code"]
        # Periods leave no gap and do not overlap.
        assert row["start_date"] == (ALWAYS if code not in ends else date.fromordinal(ends[code].toordinal() + 1))
        ends[code] = row["end_date"]
        place = (row["pcn_code"], row["sub_icb_code"], row["icb_code"], row["region_code"], row["place_basis"])
        found.setdefault(code, []).append((row["start_date"], *place))
    assert set(ends.values()) <= {OPEN}
    return found


def test_a_practice_changes_its_pcn_and_moves_back(tmp_path: Path) -> None:
    found = dated(
        tmp_path,
        A,
        stg_ods__practices=practices((A, "ONE", "Y63", "QHM", "16C", True)),
        stg_ods__pcn_members=members(
            (A, "U1", "PCN 1", date(2019, 7, 1), date(2023, 3, 31)),
            (A, "U2", "PCN 2", date(2023, 4, 1), date(2024, 3, 31)),
            (A, "U1", "PCN 1", date(2024, 4, 1), OPEN),
        ),
    )
    rest = ("16C", "QHM", "Y63", "in force")
    assert found[A] == [
        # There were no PCNs before.
        (ALWAYS, None, *rest),
        (date(2019, 7, 1), "U1", *rest),
        (date(2023, 4, 1), "U2", *rest),
        (date(2024, 4, 1), "U1", *rest),
    ]


def test_of_two_current_pcns_the_youngest_counts_alone(tmp_path: Path) -> None:
    found = dated(
        tmp_path,
        A,
        stg_ods__pcn_members=members(
            (A, "U1", "PCN 1", date(2019, 7, 1), OPEN), (A, "U2", "PCN 2", date(2023, 4, 1), OPEN)
        ),
    )
    assert [(row[0], row[1]) for row in found[A]] == [
        (ALWAYS, None),
        (date(2019, 7, 1), "U1"),
        (date(2023, 4, 1), "U2"),
    ]


def test_a_practice_that_left_its_pcn_is_in_none_and_a_closed_one_keeps_its_last(tmp_path: Path) -> None:
    ended = date(2023, 3, 31)
    found = dated(
        tmp_path,
        A,
        B,
        stg_ods__practices=practices(
            (A, "ONE", "Y63", "QHM", "16C", True),
            (B, "TWO", "Y63", "QHM", "16C", True, ALWAYS, ended, True, False),
        ),
        stg_ods__pcn_members=members((A, "U1", "PCN 1", ALWAYS, ended), (B, "U1", "PCN 1", ALWAYS, ended)),
    )
    assert [(row[0], row[1], row[5]) for row in found[A]] == [
        (ALWAYS, "U1", "in force"),
        (date(2023, 4, 1), None, "in force"),
    ]
    assert [(row[0], row[1], row[5]) for row in found[B]] == [
        (ALWAYS, "U1", "in force"),
        (date(2023, 4, 1), "U1", "last known"),
    ]


def test_before_it_joined_a_practice_stands_where_it_is_first_known(tmp_path: Path) -> None:
    register = practices((A, "ONE", "Y63", "QHM", "16C", True, date(2020, 4, 1), None, False, False))
    found = dated(tmp_path, A, stg_ods__practices=register)
    assert [(row[0], row[2], row[5]) for row in found[A]] == [
        (ALWAYS, "16C", "first known"),
        (date(2020, 4, 1), "16C", "in force"),
    ]


def merger() -> pa.Table:
    """Two made-up ICBs become one on 1 April 2026."""
    last, first = date(2026, 3, 31), date(2026, 4, 1)
    return sub_icbs(
        ("S1", "QA", ALWAYS, last), ("S2", "QB", ALWAYS, last), ("S1", "QAB", first, OPEN), ("S2", "QAB", first, OPEN)
    )


def test_two_icbs_become_one_by_the_users_file(tmp_path: Path) -> None:
    register = practices(
        (A, "ONE", "Y63", "QA", "S1", True), (B, "TWO", "Y63", "QB", "S2", True), (C, "THREE", "Y63", "QB", None, True)
    )
    found = dated(tmp_path, A, B, C, stg_ods__practices=register, stg_nhse__sub_icbs=merger())
    assert [(row[0], row[3]) for row in found[A]] == [(ALWAYS, "QA"), (date(2026, 4, 1), "QAB")]
    assert [(row[0], row[3]) for row in found[B]] == [(ALWAYS, "QB"), (date(2026, 4, 1), "QAB")]
    # Nothing says where it went: it stays with what the register says, and is listed.
    assert [(row[0], row[3]) for row in found[C]] == [(ALWAYS, "QB")]


def test_two_icbs_become_one_by_two_editions_of_the_map(tmp_path: Path) -> None:
    def row(code: str, sub_icb: str, icb: str, month: date) -> tuple[Any, ...]:
        return (code, code, None, None, sub_icb, sub_icb, icb, icb, "Y63", "NORTH", month)

    found = dated(
        tmp_path,
        A,
        B,
        stg_ods__practices=practices(
            (A, "ONE", "Y63", "QA", "S1", True, date(2020, 4, 1), None, False, False),
            (B, "TWO", "Y63", "QB", "S2", True, date(2020, 4, 1), None, False, False),
        ),
        stg_nhse__practice_map=maps(
            row(A, "S1", "QA", date(2026, 1, 1)),
            row(B, "S2", "QB", date(2026, 1, 1)),
            row(A, "S1", "QAB", date(2026, 4, 1)),
            row(B, "S2", "QAB", date(2026, 4, 1)),
        ),
    )
    assert [row[3] for row in found[A]][-1] == [row[3] for row in found[B]][-1] == "QAB"
    assert [row[3] for row in found[B] if row[0] < date(2026, 4, 1)][-1] == "QB"
    assert found[B][-1][0] == date(2026, 4, 1)


def test_a_register_newer_than_the_map_outranks_it(tmp_path: Path) -> None:
    found = dated(
        tmp_path,
        A,
        stg_ods__practices=practices((A, "ONE", "Y63", "QNEW", "S1", True, date(2026, 4, 1), None, False, False)),
        stg_nhse__practice_map=maps((A, A, None, None, "S1", "S1", "QOLD", "QOLD", "Y63", "N", date(2022, 1, 1))),
    )
    assert [row[3] for row in found[A]][-1] == "QNEW"
    assert ("QOLD", date(2022, 1, 1)) in [(row[3], row[0]) for row in found[A]]


@pytest.mark.parametrize(("region", "icb"), [("W00", "Q99"), ("Y99", "Q99"), (None, "YAC")])
def test_practices_outside_england_have_no_parents(tmp_path: Path, region: str | None, icb: str) -> None:
    register = practices(("W00001", "ELSEWHERE", region, icb, "7A3", True, None, None, False, True))
    assert dated(tmp_path, "W00001", stg_ods__practices=register)["W00001"] == [
        (ALWAYS, None, None, None, None, "outside England")
    ]


def test_the_history_of_a_merged_practice_counts_where_its_last_successor_is(tmp_path: Path) -> None:
    # A → B in 2022, B → C in 2024; C is in another ICB.
    register = practices(
        (A, "ONE", "Y63", "QA", "S1", True, ALWAYS, date(2022, 3, 31), True, False),
        (B, "TWO", "Y63", "QA", "S1", True, ALWAYS, date(2024, 3, 31), True, False),
        (C, "THREE", "Y62", "QB", "S2", True),
    )
    merged = successors((A, B, date(2022, 4, 1)), (B, C, date(2024, 4, 1)))
    found = placed(tmp_path, items(A, B), stg_ods__practices=register, stg_ods__practice_successors=merged)
    assert {code: row["icb_code"] for code, row in found.items()} == {A: "QB", B: "QB"}
    assert {code: row["practice_name"] for code, row in found.items()} == {A: "ONE", B: "TWO"}


@pytest.mark.parametrize(
    ("links", "ends"),
    [
        # A went into B, and came back a year later.
        ([(A, B, date(2022, 4, 1)), (B, A, date(2023, 4, 1))], {A: A, B: A}),
        # B had gone into A before: what A took over goes on with A, and not back to B's end of 2021.
        ([(B, A, date(2021, 4, 1)), (A, C, date(2022, 4, 1))], {A: C, B: C}),
        # A circle on one day ends at once.
        ([(A, B, date(2022, 4, 1)), (B, A, date(2022, 4, 1))], {A: B, B: A}),
        # Two successors on one day: one is followed.
        ([(A, B, date(2022, 4, 1)), (A, C, date(2022, 4, 1))], {A: B}),
    ],
)
def test_a_chain_of_successors_ends(tmp_path: Path, links: list[tuple[Any, ...]], ends: dict[str, str]) -> None:
    engine = build_from(
        references(stg_ods__practice_successors=successors(*links)),
        "intermediate.int_organisations__successors",
        tmp_path,
    )
    rows = engine.fetch("SELECT * FROM intermediate.int_organisations__successors").to_pylist()
    assert {row["practice_code"]: row["successor_code"] for row in rows} == ends
