"""What is worked out part by part: every row once, errors as they were, and the same table as in one go."""

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest

from pipelines.engine.duckdb import DuckDBEngine
from pipelines.engine.parts import in_parts
from pipelines.errors import StorageError, UsageError

ROWS = pa.table({"measure": ["a", "b", "b", "b", "c", "it's"], "n": [1, 2, 3, 4, 5, 6]})
ALL = "SELECT * FROM intermediate.given"


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[DuckDBEngine]:
    made = DuckDBEngine(None, tmp_path)
    made.load("intermediate.given", ROWS)
    yield made
    made.close()


@pytest.mark.parametrize(
    ("at_a_time", "parts"),
    [
        # What does not fit with what waits begins a part of its own, however large it is.
        (1, [{"a"}, {"b"}, {"c"}, {"it's"}]),
        (4, [{"a", "b"}, {"c", "it's"}]),
        (100, [{"a", "b", "c", "it's"}]),
    ],
)
def test_every_row_is_in_one_part_and_those_of_a_value_are_together(
    engine: DuckDBEngine, at_a_time: int, parts: list[set[str]]
) -> None:
    found = list(in_parts(engine, ALL, "measure", at_a_time))
    assert [set(part["measure"].to_pylist()) for part in found] == parts
    assert sorted(row["n"] for part in found for row in part.to_pylist()) == [1, 2, 3, 4, 5, 6]


def test_of_no_row_there_is_one_part_with_the_columns(engine: DuckDBEngine) -> None:
    (part,) = in_parts(engine, f"{ALL} WHERE n > 6", "measure")
    assert part.num_rows == 0
    assert part.column_names == ["measure", "n"]


def test_rows_without_a_value_are_not_passed_over(engine: DuckDBEngine) -> None:
    engine.load("intermediate.unknown", pa.table({"measure": ["a", None], "n": [1, 2]}))
    with pytest.raises(AssertionError, match="measure"):
        list(in_parts(engine, "SELECT * FROM intermediate.unknown", "measure"))


def reader(batches: Iterator[pa.RecordBatch]) -> pa.RecordBatchReader:
    return pa.RecordBatchReader.from_batches(pa.schema([("n", pa.int64())]), batches)


def test_rows_are_loaded_while_the_engine_is_asked_for_them(engine: DuckDBEngine) -> None:
    def doubled() -> Iterator[pa.RecordBatch]:
        for part in in_parts(engine, ALL, "measure", 1):
            yield pa.record_batch({"n": [2 * n for n in part["n"].to_pylist()]})

    engine.load("marts.doubled", reader(doubled()))
    assert sorted(engine.fetch("SELECT n FROM marts.doubled")["n"].to_pylist()) == [2, 4, 6, 8, 10, 12]


@pytest.mark.parametrize("error", [UsageError("What.", "Where.", "Do."), StorageError("What.", "", ""), MemoryError()])
def test_what_fails_on_the_way_fails_as_itself_and_leaves_no_table(engine: DuckDBEngine, error: Exception) -> None:
    def failing() -> Iterator[pa.RecordBatch]:
        yield pa.record_batch({"n": [1]})
        raise error

    with pytest.raises(type(error)) as raised:
        engine.load("marts.half", reader(failing()))
    assert raised.value is error
    assert engine.fetch("SELECT table_name FROM duckdb_tables() WHERE schema_name = 'marts'").num_rows == 0


def test_too_little_memory_is_said_with_what_to_change(tmp_path: Path) -> None:
    engine = DuckDBEngine(None, tmp_path, memory_limit="20MB")
    large = "SELECT list(range) AS numbers FROM range(20000000)"
    for ask in (lambda: engine.create("marts.large", large, {}), lambda: engine.fetch(large)):
        with pytest.raises(StorageError, match="more memory") as raised:
            ask()
        assert "memory_limit" in raised.value.remedy
    engine.close()
