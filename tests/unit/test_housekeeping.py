"""The room a refresh asks for before it begins."""

from pathlib import Path

import pytest

from pipelines.folders import DataFolder
from pipelines.housekeeping import bytes_needed

SIZE = 10_000_000


@pytest.fixture
def data(tmp_path: Path) -> DataFolder:
    folder = DataFolder(tmp_path / "data")
    folder.prepare()
    return folder


def test_a_patients_file_needs_the_same_room_whether_it_waits_or_was_added(data: DataFolder) -> None:
    empty = bytes_needed(data)
    waiting = data.incoming / "items.csv"
    waiting.write_bytes(b"0" * SIZE)
    asked = bytes_needed(data)
    assert asked - empty >= 2 * SIZE
    waiting.rename(data.originals / "aa11")
    assert bytes_needed(data) == asked


def test_once_it_is_landed_the_original_needs_no_more_room(data: DataFolder) -> None:
    empty = bytes_needed(data)
    (data.originals / "aa11").write_bytes(b"0" * SIZE)
    (data.landed / "aa11.parquet").write_bytes(b"")
    assert bytes_needed(data) == empty
