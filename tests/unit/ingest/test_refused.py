"""What nobody can read may hold patients: it goes to the closed store, and nothing of the user's is lost."""

import os
from pathlib import Path

import pytest

from pipelines.config import load_settings
from pipelines.folders import DataFolder
from pipelines.ingest.delivery import refused_files, sweep_incoming, waiting_files

SETTINGS = load_settings()
NUMBER = "9434765919"


def dropped(data: DataFolder, name: str, content: str) -> Path:
    file = data.incoming / name
    file.write_text(content)
    file.chmod(0o644)
    return file


@pytest.fixture
def data(tmp_path: Path) -> DataFolder:
    folder = DataFolder(tmp_path / "data")
    folder.prepare()
    return folder


def test_a_refused_file_lies_in_the_identifiable_store_closed_to_others_with_its_reason(data: DataFolder) -> None:
    dropped(data, "people.csv", f"Colour,Person\nred,{NUMBER}\n")
    assert sweep_incoming(data, SETTINGS) == []
    assert waiting_files(data) == []
    (kept,) = refused_files(data)
    assert kept == data.identifiable / "refused" / "people.csv"
    assert kept.read_text() == f"Colour,Person\nred,{NUMBER}\n"
    reason = kept.with_name("people.csv.reason.txt").read_text()
    assert "matches no known layout" in reason
    assert NUMBER not in reason
    if os.name == "posix":
        assert all(path.stat().st_mode & 0o077 == 0 for path in (kept, kept.parent, *kept.parent.iterdir()))


def test_a_file_refused_under_a_name_that_was_refused_before_stands_beside_it(data: DataFolder) -> None:
    for number in (1, 2, 3):
        dropped(data, "people.csv", f"Colour,Person\nred,{number}\n")
        sweep_incoming(data, SETTINGS)
    kept = {file.name: file.read_text().splitlines()[1] for file in refused_files(data)}
    assert kept == {"people.csv": "red,1", "people-2.csv": "red,2", "people-3.csv": "red,3"}
    assert (data.refused / "people-3.csv.reason.txt").exists()
