"""Take files in: recognise, copy the bytes, register. Nothing is registered unless every file is recognised."""

import hashlib
import logging
import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from pipelines.config import Settings
from pipelines.errors import PipelineError, UsageError
from pipelines.folders import DataFolder, flush_to_disk, said_in_words
from pipelines.ingest.layouts import Recognised, recognise
from pipelines.ingest.register import Register, RegisteredFile

logger = logging.getLogger(__name__)

_CHUNK_BYTES = 1 << 20


@dataclass(frozen=True)
class Added:
    """What `add` did with one file."""

    file_name: str
    layout: str
    is_new: bool
    extra_columns: tuple[str, ...]


def add_files(
    files: Sequence[Path],
    data: DataFolder,
    settings: Settings,
    *,
    layout_name: str | None = None,
    month: date | None = None,
) -> list[Added]:
    """Register files as one delivery, in any order. A file whose content is known already is left as it is."""
    register = Register(data)
    recognised = [(file, recognise(file, settings, layout_name)) for file in files]
    for file, match in recognised:
        _refuse_wrong_month(file, match, month)
    added: list[Added] = []
    new: dict[str, RegisteredFile] = {}
    for file, match in recognised:
        with said_in_words(data.root):
            registered = _keep(file, match, data, month)
        is_new = register.find(registered.sha256) is None and registered.sha256 not in new
        if is_new:
            new[registered.sha256] = registered
        added.append(Added(file.name, match.layout.name, is_new, match.extra_columns))
    if new:
        register.add_delivery(list(new.values()))
    return added


def sweep_incoming(data: DataFolder, settings: Settings) -> list[Added]:
    """Take in the files that lie in incoming/, as one delivery; what is not recognised goes to incoming/refused/."""
    files = sorted(file for file in data.incoming.iterdir() if file.is_file() and not file.name.startswith("."))
    accepted: list[Path] = []
    for file in files:
        try:
            _refuse_wrong_month(file, recognise(file, settings), None)
        except PipelineError as error:
            _refuse(file, error, data)
        else:
            accepted.append(file)
    added = add_files(accepted, data, settings) if accepted else []
    for file in accepted:
        file.unlink()
    return added


def _refuse(file: Path, error: PipelineError, data: DataFolder) -> None:
    refused = data.incoming / "refused"
    refused.mkdir(mode=0o700, exist_ok=True)
    file.replace(refused / file.name)
    (refused / f"{file.name}.reason.txt").write_text(f"{error}\n", encoding="utf-8")
    logger.warning("Refused %s from incoming/: %s", file.name, error.what)


def _refuse_wrong_month(file: Path, match: Recognised, month: date | None) -> None:
    if match.layout.month_from == "option" and month is None:
        raise UsageError(
            f"A file of layout '{match.layout.name}' does not say its month.",
            f"File {file.name}.",
            "Give it with --month YYYY-MM.",
        )
    if match.layout.month_from != "option" and month is not None:
        raise UsageError(
            f"A file of layout '{match.layout.name}' says its own month, or has none.",
            f"File {file.name}.",
            "Leave --month out.",
        )


def _keep(file: Path, match: Recognised, data: DataFolder, month: date | None) -> RegisteredFile:
    """Copy the bytes while hashing them: patient files to the identifiable store, open data to raw/."""
    folder = data.originals if match.layout.is_patient_level else data.raw
    part = folder / f".{os.getpid()}.part"
    digest = hashlib.sha256()
    try:
        with file.open("rb") as source, part.open("wb") as copy:
            while chunk := source.read(_CHUNK_BYTES):
                digest.update(chunk)
                copy.write(chunk)
        sha256 = digest.hexdigest()
        kept = folder / sha256
        if kept.exists():
            part.unlink()
        else:
            flush_to_disk(part)
            part.replace(kept)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    return RegisteredFile(
        sha256,
        file.name,
        match.layout.name,
        match.layout.source,
        month,
        kept.stat().st_size,
        kept.relative_to(data.root).as_posix(),
    )


def remove_tree(folder: Path) -> None:
    """Empty a folder of ours without removing it."""
    for child in folder.iterdir():
        if child.is_dir():
            shutil.rmtree(child)
        else:
            child.unlink()
