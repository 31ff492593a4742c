"""status, runs, snapshots, doctor: what the person who answers for the unattended job asks."""

import json
from pathlib import Path

import pytest
from commands import Opioids, Published, run_opioids


def test_status_says_what_is_published_and_what_waits(opioids: Opioids, published: Published) -> None:
    told = json.loads(opioids("status", "--json", "--data-dir", published.data).out)
    pointer = json.loads((published.data / "warehouse" / "current.json").read_text())
    assert told["snapshot_id"] == pointer["snapshot_id"]
    assert told["last_run"]["outcome"] == "published"
    assert (told["waiting_in_incoming"], told["registered_not_landed"], told["is_running"]) == (0, 0, False)


def test_status_of_an_empty_folder_is_no_error(opioids: Opioids, tmp_path: Path) -> None:
    answer = opioids("status", "--data-dir", tmp_path)
    assert answer.code == 0
    assert "nothing yet" in answer.out


def test_every_run_and_snapshot_is_listed_and_the_current_one_marked(opioids: Opioids, published: Published) -> None:
    runs = json.loads(opioids("runs", "--json", "--data-dir", published.data).out)
    assert runs[0]["outcome"] == "published"
    snapshots = json.loads(opioids("snapshots", "--json", "--data-dir", published.data).out)
    assert [kept["is_current"] for kept in snapshots].count(True) == 1
    assert {kept["snapshot_id"] for kept in snapshots} >= {runs[0]["snapshot_id"]}


def test_doctor_finds_nothing_wrong_with_a_folder_that_works(opioids: Opioids, published: Published) -> None:
    answer = opioids("doctor", "--data-dir", published.data)
    assert answer.code == 0, answer.out
    assert "FAULT" not in answer.out


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        ("open", "open to other users"),
        ("changed", "its bytes have changed"),
        ("gone", "which is gone"),
        ("key", "this folder needs"),
    ],
)
def test_doctor_names_each_fault_and_its_remedy(
    published: Published, key_file: Path, tmp_path: Path, harm: str, said: str
) -> None:
    data = tmp_path / "data"
    published.copied_to(data)
    snapshot = data / "warehouse" / json.loads((data / "warehouse" / "current.json").read_text())["file"]
    key = key_file
    if harm == "open":
        (data / "landed").chmod(0o755)
    elif harm == "changed":
        with snapshot.open("r+b") as handle:
            handle.seek(100)
            handle.write(b"x")
    elif harm == "gone":
        snapshot.unlink()
    elif harm == "key":
        key = tmp_path / "other.key"
        key.write_text(f"{'ab' * 32}\n")
        key.chmod(0o600)
    answer = run_opioids("doctor", "--data-dir", data, env={"OPIOIDS_KEY_FILE": str(key)})
    assert answer.code == 1
    fault = next(line for line in answer.out.splitlines() if line.startswith("FAULT"))
    assert said in fault
    assert "→" in answer.out
