"""Cost centres without a sure place: how much is counted there, and two editions of a reference in one delivery."""

from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from support import build_from
from test_organisations import ALWAYS, OPEN, items, placed, practices, sub_icbs
from test_trends_as_was import orphans

from pipelines import assets
from pipelines.engine.duckdb import DuckDBEngine

A, B = "A81001", "A81002"
OLD, JAN, DEC = date(2024, 1, 1), date(2025, 1, 1), date(2025, 12, 1)
METRICS = (assets.SQL_DIR / "checks" / "metrics_organisation_orphans.sql").read_text(encoding="utf-8")
REASONS = (
    "outside_england", "unallocated_code", "no_pcn", "two_current_pcns", "two_icbs_in_look_up", "icb_closed",
    "icb_not_in_look_up", "closed_without_successor", "several_successors",
)  # fmt: skip


def shares(spill: Path, listed: dict[str, str]) -> dict[str, dict[str, Any]]:
    """What the metrics say where these cost centres are listed, each for one reason.

    People on an opioid: 8 in A and 2 in B in December, 90 in B two years before. Patients' items: 3 in A, 1 in B.
    """
    people = [("A", DEC, True)] * 8 + [("B", DEC, True)] * 2 + [("B", DEC, False)] * 30 + [("B", OLD, True)] * 90
    given = {
        "intermediate.int_patient_months__judged": pa.Table.from_pylist(
            [{"practice_code": code, "month": month, "any_opioid": on} for code, month, on in people]
        ),
        "intermediate.int_items__ome": pa.Table.from_pylist(
            [
                {"source": "patient", "practice_code": "A", "month": DEC, "items": 3},
                {"source": "patient", "practice_code": "B", "month": JAN, "items": 1},
                {"source": "patient", "practice_code": "B", "month": DEC, "items": -1},
            ]
        ),
        "intermediate.int_organisations__practices": pa.table({"pcn_code": ["U1", None]}),
        "marts.organisation_orphans": pa.table({"practice_code": list(listed), "reason": list(listed.values())}),
    }
    engine = DuckDBEngine(None, spill)
    for name, table in given.items():
        engine.load(name, table)
    rows = engine.fetch(METRICS).to_pylist()
    engine.close()
    return {row["counted"]: row for row in rows}


@pytest.mark.parametrize("reason", REASONS)
def test_the_share_of_people_and_items_in_a_doubtful_place_is_told_by_reason(tmp_path: Path, reason: str) -> None:
    found = shares(tmp_path, {"B": reason})
    assert set(found) == {"people", "patients' items"}
    # 2 of 10 people in the twelve newest months; 1 of 4 items (January to December are twelve months).
    assert found["people"][f"share_{reason}"] == pytest.approx(0.2)
    assert found["patients' items"][f"share_{reason}"] == pytest.approx(0.25)
    others = [f"share_{other}" for other in REASONS if other != reason]
    assert all(row[other] == 0 for row in found.values() for other in others)
    assert found["people"]["practices_in_pcns"] == 1


def test_nobody_in_doubt_is_a_share_of_nought(tmp_path: Path) -> None:
    assert all(row[f"share_{reason}"] == 0 for row in shares(tmp_path, {}).values() for reason in REASONS)


def test_a_look_up_that_stands_twice_counts_once(tmp_path: Path) -> None:
    register = practices((A, "ONE", "Y63", "QOLD", "S1", True))
    twice = sub_icbs(("S1", "QA", ALWAYS, OPEN), ("S1", "QA", ALWAYS, OPEN))
    found = placed(tmp_path, items(A), stg_ods__practices=register, stg_nhse__sub_icbs=twice)
    assert found[A]["icb_code"] == "QA"


def test_a_look_up_that_says_two_things_says_nothing_and_is_listed(tmp_path: Path) -> None:
    register = practices((A, "ONE", "Y63", "QREG", "S1", True), (B, "TWO", "Y63", "QREG", "S2", True))
    both = sub_icbs(("S1", "QA", ALWAYS, OPEN), ("S1", "QB", ALWAYS, OPEN), ("S2", "QB", ALWAYS, OPEN))
    given = {"stg_ods__practices": register, "stg_nhse__sub_icbs": both}
    found = placed(tmp_path, items(A, B), **given)
    assert {code: row["icb_code"] for code, row in found.items()} == {A: "QREG", B: "QB"}
    listed = orphans(tmp_path, **given)
    assert listed[A, "two_icbs_in_look_up"]["detail"] == "QA, QB"
    assert (B, "two_icbs_in_look_up") not in listed


def raw(columns: str, *rows: tuple[str | None, ...]) -> pa.Table:
    names = [*columns.split(), "file_sha256", "source_row"]
    texts = [(*row, number) for number, row in enumerate(rows, 2)]
    schema = pa.schema([*((name, pa.string()) for name in names[:-1]), ("source_row", pa.int64())])
    return pa.Table.from_pylist([dict(zip(names, row, strict=True)) for row in texts], schema=schema)


def test_of_two_editions_of_the_register_the_newer_speaks_of_a_practice(tmp_path: Path) -> None:
    columns = (
        "practice_code practice_name region_code icb_code sub_icb_code prescribing_setting status open_date close_date "
        "joined_date left_date"
    )
    rest = ("Y63", "QA", "S1", "4", "A", "19740401", None, None, None)
    given = raw(
        columns,
        (A, "OLD NAME", *rest, "older"),
        (B, "ONLY IN THE OLDER", *rest, "older"),
        (A, "NEW NAME", *rest, "newer"),
        ("A81003", "OPENED SINCE", "Y63", "QA", "S1", "4", "A", "20260401", None, None, None, "newer"),
    )
    engine = build_from({"raw.epraccur": given}, "staging.stg_ods__practices", tmp_path)
    rows = engine.fetch("SELECT practice_code, practice_name FROM staging.stg_ods__practices").to_pylist()
    assert {row["practice_code"]: row["practice_name"] for row in rows} == {
        A: "NEW NAME",
        B: "ONLY IN THE OLDER",
        "A81003": "OPENED SINCE",
    }
    assert len(rows) == 3


def test_of_two_editions_of_the_pcns_the_newer_ends_a_link(tmp_path: Path) -> None:
    columns = "practice_code pcn_code pcn_name start_date end_date"
    given = raw(
        columns,
        (A, "U1", "PCN 1", "20190701", None, "a: older"),
        (A, "U1", "PCN 1", "20190701", "20260331", "b: newer"),
        (A, "U2", "PCN 2", "20260401", None, "b: newer"),
    )
    engine = build_from({"raw.epcn": given}, "staging.stg_ods__pcn_members", tmp_path)
    rows = engine.fetch("SELECT pcn_code, end_date FROM staging.stg_ods__pcn_members ORDER BY 1").to_pylist()
    assert [(row["pcn_code"], row["end_date"]) for row in rows] == [("U1", date(2026, 3, 31)), ("U2", OPEN)]
