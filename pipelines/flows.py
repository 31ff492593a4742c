"""The main job as a Prefect flow: each step of refresh.py a task, and nothing else.

Prefect wraps, never contains. What it keeps lies in clear in its own database, so a flow is told folders and
months, answers with a snapshot id, and persists no result. The lock and the run table of the data folder are the
truth, whatever the orchestrator shows.
"""

from datetime import date
from pathlib import Path

from prefect import flow, task
from prefect.cache_policies import NO_CACHE

from pipelines import refresh as main_job
from pipelines.config import load_settings
from pipelines.folders import DataFolder

STEPS = main_job.Steps(
    **{
        name: task(step, name=name, cache_policy=NO_CACHE, persist_result=False)
        for name, step in vars(main_job.Steps()).items()
    }
)


@flow(name="refresh", persist_result=False)  # type: ignore[untyped-decorator]
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
        load_settings(Path(config_dir) if config_dir else None),
        as_at,
        with_report,
        allow_unconverted,
    )
    return main_job.refresh(options, steps=STEPS).snapshot.snapshot_id
