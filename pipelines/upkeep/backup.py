"""Everything that cannot be fetched or exported again, in one sealed file; and a data folder out of such a file.

In it: identities, register, reviews, opt-outs, returns, audit, settings that lie with the data, what is landed, and the
present publication. Not in it: the pseudonymisation key, which is backed up apart, and originals, unless they are asked
for or not landed yet. Nothing is written in clear but below the data folder, and no more than a piece of it is held in
memory.
"""

import hashlib
import io
import json
import os
import re
import shutil
import sqlite3
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO, cast

from pipelines.audit import AuditTrail
from pipelines.errors import KeyProblem, NothingPublished, StorageError, UnreadableFile, UsageError
from pipelines.folders import DataFolder, flush_to_disk, said_in_words
from pipelines.identity.keys import ROTATION_JOURNAL, key_file, known_key_id, read_key
from pipelines.ingest.forms import FORM
from pipelines.ingest.register import Register
from pipelines.ingest.upgrading import form_of, upgrade
from pipelines.labels import label_file
from pipelines.locking import only_refresh
from pipelines.snapshots import POINTER, current_snapshot
from pipelines.upkeep.age_format import OpeningReader, SealingWriter

PASSWORD_VARIABLE = "OPIOIDS_BACKUP_PASSWORD"
_CONTENTS = "backup.json"
_FOLDERS = ("identifiable", "landed", "raw", "settings", "state", "warehouse")
_NAME = re.compile(rf"({'|'.join(_FOLDERS)})(/[A-Za-z0-9_-][A-Za-z0-9._-]*){{1,2}}")
# What belongs to a process of this machine, or is kept from an earlier form.
_STAYS = re.compile(r".*(\.lock|\.holder|\.part|-journal|-wal|-shm)|register\.form-\d+\.sqlite")
_REGISTER = "state/register.sqlite"
_UNFINISHED = "restoring"
_CHUNK_BYTES = 1 << 20
# The next refresh removes what bears this name, should this process be killed.
_PASSING = ".landing-backup-"


@dataclass(frozen=True)
class Contents:
    """What is in a backup: the id of the key it needs, and the size and hash of every file by name."""

    made_at: str
    form: int
    key_id: str | None
    snapshot_id: str | None
    files: dict[str, tuple[int, str]]


def back_up(
    data: DataFolder,
    out: Path,
    password: str,
    *,
    with_snapshot: bool = True,
    with_originals: bool = False,
    user: str | None = None,
    work_factor: int | None = None,
) -> Contents:
    """Write a backup of a data folder, sealed under a password.

    Raises UsageError, RefreshInProgress, StorageError; no file is then left.
    """
    if out.exists():
        raise UsageError("A backup is never written over another file.", f"{out} is there.", "Name a new file.")
    if not out.parent.is_dir():
        raise UsageError("There is no folder to write the backup to.", f"{out.parent}.", "Make it first.")
    data.prepare()
    with only_refresh(data):
        upgrade(data)
        if (data.state / ROTATION_JOURNAL).exists():
            raise KeyProblem(
                "A change of the pseudonymisation key was interrupted.", f"{data.root}.", "First: opioids keys rotate"
            )
        AuditTrail(data).append("backup", user, file=out.name, key_id=known_key_id(data))
        with said_in_words(out), _copied_databases(data) as copies:
            files = dict(_files_of(data, copies, with_snapshot=with_snapshot, with_originals=with_originals))
            contents = _contents(data, files, with_snapshot=with_snapshot)
            part = out.with_name(f"{out.name}.part")
            part.unlink(missing_ok=True)
            try:
                _write(part, contents, files, password, work_factor)
                flush_to_disk(part)
                part.replace(out)
            except BaseException:
                part.unlink(missing_ok=True)
                raise
    return contents


