"""Take back files that were added by mistake, landed or not: no refresh lands or counts them any more.

Nothing is deleted. What is published stays until the next refresh; a file that is taken back counts again when it is
added with `--again`, or when a rollback goes back to a publication that it had a part in.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from pipelines.audit import AuditTrail
from pipelines.errors import UsageError
from pipelines.folders import DataFolder
from pipelines.ingest.register import LoadedMonth, Register, RegisteredFile
from pipelines.ingest.upgrading import upgrade
from pipelines.locking import only_refresh

_SHORTEST_HASH = 8


@dataclass(frozen=True)
class Freed:
    """A month of a source that a withdrawn file held, and the files that hold it now: none, where there is no other."""

    source: str
    month: date | None
    held_by: tuple[str, ...]


@dataclass(frozen=True)
class Withdrawn:
    """The files that were taken back, and what becomes of their months."""

    files: tuple[RegisteredFile, ...]
    freed: tuple[Freed, ...]


def withdraw(data: DataFolder, named: Sequence[str], user: str | None = None) -> Withdrawn:
    """Take back registered files, each named by its name or the beginning of its SHA-256: all of them, or none.

    Raises UsageError for a name that is not registered, or that several registered files have.
    """
    data.prepare()
    with only_refresh(data):
        upgrade(data)
        register = Register(data)
        files = tuple(dict.fromkeys(_meant(name, register) for name in named))
        before = register.loaded_months()
        for file in files:
            register.withdraw(file.sha256)
        AuditTrail(data).append("withdraw", user, withdrawn=[file.file_name for file in files])
        return Withdrawn(files, tuple(_freed(files, before, register.loaded_months())))


def _meant(name: str, register: Register) -> RegisteredFile:
    counting = [(file, added_at) for file, added_at in register.files_with_time() if not file.is_withdrawn]
    found = [
        (file, added_at)
        for file, added_at in counting
        if file.file_name in (name, Path(name).name) or (len(name) >= _SHORTEST_HASH and file.sha256.startswith(name))
    ]
    if not found:
        newest = ", ".join(dict.fromkeys(file.file_name for file, _ in reversed(counting[-6:])))
        raise UsageError(
            f"No file that counts is called '{Path(name).name[:60]}'.",
            f"Added last: {newest or 'nothing'}.",
            "Name one as 'opioids add' and 'opioids plan' write it.",
        )
    if len(found) > 1:
        told = "; ".join(f"{file.sha256[:12]} of {added_at:%Y-%m-%d %H:%M} UTC" for file, added_at in found)
        raise UsageError(
            f"{len(found)} files are called '{found[0][0].file_name}'.", f"{told}.", "Name one by that number instead."
        )
    return found[0][0]


def _freed(files: Sequence[RegisteredFile], before: Sequence[LoadedMonth], now: Sequence[LoadedMonth]) -> list[Freed]:
    gone = {file.sha256 for file in files}
    held = {
        (month.file.source, month.counts.month)
        for month in before
        if month.is_current and month.file.sha256 in gone and month.counts.rows_loaded
    }
    return [
        Freed(
            source,
            month,
            tuple(
                dict.fromkeys(
                    each.file.file_name
                    for each in now
                    if each.is_current and (each.file.source, each.counts.month) == (source, month)
                )
            ),
        )
        for source, month in sorted(held, key=lambda each: (each[0], each[1] or date.min))
    ]
