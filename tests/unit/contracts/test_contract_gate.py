"""The gate counts checks: a suite that was not run in full is no success. A failure names months, files and lines."""

from datetime import date
from pathlib import Path

import pyarrow as pa
import pytest

from pipelines.contracts import ContractReport, Finding, SuiteResult, check_contracts
from pipelines.engine.duckdb import DuckDBEngine
from pipelines.errors import ConfigError, ContractError

METRICS = (
    "-- Shares.\n--\n-- Grain: one row per month.\n-- Key: month\nSELECT month, share FROM marts.metrics ORDER BY month"
)
CHECK = """
[[expectations]]
type = "expect_column_values_to_be_between"
column = "share"
max_value = 0.01
what = "share of bad rows"
severity = "{severity}"
why = "Bad rows are left out of every total."
since = "2026-11"
"""
HEAD = 'suite = "small"\ntitle = "Small"\nmetrics = "metrics_small"\n'


def checked(tmp_path: Path, suite: str, shares: list[float], metrics: str = METRICS) -> ContractReport:
    engine = DuckDBEngine(None, tmp_path)
    months = [date(2024, number, 1) for number in range(1, len(shares) + 1)]
    engine.load(
        "marts.metrics", pa.table({"month": pa.array(months, pa.date32()), "share": pa.array(shares, pa.float64())})
    )
    (tmp_path / "checks").mkdir()
    (tmp_path / "checks" / "metrics_small.sql").write_text(metrics)
    file = tmp_path / "small.toml"
    file.write_text(suite)
    return check_contracts(engine, [file], tmp_path)


def test_a_suite_with_checks_left_out_is_refused() -> None:
    with pytest.raises(ContractError) as raised:
        ContractReport((SuiteResult("items", 3, 2),)).refuse_failures()
    assert "2 of 3 checks ran" in raised.value.where


def test_a_suite_without_any_check_is_refused() -> None:
    with pytest.raises(ContractError) as raised:
        ContractReport((SuiteResult("items", 0, 0),)).refuse_failures()
    assert "0 of 0" in raised.value.where


def test_no_suite_at_all_is_refused() -> None:
    with pytest.raises(ContractError, match="No contract was checked"):
        ContractReport(()).refuse_failures()


def test_a_suite_that_had_nothing_to_judge_is_refused_unless_it_says_why_that_is_no_fault(tmp_path: Path) -> None:
    with pytest.raises(ContractError, match="had nothing to judge"):
        checked(tmp_path, HEAD + CHECK.format(severity="stop"), []).refuse_failures()


def test_a_suite_may_say_that_there_may_be_nothing_to_judge(tmp_path: Path) -> None:
    may = 'may_be_empty = "EPD alone has no patients"\n'
    checked(tmp_path, HEAD + may + CHECK.format(severity="stop"), []).refuse_failures()


def test_a_broken_contract_says_what_where_and_why(tmp_path: Path) -> None:
    report = checked(tmp_path, HEAD + CHECK.format(severity="stop"), [0.001, 0.5])
    assert report.checks_run == 2  # that of the file, and the key of the metrics
    with pytest.raises(ContractError) as raised:
        report.refuse_failures()
    assert raised.value.what == "The data broke the contract 'small'."
    assert raised.value.where == (
        "Small: share of bad rows in 2024-02, beyond at most 0.01. Bad rows are left out of every total. "
        "share: found 0.5."
    )
    assert "the last publication stays" in raised.value.remedy


def test_a_warning_does_not_stop_and_is_kept(tmp_path: Path) -> None:
    report = checked(tmp_path, HEAD + CHECK.format(severity="warn"), [0.5])
    report.refuse_failures()
    assert [(found.severity, found.suite) for found in report.warnings] == [("warn", "small")]


def test_a_check_of_a_column_that_is_not_there_did_not_run(tmp_path: Path) -> None:
    suite = HEAD + CHECK.format(severity="warn").replace('"share"', '"shares"')
    with pytest.raises(ContractError) as raised:
        checked(tmp_path, suite, [0.001]).refuse_failures()
    assert "1 of 2 checks ran" in raised.value.where


def test_metrics_that_stand_twice_stop(tmp_path: Path) -> None:
    doubled = METRICS.replace(" ORDER BY month", " UNION ALL SELECT month, share FROM marts.metrics")
    with pytest.raises(ContractError) as raised:
        checked(tmp_path, HEAD + CHECK.format(severity="warn"), [0.001], doubled).refuse_failures()
    assert "rows that share month in 2024-01, 2024-01" in raised.value.where


@pytest.mark.parametrize("left_out", ["why", "severity", "since", "what"])
def test_a_bound_without_its_reason_is_refused(tmp_path: Path, left_out: str) -> None:
    lines = [line for line in CHECK.format(severity="stop").splitlines() if not line.startswith(left_out)]
    with pytest.raises(ConfigError, match=f"{left_out}: Field required"):
        checked(tmp_path, HEAD + "\n".join(lines), [0.001])


def test_an_expectation_that_does_not_exist_is_named(tmp_path: Path) -> None:
    suite = HEAD + CHECK.format(severity="stop").replace("expect_column_values_to_be_between", "expect_wonders")
    with pytest.raises(ConfigError, match="No expectation is called 'expect_wonders'"):
        checked(tmp_path, suite, [0.001])


def test_every_stop_is_told_and_warnings_are_not_among_them() -> None:
    findings = (
        Finding("stop", "a", "First.", "found 1.", ("x.csv, 2024-01: 2 row(s), first on line(s) 4, 7.",)),
        Finding("warn", "a", "Second.", "found 2."),
    )
    report = ContractReport(
        (SuiteResult("a", 1, 1, findings), SuiteResult("b", 1, 1, (Finding("stop", "b", "Third.", "found 3."),)))
    )
    with pytest.raises(ContractError, match="The data broke the contracts 'a', 'b'") as raised:
        report.refuse_failures()
    assert raised.value.where.splitlines() == [
        "First. found 1. x.csv, 2024-01: 2 row(s), first on line(s) 4, 7.",
        "  Third. found 3.",
    ]
