"""Fault F32: people read while it is published: nobody is locked out, and every question sees one snapshot.

OPIOIDS_REFRESHES=20 for more publications than every run needs: `make test-faults`.
"""

import csv
import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import duckdb
import pytest
from faults.publications import Refresher, Undisturbed, copy

from pipelines import assets

pytestmark = pytest.mark.skipif(os.name != "posix", reason="the process that refreshes forks")

REFRESHES = int(os.environ.get("OPIOIDS_REFRESHES", "3"))
READERS = ("duckdb", "duckdb", "duckdb", "command")


def a_delivery(number: int, months: dict[str, list[list[str]]], header: list[str], incoming: Path) -> None:
    """The last month again: whole but a row, or but half of it, in turn; another row is missing each time."""
    last = months[max(months)]
    rows = [row for place, row in enumerate(last) if place != 2 * number + 1 and (number % 2 or place % 2)]
    with (incoming / f"delivery{number}.csv").open("w", newline="", encoding="utf-8") as handle:
        csv.writer(handle).writerows([header, *rows])


def months_of(data: Path) -> tuple[list[str], dict[str, list[list[str]]]]:
    """The rows of the patient file that a folder holds, by month."""
    (file,) = (data / "identifiable" / "originals").iterdir()
    with file.open(newline="", encoding="utf-8") as handle:
        header, *rows = csv.reader(handle)
    months: dict[str, list[list[str]]] = {}
    for row in rows:
        months.setdefault(row[0], []).append(row)
    return header, months


def test_f32_four_readers_see_whole_snapshots_through_every_publication(
    undisturbed: Undisturbed, refresher: Refresher, tmp_path: Path
) -> None:
    config = tmp_path / "config"
    config.mkdir()
    # No more than the one that is current: the hardest case for somebody who has just read its name.
    shipped = (assets.CONFIG_DIR / "pipeline.toml").read_text(encoding="utf-8")
    (config / "pipeline.toml").write_text(shipped.replace("keep_snapshots = 5", "keep_snapshots = 1"))
    data = copy(undisturbed.folder, tmp_path / "data")
    next((data / "incoming").iterdir()).unlink()
    header, months = months_of(data)
    stop, program = tmp_path / "stop", Path(__file__).with_name("reader.py")
    before = duckdb.connect(str((data / "warehouse" / "current.duckdb").resolve()), read_only=True)
    people = before.execute("SELECT count(*) FROM marts.patient_month").fetchall()
    outputs = [(tmp_path / f"reader{number}.jsonl") for number in range(len(READERS))]
    processes = []
    try:
        for how, output in zip(READERS, outputs, strict=True):
            with output.open("w") as out:
                processes.append(
                    subprocess.Popen([sys.executable, str(program), str(data), str(stop), how], stdout=out)
                )
        published = [undisturbed.old.snapshot_id]
        for number in range(REFRESHES):
            a_delivery(number, months, header, data / "incoming")
            told = refresher(data, config=str(config))
            assert "snapshot_id" in told, told
            published.append(told["snapshot_id"])
    finally:
        stop.touch()
        for process in processes:
            process.wait(timeout=120)
    assert len(set(published)) == REFRESHES + 1
    answers = [json.loads(line) for output in outputs for line in output.read_text().splitlines()]
    assert [told for told in answers if "error" in told] == []
    assert all(told["asked"] == told["snapshot_id"] and told["lacking"] == 0 for told in answers)
    assert {told["snapshot_id"] for told in answers} <= set(published)
    doses: dict[str, set[str]] = {}
    for told in answers:
        doses.setdefault(told["snapshot_id"], set()).add(told["ome_mg"])
    assert all(len(sums) == 1 for sums in doses.values()), doses
    assert len(doses) >= min(REFRESHES, 3)
    seen = Counter(output.name for output in outputs for _ in output.read_text().splitlines())
    assert min(seen[output.name] for output in outputs) >= REFRESHES, seen
    # Who has had it open all the time still reads what was there then.
    assert before.execute("SELECT count(*) FROM marts.patient_month").fetchall() == people
    before.close()
    # The one that is current, and the one before it for whoever has just read its name.
    assert len(list((data / "warehouse").glob("opioids-*.duckdb"))) == 2
