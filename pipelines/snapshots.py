"""Which warehouse is published: what current.json names. Light to import, since every question begins here.

A published file is never written again: the same snapshot published once more is `opioids-<snapshot>.2.duckdb`, so
that what current.json says of a file holds at every instant.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pipelines.errors import NothingPublished, UsageError
from pipelines.folders import DataFolder

POINTER = "current.json"


@dataclass(frozen=True)
class Snapshot:
    """The published warehouse."""

    snapshot_id: str
    file: Path
    sha256: str


def current_snapshot(data: DataFolder) -> Snapshot:
    """The snapshot that current.json names. Raises NothingPublished."""
    pointer = data.warehouse / POINTER
    if not pointer.exists():
        raise NothingPublished(
            "No warehouse has been published yet.",
            f"In {data.warehouse.resolve()}.",
            "Add files with 'opioids add FILE…', then run 'opioids refresh'; or name the right folder with --data-dir.",
        )
    told = json.loads(pointer.read_text(encoding="utf-8"))
    return Snapshot(told["snapshot_id"], data.warehouse / told["file"], told["sha256"])


def kept_snapshot(data: DataFolder, snapshot_id: str | None) -> Snapshot:
    """The kept snapshot of this id, without one the current. Raises NothingPublished, UsageError (says those kept)."""
    current = current_snapshot(data)
    if snapshot_id in (None, current.snapshot_id):
        return current
    kept = {each for _, each, _ in kept_files(data)}
    if snapshot_id not in kept:
        raise UsageError(
            f"No snapshot {str(snapshot_id)[:32]} is kept.",
            f"Kept in {data.warehouse}: {', '.join(sorted(kept))}.",
            "Give one of them; 'opioids snapshots' says which is of when.",
        )
    return Snapshot(str(snapshot_id), snapshot_file(data, str(snapshot_id)), "")


def snapshot_file(data: DataFolder, snapshot_id: str) -> Path:
    """Where the newest warehouse of a snapshot lies, if it is still kept."""
    publications = [number for _, kept, number in kept_files(data) if kept == snapshot_id]
    return _file_of(data, snapshot_id, max(publications, default=1))


def new_snapshot_file(data: DataFolder, snapshot_id: str) -> Path:
    """Where the next publication of a snapshot goes: a name that no file has."""
    publications = [number for _, kept, number in kept_files(data) if kept == snapshot_id]
    return _file_of(data, snapshot_id, max(publications, default=0) + 1)


def kept_files(data: DataFolder) -> Iterator[tuple[Path, str, int]]:
    """Every published file that is kept, with its snapshot id and how many times that had been published."""
    for file in sorted(data.warehouse.glob("opioids-*.duckdb")):
        snapshot_id, _, number = file.stem.removeprefix("opioids-").partition(".")
        yield file, snapshot_id, int(number) if number.isdecimal() else 1


def _file_of(data: DataFolder, snapshot_id: str, publication: int) -> Path:
    return data.warehouse / f"opioids-{snapshot_id}{f'.{publication}' if publication > 1 else ''}.duckdb"
