"""Large tables of the build, part by part: for what is worked out in Python and never needs all rows at once."""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

from pipelines.engine.base import Engine

if TYPE_CHECKING:
    import pyarrow as pa

LEAST_ROWS = 120_000


def in_parts(
    engine: Engine, selects: Sequence[str], by: str, least_rows: int = LEAST_ROWS
) -> "Iterator[list[pa.Table]]":
    """The rows of some values of the column `by` at a time, of the first SELECT and of those beside it.

    Every row of the first comes once, the rows of one value together; a part has `least_rows` of them or a value more,
    but for the last. At least one part: where there is no row, an empty one. Of the others come the rows of the same
    values; those of a value that the first has not may be left out.
    """
    first, *others = (engine.in_order(select, by) for select in selects)
    beside = [_Beside(rows, by) for rows in others]
    for part in _parts(first, by, least_rows):
        last = part[by][-1] if part.num_rows else None
        yield [part, *(each.up_to(last) for each in beside)]


def _parts(rows: "pa.RecordBatchReader", by: str, least_rows: int) -> "Iterator[pa.Table]":
    import pyarrow as pa

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


class _Beside:
    """Rows in the order of the same column, taken as far as the parts of the first have come."""

    def __init__(self, rows: "pa.RecordBatchReader", by: str) -> None:
        self._rows, self._by = rows, by
        self._left: pa.RecordBatch | None = None

    def up_to(self, last: "pa.Scalar | None") -> "pa.Table":
        """What was not taken before, up to the rows of this value; None takes nothing."""
        import pyarrow as pa

        taken = []
        while last is not None and (batch := self._next()) is not None:
            until = _count_up_to(batch[self._by], last)
            taken.append(batch.slice(0, until))
            if until < batch.num_rows:
                self._left = batch.slice(until)
                break
        return pa.Table.from_batches(taken, self._rows.schema)

    def _next(self) -> "pa.RecordBatch | None":
        left, self._left = self._left, None
        return left if left is not None else next(iter(self._rows), None)


def _count_up_to(values: "pa.Array", last: "pa.Scalar") -> int:
    import pyarrow.compute as pc

    assert not values.null_count
    return int(pc.sum(pc.less_equal(values, last)).as_py() or 0)
