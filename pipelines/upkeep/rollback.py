"""Go back to a publication that is kept, and take back what was delivered since, so that no refresh brings it again.

Deliveries are withdrawn, not deleted: going forward to the newer publication, while it is kept, brings them back. The
deliveries are taken back first and the switch comes last: whoever is stopped between them has the newer publication
still, and the next refresh builds the older one again.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from pipelines import assets
from pipelines.audit import AuditTrail
from pipelines.config import Settings
from pipelines.engine.published import fetch_published
from pipelines.engine.published_people import holds_any
from pipelines.errors import PipelineError, StorageError, UsageError
from pipelines.folders import DataFolder
from pipelines.identity.keys import known_key_id
from pipelines.identity.opt_outs import OptOutStore
from pipelines.ingest.register import Register, RegisteredFile
from pipelines.ingest.upgrading import upgrade
from pipelines.labels import Label, label_of, write_label
from pipelines.locking import only_refresh
from pipelines.logs import new_run_id
from pipelines.publish import switch_to
from pipelines.report import write_reports
from pipelines.snapshots import Snapshot, current_snapshot, kept_files, snapshot_file

ROLLED_BACK = "rolled back"
_SHORTEST_BEGINNING = 4


@dataclass(frozen=True)
class RolledBack:
    """What is current now, what was, and what became of the deliveries and reports."""

    run_id: str
    snapshot: Snapshot
    came_from: str
    withdrawn: tuple[RegisteredFile, ...]
    restored: tuple[RegisteredFile, ...]
    reports: tuple[Path, ...]
    stale_reports: str = ""
    holds_opted_out: bool = False


def roll_back(
    data: DataFolder,
    to: str,
    settings: Settings,
    reports_dir: Path,
    *,
    keep_deliveries: bool = False,
    with_report: bool = True,
    user: str | None = None,
) -> RolledBack:
    """Make a kept publication, named by its snapshot or run, the current one. Raises UsageError, StorageError."""
    data.prepare()
    with only_refresh(data):
        upgrade(data)
        register = Register(data)
        register.close_interrupted()
        current = current_snapshot(data)
        target = _checked(_target(data, register, to), current, data)
        run_id = new_run_id()
        register.start_run(run_id, None)
        register.describe_run(run_id, snapshot_id=target.snapshot_id)
        try:
            withdrawn, restored = _settle_deliveries(data, register, target, run_id, keep_deliveries=keep_deliveries)
            _remember(current)
            switch_to(data, target)
        except BaseException as error:
            register.finish_run(run_id, "failed", error.what if isinstance(error, PipelineError) else None)
            raise
        register.finish_run(run_id, ROLLED_BACK, f"From {current.snapshot_id}; {len(withdrawn)} file(s) withdrawn.")
        AuditTrail(data).append(
            "rollback",
            user,
            from_snapshot=current.snapshot_id,
            to_snapshot=target.snapshot_id,
            withdrawn=[file.file_name for file in withdrawn],
            restored=[file.file_name for file in restored],
        )
        reports, stale = _reports(target, settings, reports_dir, data) if with_report else ((), "none were asked for")
        left_out = OptOutStore(data).people()
        holds_opted_out = bool(left_out) and holds_any(target.file, data.tmp, left_out)
    return RolledBack(run_id, target, current.snapshot_id, withdrawn, restored, reports, stale, holds_opted_out)


def _target(data: DataFolder, register: Register, to: str) -> Snapshot:
    """The kept publication that is meant: by run, by snapshot, or by the beginning of one."""
    wanted = {run.snapshot_id for run in register.runs() if run.run_id == to and run.snapshot_id} or {to}
    kept = {snapshot_id for _, snapshot_id, _ in kept_files(data)}
    found = kept & wanted or {
        snapshot_id for snapshot_id in kept if len(to) >= _SHORTEST_BEGINNING and snapshot_id.startswith(to)
    }
    if len(found) != 1:
        raise UsageError(
            f"No publication that is kept is called '{to[:60]}'." if not found else f"'{to[:60]}' names several.",
            f"Kept are: {', '.join(sorted(kept)) or 'none'}.",
            "See 'opioids snapshots'. One that is not kept any more is built again from its files by a refresh.",
        )
    (snapshot_id,) = found
    file = snapshot_file(data, snapshot_id)
    label = label_of(file)
    return Snapshot(snapshot_id, file, label.sha256 if label else "")


def _checked(target: Snapshot, current: Snapshot, data: DataFolder) -> Snapshot:
    """The publication with its hash, after its bytes were compared with it and it was opened."""
    label = label_of(target.file)
    if label and label.must_go:
        raise UsageError(
            "This publication cannot be gone back to.", f"{target.snapshot_id}: {label.must_go}", "Choose another one."
        )
    if label and label.key_id != known_key_id(data):
        raise UsageError(
            "This publication was made under another pseudonymisation key.",
            f"{target.snapshot_id}: key {label.key_id}, this folder has {known_key_id(data)}.",
            "Choose another one.",
        )
    with target.file.open("rb") as handle:
        sha256 = hashlib.file_digest(handle, "sha256").hexdigest()
    expected = current.sha256 if target.file == current.file else target.sha256
    if expected and sha256 != expected:
        raise StorageError(
            "This publication is not what was published: its bytes have changed.",
            f"File {target.file}.",
            "Choose another one; nothing was changed.",
        )
    _files_of(target, data)
    return Snapshot(target.snapshot_id, target.file, sha256)


def _files_of(snapshot: Snapshot, data: DataFolder) -> set[str]:
    """The files that a publication was made from, by hash. Raises StorageError where it does not open."""
    found = fetch_published(snapshot.file, data.tmp, assets.query("rollback_files"))
    return set(found["sha256"].to_pylist())


def _settle_deliveries(
    data: DataFolder, register: Register, target: Snapshot, run_id: str, *, keep_deliveries: bool
) -> tuple[tuple[RegisteredFile, ...], tuple[RegisteredFile, ...]]:
    if keep_deliveries:
        return (), ()
    return register.settle_deliveries(_files_of(target, data), run_id)


def _remember(current: Snapshot) -> None:
    """The hash of the publication that is left: it stood in the pointer alone where an earlier version made it."""
    if current.file.exists() and label_of(current.file) is None:
        write_label(current.file, Label(current.snapshot_id, current.sha256))


def _reports(target: Snapshot, settings: Settings, reports_dir: Path, data: DataFolder) -> tuple[tuple[Path, ...], str]:
    """Write the reports from the publication that is current now; where that cannot be, say why they are stale."""
    try:
        files = write_reports(
            target.file, target.snapshot_id, reports_dir, settings, data.tmp, whole=settings.pipeline.site
        )
    except PipelineError as error:
        return (), str(error).splitlines()[0]
    return tuple(files), ""
