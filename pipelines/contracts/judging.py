"""Run the suites with Great Expectations, and say in words what failed, where, and in which rows.

The only importer of great_expectations beside data_docs.py: it takes seconds to load, so a refresh loads it in the
background while the database builds.
"""

import logging
import os
import threading
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa

from pipelines import models
from pipelines.contracts.report import ContractReport, Finding, SuiteResult
from pipelines.contracts.suites import Check, Suite, read_suites
from pipelines.engine.base import Engine
from pipelines.errors import ConfigError

logger = logging.getLogger(__name__)

_MOST_PLACES = 3
_MOST_LABELS = 4


@dataclass(frozen=True)
class Metrics:
    """The answer of one metrics query: rows by the key that its header promises."""

    key: tuple[str, ...]
    rows: pa.Table


def load_in_background() -> threading.Thread:
    """Begin to load Great Expectations beside other work; whoever needs it first waits for the rest."""
    thread = threading.Thread(target=_load, name="great_expectations")
    thread.start()
    return thread


def _load() -> Any:
    os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import great_expectations

        return great_expectations


def check_contracts(
    engine: Engine, expectation_files: Sequence[Path], sql_dir: Path, *, with_pages: bool = False
) -> ContractReport:
    """Run every suite over its metrics, one query each. Does not judge: `refuse_failures` does."""
    suites = read_suites(expectation_files)
    frames = _frames() if suites else None
    return ContractReport(tuple(_check_suite(engine, suite, frames, sql_dir, with_pages) for suite in suites))


def _frames() -> Any:
    """Great Expectations' own place for frames of pandas, in memory and for this run alone."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        context = _load().get_context(mode="ephemeral")
        context.variables.progress_bars = {"globally": False}
        return context.data_sources.add_pandas("metrics")


def _check_suite(engine: Engine, suite: Suite, frames: Any, sql_dir: Path, with_pages: bool) -> SuiteResult:
    metrics = _metrics(engine, suite, sql_dir)
    checks = [_key_check(metrics.key), *suite.expectations]
    outcome = _validate(suite, metrics, checks, frames)
    ran = [result for result in outcome.results if not _was_raised(result)]
    findings = [
        _finding(checks[result.expectation_config.meta["number"]], result, suite, metrics, engine, sql_dir)
        for result in ran
        if not result.success
    ]
    logger.info("Contract %s: %d of %d checks ran, %d failed", suite.suite, len(ran), len(checks), len(findings))
    page = None
    if with_pages:
        from pipelines.contracts.data_docs import page_of

        page = page_of(outcome, suite)
    return SuiteResult(
        suite.suite,
        len(checks),
        len(ran),
        tuple(findings),
        suite.title,
        metrics.rows.num_rows,
        suite.may_be_empty is not None,
        page,
    )


def _metrics(engine: Engine, suite: Suite, sql_dir: Path) -> Metrics:
    model = models.read_model(sql_dir / "checks" / f"{suite.metrics}.sql", "checks")
    return Metrics(model.key, engine.fetch(model.select, _used(suite.parameters, model.select)))


def _used(parameters: Mapping[str, str], select: str) -> dict[str, str]:
    return {name: text for name, text in parameters.items() if f"${name}" in select}


def _key_check(key: Sequence[str]) -> Check:
    """Every suite begins with the promise of its own metrics: rows that stand twice would be judged twice."""
    told: dict[str, Any] = {"column": key[0]} if len(key) == 1 else {"column_list": list(key)}
    return Check(
        type="expect_column_values_to_be_unique" if len(key) == 1 else "expect_compound_columns_to_be_unique",
        severity="stop",
        what=f"rows that share {', '.join(key)}",
        why="Metrics that stand twice count a month twice.",
        since="2026-11",
        **told,
    )


def _validate(suite: Suite, metrics: Metrics, checks: Sequence[Check], frames: Any) -> Any:
    """The validation result of Great Expectations; each check carries its number."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        gx = _load()
        batch = (
            frames.add_dataframe_asset(suite.suite)
            .add_batch_definition_whole_dataframe("all")
            .get_batch(batch_parameters={"dataframe": metrics.rows.to_pandas()})
        )
        asked = gx.ExpectationSuite(name=suite.suite)
        for number, check in enumerate(checks):
            asked.add_expectation(_expectation(gx, check, number, suite))
        return batch.validate(asked, result_format="COMPLETE")


