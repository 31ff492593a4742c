"""Bring one file whole or not at all: `.part`, resume where the server proves it is the same file, check, rename.

A part belongs to one version of one file, which the note beside it names together with the server's ETag. It is
continued only under If-Range with that ETag; in every doubt it is begun anew.
"""

import json
import logging
import re
import shutil
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from pipelines.errors import DownloadFailed, StorageError
from pipelines.fetch.http import Answer, Http, PassingFault
from pipelines.folders import flush_to_disk, said_in_words, write_whole

logger = logging.getLogger(__name__)

_EXPIRED = {403, 410}
# A link that was made a moment ago and is refused twice is not expired: it is forbidden.
_MOST_REFUSALS = 2

Received = Callable[[int, int | None], None]


@dataclass(frozen=True)
class _Note:
    """What a part is a part of."""

    version: str
    etag: str
    total_bytes: int | None


@dataclass(frozen=True)
class Brought:
    """The file as it came; None for its validators where the server has none."""

    etag: str | None
    last_modified: str | None


class Download:
    """One file on its way. `link` makes a fresh address; it is asked again when an address has expired."""

    def __init__(self, http: Http, link: Callable[[], str], part: Path, version: str, received: Received) -> None:
        self._http = http
        self._link = link
        self._part = part
        self._note_file = part.with_name(f"{part.name}.json")
        self._version = version
        self._received = received
        self._address: str | None = None
        self._refusals = 0
        self._may_resume = True

    def bring(self, unless: Mapping[str, str] | None = None) -> Brought | None:
        """Fill the part file. None when the server says that what `unless` names (If-None-Match) has not changed."""
        return self._http.patiently(lambda: self._attempt(unless or {}))

    def forget(self) -> None:
        """Remove the part and its note: the next attempt begins anew."""
        self._part.unlink(missing_ok=True)
        self._note_file.unlink(missing_ok=True)

    def _attempt(self, unless: Mapping[str, str]) -> Brought | None:
        self._address = self._address or self._link()
        note, offset = self._resumable()
        headers = {"Accept-Encoding": "identity", **unless}
        if note and offset:
            # Conditions on an unchanged file make no sense for the rest of one.
            headers = {"Accept-Encoding": "identity", "Range": f"bytes={offset}-", "If-Range": note.etag}
        with self._http.get(self._address, headers=headers) as answer:
            if answer.status == 304 and unless and not offset:
                return None
            if answer.status in _EXPIRED:
                self._refused(answer)
            if answer.status == 206 and note and offset:
                self._refuse_wrong_rest(answer, note, offset)
            elif answer.status in (206, 416):
                self._begin_anew("The server does not send the part that was asked for.", answer)
            elif answer.status != 200:
                raise _not_there(answer)
            else:
                offset = 0
            _refuse_web_page(answer)
            self._receive(answer, offset, note)
            return Brought(answer.headers.get("ETag"), answer.headers.get("Last-Modified"))

    def _resumable(self) -> tuple[_Note | None, int]:
        """The note of the part and where to go on; 0 when there is nothing to continue."""
        try:
            note = _Note(**json.loads(self._note_file.read_text(encoding="utf-8")))
            size = self._part.stat().st_size
        except (OSError, ValueError, TypeError):
            return None, 0
        if not self._may_resume or note.version != self._version:
            return None, 0
        # Of a part that is already whole the last byte is asked for again: the server then confirms the ETag.
        return note, size if note.total_bytes is None else max(0, min(size, note.total_bytes - 1))

    def _refused(self, answer: Answer) -> None:
        self._address = None
        self._refusals += 1
        if self._refusals >= _MOST_REFUSALS:
            raise DownloadFailed(
                f"The server refuses the download with {answer.status}, with a new link too.",
                f"At {answer.address}.",
                "What was fetched before stays as it is. Check the address in configs/fetch.toml, or try later.",
            )
        raise PassingFault(f"The link has expired ({answer.status}).", answer.address)

    def _refuse_wrong_rest(self, answer: Answer, note: _Note, offset: int) -> None:
        """A 206 must begin exactly where the part ends, of a file that is still the same."""
        stated = re.fullmatch(r"bytes (\d+)-(\d+)/(\d+|\*)", answer.headers.get("Content-Range", "").strip())
        etag = answer.headers.get("ETag", note.etag)
        if stated is None or int(stated[1]) != offset or answer.is_encoded:
            self._begin_anew("The server goes on at another place than was asked for.", answer)
        elif etag != note.etag or (note.total_bytes is not None and stated[3] not in ("*", str(note.total_bytes))):
            self._begin_anew("The file has changed on the server since the download began.", answer)

    def _begin_anew(self, why: str, answer: Answer) -> None:
        self.forget()
        self._may_resume = False
        raise PassingFault(why, answer.address)

    def _receive(self, answer: Answer, offset: int, note: _Note | None) -> None:
        self._refusals = 0
        announced = answer.announced_bytes
        total = announced if offset == 0 else (note.total_bytes if note else None)
        _refuse_full_disk(self._part, (total or 0) - offset)
        with said_in_words(self._part):
            if offset == 0:
                self.forget()
                self._take_note(answer, total)
            with self._part.open("r+b" if offset else "wb") as handle:
                handle.truncate(offset)
                handle.seek(offset)
                for chunk in answer.chunks():
                    handle.write(chunk)
                    self._received(handle.tell(), total)
        came = answer.wire_bytes
        if announced is not None and came != announced:
            raise PassingFault(f"The download broke off after {came:,} of {announced:,} bytes.", answer.address)
        if offset and total is not None and offset + came != total:
            self._begin_anew("The parts of the download do not add up.", answer)
        if not answer.ends_visibly and not _ends_by_itself(self._part):
            self.forget()
            raise DownloadFailed(
                "The server does not say how long the file is, so a cut-off file could pass for a whole one.",
                f"At {answer.address}.",
                "Download it by hand, compare its size, and take it in with `opioids add`.",
            )

    def _take_note(self, answer: Answer, total: int | None) -> None:
        """Only a file that comes as it is, under a strong ETag, can be continued later."""
        etag = answer.headers.get("ETag", "")
        if etag.startswith('"') and not answer.is_encoded:
            note = _Note(self._version, etag, total)
            write_whole(self._note_file, json.dumps(asdict(note)).encode())


