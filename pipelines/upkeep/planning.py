"""What the next refresh would do, before anything is written: files, months, definitions, people, what goes, its cost.

Reads only, and takes no lock: bytes and times of the data folder stay as they are. Rows of files that wait are counted
as landing would count them, before duplicates and opt-outs are taken out.
"""

import shlex
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from statistics import median

from pipelines import assets
from pipelines.build import present_inputs
from pipelines.config import Settings
from pipelines.content import content_of, snapshot_id
from pipelines.errors import NothingPublished, PipelineError
from pipelines.folders import DataFolder, refuse_if_open
from pipelines.housekeeping import bytes_needed
from pipelines.identity.opt_outs import OptOutStore
from pipelines.ingest.delivery import waiting_files
from pipelines.ingest.landing import landed_file, rules_hash_of
from pipelines.ingest.previewing import Previewed, preview_registered, preview_waiting
from pipelines.ingest.register import LoadedMonth, Register, RegisteredFile, Run
from pipelines.ingest.retention import due_to_go
from pipelines.ingest.upgrading import form_of, is_older
from pipelines.labels import Label, label_of
from pipelines.products import FollowedPrefix, ProductReference, followed_prefixes
from pipelines.reviews import ReviewStore
from pipelines.snapshots import Snapshot, current_snapshot, kept_files
from pipelines.upkeep.plan_words import changed_definitions

_RUNS_TO_LEARN_FROM = 5


@dataclass(frozen=True)
class MonthChange:
    """What would happen to one month of a source. `state`: new, replaced, loses rows, loses all rows, part replaced."""

    source: str
    month: date | None
    state: str
    rows_now: int
    rows_then: int
    files: tuple[str, ...]


@dataclass(frozen=True)
class Plan:
    """What a refresh would do now; not complete where the folder has to be upgraded before it can be read."""

    would_stop: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    waiting: tuple[Previewed, ...] = ()
    not_landed: tuple[Previewed, ...] = ()
    landed_anew: tuple[str, ...] = ()
    months: tuple[MonthChange, ...] = ()
    definitions: tuple[str, ...] = ()
    reviews_waiting: int = 0
    opt_outs_waiting: int = 0
    published_snapshot: str | None = None
    would_change: bool = True
    originals_to_go: tuple[str, ...] = ()
    refused_to_go: tuple[str, ...] = ()
    snapshots_to_go: tuple[str, ...] = ()
    usual_seconds: float | None = None
    learnt_from_runs: int = 0
    bytes_needed: int = 0
    is_complete: bool = True


def plan(data: DataFolder, settings: Settings, as_at: date | None = None) -> Plan:
    """What a refresh of the folder would do now. Raises ConfigError, StorageError for a folder of a newer version."""
    followed = followed_prefixes(ProductReference.load(assets.REFERENCE_DIR))
    stops = tuple(_open_folders(data))
    if form_of(data) is None:
        waiting = _waiting(data, None, settings, followed)
        months = tuple(_month_changes([], [waiting]))
        return Plan(stops, ("Nothing is registered yet.",), waiting, months=months)
    if is_older(data):
        note = "The data folder was made by an earlier version: any other command, 'opioids status' say, upgrades it."
        return Plan(stops, (f"{note} Then ask again.",), is_complete=False)
    register = Register(data)
    waiting = _waiting(data, register, settings, followed)
    to_land, anew = _to_land(data, register, settings, followed)
    not_landed = tuple(preview_registered(file, data, settings, followed) for file in to_land)
    loaded = register.loaded_months()
    changes = tuple(_month_changes(loaded, [*([one] for one in not_landed), waiting]))
    stops += tuple(f"{one.file_name}: {one.refused}" for one in not_landed if one.refused)
    stops += tuple(
        f"{one.file_name}: it has a header and no rows. "
        f"To go on without it: opioids withdraw {shlex.quote(one.file_name)}"
        for one in not_landed
        if one.months == ()
    )
    stops += tuple(
        f"{change.source} {change.month:%Y-%m} was published and would lose all its rows."
        for change in changes
        if change.state == "loses all rows" and change.month
    )
    snapshot, label = _published(data)
    content = content_of(present_inputs(data, settings, as_at))
    new_files = [one for one in (*waiting, *not_landed) if one.layout and not one.is_known and not one.refused]
    due, runs = due_to_go(data, settings), _published_runs(register)
    took = [
        (run.finished_at - run.started_at).total_seconds() for run in runs[-_RUNS_TO_LEARN_FROM:] if run.finished_at
    ]
    would_change = snapshot is None or bool(new_files or anew) or snapshot_id(content) != snapshot.snapshot_id
    return Plan(
        stops,
        _notes(label),
        waiting,
        not_landed,
        tuple(anew),
        changes,
        tuple(changed_definitions(label, content, settings, snapshot.file if snapshot else None, data.tmp)),
        _reviews_waiting(data, runs, snapshot),
        len(OptOutStore(data).waiting()),
        snapshot.snapshot_id if snapshot else None,
        would_change,
        tuple(file.file_name for file in due.originals),
        tuple(file.name for file in due.refused),
        tuple(_snapshots_to_go(data, snapshot, settings)) if would_change else (),
        median(took) if took else None,
        len(took),
        bytes_needed(data),
    )


