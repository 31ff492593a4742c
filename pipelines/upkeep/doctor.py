"""Is this installation, and this data folder, fit for an unattended refresh? Each fault with its remedy.

Looks only; mends nothing and makes nothing. What it says names files, folders and versions, never a patient.
"""

import hashlib
import os
import re
import shutil
import socket
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from packaging.requirements import Requirement

from pipelines.audit import AuditTrail
from pipelines.caveats import caveats_of
from pipelines.config import PipelineSettings, bytes_of, load_settings
from pipelines.errors import PipelineError
from pipelines.folders import DataFolder, is_open_to_others
from pipelines.housekeeping import bytes_needed, leftovers
from pipelines.identity.keys import key_file, known_key_id, read_key
from pipelines.ingest.delivery import refused_files, waiting_files
from pipelines.ingest.forms import FORM
from pipelines.ingest.register import INTERRUPTED, Register
from pipelines.ingest.upgrading import form_of
from pipelines.locking import holder_of_lock
from pipelines.notify import secrets_missing
from pipelines.snapshots import current_snapshot
from pipelines.upkeep.history import known_runs
from pipelines.upkeep.machine import memory_bytes

DISTRIBUTION = "opioid-stewardship"
_LOOPBACK = {"127.0.0.1", "localhost", "::1"}
# What a refresh holds beside memory_limit, at most, as measured (docs/scale.md).
_BESIDE_BYTES = 1_500_000_000

State = Literal["ok", "note", "fault"]


@dataclass(frozen=True)
class Finding:
    """One thing looked at: `fault` stops or endangers a refresh, `note` is worth knowing."""

    subject: str
    state: State
    found: str
    remedy: str = ""


def examine(data: DataFolder, config_dir: Path | None = None) -> list[Finding]:
    """Every finding, in a fixed order. Never raises for a state of the folder or of the settings."""
    looks: tuple[Callable[[DataFolder], Iterator[Finding]], ...] = (
        _versions,
        _folders,
        _key,
        _disk,
        _lock,
        _publication,
        _last_run,
        _references,
        _audit,
        _leftovers,
        _incoming,
        _server,
        _clock,
    )
    return [*(finding for look in looks for finding in look(data)), *_of_settings(data, config_dir)]


def _of_settings(data: DataFolder, config_dir: Path | None) -> Iterator[Finding]:
    """The settings a refresh would run under: whether they hold, know every file that came, and name whom to tell."""
    try:
        settings = load_settings(config_dir)
    except PipelineError as error:
        yield Finding("settings", "fault", f"{error.what} {error.where}".strip(), error.remedy)
        return
    layouts = {layout.name for layout in settings.layouts}
    registered = Register(data).files() if form_of(data) == FORM else []
    unknown = sorted({file.layout for file in registered if not file.is_withdrawn} - layouts)
    if unknown:
        yield Finding(
            "settings",
            "fault",
            f"files came under a layout that is not there any more: {', '.join(unknown)}",
            f"Put it back into {data.settings}/sources/, or name its folder with --config-dir.",
        )
    else:
        named = (
            f"{len(settings.own)} file(s) of your own, {_named(list(settings.own))}" if settings.own else "as shipped"
        )
        yield Finding("settings", "ok", named)
    yield from _memory(settings.pipeline)
    if settings.notify.names_nobody:
        remedy = f"Fill in a copy of configs/notify.toml in {data.settings}/, and add --notify."
        yield Finding("notices", "note", "nobody is told how an unattended run ended", remedy)
    elif missing := secrets_missing(settings.notify):
        yield Finding("notices", "fault", f"{', '.join(missing)} is not set: no notice can be sent", "Set it.")
    else:
        yield Finding("notices", "ok", "somebody is named in notify.toml; only a run with --notify tells them")


def _memory(settings: PipelineSettings) -> Iterator[Finding]:
    has = memory_bytes()
    if has is None:
        return
    may_need = bytes_of(settings.memory_limit) + _BESIDE_BYTES
    said = f"{has / 1e9:,.1f} GB; a large refresh may need {may_need / 1e9:,.1f} GB, memory_limit and what is beside it"
    if may_need > has:
        remedy = "Lower memory_limit in pipeline.toml: a large build then spills more and takes longer."
        yield Finding("memory", "note", said, remedy)
    else:
        yield Finding("memory", "ok", said)


