"""F33: a run that was killed does not stand as running for ever, whatever the machine does meanwhile."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pipelines.config import load_settings
from pipelines.errors import NothingToPublish
from pipelines.folders import DataFolder
from pipelines.ingest.register import Register
from pipelines.locking import only_refresh
from pipelines.refresh import RefreshOptions, refresh
from pipelines.upkeep.history import known_runs, status

RUNS = """
import sys, time
from pathlib import Path
from pipelines.folders import DataFolder
from pipelines.ingest.register import Register
from pipelines.locking import only_refresh
data = DataFolder(Path(sys.argv[1]))
with only_refresh(data):
    Register(data).start_run(sys.argv[2], None)
    print("runs", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> DataFolder:
    monkeypatch.setenv("OPIOIDS_KEY_FILE", str(tmp_path / "key"))
    data = DataFolder(tmp_path / "data")
    data.prepare()
    return data


@contextmanager
def running(data: DataFolder, run_id: str) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen([sys.executable, "-c", RUNS, str(data.root), run_id], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        assert process.stdout.readline() == "runs\n"
        yield process
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def outcomes(data: DataFolder) -> list[str]:
    return [run.outcome for run in known_runs(data)]


def test_f33_a_run_is_running_while_its_process_holds_the_lock_and_interrupted_after_it_was_killed(
    data: DataFolder,
) -> None:
    with running(data, "first"):
        assert outcomes(data) == ["running"]
        assert status(data).is_running
    assert outcomes(data) == ["interrupted"]
    with running(data, "second"):
        assert outcomes(data) == ["interrupted", "running"]


def test_f33_who_else_holds_the_lock_is_not_taken_for_the_run(data: DataFolder) -> None:
    with running(data, "killed"):
        pass
    with only_refresh(data):
        assert outcomes(data) == ["interrupted"]


def test_f33_the_next_refresh_writes_down_that_it_was_interrupted(data: DataFolder, tmp_path: Path) -> None:
    with running(data, "killed"):
        pass
    assert [run.outcome for run in Register(data).runs()] == ["running"]
    with pytest.raises(NothingToPublish):
        refresh(RefreshOptions(data, tmp_path / "reports", load_settings(), with_report=False))
    killed, failed = Register(data).runs()
    assert (killed.outcome, killed.finished_at, killed.message) == (
        "interrupted",
        None,
        "Its process ended without a word.",
    )
    assert failed.outcome == "failed"


def test_f33_a_look_at_the_lock_stops_nobody_who_begins(data: DataFolder) -> None:
    """`status` takes the lock for an instant to see whether it is held; a refresh that begins then waits it out."""
    import threading

    stop = threading.Event()

    def look() -> None:
        while not stop.is_set():
            known_runs(data)

    looker = threading.Thread(target=look)
    looker.start()
    try:
        for _ in range(30):
            with only_refresh(data):
                pass
    finally:
        stop.set()
        looker.join()
