"""Numerator and denominator of each organisation and month, by hand: three practices, four months, five measures.

A and B are GP practices in PCN U1, H is a hospital in none. Patients' items: April is loaded, May is not, June and July
are. Open data: June alone. High dose can be judged from the second month of data on, who joined as well.
"""

from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from support import SETTINGS, build_from

from pipelines.statistics.measures import measures_table

APRIL, MAY, JUNE, JULY, AUGUST = (date(2025, month, 1) for month in range(4, 9))
FIRST_MONTHS = {
    "high_dose": 2, "high_dose_joined": 2, "opioid_nic": 1, "epd_opioid_items": 1, "epd_high_strength_120_items": 1,
}  # fmt: skip
DAY, WHOLE, FIXED = pa.date32(), pa.int64(), pa.decimal128(18, 4)
KINDS = {"month": DAY, "list_month": DAY, "next_list_month": DAY, "numerator": FIXED}
Found = dict[tuple[str, date, str], dict[str, Any]]


def rows(columns: str, *values: tuple[Any, ...]) -> pa.Table:
    names = columns.split()
    return pa.table(
        {name: pa.array([row[place] for row in values], KINDS.get(name)) for place, name in enumerate(names)}
    )


def measures() -> pa.Table:
    kept = [row for row in measures_table(SETTINGS).to_pylist() if row["measure"] in FIRST_MONTHS]
    assert len(kept) == len(FIRST_MONTHS)
    return pa.Table.from_pylist(
        [{**row, "first_month_of_data": FIRST_MONTHS[row["measure"]]} for row in kept], measures_table(SETTINGS).schema
    )


GIVEN = {
    "intermediate.int_organisations__levels": rows(
        "practice_code org_level org_code",
        *((code, "practice", code) for code in "ABH"),
        ("A", "pcn", "U1"),
        ("B", "pcn", "U1"),
        *((code, "all", "all") for code in "ABH"),
    ),
    "intermediate.int_organisations__practices": rows(
        "practice_code is_gp_practice", ("A", True), ("B", True), ("H", False)
    ),
    "intermediate.int_months__patient": rows(
        "month month_index data_month_number is_loaded is_provisional",
        (APRIL, 24304, 1, True, False),
        (MAY, 24305, 1, False, False),
        (JUNE, 24306, 2, True, False),
        (JULY, 24307, 3, True, True),
    ),
    "intermediate.int_register__file_months": rows(
        "source month is_current rows_read rows_quarantined",
        ("epd", JUNE, True, 10, 4),
        # The same month from a second file; a month that was replaced; one of which no row could be read; no month.
        ("epd", JUNE, True, 5, 0),
        ("epd", APRIL, False, 10, 0),
        ("epd", JULY, True, 7, 7),
        ("epd", None, True, 3, 0),
        ("patient_items", MAY, True, 9, 0),
    ),
    "intermediate.int_practice_months__cohorts": rows(
        "practice_code month measure patients",
        ("A", APRIL, "high_dose", 9),
        ("A", JUNE, "high_dose", 3),
        ("B", JUNE, "high_dose", 4),
        ("H", JUNE, "high_dose", 2),
        ("B", JULY, "high_dose", 5),
    ),
    "intermediate.int_practice_months__items": rows(
        "practice_code month measure numerator long_acting_items people",
        ("A", JUNE, "opioid_nic", Decimal("12.50"), 0, 6),
        ("H", JUNE, "epd_opioid_items", Decimal(30), 0, 0),
        ("A", JUNE, "epd_high_strength_120_items", Decimal(2), 8, 0),
        ("B", JUNE, "epd_high_strength_120_items", Decimal(1), 5, 0),
    ),
    "intermediate.int_trends__flows": rows(
        "org_level org_code month measure people",
        ("pcn", "U1", JUNE, "high_dose_joined", 1),
        ("pcn", "U1", JULY, "high_dose_joined", 2),
    ),
    "intermediate.int_items__capture": rows(
        "practice_code month identified_items items",
        ("A", JUNE, 8, 10),
        ("B", JUNE, 0, 5),
        ("H", JUNE, 7, 7),
        ("A", JULY, 4, 4),
    ),
    "intermediate.int_list_sizes__monthly": rows(
        "practice_code list_month next_list_month registered_patients",
        ("A", APRIL, JULY, 1000),
        ("A", JULY, AUGUST, 1100),
        ("B", JUNE, AUGUST, 3000),
    ),
    "reference.measures": measures(),
}


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Found:
    engine = build_from(GIVEN, "intermediate.int_trends__counts", tmp_path_factory.mktemp("spill"))
    counted = engine.fetch("SELECT * FROM intermediate.int_trends__counts").to_pylist()
    engine.close()
    by_key = {(row["org_code"], row["month"], row["measure"]): row for row in counted}
    assert len(by_key) == len(counted)
    return by_key


def told(found: Found, measure: str, month: date, *columns: str) -> dict[str, Any]:
    """By organisation, one column or several."""
    return {
        code: found[code, month, measure][columns[0]]
        if len(columns) == 1
        else tuple(found[code, month, measure][column] for column in columns)
        for code in ("A", "B", "H", "U1", "all")
    }


def test_every_organisation_has_a_row_for_each_measure_in_each_month_of_its_source(found: Found) -> None:
    """Five organisations; three measures of patients in three months, two of open data in one: 5 (3 × 3 + 2 × 1)."""
    assert len(found) == 55
    assert {month for _, month, measure in found if measure.startswith("epd_")} == {JUNE}
    assert {month for _, month, measure in found if not measure.startswith("epd_")} == {APRIL, JUNE, JULY}


