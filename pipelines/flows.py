"""The jobs as Prefect flows: fetch, refresh, report, and monthly, which is all of them. Each step is a task.

Prefect wraps, never contains. What it keeps lies in clear in its own database, so a flow is told folders and
months, answers with a snapshot id, persists no result, and no error text but our own reaches it. The lock and the
run table of the data folder are the truth, whatever the orchestrator shows.
"""

import functools
import os
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any, Literal

# Before Prefect is imported: nothing is reported to anyone, and no server is started behind the user's back.
os.environ.setdefault("DO_NOT_TRACK", "1")
os.environ.setdefault("PREFECT_SERVER_ANALYTICS_ENABLED", "false")
os.environ.setdefault("PREFECT_SERVER_ALLOW_EPHEMERAL_MODE", "false")

from prefect import flow, serve, task
from prefect.artifacts import create_markdown_artifact, create_table_artifact
from prefect.cache_policies import NO_CACHE
from prefect.flow_runs import FlowRun

from pipelines import downloads
from pipelines import refresh as main_job
from pipelines.caveats import caveats_of
from pipelines.config import Settings, load_settings
from pipelines.errors import DownloadFailed, PipelineError
from pipelines.folders import DataFolder
from pipelines.logs import new_run_id, place_of, written_down
from pipelines.notify import KEPT, Notice, published, tell
from pipelines.report.asked import Asked, write_asked
from pipelines.snapshots import current_snapshot

FlowName = Literal["refresh", "monthly"]

_HOUR_SECONDS = 3600
_TAGS = ["opioid-stewardship"]
_SOURCES: tuple[downloads.ListedSource, ...] = ("list_sizes", "organisations")
_FETCH_RETRIES = 3


class UnexpectedError(PipelineError):
    """An error that is not one of ours, by its kind and place alone: its text may hold a patient's row."""


def _in_our_words(step: Callable[..., Any]) -> Callable[..., Any]:
    """A step of which no error text but our own reaches the orchestrator, which keeps it in clear."""

    @functools.wraps(step)
    def run(*given: Any, **named: Any) -> Any:
        try:
            return step(*given, **named)
        except PipelineError as error:
            error.__cause__ = error.__context__ = None
            raise
        except Exception as error:
            kind, at = type(error).__name__, place_of(error)
        raise UnexpectedError(f"Something unforeseen: {kind}.", f"In {at}.", "Run 'opioids refresh' to see more.")

    return run


def _task(name: str, step: Callable[..., Any], **more: Any) -> Any:
    return task(
        _in_our_words(step),
        name=name,
        tags=_TAGS,
        cache_policy=NO_CACHE,
        persist_result=False,
        timeout_seconds=6 * _HOUR_SECONDS,
        **more,
    )


def _may_pass(_task: Any, _run: Any, state: Any) -> bool:
    """Whether trying again may help: a busy server, never a contract, a setting or an address that is gone."""
    error = state.result(raise_on_failure=False, _sync=True)
    return isinstance(error, DownloadFailed) and error.may_pass


# Only what goes to the network is ever tried again: the same rows break the same contract.
_FETCH = {"retries": _FETCH_RETRIES, "retry_condition_fn": _may_pass}
FETCH_EPD = _task("fetch epd", downloads.bring_epd, **_FETCH)
FETCH_LISTED = _task("fetch listed", downloads.bring_listed, **_FETCH)
REPORT = _task("write reports", write_asked)
STEPS = main_job.Steps(**{name: _task(name, step) for name, step in vars(main_job.Steps()).items()})


def _say_published(flow_called: Any, run: FlowRun, _state: Any) -> None:
    if run.parent_task_run_id is None:
        data = DataFolder(Path(run.parameters["data_dir"]))
        snapshot = current_snapshot(data)
        caveats = [caveat.sentence for caveat in caveats_of(snapshot.file, data.tmp)]
        told = published(snapshot.snapshot_id, data.root, caveats, flow_called.name)
        tell(told, _settings(run.parameters.get("config_dir"), run.parameters["data_dir"]).notify)


def _say_failed(flow_called: Any, run: FlowRun, state: Any) -> None:
    if run.parent_task_run_id is None:
        message = str(state.message or state.name).removeprefix("Flow run encountered an exception: ")
        notice = Notice("failed", (*message.splitlines(), KEPT), flow_called.name)
        tell(notice, _settings(run.parameters.get("config_dir"), run.parameters["data_dir"]).notify)


def _settings(config_dir: str | None, data_dir: str) -> Settings:
    return load_settings(Path(config_dir) if config_dir else DataFolder(Path(data_dir)).own_settings)


def _flow(name: str, *, publishes: bool) -> Any:
    return flow(
        name=name,
        persist_result=False,
        timeout_seconds=12 * _HOUR_SECONDS,
        on_completion=[_say_published] if publishes else [],
        on_failure=[_say_failed],
        on_crashed=[_say_failed],
        on_cancellation=[_say_failed],
    )


