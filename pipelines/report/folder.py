"""How the site comes to lie in a folder: new files in place of old ones, and nothing removed that is not ours."""

import hashlib
import json
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipelines.folders import said_in_words, write_whole

MANIFEST = "site.json"
_ORDER_OF_WRITING = ("index.html",)
"""Last: whoever opens the overview finds the pages it leads to."""

logger = logging.getLogger(__name__)


def replace_site(files: Mapping[str, bytes], folder: Path, snapshot_id: str) -> list[Path]:
    """Write the files, each whole, remove those of an earlier site that are no longer among them, and remember these.

    A file that somebody has changed since it was written is no longer ours: it stays, and a notice says so.
    """
    with said_in_words(folder):
        folder.mkdir(parents=True, exist_ok=True)
    before = _written_before(folder)
    for name in sorted(files, key=lambda one: (one in _ORDER_OF_WRITING, one)):
        write_whole(folder / name, files[name])
    for name, digest in before.items():
        if name not in files:
            _remove(folder / name, digest)
    told = {"snapshot_id": snapshot_id, "files": {name: _digest(files[name]) for name in sorted(files)}}
    write_whole(folder / MANIFEST, (json.dumps(told, indent=1) + "\n").encode())
    return [folder / name for name in files]


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _written_before(folder: Path) -> dict[str, str]:
    """File name → digest of what the last site wrote; nothing where the list cannot be read."""
    try:
        told: Any = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        files = {str(name): str(digest) for name, digest in told["files"].items()}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        logger.warning("%s cannot be read: pages of an earlier report may stay beside the new ones.", folder / MANIFEST)
        return {}
    # A name that leads out of the folder was not written by us.
    return {name: digest for name, digest in files.items() if Path(name).name == name}


def _remove(file: Path, digest: str) -> None:
    if not file.is_file():
        return
    if file.is_symlink() or _digest(file.read_bytes()) != digest:
        logger.warning("%s was changed by somebody: it stays, though no page of the new report leads to it.", file)
        return
    with said_in_words(file):
        file.unlink()
