"""A supplier who changes its pseudonyms is found out: nearly nobody of that month was there before."""

from datetime import date
from pathlib import Path

import pytest
from support import build_from
from text_patients import tables_of

from pipelines import assets, models
from pipelines.contracts import check_contracts
from pipelines.engine.base import Engine
from pipelines.errors import ContractError

EXPECTATIONS = assets.CONFIG_DIR / "expectations" / "patient_continuity.toml"


def people(prefix: str, number: int, months: str) -> str:
    return "\n".join(f"{prefix}{n} | {months} | co-codamol | 56" for n in range(number))


def built(lines: list[str], loaded: str, spill: Path) -> Engine:
    text = "\n".join(["patient | months | product | quantity", *lines])
    return build_from(tables_of(text, loaded), "intermediate.int_patient_months__dispensed", spill)


def shares(engine: Engine) -> dict[date, float | None]:
    model = models.read_model(assets.SQL_DIR / "checks" / "metrics_patient_continuity.sql", "checks")
    return {row["month"]: row["share_seen_before"] for row in engine.fetch(model.select).to_pylist()}


def test_the_share_counts_people_seen_in_any_of_the_three_months_before(tmp_path: Path) -> None:
    # April: a was seen in January, b in March; c is new in April, d was last seen in December, four months before
    lines = [
        "a | 2024-01,2024-04 | co-codamol | 56",
        "b | 2024-03..2024-04 | gabapentin | 56",
        "c | 2024-04 | co-codamol | 56",
        "d | 2023-12,2024-04 | co-codamol | 56",
    ]
    found = shares(built(lines, "2023-12..2024-04", tmp_path))
    assert found[date(2024, 4, 1)] == 2 / 4
    assert found[date(2024, 3, 1)] == 0
    assert found[date(2023, 12, 1)] is None


def test_nothing_is_said_of_a_month_after_three_missing_ones(tmp_path: Path) -> None:
    found = shares(built(["a | 2024-01,2024-05 | co-codamol | 56"], "2024-01,2024-05", tmp_path))
    assert found == {date(2024, 1, 1): None, date(2024, 5, 1): None}


def test_new_pseudonyms_from_one_month_on_stop_publication(tmp_path: Path) -> None:
    lines = [people("old", 250, "2024-01..2024-06"), people("new", 250, "2024-07..2024-09")]
    engine = built(lines, "2024-01..2024-09", tmp_path)
    report = check_contracts(engine, [EXPECTATIONS], assets.SQL_DIR)
    with pytest.raises(ContractError) as raised:
        report.refuse_failures()
    assert "July 2024" in str(raised.value.where) or "2024-07" in str(raised.value.where)
    assert "2024-08" not in str(raised.value.where)


def test_half_of_the_people_under_new_pseudonyms_are_a_warning(tmp_path: Path) -> None:
    # of the 250 people of July 110 were there before: 44 of 100
    lines = [
        people("stay", 110, "2024-01..2024-09"),
        people("old", 140, "2024-01..2024-06"),
        people("new", 140, "2024-07..2024-09"),
    ]
    report = check_contracts(built(lines, "2024-01..2024-09", tmp_path), [EXPECTATIONS], assets.SQL_DIR)
    report.refuse_failures()
    assert [finding.severity for suite in report.suites for finding in suite.findings] == ["warn"]


def test_the_same_people_month_after_month_are_as_they_should_be(tmp_path: Path) -> None:
    engine = built([people("same", 250, "2024-01..2024-09")], "2024-01..2024-09", tmp_path)
    report = check_contracts(engine, [EXPECTATIONS], assets.SQL_DIR)
    report.refuse_failures()
    assert [finding for suite in report.suites for finding in suite.findings] == []
