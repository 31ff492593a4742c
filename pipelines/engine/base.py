"""What the pipeline asks of a database. Small, so that a second engine can be written."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Literal, Protocol

import pyarrow as pa

Parameter = int | str | Decimal | None


class Engine(Protocol):
    """A database in which one build happens."""

    def tables_named_in(self, select: str) -> frozenset[str]:
        """`schema.table` of everything a SELECT reads."""

    def create(
        self,
        name: str,
        select: str,
        parameters: Mapping[str, Parameter],
        kind: Literal["table", "view"] = "table",
    ) -> None:
        """Materialise one SELECT as `schema.table`."""

    def load(self, name: str, table: pa.Table) -> None:
        """Store a small Arrow table as `schema.table`."""

    def view_parquet(self, name: str, files: Sequence[Path], empty: pa.Schema) -> None:
        """Let `schema.table` show the rows of Parquet files; of none, an empty table of that shape."""

    def fetch(self, select: str, parameters: Mapping[str, Parameter] | None = None) -> pa.Table:
        """The rows of a SELECT."""

    def close(self) -> None:
        """Give back files and memory."""
