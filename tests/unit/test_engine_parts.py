"""What is worked out part by part: every row once, errors as they were, and the same table as in one go."""

import os
from collections.abc import Iterator
from pathlib import Path
from traceback import format_exception

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from pipelines.engine.duckdb import DuckDBEngine
from pipelines.engine.parts import in_parts
from pipelines.errors import ModelError, StorageError, UsageError

ROWS = pa.table({"measure": ["a", "b", "b", "b", "c", "it's"], "n": [1, 2, 3, 4, 5, 6]})
ALL = "SELECT * FROM intermediate.given"


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[DuckDBEngine]:
    made = DuckDBEngine(None, tmp_path)
    made.load("intermediate.given", ROWS)
    yield made
    made.close()


@pytest.mark.parametrize(
    ("least_rows", "parts"),
    [
        (1, [{"a"}, {"b"}, {"c"}, {"it's"}]),
        (2, [{"a", "b"}, {"c", "it's"}]),
        (4, [{"a", "b"}, {"c", "it's"}]),
        (100, [{"a", "b", "c", "it's"}]),
    ],
)
def test_every_row_is_in_one_part_and_those_of_a_value_are_together(
    engine: DuckDBEngine, least_rows: int, parts: list[set[str]]
) -> None:
    found = list(in_parts(engine, [ALL], "measure", least_rows))
    assert [set(part["measure"].to_pylist()) for (part,) in found] == parts
    assert sorted(row["n"] for (part,) in found for row in part.to_pylist()) == [1, 2, 3, 4, 5, 6]


def test_of_no_row_there_is_one_part_with_the_columns(engine: DuckDBEngine) -> None:
    ((part, beside),) = in_parts(engine, [f"{ALL} WHERE n > 6", ALL], "measure")
    assert part.num_rows == beside.num_rows == 0
    assert part.column_names == beside.column_names == ["measure", "n"]


@pytest.mark.parametrize("least_rows", [1, 2, 3, 100])
def test_beside_a_part_come_all_rows_of_its_values(engine: DuckDBEngine, least_rows: int) -> None:
    # Of "b" there is more than one batch, of "c" nothing; "bb" and "z" are not in the first.
    engine.create(
        "intermediate.beside",
        "SELECT 'b' AS measure, range AS m FROM range(150000) "
        "UNION ALL VALUES ('a', -1), ('bb', -2), ('it''s', -3), ('it''s', -4), ('z', -5)",
        {},
    )
    expected = {"a": [-1], "b": list(range(150_000)), "c": [], "it's": [-4, -3]}
    found = list(in_parts(engine, [ALL, "SELECT * FROM intermediate.beside"], "measure", least_rows))
    for part, beside in found:
        values = set(part["measure"].to_pylist())
        known = beside.filter(pc.is_in(beside["measure"], pa.array(list(expected))))
        assert sorted(known["m"].to_pylist()) == sorted(m for value in values for m in expected[value])
    assert sum(part.num_rows for part, _ in found) == 6


def test_a_value_whose_rows_come_in_many_batches_stays_together(engine: DuckDBEngine) -> None:
    engine.create("intermediate.many", "SELECT (range * 7919) % 3 || '' AS measure, range AS n FROM range(400000)", {})
    assert sum(1 for _ in engine.in_order("SELECT * FROM intermediate.many", "measure")) > 3
    found = list(in_parts(engine, ["SELECT * FROM intermediate.many"], "measure", 10))
    assert [set(part["measure"].to_pylist()) for (part,) in found] == [{"0"}, {"1"}, {"2"}]
    assert sorted(n for (part,) in found for n in part["n"].to_pylist()) == list(range(400_000))


def test_rows_without_a_value_are_not_passed_over(engine: DuckDBEngine) -> None:
    engine.load("intermediate.unknown", pa.table({"measure": ["a", None], "n": [1, 2]}))
    with pytest.raises(AssertionError, match="measure"):
        list(in_parts(engine, ["SELECT * FROM intermediate.unknown"], "measure"))
    with pytest.raises(AssertionError):
        list(in_parts(engine, [ALL, "SELECT * FROM intermediate.unknown"], "measure"))


def reader(batches: Iterator[pa.RecordBatch]) -> pa.RecordBatchReader:
    return pa.RecordBatchReader.from_batches(pa.schema([("n", pa.int64())]), batches)


def test_rows_are_loaded_while_the_engine_is_asked_for_them(engine: DuckDBEngine) -> None:
    def doubled() -> Iterator[pa.RecordBatch]:
        for (part,) in in_parts(engine, [ALL], "measure", 1):
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
    for ask in (
        lambda: engine.create("marts.large", large, {}),
        lambda: engine.fetch(large),
        lambda: engine.in_order(large, "numbers").read_all(),
    ):
        with pytest.raises(StorageError, match="more memory") as raised:
            ask()
        assert "memory_limit" in raised.value.remedy
    engine.close()


def test_a_disk_that_fails_after_the_first_rows_were_taken_is_told_without_a_row(tmp_path: Path) -> None:
    engine = DuckDBEngine(None, tmp_path, memory_limit="40MB", threads=1)
    rows = engine.in_order("SELECT md5(range || '') AS code FROM range(1000000)", "code")
    assert rows.read_next_batch().num_rows > 0
    spilled = [file for file in tmp_path.rglob("*") if file.is_file()]
    assert spilled
    for file in spilled:
        os.truncate(file, 0)
    with pytest.raises(ModelError, match="broke off") as raised:
        rows.read_all()
    assert "withheld" in str(raised.value)
    engine.close()


def test_what_breaks_off_while_rows_are_put_in_order_is_not_quoted(engine: DuckDBEngine) -> None:
    wrong = "SELECT n, CAST(repeat('943 476 5919', n) AS INTEGER) AS x FROM intermediate.given"
    with pytest.raises(ModelError) as raised:
        engine.in_order(wrong, "n").read_all()
    assert "943" not in "".join(format_exception(raised.value))