def finish(part: Path, target: Path) -> None:
    """Give a checked part its name: from here on it counts as fetched."""
    with said_in_words(target):
        flush_to_disk(part)
        part.replace(target)
        flush_to_disk(target)
        part.with_name(f"{part.name}.json").unlink(missing_ok=True)


def _ends_by_itself(part: Path) -> bool:
    """A ZIP archive has its table of contents at its end, so one that is cut off cannot be opened."""
    with part.open("rb") as handle:
        return handle.read(2) == b"PK"


def _not_there(answer: Answer) -> DownloadFailed:
    return DownloadFailed(
        f"The server answers {answer.status} instead of the file.",
        f"At {answer.address}.",
        "What was fetched and published before stays as it is. Check the address in configs/fetch.toml.",
    )


def _refuse_web_page(answer: Answer) -> None:
    if "html" in answer.headers.get("Content-Type", "").lower():
        raise DownloadFailed(
            "The server sends a web page instead of the file: an error, or a sign-in page of the network.",
            f"At {answer.address}.",
            "Open the address in a browser to see what it says; what was fetched before stays as it is.",
        )


def _refuse_full_disk(part: Path, more_bytes: int) -> None:
    free = shutil.disk_usage(part.parent).free
    if more_bytes > free:
        raise StorageError(
            "There is not enough space for the download.",
            f"{more_bytes / 1e9:,.1f} GB are to come, {free / 1e9:,.1f} GB are free at {part.parent}.",
            "Free space, or use another --data-dir.",
        )