def restore(backup: Path, data: DataFolder, password: str, user: str | None = None) -> Contents:
    """Make a data folder out of a backup. Raises UsageError for a folder in use, KeyProblem for another key.

    Everything is read and its hash compared before the first file takes its place.
    """
    if not backup.is_file():
        raise UnreadableFile("There is no such file.", f"{backup}.", "Name the backup.")
    data.prepare()
    with only_refresh(data), said_in_words(data.root), _staging(data) as staged:
        _refuse_if_in_use(data)
        with backup.open("rb") as sealed:
            source = io.BufferedReader(cast(Any, OpeningReader(sealed, password, backup.name)), _CHUNK_BYTES)
            contents = _read(source, staged, backup.name)
        _move_in(staged, data, contents)
    upgrade_after = form_of(data)
    if upgrade_after != FORM:
        with only_refresh(data):
            upgrade(data)
    AuditTrail(data).append("restore", user, file=backup.name, made_at=contents.made_at)
    return contents


@contextmanager
def _copied_databases(data: DataFolder) -> Iterator[dict[str, Path]]:
    """A copy of each small database as it is at one instant, by its name in the backup."""
    folder = Path(tempfile.mkdtemp(prefix=_PASSING, dir=data.identifiable))
    try:
        copies = {}
        for database in (*sorted(data.state.glob("*.sqlite")), data.identifiable / "identities.sqlite"):
            if not database.exists() or _STAYS.fullmatch(database.name):
                continue
            copy = folder / database.name
            with closing(sqlite3.connect(database)) as source, closing(sqlite3.connect(copy)) as target:
                source.backup(target)
            copies[database.relative_to(data.root).as_posix()] = copy
        yield copies
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _files_of(
    data: DataFolder, copies: dict[str, Path], *, with_snapshot: bool, with_originals: bool
) -> Iterator[tuple[str, Path]]:
    """Every file of a backup: its name there, and where its bytes are."""
    yield from copies.items()
    plain = [file for file in sorted(data.state.iterdir()) if file.is_file() and file.suffix != ".sqlite"]
    kept = [file for file in plain if not _STAYS.fullmatch(file.name)]
    kept += sorted(data.landed.glob("*.parquet"))
    register = Register(data)
    for registered in register.files():
        original = data.root / registered.kept_as
        if original.exists() and (with_originals or register.landing_rules_of(registered.sha256) is None):
            kept.append(original)
    kept += _own_settings(data)
    if with_snapshot:
        kept += _published(data)
    yield from ((file.relative_to(data.root).as_posix(), file) for file in kept)


def _own_settings(data: DataFolder) -> list[Path]:
    """The settings that lie with the data. Raises UsageError for a name that no restore would take."""
    files = sorted(file for file in data.settings.rglob("*") if file.is_file())
    strange = [file for file in files if not _NAME.fullmatch(file.relative_to(data.root).as_posix())]
    if strange:
        raise UsageError(
            "A file beside the settings has a name that a backup cannot hold.",
            f"{strange[0]}.",
            "Move it away, or name it with letters, digits, dots, hyphens and underscores alone.",
        )
    return files


def _published(data: DataFolder) -> list[Path]:
    try:
        file = current_snapshot(data).file
    except NothingPublished:
        return []
    return [each for each in (data.warehouse / POINTER, file, label_file(file)) if each.exists()]


def _contents(data: DataFolder, files: dict[str, Path], *, with_snapshot: bool) -> Contents:
    try:
        snapshot = current_snapshot(data).snapshot_id if with_snapshot else None
    except NothingPublished:
        snapshot = None
    measured = {name: (file.stat().st_size, _hash_of(file)) for name, file in files.items()}
    now = datetime.now(UTC).isoformat(timespec="seconds")
    return Contents(now, FORM, known_key_id(data), snapshot, measured)


def _hash_of(file: Path) -> str:
    with file.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def _write(part: Path, contents: Contents, files: dict[str, Path], password: str, work_factor: int | None) -> None:
    options = {} if work_factor is None else {"work_factor": work_factor}
    # Closed to others from its first byte, wherever it lies.
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as out:
        sealing = SealingWriter(out, password, **options)
        with tarfile.open(fileobj=cast(BinaryIO, sealing), mode="w|", format=tarfile.PAX_FORMAT) as archive:
            told = json.dumps(asdict(contents)).encode()
            archive.addfile(_entry(_CONTENTS, len(told)), io.BytesIO(told))
            for name, (size, sha256) in contents.files.items():
                with files[name].open("rb") as source:
                    archive.addfile(_entry(name, size), source)
                if _hash_of(files[name]) != sha256:
                    raise StorageError(
                        "A file changed while it was backed up.", f"{files[name]}.", "Run the same command again."
                    )
        sealing.close()


