"""The label beside each published warehouse: what its bytes hash to, what decided its content, whether it has to go.

A label is written before its warehouse becomes the current one, and goes with it. Warehouses of earlier versions have
none: nothing is known of them but what they hold.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from pipelines.folders import write_whole


@dataclass(frozen=True)
class Label:
    """What is known of one published warehouse beside what it holds.

    `content` is what decided it, name by name; `settings` the values behind it, by file and key; `must_go` says why
    it is to be dropped as soon as another one is published, and not to be gone back to.
    """

    snapshot_id: str
    sha256: str
    key_id: str | None = None
    content: Mapping[str, str] = field(default_factory=dict)
    settings: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    must_go: str | None = None


def label_file(warehouse: Path) -> Path:
    """Where the label of a published warehouse lies."""
    return warehouse.with_suffix(".json")


def label_of(warehouse: Path) -> Label | None:
    """The label of a published warehouse; None where there is none."""
    file = label_file(warehouse)
    return Label(**json.loads(file.read_text(encoding="utf-8"))) if file.exists() else None


def write_label(warehouse: Path, label: Label) -> None:
    write_whole(label_file(warehouse), json.dumps(asdict(label), indent=1, sort_keys=True).encode() + b"\n")


def mark_to_go(warehouse: Path, snapshot_id: str, sha256: str, why: str) -> None:
    """Say that a warehouse has to go, and why. What was said first stays."""
    label = label_of(warehouse) or Label(snapshot_id, sha256)
    if label.must_go is None:
        write_label(warehouse, replace(label, must_go=why))


def drop(warehouse: Path) -> None:
    """Remove a published warehouse and its label. Raises PermissionError where a file in use cannot be removed."""
    warehouse.unlink(missing_ok=True)
    label_file(warehouse).unlink(missing_ok=True)
