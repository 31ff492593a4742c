"""Which warehouse is published: what current.json names. Light to import, since every question begins here."""

import json
from dataclasses import dataclass
from pathlib import Path

from pipelines.errors import NothingPublished
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
            f"In {data.warehouse}.",
            "Add files with 'opioids add FILE…', then run 'opioids refresh'.",
        )
    told = json.loads(pointer.read_text(encoding="utf-8"))
    return Snapshot(told["snapshot_id"], data.warehouse / told["file"], told["sha256"])


def snapshot_file(data: DataFolder, snapshot_id: str) -> Path:
    """Where the warehouse of a snapshot lies, if it is still kept."""
    return data.warehouse / f"opioids-{snapshot_id}.duckdb"