def _entry(name: str, size: int) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = size, 0o600
    return entry


@contextmanager
def _staging(data: DataFolder) -> Iterator[Path]:
    folder = data.identifiable / f"{_PASSING}restore"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o700)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _refuse_if_in_use(data: DataFolder) -> None:
    if (data.state / _UNFINISHED).exists():
        return
    found = [data.state / "register.sqlite", data.state / "key_id", *data.landed.glob("*"), *data.originals.glob("*")]
    there = [file for file in found if file.exists()]
    if there:
        raise UsageError(
            "A backup is restored into an empty data folder only.",
            f"{data.root} holds {there[0].relative_to(data.root)}.",
            "Name a new --data-dir, or move this one away.",
        )


def _read(source: BinaryIO | io.BufferedReader, staged: Path, name: str) -> Contents:
    """Unpack a backup into a folder, every name and hash compared with its contents."""
    try:
        with tarfile.open(fileobj=source, mode="r|") as archive:
            first = archive.next()
            told = archive.extractfile(first) if first and first.name == _CONTENTS else None
            if told is None:
                raise _strange(name, "It does not begin with its contents.")
            contents = _contents_from(json.loads(told.read()), name)
            _refuse_other_key(contents)
            found = {_CONTENTS}
            while (entry := archive.next()) is not None:
                if entry.name not in contents.files or entry.name in found or not _NAME.fullmatch(entry.name):
                    raise _strange(name, "It holds a file that has no place, or stands twice.")
                member = archive.extractfile(entry)
                if not entry.isreg() or member is None:
                    raise _strange(name, "It holds something else than files.")
                found.add(entry.name)
                _unpack(member, staged / entry.name, contents.files[entry.name], name)
    except (tarfile.TarError, ValueError, KeyError, TypeError):
        raise _strange(name, "It is not packed as it should be.") from None
    # Read to its end: the last piece says that nothing was cut off.
    while source.read(_CHUNK_BYTES):
        pass
    missing = contents.files.keys() - found
    if missing:
        raise _strange(name, f"{len(missing)} file(s) are missing.")
    return contents


def _contents_from(told: dict[str, Any], name: str) -> Contents:
    files = {str(file): (int(size), str(sha256)) for file, (size, sha256) in told.pop("files").items()}
    contents = Contents(**told, files=files)
    if contents.form > FORM:
        raise StorageError(
            "The backup was made by a newer version of the tool.",
            f"{name} has form {contents.form}, this version knows forms 1 to {FORM}.",
            "Install that version.",
        )
    return contents


def _refuse_other_key(contents: Contents) -> None:
    if contents.key_id is None:
        return
    file = key_file()
    found = read_key(file).key_id if file.exists() else None
    if found != contents.key_id:
        raise KeyProblem(
            "The backup needs another pseudonymisation key, which no backup holds.",
            f"It was made with key {contents.key_id}; {file} {f'holds {found}' if found else 'is not there'}.",
            "Restore the key from where it is kept, name it with OPIOIDS_KEY_FILE, and restore again.",
        )


def _unpack(member: Any, target: Path, expected: tuple[int, str], name: str) -> None:
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    digest, size = hashlib.sha256(), 0
    with target.open("wb") as out:
        while chunk := member.read(_CHUNK_BYTES):
            digest.update(chunk)
            size += out.write(chunk)
    if (size, digest.hexdigest()) != expected:
        raise _strange(name, "A file in it is not the one that was backed up.")
    flush_to_disk(target)


def _move_in(staged: Path, data: DataFolder, contents: Contents) -> None:
    """Move everything to its place, the register last: without it a folder is not in use, and can be restored into."""
    marker = data.state / _UNFINISHED
    marker.touch()
    for name in sorted(contents.files, key=lambda each: (each == _REGISTER, each)):
        target = data.root / name
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        (staged / name).replace(target)
    marker.unlink()


def _strange(name: str, where: str) -> UnreadableFile:
    return UnreadableFile("This backup cannot be trusted.", f"File {name}. {where}", "Use another one.")
