"""What has been published and what waits: status, runs, snapshots. Reads only.

The run table in state/ is the truth about runs; the orchestrator's own record is a convenience.
"""

from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path

from pipelines import assets
from pipelines.engine.published import fetch_published
from pipelines.errors import NothingPublished
from pipelines.folders import DataFolder
from pipelines.ingest.delivery import refused_files, waiting_files
from pipelines.ingest.register import INTERRUPTED, INTERRUPTED_SAYS, Register, Run
from pipelines.locking import holder_of_lock, holding_process
from pipelines.snapshots import Snapshot, current_snapshot, kept_files


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
        sum(not file.is_withdrawn and register.landing_rules_of(file.sha256) is None for file in register.files()),
    )


def known_runs(data: DataFolder) -> list[Run]:
    """Every run, oldest first. One that says 'running' while its process does not hold the lock was interrupted.

    The next refresh writes that down; until then it is said here.
    """
    process = holding_process(data)
    return [
        replace(run, outcome=INTERRUPTED, message=INTERRUPTED_SAYS)
        if run.outcome == "running" and (process is None or run.process_id != process)
        else run
        for run in Register(data).runs()
    ]


def kept_snapshots(data: DataFolder) -> list[KeptSnapshot]:
    """The published warehouses that are kept, newest first."""
    # Of a snapshot that was published more than once the newest counts, or the one that is current.
    files = {snapshot_id: file for file, snapshot_id, _ in sorted(kept_files(data), key=lambda kept: kept[2])}
    current: Snapshot | None = None
    with suppress(NothingPublished):
        current = current_snapshot(data)
        files[current.snapshot_id] = current.file
    published = {run.snapshot_id: run for run in Register(data).runs() if run.outcome == "published"}
    found = []
    for snapshot_id, file in files.items():
        run = published.get(snapshot_id)
        found.append(
            KeptSnapshot(
                snapshot_id,
                file,
                file.stat().st_size,
                run.finished_at if run else None,
                run.run_id if run else None,
                current is not None and file == current.file,
            )
        )
    oldest = datetime.min.replace(tzinfo=UTC)
    return sorted(found, key=lambda kept: (kept.published_at or oldest, kept.snapshot_id), reverse=True)
