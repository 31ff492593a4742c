"""Rows that are worked out while a database takes them in."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

# Half a second to import: a query and a list do without it.
if TYPE_CHECKING:
    import pyarrow as pa


def remembering(
    table: "pa.Table | pa.RecordBatchReader", failed: list[BaseException]
) -> "pa.Table | pa.RecordBatchReader":
    """The same rows. What fails while they are worked out is kept: the database would tell of it in its own words."""
    import pyarrow as pa

    if isinstance(table, pa.Table):
        return table

    def batches() -> "Iterator[pa.RecordBatch]":
        try:
            yield from table
        except BaseException as error:
            failed.append(error)
            raise

    return pa.RecordBatchReader.from_batches(table.schema, batches())
