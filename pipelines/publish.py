"""Publish: a new versioned file with marts and reference only, then one atomic switch of current.json.

Readers keep the snapshot they have open; the next one to look finds the new one, or the old one, never
something between.
"""

import hashlib
import json
import logging
from collections.abc import Mapping
from pathlib import Path

from pipelines.build import BuildInputs, PythonModel
from pipelines.content import settings_values, snapshot_id
from pipelines.dictionary import descriptions
from pipelines.engine.base import Engine
from pipelines.errors import NothingPublished
from pipelines.folders import DataFolder, flush_to_disk, said_in_words, write_whole
from pipelines.identity.keys import known_key_id
from pipelines.labels import Label, drop, label_of, write_label
from pipelines.models import SqlModel
from pipelines.snapshots import POINTER, Snapshot, current_snapshot, kept_files, new_snapshot_file

logger = logging.getLogger(__name__)


def publish(
    engine: Engine,
    models: dict[str, SqlModel | PythonModel],
    inputs: BuildInputs,
    content: Mapping[str, str],
    *,
    keep: int,
) -> Snapshot:
    """Copy marts and reference to a new file, make it durable, switch to it, drop snapshots beyond `keep`.

    `content` is what decided it (`content_of`): its hash is the id, and it stays in the label.
    """
    data, snapshot = inputs.data, snapshot_id(content)
    target, previous = new_snapshot_file(data, snapshot), _published_until_now(data)
    part = data.tmp / f"opioids-{snapshot}.part.duckdb"
    with said_in_words(data.warehouse):
        part.unlink(missing_ok=True)
        told, keys = descriptions(models), {name: model.key for name, model in models.items()}
        engine.copy_published(part, told.tables, keys, told.columns)
        flush_to_disk(part)
        part.replace(target)
        flush_to_disk(target)
        with target.open("rb") as handle:
            sha256 = hashlib.file_digest(handle, "sha256").hexdigest()
    published = Snapshot(snapshot, target, sha256)
    write_label(target, Label(snapshot, sha256, known_key_id(data), content, settings_values(inputs.settings.contents)))
    switch_to(data, published)
    _drop_old(data, target, previous, keep)
    logger.info("Published snapshot %s", snapshot)
    return published


def switch_to(data: DataFolder, snapshot: Snapshot) -> None:
    """From here on this is the published warehouse, for whoever looks next."""
    pointer = {"file": snapshot.file.name, "snapshot_id": snapshot.snapshot_id, "sha256": snapshot.sha256}
    write_whole(data.warehouse / POINTER, json.dumps(pointer, indent=2).encode() + b"\n")
    _point_symlink(data, snapshot.file)


def _point_symlink(data: DataFolder, target: Path) -> None:
    """A convenience for people; where the system allows none, current.json is enough."""
    link, part = data.warehouse / "current.duckdb", data.warehouse / ".current.part"
    try:
        part.unlink(missing_ok=True)
        part.symlink_to(target.name)
        part.replace(link)
    except OSError:
        logger.info("No symbolic link was made; current.json names the file.")


def _published_until_now(data: DataFolder) -> Path | None:
    try:
        return current_snapshot(data).file
    except NothingPublished:
        return None


def _drop_old(data: DataFolder, current: Path, previous: Path | None, keep: int) -> None:
    """Drop what is older than `keep` snapshots, or was published again since.

    The file that was current until now stays in any case, unless it must go: somebody may have read its name and be
    about to open it.
    """
    kept = sorted(kept_files(data), key=lambda found: found[0].stat().st_mtime, reverse=True)
    # The two that stay count first.
    kept.sort(key=lambda found: (found[0] != current, found[0] != previous))
    seen: set[str] = set()
    for file, snapshot, _ in kept:
        label = label_of(file)
        must_go = label is not None and label.must_go is not None and file != current
        if not must_go and (file in (current, previous) or (snapshot not in seen and len(seen) < keep)):
            seen.add(snapshot)
            continue
        try:
            drop(file)
        except PermissionError:
            logger.info("%s is in use and stays for now.", file.name)
