"""What was fetched, remembered beside the file: which publication it was, and whether it was taken in.

A file waits in its folder until it has been taken in; then its bytes are in the raw store under their hash, and
only the note stays, so that the same publication is not downloaded again.
"""

import hashlib
import json
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from pathlib import Path

from filelock import FileLock, Timeout

from pipelines.errors import DownloadFailed
from pipelines.fetch.checks import refuse_damaged
from pipelines.fetch.download import Download, Received, finish
from pipelines.fetch.http import Http
from pipelines.folders import said_in_words, write_whole

logger = logging.getLogger(__name__)


class Standing(StrEnum):
    """How what is published compares with what was fetched before."""

    NEW = "new"
    REPUBLISHED = "republished"
    WAITING = "fetched before, not taken in yet"
    UNCHANGED = "unchanged"


@dataclass(frozen=True)
class Kept:
    """The note about one fetched file. `version` says which publication of it this is."""

    name: str
    version: str
    file: str
    sha256: str
    size_bytes: int
    etag: str | None = None
    last_modified: str | None = None
    taken_in: bool = False


class Shelf:
    """The folder of one source below data/raw, a note and perhaps a waiting file for each key."""

    def __init__(self, raw_dir: Path, source: str) -> None:
        self.folder = raw_dir / "fetched" / source
        with said_in_words(self.folder):
            for folder in (self.folder.parent, self.folder):
                folder.mkdir(mode=0o700, exist_ok=True)

    def note(self, key: str) -> Kept | None:
        try:
            return Kept(**json.loads(self._note_file(key).read_text(encoding="utf-8")))
        except FileNotFoundError:
            return None
        except (ValueError, TypeError):
            logger.warning("The note about %s is damaged: it is fetched again.", key)
            return None

    def standing(self, key: str, version: str) -> Standing:
        note = self.note(key)
        if note is None:
            return Standing.NEW
        if note.version != version:
            return Standing.REPUBLISHED
        if note.taken_in:
            return Standing.UNCHANGED
        waiting = self.folder / note.file
        is_whole = waiting.is_file() and waiting.stat().st_size == note.size_bytes
        return Standing.WAITING if is_whole else Standing.NEW

    def waiting(self, key: str) -> list[Path]:
        """The file of a key that has not been taken in yet, if there is one."""
        note = self.note(key)
        return [self.folder / note.file] if note and not note.taken_in and (self.folder / note.file).is_file() else []

    def bring(
        self,
        http: Http,
        key: str,
        file_name: str,
        version: str,
        link: Callable[[], str],
        received: Received,
        *,
        month: str | None = None,
        ask_whether_changed: bool = False,
    ) -> list[Path]:
        """Download, check, rename, note. Empty when the server, or the content, says that nothing has changed."""
        before = self.note(key)
        target = self.folder / file_name
        part = self.folder / f"{file_name}.part"
        download = Download(http, link, part, version, received)
        standing = self.standing(key, version)
        has_it = standing in (Standing.WAITING, Standing.UNCHANGED)
        brought = download.bring(_validators(before) if before and has_it and ask_whether_changed else {})
        if brought is None:
            return self.waiting(key)
        try:
            refuse_damaged(part, file_name, month)
        except DownloadFailed:
            download.forget()
            raise
        with part.open("rb") as handle:
            sha256 = hashlib.file_digest(handle, "sha256").hexdigest()
        size = part.stat().st_size
        is_same = before is not None and before.taken_in and before.sha256 == sha256
        if is_same:
            download.forget()
        else:
            finish(part, target)
        logger.info("Fetched %s: %d bytes, sha256 %s", file_name, size, sha256)
        self._write(
            key, Kept(key, version, file_name, sha256, size, brought.etag, brought.last_modified, taken_in=is_same)
        )
        if before and before.file != file_name:
            (self.folder / before.file).unlink(missing_ok=True)
        return self.waiting(key)

    def was_taken_in(self, key: str) -> None:
        """The bytes are in the raw store now: the waiting file can go."""
        note = self.note(key)
        if note:
            self._write(key, replace(note, taken_in=True))
            (self.folder / note.file).unlink(missing_ok=True)

    @contextmanager
    def held(self) -> Iterator[None]:
        """One fetch of a source at a time: two would write into the same part."""
        lock = FileLock(self.folder / ".lock")
        try:
            lock.acquire(timeout=0)
        except Timeout:
            raise DownloadFailed(
                "Another fetch of this source is running.",
                f"Lock {self.folder / '.lock'}.",
                "Wait for it to end; the lock goes with its process.",
            ) from None
        try:
            yield
        finally:
            lock.release()

    def _note_file(self, key: str) -> Path:
        return self.folder / f"{key}.json"

    def _write(self, key: str, kept: Kept) -> None:
        text = json.dumps(asdict(kept), indent=1, sort_keys=True) + "\n"
        write_whole(self._note_file(key), text.encode())


def _validators(before: Kept) -> dict[str, str]:
    """What lets a server answer 304 Not Modified."""
    named = {"If-None-Match": before.etag, "If-Modified-Since": before.last_modified}
    return {header: text for header, text in named.items() if text}
