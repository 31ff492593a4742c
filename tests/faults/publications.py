"""What a test asks of a folder whose refresh was disturbed: which publication is there, is it whole, is it clean."""

import csv
import hashlib
import json
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
from commands import run_opioids

from pipelines.folders import DataFolder

# The record of the runs differs by nature: killed ones are in it, and times.
OF_THE_RUN = {"marts.runs"}
PATIENTS, MONTHS, SEED = 120, 14, 5


@dataclass(frozen=True)
class Undisturbed:
    """A folder with a delivery waiting, and what a refresh that nobody disturbs makes of it."""

    folder: Path
    old: "Publication"
    new: "Publication"
    store: set[str]
    effects: list[str]
    cpu_seconds: float


@dataclass(frozen=True)
class Publication:
    """What current.json names, read byte by byte and row by row."""

    snapshot_id: str
    sha256: str
    content: dict[str, str]


def published_in(data: Path) -> Publication:
    """The publication of a folder. Fails where the file is not, byte for byte, what current.json says."""
    pointer = json.loads((data / "warehouse" / "current.json").read_text())
    file = data / "warehouse" / pointer["file"]
    assert hashlib.sha256(file.read_bytes()).hexdigest() == pointer["sha256"], "the file is not what was published"
    return Publication(pointer["snapshot_id"], pointer["sha256"], content_of(file))


def content_of(file: Path) -> dict[str, str]:
    """A hash of the rows of every published table, opened as a reader opens it."""
    hashes = {}
    with duckdb.connect(str(file), read_only=True) as connection:
        tables = connection.execute(
            "SELECT schema_name || '.' || table_name FROM duckdb_tables() UNION ALL "
            "SELECT schema_name || '.' || view_name FROM duckdb_views() WHERE NOT internal ORDER BY 1"
        ).fetchall()
        for (name,) in tables:
            if name not in OF_THE_RUN:
                rows = connection.execute(f"SELECT * FROM {name} ORDER BY ALL").fetchall()
                hashes[name] = hashlib.sha256("\n".join(map(repr, rows)).encode()).hexdigest()
        people = connection.execute("SELECT count(*) FROM marts.patient_month").fetchall()[0][0]
    assert people > 100
    assert len(hashes) > 30
    return hashes


def unfinished(data: Path) -> list[str]:
    """Whatever a run that ended in order does not leave."""
    found = [path for path in data.rglob("*") if path.suffix in (".part", ".wal") or path.name.startswith(".")]
    # The lock of a download and the notes of what is fetched belong there.
    found = [path for path in found if "fetched" not in path.parts]
    return sorted(str(path.relative_to(data)) for path in (*found, *(data / "tmp").iterdir()))


def store_of(data: Path) -> set[str]:
    """The files that are kept of what was delivered, by name, which is what they hold; and what is landed of them."""
    folders = ("raw", "identifiable/originals", "landed")
    return {f"{folder}/{file.name}" for folder in folders for file in (data / folder).iterdir() if file.is_file()}


def two_deliveries(folder: Path) -> tuple[list[Path], Path]:
    """The files of a first delivery, and an archive with a second: its last month with fewer rows, and a new one."""
    extract = folder / "extract"
    options = ("--patients", str(PATIENTS), "--months", str(MONTHS), "--seed", str(SEED))
    made = run_opioids("synth", *options, "--out", extract)
    assert made.code == 0, made.err
    with (extract / "patient_items.csv").open(newline="", encoding="utf-8") as handle:
        header, *rows = csv.reader(handle)
    *_, last, new = sorted({row[0] for row in rows})
    first = [row for row in rows if row[0] != new]
    second = [row for number, row in enumerate(rows) if row[0] == new or (row[0] == last and number % 10)]
    for name, part in (("patient_items.csv", first), ("second.csv", second)):
        with (extract / name).open("w", newline="", encoding="utf-8") as handle:
            csv.writer(handle).writerows([header, *part])
    archive = folder / "second.zip"
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.write(extract / "second.csv", "second.csv")
    (extract / "second.csv").unlink()
    return sorted(extract.iterdir()), archive


class Refresher:
    """Refreshes one folder after another, each in a process of its own that may be killed."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process

    def __call__(self, data: Path, **order: Any) -> dict[str, Any]:
        """What came of one refresh: killed, cpu_seconds and, unless it was killed, what it says."""
        order = {"data": str(data), "reports": str(data.parent / "reports"), **order}
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        assert answer, "the process that refreshes has ended"
        told: dict[str, Any] = json.loads(answer)
        assert "crash" not in told, told["crash"]
        return told


@contextmanager
def refreshing(folder: Path, env: dict[str, str]) -> Iterator[Refresher]:
    """A process that has everything imported."""
    program = Path(__file__).with_name("refresher.py")
    with (folder / "refresher.log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, str(program), str(folder / "answer.json")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            env=env,
        )
        try:
            yield Refresher(process)
        finally:
            assert process.stdin is not None
            process.stdin.close()
            process.wait(timeout=60)


def undisturbed_in(root: Path, refresher: Refresher) -> Undisturbed:
    """Publish the first delivery, put the second into incoming/, and see what becomes of a copy of that."""
    first, second = two_deliveries(root)
    before, after = root / "before" / "data", root / "after" / "data"
    DataFolder(before).prepare()
    for file in first:
        shutil.copy(file, before / "incoming")
    assert "snapshot_id" in refresher(before)
    shutil.copy(second, before / "incoming")
    told = refresher(copy(before, after))
    old, new = published_in(before), published_in(after)
    assert told["snapshot_id"] == new.snapshot_id != old.snapshot_id
    changed = {name for name, rows in old.content.items() if rows != new.content[name]}
    assert changed >= {"marts.patient_month", "marts.trends", "marts.load_manifest"}
    assert unfinished(after) == []
    assert len(told["effects"]) > 50
    return Undisturbed(before, old, new, store_of(after), told["effects"], told["cpu_seconds"])


def copy(data: Path, to: Path) -> Path:
    """A data folder as it is; modes and links kept."""
    shutil.copytree(data, to, symlinks=True)
    return to


def converges(data: Path, told: Undisturbed, refresher: Refresher, **order: Any) -> None:
    """Whatever was done to the folder: one refresh more, and it holds what an undisturbed one does, nothing else."""
    said = refresher(data, **order)
    assert said.get("snapshot_id") == told.new.snapshot_id, said
    assert published_in(data).content == told.new.content
    assert store_of(data) == told.store
    assert unfinished(data) == []
    assert list((data / "incoming").iterdir()) == []
