"""What would become of a file that waits, without taking it in: nothing is written, and no identifier is looked at."""

import gzip
import hashlib
import os
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from pipelines.archives import HARMED
from pipelines.config import Settings
from pipelines.engine.landing import UncleanText
from pipelines.engine.landing_preview import MonthPreview
from pipelines.engine.landing_preview import preview as preview_rows
from pipelines.errors import PipelineError
from pipelines.folders import DataFolder
from pipelines.ingest.delivery import refuse_wrong_month
from pipelines.ingest.landing import landing_rules_for, source_of
from pipelines.ingest.layouts import recognise
from pipelines.ingest.opening import kind_of_file
from pipelines.ingest.register import Register, RegisteredFile, original_of
from pipelines.products import FollowedPrefix

# What is unpacked to be looked at is held in memory.
_MOST_UNPACKED_BYTES = 256 * 1024**2
_CHUNK_BYTES = 1 << 20


@dataclass(frozen=True)
class Previewed:
    """A file that waits: its layout, or why it would be refused; its months, or why they are not known yet."""

    file_name: str
    layout: str | None
    source: str | None
    refused: str = ""
    is_known: bool = False
    months: tuple[MonthPreview, ...] | None = None
    months_unknown: str = ""
    has_parts: bool = False
    sha256: str = ""


def preview_waiting(
    file: Path, data: DataFolder, register: Register | None, settings: Settings, followed: Sequence[FollowedPrefix]
) -> list[Previewed]:
    """What would become of a file in incoming/: one answer for it, or for each file in an archive."""
    try:
        if kind_of_file(file) not in ("zip", "gzip"):
            return [_look(file, file.name, data, register, settings, followed)]
        with _unpacked(file) as members:
            return [
                _look(path, name, data, register, settings, followed)
                if path
                else Previewed(name, None, None, months_unknown="it is looked into when it is taken in")
                for name, path in members
            ]
    except PipelineError as error:
        return [Previewed(file.name, None, None, refused=error.what)]
    except HARMED:
        return [Previewed(file.name, None, None, refused="The archive is damaged.")]


def preview_registered(
    file: RegisteredFile, data: DataFolder, settings: Settings, followed: Sequence[FollowedPrefix]
) -> Previewed:
    """What would become of a registered file that is not landed yet."""
    original = original_of(file, data)
    if not original.exists():
        return Previewed(file.file_name, file.layout, file.source, refused="Its original is gone: the run would stop.")
    return _months_of(original, file, data, settings, followed)


def _look(
    file: Path,
    name: str,
    data: DataFolder,
    register: Register | None,
    settings: Settings,
    followed: Sequence[FollowedPrefix],
) -> Previewed:
    try:
        match = recognise(file, settings)
        refuse_wrong_month(name, match, None)
    except PipelineError as error:
        return Previewed(name, None, None, refused=error.what)
    with file.open("rb") as handle:
        sha256 = hashlib.file_digest(handle, "sha256").hexdigest()
    known = register.find(sha256) if register else None
    if known:
        stays = "It was withdrawn, and stays so." if known.is_withdrawn else ""
        return Previewed(name, known.layout, known.source, stays, is_known=True, sha256=sha256)
    arrived = RegisteredFile(sha256, name, match.layout.name, match.layout.source, None, 0, "")
    return _months_of(file, arrived, data, settings, followed)


def _months_of(
    readable: Path, file: RegisteredFile, data: DataFolder, settings: Settings, followed: Sequence[FollowedPrefix]
) -> Previewed:
    layout = settings.layout(file.layout)
    months: tuple[MonthPreview, ...] | None = None
    unknown = ""
    if layout.content == "nhs_numbers":
        unknown = "a list of numbers, which is kept and not landed"
    else:
        try:
            match = recognise(readable, settings, file.layout)
            if match.kind == "text" and match.encoding != "utf-8":
                raise UncleanText
            rules = landing_rules_for(file, match, followed)
            source = source_of(file, match, readable)
            months = tuple(preview_rows(source, rules, data.tmp, settings.pipeline.memory_limit))
        except UncleanText:
            unknown = "its bytes need mending first"
        except PipelineError as error:
            return Previewed(file.file_name, file.layout, file.source, refused=error.what)
    return Previewed(
        file.file_name,
        file.layout,
        file.source,
        months=months,
        months_unknown=unknown,
        has_parts=bool(layout.parts),
        sha256=file.sha256,
    )


@contextmanager
def _unpacked(file: Path) -> Iterator[list[tuple[str, Path | None]]]:
    """The members of an archive in memory; no path where the machine has no such memory, or they are too large."""
    opened: list[int] = []
    found: list[tuple[str, Path | None]] = []
    try:
        for name, stream in _members(file):
            descriptor = _in_memory(stream)
            if descriptor is None:
                found.append((name, None))
            else:
                opened.append(descriptor)
                found.append((name, Path(f"/proc/self/fd/{descriptor}")))
        yield found
    finally:
        for descriptor in opened:
            os.close(descriptor)


def _members(file: Path) -> Iterator[tuple[str, IO[bytes] | gzip.GzipFile]]:
    from pipelines.ingest.unpacking import is_data

    if kind_of_file(file) == "gzip":
        with gzip.open(file) as packed:
            yield file.name, packed
        return
    with zipfile.ZipFile(file) as archive:
        members = [member for member in archive.infolist() if is_data(member)]
        for member in members:
            name = file.name if len(members) == 1 else f"{file.name}/{Path(member.filename).name}"
            with archive.open(member) as unzipped:
                yield name, unzipped


def _in_memory(stream: IO[bytes] | gzip.GzipFile) -> int | None:
    """A file without a name that lies in memory alone, where the system has such files."""
    if not hasattr(os, "memfd_create"):
        return None
    descriptor: int = os.memfd_create("waiting")
    size = 0
    while chunk := stream.read(_CHUNK_BYTES):
        size += os.write(descriptor, chunk)
        if size > _MOST_UNPACKED_BYTES:
            os.close(descriptor)
            return None
    return descriptor
