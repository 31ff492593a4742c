"""A large table of the build, part by part: for what is worked out in Python and never needs all rows at once."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from pipelines.engine.base import Engine
from pipelines.engine.duckdb import literal

if TYPE_CHECKING:
    import pyarrow as pa

ROWS_AT_A_TIME = 120_000


def in_parts(engine: Engine, select: str, by: str, rows_at_a_time: int = ROWS_AT_A_TIME) -> "Iterator[pa.Table]":
    """The rows of some values of the text column `by` at a time; every row once, the rows of one value together.

    At least one part: where there is no row, an empty one.
    """
    counted = engine.fetch(f"SELECT {by} AS part, count(*) AS n FROM ({select}) GROUP BY {by}").to_pylist()
    assert all(row["part"] is not None for row in counted), by
    waiting: list[str] = []
    rows = 0
    for row in sorted(counted, key=lambda row: str(row["part"])):
        if waiting and rows + row["n"] > rows_at_a_time:
            yield _rows_of(engine, select, by, waiting)
            waiting, rows = [], 0
        waiting.append(row["part"])
        rows += row["n"]
    yield _rows_of(engine, select, by, waiting)


def _rows_of(engine: Engine, select: str, by: str, values: list[str]) -> "pa.Table":
    chosen = f"{by} IN ({', '.join(map(literal, values))})" if values else "FALSE"
    return engine.fetch(f"SELECT * FROM ({select}) WHERE {chosen}")