def _versions(_: DataFolder) -> Iterator[Finding]:
    python = ".".join(str(part) for part in sys.version_info[:3])
    try:
        wanted = [Requirement(text) for text in metadata.requires(DISTRIBUTION) or []]
        version = metadata.version(DISTRIBUTION)
    except metadata.PackageNotFoundError:
        yield Finding("versions", "fault", f"{DISTRIBUTION} is not installed in this Python.", "Run 'make install'.")
        return
    wrong = []
    for requirement in wanted:
        if requirement.marker is not None and not requirement.marker.evaluate({"extra": ""}):
            continue
        try:
            installed = metadata.version(requirement.name)
        except metadata.PackageNotFoundError:
            wrong.append(f"{requirement.name} is missing")
            continue
        if not requirement.specifier.contains(installed, prereleases=True):
            wrong.append(f"{requirement.name} {installed} (wanted {requirement.specifier})")
    if wrong:
        yield Finding("versions", "fault", "; ".join(wrong), "Install what requirements.lock names: 'make install'.")
    else:
        yield Finding("versions", "ok", f"{DISTRIBUTION} {version}, Python {python}, {len(wanted)} libraries as wanted")


def _folders(data: DataFolder) -> Iterator[Finding]:
    missing = [folder for folder in data.made_by_us if not folder.is_dir()]
    if missing:
        yield Finding("folders", "note", f"{data.root} is new: {len(missing)} folder(s) are made on first use.")
    there = [folder for folder in data.made_by_us if folder.is_dir()]
    if not there:
        return
    open_folders = [folder for folder in there if is_open_to_others(folder)]
    open_files = [file for folder in there for file in folder.iterdir() if file.is_file() and is_open_to_others(file)]
    unwritable = [folder for folder in there if not os.access(folder, os.W_OK)]
    if open_folders:
        yield Finding(
            "folders",
            "fault",
            f"open to other users: {_named(open_folders)}",
            f"chmod 700 {' '.join(str(folder) for folder in open_folders)}",
        )
    if open_files:
        yield Finding(
            "folders",
            "note" if not open_folders else "fault",
            f"{len(open_files)} file(s) would be readable by others if their folder were: {_named(open_files[:3])}",
            f"chmod 600 {' '.join(str(file) for file in open_files[:3])}{' …' if len(open_files) > 3 else ''}",
        )
    if unwritable:
        yield Finding("folders", "fault", f"cannot be written: {_named(unwritable)}", "Mend their owner and rights.")
    if not (open_folders or open_files or unwritable):
        yield Finding("folders", "ok", f"{data.root}: closed to others, writable")


def _named(paths: list[Path]) -> str:
    return ", ".join(str(path) for path in paths)


def _key(data: DataFolder) -> Iterator[Finding]:
    file, expected = key_file(), known_key_id(data)
    if not file.exists():
        if expected:
            yield Finding(
                "key", "fault", f"{file} is missing; this folder needs key {expected}.", "Restore its backup."
            )
        else:
            yield Finding("key", "note", f"no key yet: one is made at {file} with the first patient file")
        return
    try:
        found = read_key(file).key_id
    except PipelineError as error:
        yield Finding("key", "fault", f"{error.what} {error.where}".strip(), error.remedy)
        return
    if expected and found != expected:
        said = f"{file} holds key {found}; this folder needs {expected}."
        yield Finding("key", "fault", said, "Name the right file with OPIOIDS_KEY_FILE.")
    else:
        yield Finding("key", "ok", f"key {found}, {file}: is there a backup of it elsewhere?")


def _disk(data: DataFolder) -> Iterator[Finding]:
    root = next(folder for folder in (data.root, *data.root.absolute().parents) if folder.exists())
    free, needed = shutil.disk_usage(root).free, bytes_needed(data)
    said = f"{free / 1024**3:,.1f} GiB free; a refresh may need {needed / 1024**3:,.1f} GiB"
    if free < needed:
        yield Finding("disk", "fault", said, "Free space, or lower keep_snapshots in pipeline.toml.")
    else:
        yield Finding("disk", "ok", said)


def _lock(data: DataFolder) -> Iterator[Finding]:
    holder = holder_of_lock(data)
    if holder:
        yield Finding("lock", "note", f"a refresh is running: {holder}", "Wait for it; the lock goes with its process.")
    else:
        yield Finding("lock", "ok", "no refresh is running")