def _expectation(gx: Any, check: Check, number: int, suite: Suite) -> Any:
    name = "".join(word.capitalize() for word in check.type.split("_"))
    if not hasattr(gx.expectations, name):
        raise ConfigError(
            f"No expectation is called '{check.type}'.",
            f"In the suite '{suite.suite}' of configs/expectations/.",
            "See the list in the Great Expectations gallery.",
        )
    condition = {"row_condition": check.where, "condition_parser": "pandas"} if check.where else {}
    try:
        return getattr(gx.expectations, name)(
            **check.arguments,
            **condition,
            severity="critical" if check.severity == "stop" else "warning",
            notes=f"{check.why} (since {check.since})",
            meta={"number": number},
        )
    except (TypeError, ValueError) as error:
        raise ConfigError(
            f"An expectation of the suite '{suite.suite}' cannot be understood.",
            f"{check.type} ({check.what}): {str(error).splitlines()[0]}",
            "Mend its arguments in configs/expectations/.",
        ) from None


def _was_raised(result: Any) -> bool:
    """Whether a check broke down instead of judging: a column that is not there, a condition that cannot be read."""
    raised = result.exception_info or {}
    return bool(
        raised.get("raised_exception")
        or any(isinstance(info, dict) and info.get("raised_exception") for info in raised.values())
    )


def _finding(check: Check, result: Any, suite: Suite, metrics: Metrics, engine: Engine, sql_dir: Path) -> Finding:
    rows = metrics.rows.to_pylist()
    numbers = [number for number in result.result.get("unexpected_index_list") or [] if isinstance(number, int)]
    labels = [_label(rows[number], metrics.key) for number in numbers]
    found = [rows[number].get(check.column) for number in numbers]
    bounds = _bounds(check)
    within = f", beyond {bounds}" if bounds else ""
    some = f" in {_some(labels, _MOST_LABELS)}" if any(labels) else ""
    detail = f"{check.column or check.type}: found {_some([_figure(figure, check) for figure in found], _MOST_LABELS)}."
    if not numbers:
        detail = f"{check.type}: found {result.result.get('observed_value')}."
    return Finding(
        check.severity,
        suite.suite,
        f"{suite.title}: {check.what}{some}{within}. {check.why}",
        detail,
        _places(check, suite, engine, sql_dir),
    )


def _label(row: Mapping[str, Any], key: Sequence[str]) -> str:
    return " ".join(_month(row[name]) if name == "month" else str(row[name]) for name in key)


def _month(month: date | None) -> str:
    return f"{month:%Y-%m}" if month else "no month"


def _some(words: Sequence[str], most: int) -> str:
    more = f" and {len(words) - most} more" if len(words) > most else ""
    return ", ".join(words[:most]) + more


def _bounds(check: Check) -> str:
    named = (("min_value", "at least"), ("max_value", "at most"))
    return " and ".join(
        f"{word} {_figure(check.arguments[name], check)}"
        for name, word in named
        if check.arguments.get(name) is not None
    )


def _figure(figure: Any, check: Check) -> str:
    if figure is None:
        return "nothing"
    if isinstance(figure, date):
        return _month(figure)
    if not isinstance(figure, int | float):
        return str(figure)
    return f"{figure:.3%}" if check.column.startswith("share_") else f"{figure:,.6g}"


def _places(check: Check, suite: Suite, engine: Engine, sql_dir: Path) -> tuple[str, ...]:
    """Files, months, how many rows and the first lines, for a metric that single rows break. Never a value."""
    if suite.rows is None or not check.column:
        return ()
    select = (sql_dir / "checks" / f"{suite.rows}.sql").read_text(encoding="utf-8")
    found = engine.fetch(select, _used({**suite.parameters, "metric": check.column}, select)).to_pylist()
    places = [
        f"{row['file_name']}, {_month(row['month'])}: "
        f"{row['offending_rows']:,} row(s), first on line(s) {row['first_lines']}."
        for row in found[:_MOST_PLACES]
    ]
    more = [f"And in {len(found) - _MOST_PLACES} further file(s) and month(s)."] if len(found) > _MOST_PLACES else []
    return (*places, *more)
