"""The data folder: what lies where, and that only its owner can read it.

The only module with POSIX calls (modes, directory fsync); on Windows, where a folder inherits the rights of
the user's profile, those calls have a branch that does nothing.
"""

import errno
import os
import sqlite3
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pipelines.errors import InsecureFolder, StorageError

_IS_POSIX = os.name == "posix"
_OTHERS = stat.S_IRWXG | stat.S_IRWXO
_SQLITE_REFUSES = ("disk is full", "readonly database", "unable to open", "disk I/O error")
_FULL_OR_READ_ONLY = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM}


@dataclass(frozen=True)
class DataFolder:
    """Paths below `--data-dir`. The folders this tool makes there are 0700, their files 0600."""

    root: Path

    @property
    def incoming(self) -> Path:
        return self.root / "incoming"

    @property
    def raw(self) -> Path:
        return self.root / "raw"

    @property
    def landed(self) -> Path:
        return self.root / "landed"

    @property
    def warehouse(self) -> Path:
        return self.root / "warehouse"

    @property
    def identifiable(self) -> Path:
        return self.root / "identifiable"

    @property
    def originals(self) -> Path:
        return self.identifiable / "originals"

    @property
    def refused(self) -> Path:
        return self.identifiable / "refused"

    @property
    def state(self) -> Path:
        return self.root / "state"

    @property
    def tmp(self) -> Path:
        return self.root / "tmp"

    @property
    def settings(self) -> Path:
        return self.root / "settings"

    @property
    def own_settings(self) -> Path | None:
        """The settings that lie with the data, where their owner has put some; this tool never makes the folder."""
        return self.settings if self.settings.is_dir() else None

    @property
    def made_by_us(self) -> tuple[Path, ...]:
        return (
            self.incoming,
            self.raw,
            self.landed,
            self.warehouse,
            self.identifiable,
            self.originals,
            self.refused,
            self.state,
            self.tmp,
        )

    def prepare(self) -> None:
        """Create the folders, closed to others, and refuse to go on when one that exists is open to others."""
        close_new_files_to_others()
        with said_in_words(self.root):
            self.root.mkdir(parents=True, exist_ok=True)
            for folder in self.made_by_us:
                folder.mkdir(mode=0o700, exist_ok=True)
        for folder in self.made_by_us:
            refuse_if_open(folder)


def close_new_files_to_others() -> None:
    """From here on, every file and folder this process creates is closed to other users, DuckDB's included."""
    if _IS_POSIX:
        os.umask(0o077)


def refuse_if_open(folder: Path) -> None:
    """Raise InsecureFolder when other users may look into the folder."""
    if _IS_POSIX and folder.stat().st_mode & _OTHERS:
        raise InsecureFolder(
            "A folder that holds patients' data is open to other users of this machine.",
            f"Folder {folder} has mode {stat.S_IMODE(folder.stat().st_mode):04o}.",
            f"Close it: chmod 700 {folder}",
        )


def is_open_to_others(file: Path) -> bool:
    """Whether another user of the machine may read the file (never on Windows: rights are inherited there)."""
    return _IS_POSIX and bool(file.stat().st_mode & _OTHERS)


def close_to_others(file: Path) -> None:
    """Take from other users of the machine whatever rights a file came with."""
    if _IS_POSIX:
        file.chmod(stat.S_IMODE(file.stat().st_mode) & ~_OTHERS)


def is_alive(process: int) -> bool:
    """Whether another process of this number runs. On Windows never: a file in use cannot be removed there anyway."""
    if not _IS_POSIX or process == os.getpid():
        return False
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def flush_to_disk(file: Path) -> None:
    """Make a finished file, and its name in its folder, survive a power cut."""
    with file.open("rb+") as handle:
        os.fsync(handle.fileno())
    if _IS_POSIX:
        descriptor = os.open(file.parent, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def write_whole(file: Path, content: bytes) -> None:
    """Write a file under a passing name, then rename it: a reader sees the old one or the new one."""
    part = file.with_name(f"{file.name}.part")
    with said_in_words(file):
        part.write_bytes(content)
        flush_to_disk(part)
        part.replace(file)


@contextmanager
def said_in_words(target: Path) -> Iterator[None]:
    """Turn a full disk or a read-only folder into an error that says so."""
    try:
        yield
    except OSError as error:
        if error.errno not in _FULL_OR_READ_ONLY:
            raise
        raise _refused(f"{error.strerror}", target) from None
    except sqlite3.OperationalError as error:
        # SQLite's own words about a full or read-only disk, or a file it cannot open, name no value.
        if not any(words in str(error) for words in _SQLITE_REFUSES):
            raise
        raise _refused(str(error), target) from None


def _refused(why: str, target: Path) -> StorageError:
    return StorageError(
        f"The file system refuses to write: {why}.",
        f"At {target}.",
        "Free space or mend the rights of the folder, then run the same command again.",
    )
