"""Registered patients by age band and sex: from years, from bands, never from half of a band or of the practices."""

from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from support import build_from
from test_organisations import lists

JAN, FEB, APR = date(2026, 1, 1), date(2026, 2, 1), date(2026, 4, 1)


def groups(spill: Path, *rows: tuple[Any, ...]) -> dict[str, int]:
    """What one practice's list of January tells of each group."""
    given = lists(*(("A1", JAN, *row) for row in rows))
    engine = build_from({"staging.stg_nhse__list_sizes": given}, "intermediate.int_list_sizes__groups", spill)
    found = engine.fetch("SELECT * FROM intermediate.int_list_sizes__groups").to_pylist()
    engine.close()
    return {row["dimension_value"]: row["registered_patients"] for row in found}


def test_years_of_both_sexes_make_every_band(tmp_path: Path) -> None:
    found = groups(
        tmp_path,
        ("MALE", "17", 1), ("FEMALE", "17", 2), ("MALE", "18", 4), ("FEMALE", "39", 8), ("MALE", "40", 16),
        ("FEMALE", "64", 32), ("MALE", "65", 64), ("FEMALE", "74", 128), ("MALE", "75", 256), ("FEMALE", "95+", 512),
        ("MALE", "ALL", 341), ("FEMALE", "ALL", 682), ("ALL", "ALL", 9_999),
    )  # fmt: skip
    assert found == {
        "under 18": 3, "18 to 39": 12, "40 to 64": 48, "65 to 74": 192, "75 and over": 768, "M": 341, "F": 682,
    }  # fmt: skip


def test_five_year_bands_tell_nothing_on_either_side_of_18(tmp_path: Path) -> None:
    found = groups(
        tmp_path,
        ("MALE", "10_14", 1), ("MALE", "15_19", 2), ("MALE", "20_24", 4), ("MALE", "40_44", 8), ("MALE", "95+", 16),
        ("FEMALE", "10_14", 1), ("FEMALE", "15_19", 2), ("FEMALE", "60-64", 8), ("FEMALE", "70_74", 32),
    )  # fmt: skip
    assert found == {"40 to 64": 16, "65 to 74": 32, "75 and over": 16, "M": 31, "F": 43}


def test_years_outrank_bands_and_one_sex_alone_makes_no_band(tmp_path: Path) -> None:
    men = [("MALE", "40", 10), ("MALE", "80", 20)]
    assert groups(tmp_path, *men) == {"M": 30}
    banded = [("MALE", "40_44", 99), ("FEMALE", "40_44", 99)]
    assert groups(tmp_path, *men, ("FEMALE", "41", 5), *banded)["40 to 64"] == 15


def listed(spill: Path, *rows: tuple[Any, ...]) -> dict[tuple[str, date], dict[str, Any]]:
    """Two GP practices and a hospice in one ICB."""
    codes = ["A1", "A2", "H1"]
    given = {
        "staging.stg_nhse__list_sizes": lists(*rows),
        "intermediate.int_organisations__levels": pa.table(
            {"practice_code": codes, "org_level": ["icb"] * 3, "org_code": ["QA"] * 3}
        ),
        "intermediate.int_organisations__practices": pa.table(
            {"practice_code": codes, "is_gp_practice": [True, True, False]}
        ),
        "intermediate.int_months__patient": pa.table({"month": [JAN, FEB, APR], "is_loaded": [True, True, True]}),
    }
    engine = build_from(given, "intermediate.int_equity__lists", spill)
    found = engine.fetch("SELECT * FROM intermediate.int_equity__lists").to_pylist()
    engine.close()
    return {(row["dimension_value"], row["month"]): row for row in found}


def test_a_list_by_sex_stands_until_the_next_and_says_of_how_many_practices(tmp_path: Path) -> None:
    found = listed(
        tmp_path, ("A1", JAN, "MALE", "ALL", 10), ("A1", APR, "MALE", "ALL", 11), ("A2", FEB, "MALE", "ALL", 100)
    )
    told = {month: (row["registered_patients"], row["gp_practices_listed"]) for (_, month), row in found.items()}
    assert told == {JAN: (10, 1), FEB: (110, 2), APR: (111, 2)}
    assert {row["gp_practices"] for row in found.values()} == {2}
    assert found["M", APR]["oldest_list_month"] == FEB


@pytest.mark.parametrize("rows", [[("A1", JAN, "ALL", "ALL", 10)], []])
def test_without_lists_by_age_or_sex_there_is_nothing(tmp_path: Path, rows: list[tuple[Any, ...]]) -> None:
    assert listed(tmp_path, *rows) == {}
