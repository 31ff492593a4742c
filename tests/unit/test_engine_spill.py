"""A build that outgrows its memory goes on beside its own file; what handles identifiers never spills."""

from pathlib import Path

import duckdb
import pytest

from pipelines.engine.duckdb import DuckDBEngine, connect

# 4 million texts of some 25 characters, sorted: far more than 150 MB hold.
LARGE = "SELECT 'a made-up patient ' || i AS patient, random() AS at_random FROM range(4000000) AS numbers (i)"
SORTED = "SELECT max(n) AS n FROM (SELECT patient, row_number() OVER (ORDER BY at_random) AS n FROM marts.large)"


def test_a_build_beyond_its_memory_limit_still_ends(tmp_path: Path) -> None:
    engine = DuckDBEngine(tmp_path / "build.duckdb", tmp_path, memory_limit="150MB", threads=2)
    engine.create("marts.large", LARGE, {})
    assert engine.fetch(SORTED).to_pylist() == [{"n": 4_000_000}]
    engine.close()


def test_where_identifiers_pass_nothing_is_written_to_disk_in_clear(tmp_path: Path) -> None:
    connection = connect(None, tmp_path, memory_limit="150MB", threads=2, may_spill=False)
    connection.execute("CREATE SCHEMA marts")
    with pytest.raises(duckdb.Error):
        connection.execute(f"CREATE TABLE marts.large AS {LARGE}; {SORTED}")
    connection.close()
    assert not any(b"made-up patient 1" in file.read_bytes() for file in tmp_path.rglob("*") if file.is_file())
