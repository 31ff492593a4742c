"""A large table of the build, part by part: for what is worked out in Python and never needs all rows at once."""

from collections.abc import Iterator
from itertools import pairwise
from typing import TYPE_CHECKING

from pipelines.engine.base import Engine

if TYPE_CHECKING:
    import pyarrow as pa

LEAST_ROWS = 120_000


def in_parts(engine: Engine, select: str, by: str, least_rows: int = LEAST_ROWS) -> "Iterator[pa.Table]":
    """The rows of some values of the column `by` at a time; every row once, the rows of one value together.

    A part has `least_rows` or a value more, but for the last. At least one part: where there is no row, an empty one.
    """
    import pyarrow as pa

    rows = engine.in_order(select, by)
    waiting: list[pa.RecordBatch] = []
    last = None
    for batch in rows:
        for value, piece in _by_value(batch, by):
            assert value is not None, by
            if value != last and sum(each.num_rows for each in waiting) >= least_rows:
                yield pa.Table.from_batches(waiting)
                waiting = []
            waiting.append(piece)
            last = value
    yield pa.Table.from_batches(waiting, rows.schema)


def _by_value(batch: "pa.RecordBatch", by: str) -> "Iterator[tuple[object, pa.RecordBatch]]":
    """A batch in order, cut where the column changes."""
    import pyarrow.compute as pc

    runs = pc.run_end_encode(batch[by])
    for value, (start, end) in zip(runs.values, pairwise([0, *runs.run_ends.to_pylist()]), strict=True):
        yield value.as_py(), batch.slice(start, end - start)
