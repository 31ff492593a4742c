"""An import is kept whole or not at all, entered in the audit, and decides the next snapshot."""

import json
from datetime import date
from pathlib import Path

import pytest
from returns.filled import returned, workbook

from pipelines import assets
from pipelines.build import BuildInputs
from pipelines.config import load_settings
from pipelines.content import content_of, snapshot_id
from pipelines.errors import ReturnsRefused, UnreadableFile
from pipelines.folders import DataFolder
from pipelines.returns import Kept, ReturnStore
from pipelines.returns.importing import take_in_returns

SETTINGS = load_settings()


@pytest.fixture
def data(tmp_path: Path) -> DataFolder:
    folder = DataFolder(tmp_path / "data")
    folder.prepare()
    return folder


def file_of(tmp_path: Path, value: float, name: str = "returns.xlsx") -> Path:
    file = tmp_path / name
    file.write_bytes(workbook({"local_returns": [returned("2025-03", "U12345", "mdt_cases", value)]}))
    return file


def id_of(data: DataFolder) -> str:
    inputs = BuildInputs(
        data, SETTINGS, (), assets.SQL_DIR, assets.REFERENCE_DIR, date(2025, 3, 1), (), ReturnStore(data).rows()
    )
    return snapshot_id(content_of(inputs))


def test_it_is_kept_and_entered_in_the_audit_without_its_cells(data: DataFolder, tmp_path: Path) -> None:
    taken = take_in_returns(file_of(tmp_path, 17), data, SETTINGS, "A. Analyst")
    assert (taken.kept, taken.codes_were_checked) == (Kept(1, 0, 0, 0), False)
    (entry,) = [json.loads(line) for line in (data.state / "audit.jsonl").read_text().splitlines()]
    assert (entry["action"], entry["user"], entry["new"]) == ("returns import", "A. Analyst", 1)
    assert "17" not in json.dumps({name: entry[name] for name in entry if name not in ("when", "sha256", "hash")})
    assert ReturnStore(data).file.stat().st_mode & 0o077 == 0


def test_returns_decide_the_snapshot_and_the_same_ones_again_do_not(data: DataFolder, tmp_path: Path) -> None:
    nothing = id_of(data)
    take_in_returns(file_of(tmp_path, 17), data, SETTINGS, None)
    first = id_of(data)
    take_in_returns(file_of(tmp_path, 17, "again.xlsx"), data, SETTINGS, None)
    assert nothing != first == id_of(data)
    take_in_returns(file_of(tmp_path, 18), data, SETTINGS, None)
    assert id_of(data) != first
    take_in_returns(file_of(tmp_path, 17), data, SETTINGS, None)
    assert id_of(data) == first


def test_a_file_with_a_fault_leaves_nothing_behind(data: DataFolder, tmp_path: Path) -> None:
    file = tmp_path / "r.xlsx"
    rows = [returned("2025-03", "U12345", "mdt_cases", 17), returned("2025-03", "U12346", "mdt_cases", -1)]
    file.write_bytes(workbook({"local_returns": rows}))
    with pytest.raises(ReturnsRefused):
        take_in_returns(file, data, SETTINGS, None)
    assert ReturnStore(data).rows() == ()
    assert not (data.state / "audit.jsonl").exists()
    with pytest.raises(UnreadableFile):
        take_in_returns(tmp_path / "absent.xlsx", data, SETTINGS, None)
