"""Fault F31: the disk is full, too small or read-only; the clock was set back. The last publication stays readable."""

import os
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from commands import run_opioids
from faults.publications import Refresher, Undisturbed, converges, copy, published_in

from pipelines.folders import DataFolder
from pipelines.ingest.register import Register
from pipelines.upkeep.history import kept_snapshots, known_runs, status

ROOM_MIB = 400
# In small steps with `make test-faults`.
FREE_KIB = range(0, 60_000, 2_500) if "OPIOIDS_KILLS" in os.environ else (0, 4_000, 14_000)


def mount(*options: str) -> None:
    done = subprocess.run(["mount", *options], capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"no right to mount a small disk: {done.stderr.strip()}")


@contextmanager
def small_disk(at: Path) -> Iterator[Path]:
    """A disk of its own in memory; resize it with `resized`."""
    at.mkdir()
    mount("-t", "tmpfs", "-o", f"size={ROOM_MIB}m,mode=700", "opioids-test", str(at))
    try:
        yield at
    finally:
        subprocess.run(["umount", "--lazy", str(at)], check=True)


def resized(disk: Path, free_kib: int) -> None:
    """Give the disk so much free room."""
    used = os.statvfs(disk)
    taken = (used.f_blocks - used.f_bfree) * used.f_frsize // 1024
    mount("-o", f"remount,size={taken + free_kib}k", str(disk))


def still_readable(data: Path) -> None:
    asked = run_opioids("query", "SELECT count(*) AS n FROM marts.patient_month", "--format", "csv", "--data-dir", data)
    assert asked.code == 0, asked.err
    assert int(asked.out.split()[1]) > 100


def test_f31_on_a_disk_that_is_full_at_any_point_the_last_publication_stays(
    undisturbed: Undisturbed, refresher: Refresher, tmp_path: Path
) -> None:
    """Full at once; in the build; while publishing. Each time more room, at last enough."""
    with small_disk(tmp_path / "disk") as disk:
        data = copy(undisturbed.folder, disk / "data")
        reached = []
        for free_kib in FREE_KIB:
            resized(disk, free_kib)
            said = refresher(data, without_room_check=True)
            if "snapshot_id" in said:
                break
            assert said["exit_code"] == 17, said
            assert said["has_remedy"], said
            assert published_in(data) == undisturbed.old
            reached.append(said["steps"][-1:])
        assert len({tuple(steps) for steps in reached}) >= 2, reached
        still_readable(data)
        resized(disk, ROOM_MIB * 1024)
        converges(data, undisturbed, refresher)


def test_f31_what_cannot_fit_is_refused_before_anything_is_begun(
    undisturbed: Undisturbed, refresher: Refresher, tmp_path: Path
) -> None:
    with small_disk(tmp_path / "disk") as disk:
        data = copy(undisturbed.folder, disk / "data")
        resized(disk, 20_000)
        said = refresher(data)
        assert said["exit_code"] == 17
        assert said["steps"] == []
        assert "too little room on the disk" in said["error"]
        assert "Free space" in said["error"]
        assert len(list((data / "incoming").iterdir())) == 1
        assert published_in(data) == undisturbed.old
        looked = run_opioids("doctor", "--data-dir", data)
        assert "FAULT  disk" in looked.out


def test_f31_a_read_only_folder_is_said_in_words_and_can_be_read(
    undisturbed: Undisturbed, refresher: Refresher, tmp_path: Path
) -> None:
    with small_disk(tmp_path / "disk") as disk:
        data = copy(undisturbed.folder, disk / "data")
        mount("-o", "remount,ro", str(disk))
        said = refresher(data)
        assert said["exit_code"] == 17, said
        assert said["has_remedy"]
        still_readable(data)
        for command in ("status", "runs", "snapshots", "doctor"):
            answer = run_opioids(command, "--data-dir", data)
            assert "Traceback" not in answer.err, answer.err
        assert published_in(data) == undisturbed.old
        mount("-o", "remount,rw", str(disk))
        converges(data, undisturbed, refresher)


def test_f31_a_clock_that_was_set_back_puts_nothing_into_another_order(
    undisturbed: Undisturbed, refresher: Refresher, tmp_path: Path
) -> None:
    """A folder whose every time lies 400 days ahead is what a clock finds that was set back by 400 days."""
    data = copy(undisturbed.folder, tmp_path / "data")
    ahead = timedelta(days=400)
    for file in [path for path in data.rglob("*") if path.is_file() and not path.is_symlink()]:
        later = file.stat().st_mtime + ahead.total_seconds()
        os.utime(file, (later, later))
    with closing(sqlite3.connect(data / "state" / "register.sqlite")) as register, register:
        for table, column in (("runs", "started_at"), ("runs", "finished_at"), ("deliveries", "added_at")):
            for row, told in register.execute(f"SELECT rowid, {column} FROM {table}").fetchall():
                moved = (datetime.fromisoformat(told) + ahead).isoformat()
                register.execute(f"UPDATE {table} SET {column} = ? WHERE rowid = ?", (moved, row))
    converges(data, undisturbed, refresher)
    folder = DataFolder(data)
    looked = status(folder)
    assert looked.snapshot_id == undisturbed.new.snapshot_id
    assert looked.last_run is not None
    assert looked.last_run.snapshot_id == undisturbed.new.snapshot_id
    assert looked.last_run.started_at < datetime.now(UTC)
    assert [run.snapshot_id for run in known_runs(folder)] == [undisturbed.old.snapshot_id, undisturbed.new.snapshot_id]
    assert {kept.snapshot_id for kept in kept_snapshots(folder)} == {
        undisturbed.old.snapshot_id,
        undisturbed.new.snapshot_id,
    }


def test_f31_a_file_cannot_be_added_to_a_full_or_read_only_disk_and_nothing_is_registered(
    undisturbed: Undisturbed, tmp_path: Path
) -> None:
    more = tmp_path / "more.csv"
    more.write_text(
        "YEAR_MONTH,PRACTICE_NAME,PRACTICE_CODE,BNF_CODE,BNF_DESCRIPTION,QUANTITY,ITEMS,TOTAL_QUANTITY,NIC,ACTUAL_COST\n"
        "202301,SURGERY,A81001,0407020Q0AAAEAE,Morphine 10mg modified-release capsules,28,1,28,1.5,1.4\n"
    )
    with small_disk(tmp_path / "disk") as disk:
        data = copy(undisturbed.folder, disk / "data")
        known = [file.sha256 for file in Register(DataFolder(data)).files()]
        resized(disk, 0)
        full = run_opioids("add", more, "--data-dir", data)
        mount("-o", "remount,ro", str(disk))
        closed = run_opioids("add", more, "--data-dir", data)
        mount("-o", "remount,rw", str(disk))
        for answer in (full, closed):
            assert answer.code == 17, answer.err
            assert "→ Free space or mend the rights" in answer.err
        assert [file.sha256 for file in Register(DataFolder(data)).files()] == known
        resized(disk, ROOM_MIB * 1024)
        assert run_opioids("add", more, "--data-dir", data).code == 0
        assert len(Register(DataFolder(data)).files()) == len(known) + 1
