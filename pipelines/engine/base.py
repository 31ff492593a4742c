"""What the pipeline asks of an engine: small, so that DuckDB and Spark can both promise it."""

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple, Protocol

if TYPE_CHECKING:
    import pyarrow as pa

Parameter = int | str | Decimal | None


class LandedPart(NamedTuple):
    """The landed rows of one file that are current: those of its months; None is what has no month."""

    file: Path
    sha256: str
    months: tuple[date | None, ...]


class Engine(Protocol):
    """A database in which one build happens."""

    def tables_named_in(self, select: str) -> frozenset[str]:
        """`schema.table` of everything a SELECT reads."""

    def create(
        self, name: str, select: str, parameters: Mapping[str, Parameter], kind: Literal["table", "view"] = "table"
    ) -> None:
        """Materialise one SELECT as `schema.table`."""

    def load(self, name: str, table: "pa.Table | pa.RecordBatchReader") -> None:
        """Store Arrow rows as `schema.table`; while those of a reader are taken, those of `in_order` can be."""

    def view_landed(self, name: str, parts: Sequence[LandedPart], shape: "pa.Schema") -> None:
        """Let `schema.table` show landed Parquet, each part in its current months; of none, an empty table."""

    def count(self, name: str) -> int:
        """Rows of a table."""

    def rows_beyond_key(self, name: str, key: Sequence[str]) -> int:
        """Rows that a key does not tell apart: 0 where the key holds."""

    def fetch(self, select: str, parameters: Mapping[str, Parameter] | None = None) -> "pa.Table":
        """The rows of a SELECT."""

    def in_order(self, select: str, by: str) -> "pa.RecordBatchReader":
        """The rows of a SELECT in the order of a column, a batch at a time: they need not fit into memory."""

    def copy_published(
        self,
        file: Path,
        comments: Mapping[str, str],
        keys: Mapping[str, Sequence[str]] | None = None,
        column_comments: Mapping[str, Mapping[str, str]] | None = None,
    ) -> None:
        """Write marts and reference, and nothing else, to a new database file; rows in the order of their keys.

        Comments are by table, and by table and column; those of a column that is not there are passed over.
        """

    def close(self) -> None:
        """Give back files and memory."""
