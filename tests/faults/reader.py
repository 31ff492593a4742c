"""A reader of the published warehouse who asks again and again, until a file says stop. Run as a program.

`reader.py DATA STOP HOW`: HOW is `duckdb`, plain DuckDB on the file that `current.json` names, or `command`, which is
`opioids query`. Writes one JSON line an answer: the snapshot that was asked for, and what one query says of it.
"""

import json
import subprocess
import sys
import time
from pathlib import Path

import duckdb

from pipelines.folders import DataFolder
from pipelines.snapshots import current_snapshot

# What belongs together: the run that published, rows of two tables, and the sum of a third.
TOGETHER = """
    SELECT
        (SELECT max_by(snapshot_id, started_at) FROM marts.runs WHERE outcome = 'published') AS snapshot_id,
        (SELECT sum(rows_loaded) FROM marts.load_manifest WHERE is_current AND source = 'patient_items')
            - (SELECT count(*) FROM marts.item_ome WHERE source = 'patient')
            - (SELECT count(*) FROM marts.other_items) AS lacking,
        (SELECT CAST(sum(ome_mg) AS VARCHAR) FROM marts.item_ome WHERE source = 'patient') AS ome_mg
"""


def answer(data: DataFolder, how: str) -> dict[str, object]:
    if how == "command":
        command = [
            sys.executable,
            "-m",
            "pipelines",
            "query",
            TOGETHER,
            "--format",
            "json",
            "--data-dir",
            str(data.root),
        ]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            return {"error": done.stderr}
        named = next(line for line in done.stderr.splitlines() if line.startswith("snapshot "))
        return {**json.loads(done.stdout)[0], "asked": named.split()[1].rstrip(",")}
    snapshot = current_snapshot(data)
    # Long enough for a publication to come between the name and the file.
    time.sleep(0.05)
    with duckdb.connect(str(snapshot.file), read_only=True) as connection:
        found = connection.execute(TOGETHER).fetchall()[0]
    return dict(zip(("snapshot_id", "lacking", "ome_mg"), (found[0], int(found[1]), found[2]), strict=True)) | {
        "asked": snapshot.snapshot_id
    }


def main() -> None:
    data, stop, how = DataFolder(Path(sys.argv[1])), Path(sys.argv[2]), sys.argv[3]
    while not stop.exists():
        try:
            told = answer(data, how)
        except Exception as error:
            told = {"error": f"{type(error).__name__}: {error}"}
        sys.stdout.write(json.dumps(told) + "\n")
        sys.stdout.flush()
        time.sleep(0.3)


if __name__ == "__main__":
    main()
