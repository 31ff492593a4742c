"""Whether a large refresh fits the memory of the machine is said before it is tried."""

from pathlib import Path

import pytest

from pipelines.config import bytes_of
from pipelines.folders import DataFolder
from pipelines.upkeep import doctor
from pipelines.upkeep.machine import memory_bytes


def test_a_container_has_what_it_may_use_and_not_what_the_machine_has(tmp_path: Path) -> None:
    whole = memory_bytes(())
    assert whole is not None
    limit = tmp_path / "memory.max"
    limit.write_text("max\n")
    assert memory_bytes((limit, tmp_path / "none")) == whole
    limit.write_text(f"{whole // 2}\n")
    assert memory_bytes((tmp_path / "none", limit)) == whole // 2


@pytest.mark.parametrize(
    ("limit", "number"),
    [("512MB", 512_000_000), ("4GB", 4_000_000_000), ("512MiB", 536_870_912), ("2GiB", 2_147_483_648)],
)
def test_the_limit_is_read_as_duckdb_reads_it(limit: str, number: int) -> None:
    assert bytes_of(limit) == number


# As shipped 4 GB, and 1.5 beside it.
@pytest.mark.parametrize(("has", "state"), [(5_499_999_999, "note"), (5_500_000_000, "ok"), (None, None)])
def test_doctor_says_where_a_large_refresh_may_not_fit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, has: int | None, state: str | None
) -> None:
    monkeypatch.setattr(doctor, "memory_bytes", lambda: has)
    found = {finding.subject: finding for finding in doctor.examine(DataFolder(tmp_path / "data"))}
    memory = found.get("memory")
    assert (memory and memory.state) == state
    if memory:
        assert "5.5 GB" in memory.found
        assert ("memory_limit" in memory.remedy) == (state == "note")
