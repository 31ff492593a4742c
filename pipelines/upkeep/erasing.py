"""Remove one person from everything that is kept, so that they do not come back; it can be done again at any time.

What is left of them is their pseudonym on the list of those who are left out, and in the row of the audit that says
so. A row cannot be cut out of an original, whose hash is its name: the original goes and its hash stays.
"""

from dataclasses import dataclass
from pathlib import Path

from pipelines import assets
from pipelines.audit import AuditTrail
from pipelines.config import Settings
from pipelines.engine.published_people import holds_any
from pipelines.errors import NothingPublished, PipelineError, UsageError
from pipelines.folders import DataFolder
from pipelines.identity import digits_of, kind_of, open_door
from pipelines.identity.opt_outs import OptOutStore
from pipelines.ingest.delivery import reason_of, refused_files, waiting_files
from pipelines.ingest.register import Register, original_of
from pipelines.ingest.searching import holds
from pipelines.ingest.withholding import finish_leaving, leave_out
from pipelines.labels import drop, mark_to_go
from pipelines.locking import only_refresh
from pipelines.products import ProductReference, followed_prefixes
from pipelines.reviews import ReviewStore
from pipelines.snapshots import current_snapshot, kept_files

MUST_GO = "It holds a person who was erased."


@dataclass(frozen=True)
class Erased:
    """What was removed, in numbers and names, and what is left for a person to do."""

    rows: int
    identities: int
    reviews: int
    originals: tuple[str, ...]
    refused: tuple[str, ...]
    snapshots: tuple[str, ...]
    is_still_published: bool
    clear_files: tuple[Path, ...]
    backups: tuple[str, ...]


def erase_person(data: DataFolder, nhs_number: str, settings: Settings, user: str | None = None) -> Erased:
    """Erase the person with this NHS number. Raises UsageError, RefreshInProgress; nothing is then changed."""
    if kind_of(nhs_number) != "nhs_number":
        raise UsageError(
            "That is not a valid NHS number.", "It has not ten digits, or fails its check.", "Look it up again."
        )
    number = digits_of(nhs_number)
    with only_refresh(data):
        finish_leaving(data)
        _refuse_while_it_waits(data, number, settings)
        door = open_door(data)
        key = door.patient_key_of(number)
        store = OptOutStore(data)
        # First: whatever stops the rest, no refresh brings the person back.
        store.take_in([key], "erased")
        rows = leave_out(data, [key], followed_prefixes(ProductReference.load(assets.REFERENCE_DIR)))
        store.mark_applied([key])
        erased = Erased(
            rows,
            door.forget([key]),
            ReviewStore(data).forget(key),
            _remove_originals(data, number),
            _remove_refused(data, number),
            *_remove_published(data, key),
            _clear_files(data, key),
            _backups(data),
        )
        AuditTrail(data).append(
            "erase",
            user,
            patient_key=key,
            rows=erased.rows,
            reviews=erased.reviews,
            originals=len(erased.originals),
            refused=len(erased.refused),
            snapshots=list(erased.snapshots),
        )
    return erased


def _refuse_while_it_waits(data: DataFolder, number: str, settings: Settings) -> None:
    """A file that is not landed yet would be lost whole, for everybody in it."""
    register = Register(data)
    waiting = [file.name for file in waiting_files(data) if holds(file, number)]
    for file in register.files():
        layout, original = settings.layout(file.layout), original_of(file, data)
        is_to_land = layout.content == "patient_items" and register.landing_rules_of(file.sha256) is None
        if is_to_land and not file.is_withdrawn and original.exists() and holds(original, number):
            waiting.append(file.file_name)
    if waiting:
        raise UsageError(
            "A file that is not landed yet holds this person.",
            f"Waiting: {', '.join(sorted(waiting))}.",
            "Run 'opioids refresh' first, then erase: otherwise everybody in that file would be lost with them.",
        )


def _remove_originals(data: DataFolder, number: str) -> tuple[str, ...]:
    register = Register(data)
    names = {original_of(file, data): file for file in register.files()}
    removed = []
    for original in sorted(data.originals.iterdir()):
        if original.is_file() and holds(original, number):
            known = names.get(original)
            if known:
                register.record_original_removed(known.sha256, "erasure")
            original.unlink()
            removed.append(known.file_name if known else original.name)
    return tuple(removed)


def _remove_refused(data: DataFolder, number: str) -> tuple[str, ...]:
    removed = [file for file in refused_files(data) if holds(file, number)]
    for file in removed:
        reason_of(file).unlink(missing_ok=True)
        file.unlink()
    return tuple(file.name for file in removed)


def _remove_published(data: DataFolder, key: str) -> tuple[tuple[str, ...], bool]:
    """Drop the kept warehouses that hold the person; the current one has to go with the next publication."""
    try:
        current = current_snapshot(data)
    except NothingPublished:
        current = None
    dropped, is_still_published = [], False
    for file, snapshot_id, _ in list(kept_files(data)):
        if not _may_hold(file, data, key):
            continue
        if current and file == current.file:
            mark_to_go(file, snapshot_id, current.sha256, MUST_GO)
            is_still_published = True
        else:
            drop(file)
            dropped.append(snapshot_id)
    return tuple(dropped), is_still_published


def _may_hold(file: Path, data: DataFolder, key: str) -> bool:
    try:
        return holds_any(file, data.tmp, [key])
    except PipelineError:
        # A warehouse that does not open is of no use, and may hold anybody.
        return True


def _clear_files(data: DataFolder, key: str) -> tuple[Path, ...]:
    """Lists and exports below the data folder in which the pseudonym stands: somebody put them there for a purpose."""
    ours = set(data.made_by_us)
    return tuple(
        file
        for file in sorted(data.root.rglob("*"))
        if file.is_file() and not ours & set(file.parents) and file.suffix in (".csv", ".parquet") and holds(file, key)
    )


def _backups(data: DataFolder) -> tuple[str, ...]:
    return tuple(
        f"{entry['file']} ({entry['when'][:10]})" for entry in AuditTrail(data).entries() if entry["action"] == "backup"
    )