@_flow("fetch", publishes=False)  # type: ignore[untyped-decorator]
def fetch(data_dir: str = "data", config_dir: str | None = None, epd_from: str | None = None) -> int:
    """Download what is new: EPD from a month on (YYYY-MM), if one is given, and what fetch.toml has addresses of.

    Returns how many publications came.
    """
    settings, data = _settings(config_dir, data_dir), DataFolder(Path(data_dir))
    data.prepare()
    patient = {"retry_delay_seconds": settings.fetch.patience.longest_wait_seconds}
    brought: list[downloads.Brought] = []
    if epd_from is not None:
        brought += FETCH_EPD.with_options(**patient)(data, settings, date.fromisoformat(f"{epd_from}-01"))
    for source in _SOURCES:
        if getattr(settings.fetch, source):
            brought += FETCH_LISTED.with_options(**patient)(data, settings, source)
    create_table_artifact(
        [{"publication": one.name, "is": one.standing, "taken in": one.has_come} for one in brought],
        key="downloads",
        description="Open data that was asked for.",
    )
    return sum(one.has_come for one in brought)


@_flow("refresh", publishes=True)  # type: ignore[untyped-decorator]
def refresh(
    data_dir: str = "data",
    reports_dir: str = "reports/build",
    config_dir: str | None = None,
    as_at: date | None = None,
    with_report: bool = True,
    allow_unconverted: str | None = None,
) -> str:
    """Land, build, check, publish, report. Returns the id of the published snapshot."""
    options = main_job.RefreshOptions(
        DataFolder(Path(data_dir)),
        Path(reports_dir),
        _settings(config_dir, data_dir),
        as_at,
        with_report,
        allow_unconverted,
    )
    done = _in_our_words(main_job.refresh)(options, steps=STEPS)
    _show(done)
    return str(done.snapshot.snapshot_id)


def _show(done: main_job.Refreshed) -> None:
    """What a person looks for first, as artifacts: no count of people, no row."""
    create_table_artifact(
        [{"file": added.file_name, "layout": added.layout, "new": added.is_new} for added in done.swept],
        key="files-taken-in",
        description="Files that this refresh found in incoming/.",
    )
    without_dose = "some, see 'opioids products --unconverted'" if done.unconverted_items else "none"
    create_markdown_artifact(
        f"Snapshot `{done.snapshot.snapshot_id}` is published.\n\n"
        f"* {done.files_landed} file(s) landed\n* {done.checks_run} checks passed\n"
        f"* {len(done.caveats)} sentence(s) to know before any figure\n"
        f"* {len(done.reports)} report file(s) written\n"
        f"* opioid items without a dose: {without_dose}\n",
        key="publication",
        description="What was published.",
    )


@_flow("report", publishes=False)  # type: ignore[untyped-decorator]
def report(data_dir: str = "data", reports_dir: str = "reports/build", config_dir: str | None = None) -> str:
    """Write the reports of the current snapshot anew. Returns its id."""
    data, settings = DataFolder(Path(data_dir)), _settings(config_dir, data_dir)
    data.prepare()
    with written_down(data, "report", new_run_id(), settings.pipeline.log_level):
        written = REPORT(Asked(), data, Path(reports_dir), settings, step=lambda _: None)
    create_markdown_artifact(
        f"{len(written.pages)} page(s) of snapshot `{written.snapshot_id}`.\n",
        key="reports",
        description="Reports that were written.",
    )
    return str(written.snapshot_id)


@_flow("monthly", publishes=True)  # type: ignore[untyped-decorator]
def monthly(
    data_dir: str = "data",
    reports_dir: str = "reports/build",
    config_dir: str | None = None,
    epd_from: str | None = None,
) -> str:
    """Fetch, then refresh, whose last step is the report. Returns the id of the published snapshot.

    What was delivered does not wait for what cannot be downloaded: it is published, and the flow fails at its end.
    """
    lacking: DownloadFailed | None = None
    try:
        fetch(data_dir=data_dir, config_dir=config_dir, epd_from=epd_from)
    except DownloadFailed as error:
        lacking = error
    snapshot_id = str(refresh(data_dir=data_dir, reports_dir=reports_dir, config_dir=config_dir))
    if lacking is not None:
        raise DownloadFailed(
            f"Snapshot {snapshot_id} is published, without what could not be downloaded: {lacking.what}",
            lacking.where,
            lacking.remedy,
        )
    return snapshot_id


FLOWS = {"refresh": refresh, "monthly": monthly}


def serve_flow(name: FlowName, cron: str, timezone: str, parameters: dict[str, Any]) -> None:
    """Stay and run a flow on schedule, one at a time, until stopped. Needs a Prefect server at PREFECT_API_URL."""
    from prefect.schedules import Cron

    chosen = FLOWS[name]
    serve(
        chosen.to_deployment(
            name="scheduled",
            schedules=[Cron(cron, timezone=timezone)],
            concurrency_limit=1,
            parameters=parameters,
            tags=_TAGS,
            description=chosen.description,
        ),
        limit=1,
    )
