"""Whether a file that came is unharmed: archive sums, final newline, the month it says."""

import csv
import re
import shutil
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from pipelines.archives import HARMED, is_of_the_disk
from pipelines.errors import DownloadFailed, StorageError

_CHUNK_BYTES = 1 << 20
_HEAD_BYTES = 1 << 14
_ENCRYPTED = 0x1
_AGAIN = "It is not used, and what was fetched before stays as it is. Run the same command again."


def refuse_damaged(file: Path, name: str, month: str | None = None) -> None:
    """Read a file to its end. `month` (YYYYMM) is what its YEAR_MONTH must say, where it has that column."""
    with file.open("rb") as handle:
        is_archive = handle.read(4) == b"PK\x03\x04"
    if is_archive:
        _read_archive(file, name, month)
        return
    if name.lower().endswith((".zip", ".xlsx")):
        raise DownloadFailed("What came is no ZIP archive.", f"File {name}.", _AGAIN)
    with file.open("rb") as handle:
        _read_text(handle, name, month)


def _read_archive(file: Path, name: str, month: str | None) -> None:
    with _opened(file, name) as archive:
        for member in archive.infolist():
            with archive.open(member) as handle:
                if member.filename.lower().endswith(".csv"):
                    _read_text(handle, f"{name}, in it {Path(member.filename).name}", month)
                else:
                    while handle.read(_CHUNK_BYTES):
                        pass


@contextmanager
def _opened(file: Path, name: str) -> Iterator[zipfile.ZipFile]:
    """An archive to be read; what zipfile finds wrong with it (sums included) is said in words."""
    try:
        with zipfile.ZipFile(file) as archive:
            if any(member.flag_bits & _ENCRYPTED for member in archive.infolist()):
                raise DownloadFailed(
                    "The archive is locked with a password.", f"File {name}.", "Open data has none: check the address."
                )
            yield archive
    except HARMED as error:
        if is_of_the_disk(error):
            raise
        raise DownloadFailed("The archive is damaged: its sums do not agree.", f"File {name}.", _AGAIN) from None
    except NotImplementedError:
        raise DownloadFailed(
            "The archive is packed in a way that cannot be read here.",
            f"File {name}.",
            "Unpack it with another program and take the CSV in with `opioids add`.",
        ) from None


def _read_text(handle: IO[bytes], name: str, month: str | None) -> None:
    head = handle.read(_HEAD_BYTES)
    if head.lstrip().startswith(b"<"):
        raise DownloadFailed("What came is a web page, not a table.", f"File {name}.", _AGAIN)
    last = head[-1:]
    while chunk := handle.read(_CHUNK_BYTES):
        last = chunk[-1:]
    if last != b"\n":
        raise DownloadFailed("The last line of the file is cut off.", f"File {name}.", _AGAIN)
    said = _month_of(head)
    if month and said and said != month:
        raise DownloadFailed(
            f"The file holds the month {said}, its name says {month}.",
            f"File {name}.",
            "It is not used, and what was fetched before stays as it is. Tell the publisher.",
        )


def _month_of(head: bytes) -> str | None:
    """YYYYMM of the first row, from a header that names YEAR_MONTH."""
    rows = csv.reader(head.decode("latin-1").removeprefix("ï»¿").splitlines())
    header, first = next(rows, []), next(rows, [])
    named = dict(zip((cell.strip().upper() for cell in header), first, strict=False))
    digits = re.sub(r"\D", "", named.get("YEAR_MONTH", ""))
    return digits[:6] if len(digits) >= 6 else None


def refuse_no_room_to_unpack(file: Path) -> None:
    """What an archive holds has to fit beside it, unpacked."""
    if not zipfile.is_zipfile(file):
        return
    with zipfile.ZipFile(file) as archive:
        needed = sum(member.file_size for member in archive.infolist())
    free = shutil.disk_usage(file.parent).free
    if needed > free:
        raise StorageError(
            "There is not enough space to unpack the download.",
            f"{needed / 1e9:,.1f} GB are needed, {free / 1e9:,.1f} GB are free at {file.parent}.",
            "Free space and run the same command again: the archive is not downloaded again.",
        )
