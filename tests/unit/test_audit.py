"""The audit: rows are only ever appended, and whatever else happens to them is found."""

import json
import os
from pathlib import Path

import pytest

from pipelines.audit import AuditTrail, operating_system_account
from pipelines.errors import AuditTampered
from pipelines.folders import DataFolder


@pytest.fixture
def data(tmp_path: Path) -> DataFolder:
    folder = DataFolder(tmp_path / "data")
    folder.prepare()
    for number in range(4):
        AuditTrail(folder).append("case-list", "ann" if number else None, people=number, purpose="reviews é")
    return folder


@pytest.fixture
def file(data: DataFolder) -> Path:
    return data.state / "audit.jsonl"


def test_an_untouched_audit_verifies_and_each_row_follows_the_one_before(data: DataFolder) -> None:
    trail = AuditTrail(data)
    entries = trail.entries()
    assert [entry["number"] for entry in entries] == [1, 2, 3, 4]
    assert [entry["prev_hash"] for entry in entries[1:]] == [entry["hash"] for entry in entries[:-1]]
    assert trail.verify().rows == 4
    assert trail.verify().last_hash == entries[-1]["hash"]


def test_an_empty_audit_verifies(tmp_path: Path) -> None:
    folder = DataFolder(tmp_path / "data")
    folder.prepare()
    assert AuditTrail(folder).verify().rows == 0


def test_one_changed_byte_is_found_wherever_it_is(data: DataFolder, file: Path) -> None:
    content = file.read_bytes()
    for place in range(len(content)):
        spoilt = bytearray(content)
        spoilt[place] ^= 1
        file.write_bytes(bytes(spoilt))
        with pytest.raises(AuditTampered):
            AuditTrail(data).verify()
    file.write_bytes(content)
    AuditTrail(data).verify()


@pytest.mark.parametrize(
    "tamper",
    [
        lambda lines: lines[1:],
        lambda lines: lines[:1] + lines[2:],
        lambda lines: lines[:-1],
        lambda lines: lines[:-2],
        lambda _: [],
        lambda lines: [lines[1], lines[0], *lines[2:]],
        lambda lines: [*lines, lines[-1]],
        lambda lines: [*lines, b"{}\n"],
        lambda lines: [*lines, b"\n"],
        lambda lines: [*lines[:-1], lines[-1].rstrip(b"\n")],
        lambda lines: [lines[0].replace(b'":', b'": '), *lines[1:]],
    ],
    ids=[
        "first cut", "one taken out", "last cut", "last two cut", "emptied", "order", "doubled", "another", "blank",
        "no line end", "spaces",
    ],
)  # fmt: skip
def test_rows_taken_out_put_in_or_moved_are_found(data: DataFolder, file: Path, tamper) -> None:  # type: ignore[no-untyped-def]
    file.write_bytes(b"".join(tamper(file.read_bytes().splitlines(keepends=True))))
    with pytest.raises(AuditTampered):
        AuditTrail(data).verify()


def test_a_removed_audit_is_found_by_what_stands_beside_it(data: DataFolder, file: Path) -> None:
    file.unlink()
    with pytest.raises(AuditTampered, match="not as it was"):
        AuditTrail(data).verify()
    with pytest.raises(AuditTampered):
        AuditTrail(data).append("case-list", None)


def test_a_forged_chain_is_found_by_a_hash_that_was_noted(data: DataFolder, file: Path) -> None:
    noted = AuditTrail(data).verify().last_hash
    file.unlink()
    (data.state / "audit.head").unlink()
    for number in range(5):
        AuditTrail(data).append("case-list", "somebody else", people=number)
    assert AuditTrail(data).verify().rows == 5
    with pytest.raises(AuditTampered) as error:
        AuditTrail(data).verify(noted)
    assert noted[:12] in error.value.where


def test_a_power_cut_between_row_and_head_is_no_tampering(data: DataFolder) -> None:
    head = data.state / "audit.head"
    before = head.read_bytes()
    AuditTrail(data).append("case-list", None)
    head.write_bytes(before)
    assert AuditTrail(data).verify().rows == 5
    AuditTrail(data).append("case-list", None)
    assert AuditTrail(data).verify().rows == 6


def test_the_account_is_the_systems_and_the_user_may_be_named(
    data: DataFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("USER", "somebody-else")
    monkeypatch.setenv("LOGNAME", "somebody-else")
    entry = AuditTrail(data).append("case-list", "ann")
    assert (entry["account"], entry["user"]) == (operating_system_account(), "ann")
    assert entry["account"] != "somebody-else"


@pytest.mark.skipif(os.name != "posix", reason="modes are POSIX")
def test_its_files_are_closed_to_others(data: DataFolder, file: Path) -> None:
    assert [each.stat().st_mode & 0o077 for each in (file, data.state / "audit.head")] == [0, 0]


def test_a_row_is_one_line_of_json(file: Path) -> None:
    assert all(isinstance(json.loads(line), dict) for line in file.read_text().splitlines())
