"""The main job as Prefect flows: each step of refresh.py a task, and nothing else.

Prefect wraps, never contains. What it keeps lies in clear in its own database, so a flow is told folders and
months, answers with a snapshot id, persists no result, and no error text but our own reaches it. The lock and the
run table of the data folder are the truth, whatever the orchestrator shows.
"""

import functools
import os
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

# Before Prefect is imported: nothing is reported to anyone, and no server is started behind the user's back.
os.environ.setdefault("DO_NOT_TRACK", "1")
os.environ.setdefault("PREFECT_SERVER_ANALYTICS_ENABLED", "false")
os.environ.setdefault("PREFECT_SERVER_ALLOW_EPHEMERAL_MODE", "false")

from prefect import flow, serve, task
from prefect.artifacts import create_markdown_artifact, create_table_artifact
from prefect.cache_policies import NO_CACHE
from prefect.flow_runs import FlowRun

from pipelines import refresh as main_job
from pipelines.config import Settings, load_settings
from pipelines.errors import PipelineError
from pipelines.folders import DataFolder
from pipelines.notify import KEPT, Notice, tell
from pipelines.snapshots import current_snapshot

_HOUR_SECONDS = 3600
_TAGS = ["opioid-stewardship"]


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
            kind, at = type(error).__name__, _place(error)
        raise UnexpectedError(f"Something unforeseen: {kind}.", f"In {at}.", "Run 'opioids refresh' to see more.")

    return run


def _place(error: BaseException) -> str:
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return f"{Path(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno}" if trace else "an unknown place"


def _task(name: str, step: Callable[..., Any]) -> Any:
    return task(
        _in_our_words(step),
        name=name,
        tags=_TAGS,
        cache_policy=NO_CACHE,
        persist_result=False,
        timeout_seconds=6 * _HOUR_SECONDS,
    )


STEPS = main_job.Steps(**{name: _task(name, step) for name, step in vars(main_job.Steps()).items()})


def _say_published(_flow: Any, run: FlowRun, _state: Any) -> None:
    data, settings = DataFolder(Path(run.parameters["data_dir"])), _settings(run.parameters.get("config_dir"))
    tell(Notice("published", (f"Snapshot {current_snapshot(data).snapshot_id} of {data.root}.",)), settings.notify)


def _say_failed(_flow: Any, run: FlowRun, state: Any) -> None:
    message = str(state.message or "").removeprefix("Flow run encountered an exception: ")
    tell(Notice("failed", (*message.splitlines(), KEPT)), _settings(run.parameters.get("config_dir")).notify)


def _settings(config_dir: str | None) -> Settings:
    return load_settings(Path(config_dir) if config_dir else None)


@flow(
    name="refresh",
    persist_result=False,
    on_completion=[_say_published],
    on_failure=[_say_failed],
    on_crashed=[_say_failed],
)  # type: ignore[untyped-decorator]
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
        DataFolder(Path(data_dir)), Path(reports_dir), _settings(config_dir), as_at, with_report, allow_unconverted
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
        f"* opioid items without a dose: {without_dose}\n",
        key="publication",
        description="What was published.",
    )


def serve_refresh(cron: str, timezone: str, parameters: dict[str, Any]) -> None:
    """Stay and run the refresh on schedule, one at a time, until stopped. Needs a Prefect server at PREFECT_API_URL."""
    from prefect.schedules import Cron

    serve(
        refresh.to_deployment(
            name="scheduled",
            schedules=[Cron(cron, timezone=timezone)],
            concurrency_limit=1,
            parameters=parameters,
            tags=_TAGS,
            description="Land, build, check, publish, report.",
        )
    )
