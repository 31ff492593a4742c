"""What a refresh needs before it starts, and what a killed one leaves behind: room on the disk, unfinished files.

An unfinished file says in its name that it is one: it lies in tmp/, ends in .part or .wal, or begins with the number
of the process that wrote it. What belongs to a process that is still alive, such as a query that spills or an `add`, is
left alone.
"""

import re
import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from pipelines.errors import NothingPublished, StorageError
from pipelines.folders import DataFolder, is_alive, said_in_words
from pipelines.snapshots import current_snapshot

# The process of a spill file of DuckDB, of a copy that `add` makes, of an archive that it unpacks.
_PROCESS = re.compile(r"^(?:duckdb_temp_(\d+)_.*|\.(\d+)\.part|\.unpacked-(\d+)-.*)$")
_SPARE_BYTES = 256 * 1024**2
# Measured on 20,000 people in 24 months: the build file and the copy of it that is published came to 2.9 times the
# published file, and to twice the files that had been waiting; on 900,000 people in 120 months, of whom there was no
# open data, to four times. What spills is bounded by spill_limit and not counted.
_TIMES_LANDED, _TIMES_WAITING, _TIMES_PUBLISHED = 2, 4, 4


def leftovers(data: DataFolder) -> list[Path]:
    """Files and folders of processes that ended without clearing up, by name. Reads only."""
    found = [
        *_children(data.tmp),
        *(path for path in _children(data.warehouse) if path.name.endswith((".wal", ".part"))),
        *(path for folder in (data.landed, data.state) for path in _children(folder) if path.name.endswith(".part")),
        *(
            path
            for folder in (data.raw, data.identifiable, data.originals)
            for path in _children(folder)
            if _PROCESS.match(path.name)
        ),
    ]
    return sorted(path for path in found if not _belongs_to_a_living_process(path))


def remove_leftovers(data: DataFolder) -> None:
    """Remove them. For whoever holds the lock of the data folder: nobody else builds or publishes then."""
    for path in leftovers(data):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            # On Windows a file in use stays.
            with suppress(PermissionError), said_in_words(path):
                path.unlink(missing_ok=True)


def bytes_needed(data: DataFolder) -> int:
    """What a refresh may write before it can give anything back, from what is landed, waits and is published."""
    landed, waiting = (_size(folder) for folder in (data.landed, data.incoming))
    not_landed = sum(
        file.stat().st_size
        for file in _children(data.originals)
        if file.is_file() and not (data.landed / f"{file.name}.parquet").exists()
    )
    try:
        published = current_snapshot(data).file
        size = published.stat().st_size if published.exists() else 0
    except NothingPublished:
        size = 0
    return _SPARE_BYTES + _TIMES_LANDED * landed + _TIMES_WAITING * (waiting + not_landed) + _TIMES_PUBLISHED * size


def refuse_without_room(data: DataFolder) -> None:
    """Raise StorageError before anything is begun that the disk cannot hold."""
    free, needed = shutil.disk_usage(data.root).free, bytes_needed(data)
    if free < needed:
        raise StorageError(
            f"There is too little room on the disk: {_mib(free)} free, a refresh may need {_mib(needed)}.",
            f"At {data.root}.",
            "Free space, or lower keep_snapshots in pipeline.toml; the last publication stays as it is.",
        )


def _mib(size: int) -> str:
    return f"{size / 1024**2:,.0f} MiB"


def _children(folder: Path) -> Iterator[Path]:
    return folder.iterdir() if folder.is_dir() else iter(())


def _size(folder: Path) -> int:
    if not folder.is_dir():
        return 0
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file() and not file.is_symlink())


def _belongs_to_a_living_process(path: Path) -> bool:
    named = _PROCESS.match(path.name)
    return named is not None and is_alive(int(next(number for number in named.groups() if number)))