def _open_folders(data: DataFolder) -> Iterable[str]:
    for folder in data.made_by_us:
        if folder.is_dir():
            try:
                refuse_if_open(folder)
            except PipelineError as error:
                yield f"{error.where} {error.remedy}"


def _waiting(
    data: DataFolder, register: Register | None, settings: Settings, followed: Sequence[FollowedPrefix]
) -> tuple[Previewed, ...]:
    found: list[Previewed] = []
    for file in waiting_files(data):
        for one in preview_waiting(file, data, register, settings, followed):
            came_before = one.sha256 and any(one.sha256 == other.sha256 for other in found)
            found.append(replace(one, is_known=True) if came_before else one)
    return tuple(found)


def _to_land(
    data: DataFolder, register: Register, settings: Settings, followed: Sequence[FollowedPrefix]
) -> tuple[list[RegisteredFile], list[str]]:
    """The registered files that were never landed, and the names of those that other rules land anew."""
    new, anew = [], []
    for file in register.files():
        layout = settings.layout(file.layout)
        if file.is_withdrawn or layout.content == "nhs_numbers":
            continue
        rules = register.landing_rules_of(file.sha256)
        if rules is None or not landed_file(file, data).exists():
            new.append(file)
        elif rules != rules_hash_of(layout, followed) and (data.root / file.kept_as).exists():
            anew.append(file.file_name)
    return new, anew


def _month_changes(loaded: Sequence[LoadedMonth], deliveries: Iterable[Sequence[Previewed]]) -> Iterable[MonthChange]:
    """Month by month, what the deliveries that wait would change, in their order; the last one has its way."""
    now: dict[tuple[str, date | None], int] = {}
    for month in loaded:
        if month.is_current:
            key = (month.file.source, month.counts.month)
            now[key] = now.get(key, 0) + month.counts.rows_loaded
    then: dict[tuple[str, date | None], tuple[int, list[str], bool]] = {}
    for delivery in deliveries:
        added: dict[tuple[str, date | None], tuple[int, list[str], bool]] = {}
        for file in delivery:
            for found in file.months or () if not file.is_known else ():
                if found.month is None and not found.rows_loaded:
                    continue
                key = (str(file.source), found.month)
                rows, files, in_parts = added.get(key, (0, [], False))
                added[key] = rows + found.rows_loaded, [*files, file.file_name], in_parts or file.has_parts
        then |= added
    for key in sorted(then, key=lambda each: (each[0], each[1] or date.min)):
        rows, files, in_parts = then[key]
        yield MonthChange(*key, _state(now.get(key), rows, in_parts), now.get(key, 0), rows, tuple(files))


def _state(now: int | None, then: int, in_parts: bool) -> str:
    if now is None:
        return "new"
    if in_parts:
        return "part replaced"
    if then < now:
        return "loses rows" if then else "loses all rows"
    return "replaced"


def _published(data: DataFolder) -> tuple[Snapshot | None, Label | None]:
    try:
        snapshot = current_snapshot(data)
    except NothingPublished:
        return None, None
    return (snapshot, label_of(snapshot.file)) if snapshot.file.exists() else (None, None)


def _notes(label: Label | None) -> tuple[str, ...]:
    return (f"The present publication has to go: {label.must_go}",) if label and label.must_go else ()


def _published_runs(register: Register) -> list[Run]:
    return [run for run in register.runs() if run.outcome == "published"]


def _reviews_waiting(data: DataFolder, runs: Sequence[Run], snapshot: Snapshot | None) -> int:
    """Reviews that came in since the run that made the present publication began."""
    made_it = [run for run in runs if snapshot and run.snapshot_id == snapshot.snapshot_id]
    return ReviewStore(data).imported_since(made_it[-1].started_at if made_it else None)


def _snapshots_to_go(data: DataFolder, current: Snapshot | None, settings: Settings) -> Iterable[str]:
    """The kept warehouses beyond those that stay: the new one, the present one, and the newest of the rest."""
    others = [(file.stat().st_mtime, snapshot_id, file) for file, snapshot_id, _ in kept_files(data)]
    room = settings.pipeline.keep_snapshots - 2
    for _, kept, file in sorted(others, reverse=True):
        label = label_of(file)
        if label and label.must_go:
            yield kept
        elif current is None or file != current.file:
            room -= 1
            if room < 0:
                yield kept
