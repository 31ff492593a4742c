"""Is the data fit to publish? Great Expectations suites over metrics of every row, and a gate that counts checks.

A suite file in configs/expectations/ names a metrics query in sql/checks/: the query counts all rows, the suite
says which counts are acceptable. "Success" with checks left out is no success: checks run must equal checks
expected. The only importer of great_expectations, and only when a refresh needs it: it takes seconds to load.
"""

import logging
import os
import tomllib
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipelines.engine.base import Engine
from pipelines.errors import ConfigError, ContractError

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class SuiteResult:
    """What one suite found."""

    suite: str
    checks_expected: int
    checks_run: int
    failures: tuple[str, ...]


@dataclass(frozen=True)
class ContractReport:
    """What all suites found."""

    suites: tuple[SuiteResult, ...]

    @property
    def checks_run(self) -> int:
        return sum(suite.checks_run for suite in self.suites)

    def refuse_failures(self) -> None:
        """Raise ContractError when a check failed, or was not run."""
        if not self.suites:
            raise ContractError(
                "No contract was checked.",
                "configs/expectations/ holds no suite.",
                "Restore the shipped files.",
            )
        for suite in self.suites:
            if suite.checks_expected == 0 or suite.checks_run != suite.checks_expected:
                raise ContractError(
                    f"The contract '{suite.suite}' was not checked in full.",
                    f"{suite.checks_run} of {suite.checks_expected} checks ran.",
                    "Nothing was published. Report this.",
                )
            if suite.failures:
                raise ContractError(
                    f"The data broke the contract '{suite.suite}'.",
                    " ".join(suite.failures),
                    "Nothing was published. Mend the source, or change the contract in configs/expectations/ "
                    "if it asks too much.",
                )


def check_contracts(engine: Engine, expectation_files: Sequence[Path], sql_dir: Path) -> ContractReport:
    """Run every suite over its metrics. Does not judge: `refuse_failures` does."""
    return ContractReport(tuple(_check_suite(engine, file, sql_dir) for file in expectation_files))


def _check_suite(engine: Engine, file: Path, sql_dir: Path) -> SuiteResult:
    told = tomllib.loads(file.read_text(encoding="utf-8"))
    expectations = told.get("expectations", [])
    metrics_file = sql_dir / "checks" / f"{told['metrics']}.sql"
    metrics = engine.fetch(metrics_file.read_text(encoding="utf-8")).to_pandas()
    outcome = _validate(told["suite"], metrics, expectations, file)
    failures = tuple(_failure(result, metrics) for result in outcome if not result.success)
    logger.info(
        "Contract %s: %d of %d checks ran, %d failed",
        told["suite"],
        len(outcome),
        len(expectations),
        len(failures),
    )
    return SuiteResult(told["suite"], len(expectations), len(outcome), failures)


def _validate(suite_name: str, metrics: Any, expectations: list[dict[str, Any]], file: Path) -> list[Any]:
    """The results of Great Expectations, one a check that ran."""
    os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import great_expectations as gx

        context = gx.get_context(mode="ephemeral")
        context.variables.progress_bars = {"globally": False}
        batch = (
            context.data_sources.add_pandas("metrics")
            .add_dataframe_asset(suite_name)
            .add_batch_definition_whole_dataframe("all")
            .get_batch(batch_parameters={"dataframe": metrics})
        )
        suite = gx.ExpectationSuite(name=suite_name)
        for expectation in expectations:
            arguments = {key: argument for key, argument in expectation.items() if key != "type"}
            suite.add_expectation(_expectation(gx, expectation["type"], arguments, file))
        return list(batch.validate(suite, result_format="COMPLETE").results)


def _expectation(gx: Any, kind: str, arguments: dict[str, Any], file: Path) -> Any:
    name = "".join(word.capitalize() for word in kind.split("_"))
    if not hasattr(gx.expectations, name):
        raise ConfigError(
            f"No expectation is called '{kind}'.",
            f"In {file.name}.",
            "See the list in the Great Expectations gallery.",
        )
    return getattr(gx.expectations, name)(**arguments)


def _failure(result: Any, metrics: Any) -> str:
    """One failed check in words, with the months concerned: metrics are counts, so they may be shown."""
    config = result.expectation_config
    column = config.kwargs.get("column", "the table")
    bounds = ", ".join(
        f"{name.removesuffix('_value')} {config.kwargs[name]}"
        for name in ("min_value", "max_value")
        if config.kwargs.get(name) is not None
    )
    unexpected = result.result.get("unexpected_index_list") or []
    found = result.result.get("partial_unexpected_list") or result.result.get("observed_value")
    months = ", ".join(str(metrics.iloc[i]["month"]) for i in unexpected if isinstance(i, int))
    return f"{config.type} on {column} ({bounds or 'no bounds'}): found {found}{f' in {months}' if months else ''}."
