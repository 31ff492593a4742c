"""Take files in: recognise, copy the bytes, register. Nothing is registered unless every file is recognised."""

import hashlib
import itertools
import logging
import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from pipelines.config import Settings
from pipelines.errors import PipelineError, UsageError
from pipelines.folders import DataFolder, close_to_others, flush_to_disk, said_in_words
from pipelines.ingest.layouts import Recognised, recognise
from pipelines.ingest.notices import stays_replaced, stays_withdrawn
from pipelines.ingest.register import Register, RegisteredFile
from pipelines.ingest.unpacking import Arrived, unpacked

logger = logging.getLogger(__name__)

_CHUNK_BYTES = 1 << 20
_REASON = ".reason.txt"


@dataclass(frozen=True)
class Added:
    """What `add` did with one file."""

    file_name: str
    layout: str
    is_new: bool
    is_withdrawn: bool
    extra_columns: tuple[str, ...]


def add_files(
    files: Sequence[Path],
    data: DataFolder,
    settings: Settings,
    *,
    layout_name: str | None = None,
    month: date | None = None,
    again: bool = False,
) -> list[Added]:
    """Register files as one delivery, in any order. A file whose content is known already is left as it is.

    Content that a rollback has withdrawn stays so, unless it is asked for `again`: then it is a new delivery.
    """
    with unpacked(files, data) as arrived:
        recognised = [(file, recognise(file.path, settings, layout_name)) for file in arrived]
        for file, match in recognised:
            refuse_wrong_month(file.file_name, match, month)
        return _registered(recognised, data, month, again=again)


def _registered(
    recognised: Sequence[tuple[Arrived, Recognised]], data: DataFolder, month: date | None, *, again: bool
) -> list[Added]:
    register = Register(data)
    added: list[Added] = []
    new: dict[str, RegisteredFile] = {}
    withdrawn: dict[str, RegisteredFile] = {}
    for file, match in recognised:
        with said_in_words(data.root):
            registered = _keep(file, match, data, month)
        known = register.find(registered.sha256) or new.get(registered.sha256)
        if known is None:
            new[registered.sha256] = registered
        else:
            _refuse_other_month(file.file_name, known, month)
            if known.original_removed == "erasure":
                # It holds somebody who was erased: its rows are landed without them, its bytes are not kept again.
                (data.root / registered.kept_as).unlink(missing_ok=True)
            if known.is_withdrawn and again:
                withdrawn[known.sha256] = known
            elif known.is_withdrawn:
                logger.warning("%s", stays_withdrawn(file.file_name))
            for sentence in stays_replaced(file.file_name, known, register.loaded_months()):
                logger.warning("%s", sentence)
        is_new = known is None or known.sha256 in withdrawn
        stays_out = known is not None and known.is_withdrawn and not is_new
        added.append(Added(file.file_name, match.layout.name, is_new, stays_out, match.extra_columns))
    if new or withdrawn:
        with said_in_words(data.state):
            register.add_delivery(list(new.values()), list(withdrawn.values()))
    return added


def _refuse_other_month(file_name: str, known: RegisteredFile, month: date | None) -> None:
    if known.month_given != month and known.month_given is not None and month is not None:
        raise UsageError(
            f"The same content is registered already, as that of {known.month_given:%Y-%m}.",
            f"File {file_name}, registered as {known.file_name}.",
            f"If {month:%Y-%m} is right, its rows were given the wrong month: export the right file for each month.",
        )


def waiting_files(data: DataFolder) -> list[Path]:
    """The files that lie in incoming/ for the next refresh, by name; none where the folder is not there yet."""
    return _files_in(data.incoming)


def refused_files(data: DataFolder) -> list[Path]:
    """The files of incoming/ that were not recognised, by name, without the reasons beside them."""
    return [file for file in _files_in(data.refused) if not file.name.endswith(_REASON)]


def reason_of(refused: Path) -> Path:
    """The file beside a refused one that says why."""
    return refused.with_name(f"{refused.name}{_REASON}")


def _files_in(folder: Path) -> list[Path]:
    there = folder.iterdir() if folder.is_dir() else ()
    return sorted(file for file in there if file.is_file() and not file.name.startswith("."))


def sweep_incoming(data: DataFolder, settings: Settings) -> list[Added]:
    """Take in what lies in incoming/, as one delivery; what is not recognised goes to identifiable/refused/."""
    accepted: list[Path] = []
    for file in waiting_files(data):
        try:
            with unpacked([file], data) as members:
                for member in members:
                    refuse_wrong_month(member.file_name, recognise(member.path, settings), None)
        except PipelineError as error:
            _refuse(file, error, data)
        else:
            accepted.append(file)
    added = add_files(accepted, data, settings) if accepted else []
    for file in accepted:
        file.unlink()
    return added


def _refuse(file: Path, error: PipelineError, data: DataFolder) -> None:
    """Put a file and the reason where patients' files lie: of one that nobody can read, nobody knows who is in it."""
    kept = _free_name(data.refused / file.name)
    with said_in_words(data.refused):
        reason_of(kept).write_text(f"{error}\n", encoding="utf-8")
        shutil.move(file, kept)
        close_to_others(kept)
    logger.warning("Refused %s from incoming/: %s", file.name, error.what)


def _free_name(wanted: Path) -> Path:
    """The name itself, or with a number: what was refused before under the same name is not written over."""
    numbered = (wanted.with_name(f"{wanted.stem}-{number}{wanted.suffix}") for number in itertools.count(2))
    return next(name for name in itertools.chain([wanted], numbered) if not name.exists())


def refuse_wrong_month(file_name: str, match: Recognised, month: date | None) -> None:
    """Raise UsageError where a month is missing that the file does not say, or given although it does."""
    if match.layout.month_from == "option" and month is None:
        raise UsageError(
            f"A file of layout '{match.layout.name}' does not say its month.",
            f"File {file_name}.",
            "Give it with --month YYYY-MM.",
        )
    if match.layout.month_from != "option" and month is not None:
        raise UsageError(
            f"A file of layout '{match.layout.name}' says its own month, or has none.",
            f"File {file_name}.",
            "Leave --month out.",
        )


def _keep(file: Arrived, match: Recognised, data: DataFolder, month: date | None) -> RegisteredFile:
    """Copy the bytes while hashing them: patient files to the identifiable store, open data to raw/."""
    folder = data.originals if match.layout.is_patient_level else data.raw
    part = folder / f".{os.getpid()}.part"
    digest = hashlib.sha256()
    try:
        if file.is_copy:
            # Unpacked by us, below the same folder: it is moved, not copied again.
            shutil.move(file.path, part)
            with part.open("rb") as moved:
                while chunk := moved.read(_CHUNK_BYTES):
                    digest.update(chunk)
        else:
            with file.path.open("rb") as source, part.open("wb") as copy:
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
        file.file_name,
        match.layout.name,
        match.layout.source,
        month,
        kept.stat().st_size,
        kept.relative_to(data.root).as_posix(),
    )
