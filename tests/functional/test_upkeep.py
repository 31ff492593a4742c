"""plan and rollback through the command line: a bad month is seen before it is published, and undone in one command."""

import csv
import json
import os
import shutil
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from commands import Opioids, Published, run_opioids


@pytest.fixture
def data(published: Published, tmp_path: Path) -> Path:
    return published.copied_to(tmp_path / "data")


def state_of(folder: Path) -> dict[str, tuple[int, int, int]]:
    """Size, time of change and inode of everything below a folder, its own included."""
    found: Iterator[Path] = iter([folder, *sorted(folder.rglob("*"))])
    return {str(path): ((stat := os.lstat(path)).st_size, stat.st_mtime_ns, stat.st_ino) for path in found}


def bad_month(extract: Path, file: Path, target: Path) -> int:
    """January 2025 cut short, and zipped as a supplier would send it. Returns how many rows it has."""
    with (extract / "patient_items.csv").open(newline="") as handle:
        header, *rows = list(csv.reader(handle))
    rows = [row for row in rows if row[0] == "202501"][:40]
    with file.open("w", newline="") as handle:
        csv.writer(handle).writerows([header, *rows])
    with zipfile.ZipFile(target, "w") as archive:
        archive.write(file, file.name)
    return len(rows)


def pointer(data: Path) -> dict[str, str]:
    return json.loads((data / "warehouse" / "current.json").read_text())


def manifest(opioids: Opioids, data: Path) -> str:
    answer = opioids(
        "query",
        "SELECT file_name, month, rows_read, is_current FROM marts.load_manifest ORDER BY ALL",
        "--format",
        "csv",
        "--data-dir",
        data,
    )
    assert answer.code == 0, answer.err
    return answer.out


def plan(opioids: Opioids, data: Path, *options: str | Path) -> dict[str, object]:
    before = state_of(data)
    answer = opioids("plan", "--json", "--data-dir", data, *options)
    assert answer.code == 0, answer.err
    assert state_of(data) == before
    return json.loads(answer.out)


def test_f22_a_bad_month_is_planned_published_rolled_back_and_does_not_come_again(
    opioids: Opioids, data: Path, extract: Path, tmp_path: Path
) -> None:
    reports = tmp_path / "reports"
    good, counted = pointer(data), manifest(opioids, data)
    nothing = plan(opioids, data)
    assert (nothing["would_change"], nothing["definitions"], nothing["months"]) == (False, [], [])

    rows = bad_month(extract, tmp_path / "january.csv", data / "incoming" / "january.zip")
    (data / "incoming" / "odd.csv").write_text("a,b\n1,2\n")
    shutil.copy(extract / "epd.csv", data / "incoming" / "the-same-again.csv")
    told = plan(opioids, data)
    waiting = {file["file_name"]: file for file in told["waiting"]}  # type: ignore[attr-defined]
    assert waiting["january.zip"]["layout"] == "epact2_items"
    assert "no known layout" in waiting["odd.csv"]["refused"]
    assert waiting["the-same-again.csv"]["is_known"]
    (month,) = told["months"]  # type: ignore[misc]
    assert (month["source"], month["month"], month["state"]) == ("patient_items", "2025-01-01", "loses rows")
    assert month["rows_then"] <= rows < month["rows_now"]
    assert told["would_change"]
    assert told["learnt_from_runs"] == 1

    refreshed = opioids("refresh", "--data-dir", data, "--reports-dir", reports)
    assert refreshed.code == 0, refreshed.err
    bad = pointer(data)
    assert bad["snapshot_id"] != good["snapshot_id"]
    page = (reports / "index.html").read_text()

    undone = opioids("rollback", good["snapshot_id"], "--data-dir", data, "--reports-dir", reports)
    assert undone.code == 0, undone.err
    assert "january.zip" in undone.out
    assert pointer(data) == good
    assert manifest(opioids, data) == counted
    # The reports are those of what is current now.
    assert (reports / "index.html").read_text() != page
    assert good["snapshot_id"] in (reports / "index.html").read_text()
    runs = json.loads(opioids("runs", "--json", "--data-dir", data).out)
    assert (runs[0]["outcome"], runs[0]["snapshot_id"]) == ("rolled back", good["snapshot_id"])

    # The folder of the supplier still holds the file: it is known, and stays withdrawn.
    shutil.copy(tmp_path / "january.csv", data / "incoming" / "january.csv")
    again = opioids("refresh", "--no-report", "--data-dir", data)
    assert again.code == 0, again.err
    assert "was withdrawn, and stays so" in again.err
    assert pointer(data)["snapshot_id"] == good["snapshot_id"]
    assert manifest(opioids, data) == counted

    # Forward again: the newer one is still kept, and its delivery counts again.
    forward = opioids("rollback", bad["snapshot_id"][:8], "--no-report", "--data-dir", data, "--reports-dir", reports)
    assert forward.code == 0, forward.err
    assert "Counting again\n  january.zip" in forward.out
    assert "are stale" in forward.err
    assert pointer(data) == bad
    assert plan(opioids, data)["would_change"] is False
    entries = [json.loads(line) for line in (data / "state" / "audit.jsonl").read_text().splitlines()]
    assert [(entry["action"], entry["withdrawn"], entry["restored"]) for entry in entries] == [
        ("rollback", ["january.zip"], []),
        ("rollback", [], ["january.zip"]),
    ]


