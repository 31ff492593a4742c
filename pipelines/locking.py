"""One refresh at a time: the lock of a data folder, and who holds it."""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from filelock import FileLock, Timeout

from pipelines.errors import RefreshInProgress
from pipelines.folders import DataFolder

_INSTANT_SECONDS = 0.2


@contextmanager
def only_refresh(data: DataFolder) -> Iterator[None]:
    """Hold the lock of a prepared data folder. Raises RefreshInProgress when another process does."""
    lock = FileLock(_lock_file(data))
    try:
        # Who asks whether the lock is held takes it for an instant: that is waited out.
        lock.acquire(timeout=_INSTANT_SECONDS, poll_interval=_INSTANT_SECONDS / 4)
    except Timeout:
        raise RefreshInProgress(
            "Another refresh of this data folder is running.",
            f"Lock {_lock_file(data)}; {_holder(data)}.",
            "Wait for it to end; the lock goes with its process.",
        ) from None
    try:
        (data.state / "refresh.holder").write_text(
            f"process {os.getpid()}, since {datetime.now(UTC):%Y-%m-%d %H:%M} UTC", encoding="utf-8"
        )
        yield
    finally:
        lock.release()


def holder_of_lock(data: DataFolder) -> str | None:
    """Who is refreshing the folder, in words; None when nobody is."""
    if not _lock_file(data).exists():
        return None
    lock = FileLock(_lock_file(data))
    try:
        lock.acquire(timeout=0)
    except Timeout:
        return _holder(data)
    except OSError:
        # A folder that cannot be written cannot be refreshed either.
        return None
    lock.release()
    return None


def holding_process(data: DataFolder) -> int | None:
    """The process that works on the folder alone; None when there is none, or it did not say."""
    named = re.match(r"process (\d+)", holder_of_lock(data) or "")
    return int(named[1]) if named else None


def _lock_file(data: DataFolder) -> Path:
    return data.state / "refresh.lock"


def _holder(data: DataFolder) -> str:
    holder = data.state / "refresh.holder"
    return holder.read_text(encoding="utf-8") if holder.exists() else "its process is not known"
