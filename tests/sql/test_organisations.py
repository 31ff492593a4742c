"""Where a practice belongs, and which list size stands for a month."""

from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from support import build_from

ALWAYS, OPEN = date(1900, 1, 1), date(9999, 12, 31)


def table(columns: str, *rows: tuple[Any, ...], **types: pa.DataType) -> pa.Table:
    names = columns.split()
    schema = pa.schema([(name, types.get(name, pa.string())) for name in names])
    return pa.Table.from_pylist([dict(zip(names, row, strict=True)) for row in rows], schema=schema)


def items(*codes: str | None) -> pa.Table:
    return table("practice_code registered_practice_code", *((code, None) for code in codes))


def references(**given: pa.Table) -> dict[str, pa.Table]:
    """All references, empty but for those given."""
    shapes = {
        "stg_ods__practices": practices(),
        "stg_ods__practice_successors": successors(),
        "stg_ods__pcn_members": members(),
        "stg_nhse__practice_map": maps(),
        "stg_nhse__sub_icbs": sub_icbs(),
        "stg_nhse__list_sizes": lists(),
    }
    return {f"staging.{name}": given.get(name, empty) for name, empty in shapes.items()}


def practices(*rows: tuple[Any, ...]) -> pa.Table:
    """code, name, region, ICB, sub-ICB, is a GP practice; then joined, left, closed, outside England, or none."""
    days = dict.fromkeys(("open_date", "close_date", "joined_date", "left_date"), pa.date32())
    flags = dict.fromkeys(("is_gp_practice", "is_closed", "is_outside_england"), pa.bool_())
    return table(
        "practice_code practice_name region_code icb_code sub_icb_code is_gp_practice joined_date left_date is_closed "
        "is_outside_england open_date close_date",
        *((*row, *(None, None, False, False)[len(row) - 6 :], None, None) for row in rows),
        **days,
        **flags,
    )


def maps(*rows: tuple[Any, ...]) -> pa.Table:
    return table(
        "practice_code practice_name pcn_code pcn_name sub_icb_code sub_icb_name icb_code icb_name region_code "
        "region_name extract_month",
        *rows,
        extract_month=pa.date32(),
    )


def sub_icbs(*rows: tuple[Any, ...]) -> pa.Table:
    """sub-ICB, ICB and the first and last day; names are the codes."""
    return table(
        "sub_icb_code sub_icb_name icb_code icb_name start_date end_date",
        *((sub, f"SUB {sub}", icb, f"ICB {icb}", first, last) for sub, icb, first, last in rows),
        start_date=pa.date32(),
        end_date=pa.date32(),
    )


def successors(*rows: tuple[Any, ...]) -> pa.Table:
    return table("practice_code successor_code succeeded_on", *rows, succeeded_on=pa.date32())


def members(*rows: tuple[Any, ...]) -> pa.Table:
    return table(
        "practice_code pcn_code pcn_name start_date end_date", *rows, start_date=pa.date32(), end_date=pa.date32()
    )


def lists(*rows: tuple[Any, ...]) -> pa.Table:
    return table(
        "practice_code month sex age registered_patients", *rows, month=pa.date32(), registered_patients=pa.int32()
    )


def placed(spill: Path, prescribing: pa.Table, **given: pa.Table) -> dict[str, dict[str, Any]]:
    engine = build_from(
        {"intermediate.int_items__classified": prescribing, **references(**given)},
        "intermediate.int_organisations__practices",
        spill,
    )
    rows = engine.fetch("SELECT * FROM intermediate.int_organisations__practices").to_pylist()
    return {row["practice_code"]: row for row in rows}


def test_the_register_says_which_cost_centre_is_a_gp_practice(tmp_path: Path) -> None:
    found = placed(
        tmp_path,
        items("A81001", "Y00001", "Z99999", None),
        stg_ods__practices=practices(
            ("A81001", "THE SURGERY", "Y63", "QHM", "16C", True), ("Y00001", "HOSPICE", "Y63", "QHM", "16C", False)
        ),
    )
    assert {code: row["is_gp_practice"] for code, row in found.items()} == {
        "A81001": True,
        "Y00001": False,
        # Loaded references do not know it: no GP practice.
        "Z99999": False,
    }


def test_without_any_reference_nobody_knows_what_a_cost_centre_is(tmp_path: Path) -> None:
    assert placed(tmp_path, items("A81001"))["A81001"]["is_gp_practice"] is None


def test_a_practice_with_a_list_is_a_gp_practice_where_the_register_is_silent(tmp_path: Path) -> None:
    found = placed(
        tmp_path, items("A81001"), stg_nhse__list_sizes=lists(("A81001", date(2024, 1, 1), "ALL", "ALL", 900))
    )
    assert found["A81001"]["is_gp_practice"] is True


def test_an_ended_pcn_link_does_not_count_and_the_youngest_open_one_does(tmp_path: Path) -> None:
    found = placed(
        tmp_path,
        items("A81001"),
        stg_ods__pcn_members=members(
            ("A81001", "U1", "OLD PCN", date(2019, 7, 1), date(2023, 3, 31)),
            ("A81001", "U2", "FIRST PCN", date(2019, 7, 1), OPEN),
            ("A81001", "U3", "NEW PCN", date(2023, 4, 1), OPEN),
        ),
    )
    assert (found["A81001"]["pcn_code"], found["A81001"]["pcn_name"]) == ("U3", "NEW PCN")


def test_the_lookup_of_today_outranks_the_icb_of_an_older_register(tmp_path: Path) -> None:
    found = placed(
        tmp_path,
        items("A81001"),
        stg_ods__practices=practices(("A81001", "THE SURGERY", "Y63", "QOLD", "16C", True)),
        stg_nhse__sub_icbs=sub_icbs(("16C", "QNEW", ALWAYS, OPEN)),
    )
    assert (found["A81001"]["icb_code"], found["A81001"]["icb_name"]) == ("QNEW", "ICB QNEW")
    assert found["A81001"]["sub_icb_name"] == "SUB 16C"


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        # The file's own total counts, not the sum with its parts.
        ([("ALL", "ALL", 900), ("FEMALE", "40", 500), ("MALE", "40", 400)], 900),
        # Without one the parts are added up.
        ([("FEMALE", "40", 500), ("MALE", "40", 400)], 900),
    ],
)
def test_a_list_size_is_never_counted_twice(tmp_path: Path, rows: list[tuple[Any, ...]], expected: int) -> None:
    given = lists(*(("A81001", date(2024, 1, 1), *row) for row in rows))
    engine = build_from({"staging.stg_nhse__list_sizes": given}, "intermediate.int_list_sizes__monthly", tmp_path)
    found = engine.fetch("SELECT registered_patients FROM intermediate.int_list_sizes__monthly").to_pylist()
    assert [row["registered_patients"] for row in found] == [expected]


def test_a_list_size_stands_until_the_next(tmp_path: Path) -> None:
    given = lists(("A81001", date(2024, 1, 1), "ALL", "ALL", 900), ("A81001", date(2024, 4, 1), "ALL", "ALL", 950))
    engine = build_from({"staging.stg_nhse__list_sizes": given}, "intermediate.int_list_sizes__monthly", tmp_path)
    found = engine.fetch("SELECT * FROM intermediate.int_list_sizes__monthly ORDER BY list_month").to_pylist()
    assert [(row["list_month"], row["next_list_month"]) for row in found] == [
        (date(2024, 1, 1), date(2024, 4, 1)),
        (date(2024, 4, 1), OPEN),
    ]