@pytest.mark.parametrize(
    ("harm", "code", "says"),
    [
        ("name", 2, "No publication that is kept is called 'nonsense'"),
        ("bytes", 17, "its bytes have changed"),
        ("erased", 2, "It holds a person who was erased."),
    ],
)
def test_a_publication_that_cannot_be_trusted_is_not_gone_back_to(
    opioids: Opioids, data: Path, harm: str, code: int, says: str
) -> None:
    before = pointer(data)
    file = data / "warehouse" / before["file"]
    if harm == "bytes":
        with file.open("r+b") as handle:
            handle.seek(5000)
            handle.write(b"x")
    if harm == "erased":
        label = json.loads(file.with_suffix(".json").read_text())
        file.with_suffix(".json").write_text(json.dumps({**label, "must_go": "It holds a person who was erased."}))
    wanted = "nonsense" if harm == "name" else before["snapshot_id"]
    answer = opioids("rollback", wanted, "--no-report", "--data-dir", data)
    assert answer.code == code
    assert says in answer.err
    assert pointer(data) == before


def test_a_publication_with_people_who_opted_out_since_says_so(
    opioids: Opioids, data: Path, extract: Path, tmp_path: Path
) -> None:
    with (extract / "patient_items.csv").open(newline="") as handle:
        number = next(
            row["Patient ID"]
            for row in csv.DictReader(handle)
            if row["Patient ID"] and row["BNF Code"].startswith("040702")
        )
    (tmp_path / "list.csv").write_text(f"{number}\n")
    snapshot = pointer(data)["snapshot_id"]
    calm = opioids("rollback", snapshot, "--no-report", "--data-dir", data)
    assert (calm.code, "Current as before" in calm.out, "opted out since" in calm.err) == (0, True, False)
    assert opioids("opt-out", "import", tmp_path / "list.csv", "--data-dir", data).code == 0
    told = opioids("rollback", snapshot, "--no-report", "--data-dir", data)
    assert told.code == 0, told.err
    assert "opted out since" in told.err


def test_a_plan_says_in_words_which_definitions_are_others(opioids: Opioids, data: Path, tmp_path: Path) -> None:
    configs = tmp_path / "configs"
    configs.mkdir()
    shipped = Path(__file__).parents[2] / "configs"
    text = (shipped / "pipeline.toml").read_text()
    assert 'factor_set = "uk_2026"' in text
    (configs / "pipeline.toml").write_text(
        text.replace('factor_set = "uk_2026"', 'factor_set = "uk_2026_codeine_0_15"').replace(
            "keep_patient_files_months = 3", "keep_patient_files_months = 0"
        )
    )
    told = plan(opioids, data, "--config-dir", configs)
    assert told["would_change"]
    assert "pipeline.toml: factor_set uk_2026 → uk_2026_codeine_0_15" in told["definitions"]  # type: ignore[operator]
    assert told["originals_to_go"] == ["patient_items.csv"]


def test_a_plan_of_an_empty_folder_puts_nothing_into_it(tmp_path: Path, key_file: Path) -> None:
    (tmp_path / "data").mkdir(mode=0o700)
    answer = run_opioids("plan", "--data-dir", tmp_path / "data", env={"OPIOIDS_KEY_FILE": str(key_file)})
    assert answer.code == 0
    assert "Nothing is registered yet" in answer.out
    assert not list((tmp_path / "data").iterdir())


def test_a_plan_names_a_folder_that_is_open_to_others(opioids: Opioids, data: Path) -> None:
    (data / "landed").chmod(0o755)
    told = plan(opioids, data)
    assert [stop for stop in told["would_stop"] if "chmod 700" in stop]  # type: ignore[attr-defined]


def test_a_backup_restored_elsewhere_is_published_as_the_same_snapshot(
    opioids: Opioids, data: Path, tmp_path: Path, key_file: Path
) -> None:
    file, new = tmp_path / "backup.age", tmp_path / "new"
    secret = {"OPIOIDS_KEY_FILE": str(key_file), "OPIOIDS_BACKUP_PASSWORD": "three random words"}
    weak = run_opioids("backup", "--out", file, "--data-dir", data, env={**secret, "OPIOIDS_BACKUP_PASSWORD": "short"})
    assert (weak.code, file.exists()) == (2, False)
    made = run_opioids("backup", "--out", file, "--data-dir", data, env=secret)
    assert made.code == 0, made.err
    assert "which is not in it" in made.err
    nobody = opioids("restore", file, "--data-dir", new)
    assert nobody.code == 2
    assert "OPIOIDS_BACKUP_PASSWORD" in nobody.err
    restored = run_opioids("restore", file, "--data-dir", new, env=secret)
    assert restored.code == 0, restored.err
    # Readable at once, and the next refresh comes to the same.
    assert manifest(opioids, new) == manifest(opioids, data)
    assert pointer(new) == pointer(data)
    refreshed = opioids("refresh", "--no-report", "--data-dir", new)
    assert refreshed.code == 0, refreshed.err
    assert pointer(new)["snapshot_id"] == pointer(data)["snapshot_id"]
    assert opioids("audit", "verify", "--data-dir", new).code == 0
