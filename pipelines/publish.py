"""Publish: a new versioned file with marts and reference only, then one atomic switch of current.json.

Readers keep the snapshot they have open; the next one to look finds the new one, or the old one, never
something between.
"""

import hashlib
import json
import logging
from pathlib import Path

from pipelines import assets
from pipelines.build import BuildInputs, PythonModel
from pipelines.engine.base import Engine
from pipelines.folders import DataFolder, flush_to_disk, said_in_words, write_whole
from pipelines.identity.keys import known_key_id
from pipelines.models import SqlModel
from pipelines.snapshots import POINTER, Snapshot, snapshot_file

logger = logging.getLogger(__name__)

_SNAPSHOT_DIGITS = 16


def snapshot_id(inputs: BuildInputs) -> str:
    """Hash of everything that decides the content: data, settings, reference tables, SQL and code. No clock."""
    digest = hashlib.sha256()
    for loaded in inputs.loaded_months:
        # Not the delivery number: the same files in another order are the same warehouse.
        digest.update(f"{loaded.file.sha256}|{loaded.file.layout}|{loaded.counts}|{loaded.is_current}\n".encode())
    for review in inputs.reviews:
        digest.update(f"{review}\n".encode())
    digest.update(f"key {known_key_id(inputs.data)}\n".encode())
    digest.update(f"{inputs.settings.content_hash}|{inputs.as_at}\n".encode())
    for file in assets.content_files():
        digest.update(file.name.encode() + b"\0" + hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()[:_SNAPSHOT_DIGITS]


def publish(
    engine: Engine,
    models: dict[str, SqlModel | PythonModel],
    snapshot: str,
    data: DataFolder,
    *,
    keep: int,
) -> Snapshot:
    """Copy marts and reference to a new file, make it durable, switch to it, drop snapshots beyond `keep`."""
    target = snapshot_file(data, snapshot)
    part = data.tmp / f"opioids-{snapshot}.part.duckdb"
    with said_in_words(data.warehouse):
        part.unlink(missing_ok=True)
        engine.copy_published(part, _descriptions(models), {name: model.key for name, model in models.items()})
        flush_to_disk(part)
        part.replace(target)
        flush_to_disk(target)
        sha256 = hashlib.sha256(target.read_bytes()).hexdigest()
        pointer = {"file": target.name, "snapshot_id": snapshot, "sha256": sha256}
        write_whole(data.warehouse / POINTER, json.dumps(pointer, indent=2).encode() + b"\n")
    _point_symlink(data, target)
    _drop_old(data, target, keep)
    logger.info("Published snapshot %s", snapshot)
    return Snapshot(snapshot, target, sha256)


def _descriptions(models: dict[str, SqlModel | PythonModel]) -> dict[str, str]:
    """What each published table promises, kept in the database as its comment."""
    return {
        name: f"{model.description}\n\nGrain: {model.grain}. Key: {', '.join(model.key)}."
        for name, model in models.items()
        if name.startswith(("marts.", "reference."))
    }


def _point_symlink(data: DataFolder, target: Path) -> None:
    """A convenience for people; where the system allows none, current.json is enough."""
    link, part = data.warehouse / "current.duckdb", data.warehouse / ".current.part"
    try:
        part.unlink(missing_ok=True)
        part.symlink_to(target.name)
        part.replace(link)
    except OSError:
        logger.info("No symbolic link was made; current.json names the file.")


def _drop_old(data: DataFolder, current: Path, keep: int) -> None:
    snapshots = sorted(
        (file for file in data.warehouse.glob("opioids-*.duckdb") if file != current),
        key=lambda file: file.stat().st_mtime,
        reverse=True,
    )
    for file in snapshots[max(keep - 1, 0) :]:
        try:
            file.unlink()
        except PermissionError:
            logger.info("%s is in use and stays for now.", file.name)