def _publication(data: DataFolder) -> Iterator[Finding]:
    try:
        snapshot = current_snapshot(data)
    except PipelineError:
        yield Finding("publication", "note", "nothing is published yet", "Run 'opioids refresh'.")
        return
    if not snapshot.file.exists():
        yield Finding(
            "publication", "fault", f"current.json names {snapshot.file.name}, which is gone.", "Run 'opioids refresh'."
        )
        return
    with snapshot.file.open("rb") as handle:
        digest = hashlib.file_digest(handle, "sha256").hexdigest()
    if digest != snapshot.sha256:
        yield Finding(
            "publication",
            "fault",
            f"{snapshot.file.name} is not what was published: its bytes have changed.",
            "Delete it and run 'opioids refresh': it is built again from what is landed.",
        )
    else:
        yield Finding("publication", "ok", f"snapshot {snapshot.snapshot_id}, unchanged since it was published")


def _last_run(data: DataFolder) -> Iterator[Finding]:
    runs = known_runs(data) if form_of(data) == FORM else []
    if runs and runs[-1].outcome in ("failed", INTERRUPTED):
        yield Finding(
            "last run",
            "note" if runs[-1].outcome == INTERRUPTED else "fault",
            f"{runs[-1].outcome}: {runs[-1].message or 'for a reason that is not known'}",
            "Run 'opioids refresh' once by hand: it says where and what to do.",
        )
    elif runs:
        yield Finding("last run", "ok", f"{runs[-1].outcome}")


def _references(data: DataFolder) -> Iterator[Finding]:
    try:
        snapshot = current_snapshot(data)
        known = caveats_of(snapshot.file, data.tmp) if snapshot.file.exists() else ()
    except PipelineError:
        return
    told = [caveat for caveat in known if caveat.kind == "reference"]
    for caveat in told:
        yield Finding("references", "note", caveat.sentence, "Add the newest one with 'opioids add FILE'.")
    if not told:
        yield Finding("references", "ok", "none too old or missing")


def _audit(data: DataFolder) -> Iterator[Finding]:
    try:
        verified = AuditTrail(data).verify()
    except PipelineError as error:
        yield Finding("audit", "fault", f"{error.what} {error.where}".strip(), error.remedy)
    else:
        yield Finding("audit", "ok", f"{verified.rows} row(s), the chain unbroken")


def _leftovers(data: DataFolder) -> Iterator[Finding]:
    left = [] if holder_of_lock(data) else leftovers(data)
    if left:
        yield Finding(
            "leftovers",
            "note",
            f"{len(left)} file(s) or folder(s) of an interrupted run: {_named(left[:3])}",
            "The next refresh removes them; nothing published depends on them.",
        )
    else:
        yield Finding("leftovers", "ok", "none of an interrupted run")


def _incoming(data: DataFolder) -> Iterator[Finding]:
    refused = refused_files(data)
    if refused:
        yield Finding(
            "incoming",
            "note",
            f"{len(refused)} file(s) were refused: {_named(refused[:3])}",
            "Read the .reason.txt beside each; put a mended file into incoming/.",
        )
    yield Finding("incoming", "ok", f"{len(waiting_files(data))} file(s) wait for the next refresh")


def _server(_: DataFolder) -> Iterator[Finding]:
    url = os.environ.get("PREFECT_API_URL")
    if not url:
        yield Finding("server", "ok", "no Prefect server is set: 'opioids refresh' needs none")
        return
    # A URL may carry a name and password: neither is repeated.
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
    if host not in _LOOPBACK:
        yield Finding(
            "server",
            "note",
            f"Prefect is asked for at {host}:{port}, not on this machine: it keeps names of runs in clear.",
            "Prefer a server on 127.0.0.1.",
        )
    try:
        socket.create_connection((host, port), timeout=2).close()
    except OSError:
        yield Finding(
            "server", "fault", f"no Prefect server answers at {host}:{port}", "Start it, or unset PREFECT_API_URL."
        )
    else:
        yield Finding("server", "ok", f"a server answers at {host}:{port}")


def _clock(_: DataFolder) -> Iterator[Finding]:
    zone = os.environ.get("TZ") or _zone_of_the_machine()
    yield Finding("clock", "ok", f"time zone {zone}; months come from the data, times in tables are UTC")


def _zone_of_the_machine() -> str:
    link = Path("/etc/localtime")
    named = re.search(r"zoneinfo/(.+)$", str(link.resolve())) if link.exists() else None
    return named[1] if named else "of the machine"
