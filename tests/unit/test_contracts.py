"""The gate counts checks: a suite that was not run in full is no success, and a failure names its months."""

from pathlib import Path

import pyarrow as pa
import pytest

from pipelines.contracts import ContractReport, SuiteResult, check_contracts
from pipelines.engine.duckdb import DuckDBEngine
from pipelines.errors import ContractError


def test_a_suite_with_checks_left_out_is_refused() -> None:
    with pytest.raises(ContractError, match="2 of 3 checks ran"):
        ContractReport((SuiteResult("items", 3, 2, ()),)).refuse_failures()


def test_a_suite_without_any_check_is_refused() -> None:
    with pytest.raises(ContractError, match="0 of 0"):
        ContractReport((SuiteResult("items", 0, 0, ()),)).refuse_failures()


def test_no_suite_at_all_is_refused() -> None:
    with pytest.raises(ContractError, match="No contract was checked"):
        ContractReport(()).refuse_failures()


def test_a_broken_contract_says_which_check_and_what_was_found(tmp_path: Path) -> None:
    engine = DuckDBEngine(None, tmp_path)
    engine.load("marts.metrics", pa.table({"month": ["2024-01-01", "2024-02-01"], "share": [0.001, 0.5]}))
    (tmp_path / "checks").mkdir()
    (tmp_path / "checks" / "metrics_small.sql").write_text("SELECT month, share FROM marts.metrics ORDER BY month")
    suite = tmp_path / "small.toml"
    suite.write_text(
        'suite = "small"\nmetrics = "metrics_small"\n'
        '[[expectations]]\ntype = "expect_column_values_to_be_between"\ncolumn = "share"\nmax_value = 0.01\n'
        '[[expectations]]\ntype = "expect_column_values_to_not_be_null"\ncolumn = "month"\n'
    )
    report = check_contracts(engine, [suite], tmp_path)
    assert report.checks_run == 2
    with pytest.raises(ContractError) as raised:
        report.refuse_failures()
    assert "expect_column_values_to_be_between on share (max 0.01): found [0.5]" in raised.value.where
    assert "2024-02-01" in raised.value.where
    assert "not_be_null" not in raised.value.where
