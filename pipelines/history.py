"""What has been published and what waits: status, runs, snapshots. Reads only.

The run table in state/ is the truth about runs; the orchestrator's own record is a convenience.
"""

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path

from pipelines import assets
from pipelines.engine.duckdb import fetch_published
from pipelines.errors import NothingPublished
from pipelines.folders import DataFolder
from pipelines.ingest.delivery import refused_files, waiting_files
from pipelines.ingest.register import Register, Run
from pipelines.locking import holder_of_lock
from pipelines.snapshots import current_snapshot


@dataclass(frozen=True)
class KeptSnapshot:
    """A published warehouse that is still there."""

    snapshot_id: str
    file: Path
    size_bytes: int
    published_at: datetime | None
    run_id: str | None
    is_current: bool


@dataclass(frozen=True)
class Status:
    """How the data folder stands."""

    snapshot_id: str | None
    published_at: datetime | None
    newest_patient_month: date | None
    newest_epd_month: date | None
    last_run: Run | None
    is_running: bool
    waiting_in_incoming: int
    refused_in_incoming: int
    registered_not_landed: int


def status(data: DataFolder) -> Status:
    """How the data folder stands: what is published, how the last run ended, what waits."""
    register = Register(data)
    runs = known_runs(data)
    try:
        snapshot = current_snapshot(data)
    except NothingPublished:
        snapshot_id, newest = None, {}
    else:
        snapshot_id = snapshot.snapshot_id
        rows = fetch_published(snapshot.file, data.tmp, assets.query("status_newest_months")).to_pylist()
        newest = {row["source"]: row["month"] for row in rows}
    published = [run for run in reversed(runs) if run.outcome == "published"]
    return Status(
        snapshot_id,
        next((run.finished_at for run in published if run.snapshot_id == snapshot_id), None),
        newest.get("patient_items"),
        newest.get("epd"),
        runs[-1] if runs else None,
        holder_of_lock(data) is not None,
        len(waiting_files(data)),
        len(refused_files(data)),
        sum(register.landing_rules_of(file.sha256) is None for file in register.files()),
    )


def known_runs(data: DataFolder) -> list[Run]:
    """Every run, oldest first. A run that says 'running' while nobody holds the lock was killed, and says so."""
    running = holder_of_lock(data) is not None
    runs = Register(data).runs()
    return [
        replace(run, outcome="killed", message="Its process ended without a word.")
        if run.outcome == "running" and not (running and run is runs[-1])
        else run
        for run in runs
    ]


def kept_snapshots(data: DataFolder) -> list[KeptSnapshot]:
    """The published warehouses that are kept, newest first."""
    try:
        current = current_snapshot(data).file
    except NothingPublished:
        current = None
    published = {run.snapshot_id: run for run in Register(data).runs() if run.outcome == "published"}
    found = []
    for file in data.warehouse.glob("opioids-*.duckdb"):
        snapshot_id = file.stem.removeprefix("opioids-")
        run = published.get(snapshot_id)
        found.append(
            KeptSnapshot(
                snapshot_id,
                file,
                file.stat().st_size,
                run.finished_at if run else None,
                run.run_id if run else None,
                file == current,
            )
        )
    oldest = datetime.min.replace(tzinfo=UTC)
    return sorted(found, key=lambda kept: (kept.published_at or oldest, kept.snapshot_id), reverse=True)