def test_people_are_summed_by_level_and_nobody_is_nought(found: Found) -> None:
    assert told(found, "high_dose", JUNE, "numerator") == {"A": 3, "B": 4, "H": 2, "U1": 7, "all": 9}
    assert told(found, "high_dose", JUNE, "people") == {"A": 3, "B": 4, "H": 2, "U1": 7, "all": 9}
    assert told(found, "high_dose", JULY, "numerator") == {"A": 0, "B": 5, "H": 0, "U1": 5, "all": 5}
    assert told(found, "high_dose", JULY, "people") == {"A": 0, "B": 5, "H": 0, "U1": 5, "all": 5}


def test_what_cannot_be_judged_yet_has_no_number_and_a_reason(found: Found) -> None:
    too_short = dict.fromkeys(("A", "B", "H", "U1", "all"), (None, "history_too_short"))
    assert told(found, "high_dose", APRIL, "numerator", "missing_reason") == too_short
    assert set(told(found, "high_dose", JUNE, "missing_reason").values()) == {None}


def test_who_joined_is_known_only_where_the_month_before_is_loaded(found: Found) -> None:
    """May is not: nobody can be said to have joined in June."""
    after_a_gap = dict.fromkeys(("A", "B", "H", "U1", "all"), (None, "month_before_not_loaded"))
    assert told(found, "high_dose_joined", JUNE, "numerator", "missing_reason") == after_a_gap
    joined = told(found, "high_dose_joined", JULY, "numerator", "missing_reason")
    assert joined == {"A": (0, None), "B": (0, None), "H": (0, None), "U1": (2, None), "all": (0, None)}
    assert found["U1", JULY, "high_dose_joined"]["people"] == 2


def test_pounds_that_nobody_states_are_nought_and_never_missing(found: Found) -> None:
    spent = told(found, "opioid_nic", JUNE, "numerator")
    assert spent == {"A": Decimal("12.50"), "B": 0, "H": 0, "U1": Decimal("12.50"), "all": Decimal("12.50")}
    assert told(found, "opioid_nic", JUNE, "people") == {"A": 6, "B": 0, "H": 0, "U1": 6, "all": 6}


def test_pounds_that_are_unknown_stay_unknown(tmp_path: Path) -> None:
    """Items whose cost the source does not say: not the nought of a practice that dispensed nothing."""
    unknown = rows(
        "practice_code month measure numerator long_acting_items people",
        ("A", JUNE, "opioid_nic", None, 0, 6),
    )
    engine = build_from(
        {**GIVEN, "intermediate.int_practice_months__items": unknown}, "intermediate.int_trends__counts", tmp_path
    )
    asked = "SELECT org_code, numerator FROM intermediate.int_trends__counts WHERE measure = 'opioid_nic'"
    by_code = {
        row["org_code"]: row["numerator"] for row in engine.fetch(f"{asked} AND month = '2025-06-01'").to_pylist()
    }
    engine.close()
    assert by_code == {"A": None, "B": 0, "H": 0, "U1": None, "all": None}


def test_long_acting_items_are_those_of_the_measure_that_is_counted_among_them(found: Found) -> None:
    measure = "epd_high_strength_120_items"
    assert told(found, measure, JUNE, "numerator") == {"A": 2, "B": 1, "H": 0, "U1": 3, "all": 3}
    assert told(found, measure, JUNE, "long_acting_items") == {"A": 8, "B": 5, "H": 0, "U1": 13, "all": 13}
    for other in ("high_dose", "high_dose_joined", "opioid_nic"):
        assert set(told(found, other, JULY, "long_acting_items").values()) == {0}


def test_the_list_of_a_month_is_the_latest_before_the_next_one(found: Found) -> None:
    """April: B has no list yet, and no GP practice goes without saying. June: A's of April. July: A's of July."""
    columns = ("registered_patients", "oldest_list_month", "gp_practices_without_list")
    assert told(found, "high_dose", APRIL, *columns) == {
        "A": (1000, APRIL, 0), "B": (None, None, 1), "H": (None, None, 0),
        "U1": (1000, APRIL, 1), "all": (1000, APRIL, 1),
    }  # fmt: skip
    assert told(found, "high_dose", JUNE, *columns) == {
        "A": (1000, APRIL, 0), "B": (3000, JUNE, 0), "H": (None, None, 0),
        "U1": (4000, APRIL, 0), "all": (4000, APRIL, 0),
    }  # fmt: skip
    assert told(found, "high_dose", JULY, *columns)["U1"] == (4100, JUNE, 0)
    assert told(found, "epd_opioid_items", JUNE, *columns)["all"] == (4000, APRIL, 0)


def test_how_many_items_name_their_person_is_told_of_patients_items_alone(found: Found) -> None:
    columns = ("identified_items", "opioid_items")
    assert told(found, "high_dose", JUNE, *columns) == {
        "A": (8, 10), "B": (0, 5), "H": (7, 7), "U1": (8, 15), "all": (15, 22)
    }  # fmt: skip
    assert told(found, "high_dose", JULY, *columns)["B"] == (None, None)
    assert set(told(found, "epd_opioid_items", JUNE, *columns).values()) == {(None, None)}


def test_the_newest_month_is_provisional_and_open_data_never(found: Found) -> None:
    provisional = {(month, measure) for (_, month, measure), row in found.items() if row["provisional"]}
    assert provisional == {(JULY, name) for name in ("high_dose", "high_dose_joined", "opioid_nic")}
    assert {row["data_month_number"] for (_, month, _), row in found.items() if month == JULY} == {3}
