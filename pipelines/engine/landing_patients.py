"""Pseudonyms while rows stream by: each identifier is asked for once, and none is kept in the rows."""

from collections.abc import Callable, Sequence
from threading import Lock
from typing import Any

import pyarrow as pa

# Distinct identifiers in, their pseudonyms out, in their order; None for what is no identifier.
Door = Callable[[Sequence[str]], Sequence[str | None]]

# About 200 MB of them; beyond that they are asked for again.
_MOST_REMEMBERED = 1_000_000


class Pseudonyms:
    """Turns a column of identifiers into a column of pseudonyms."""

    def __init__(self, door: Door) -> None:
        self._door = door
        self._known: dict[str, str | None] = {}
        # The database calls from all of its threads.
        self._lock = Lock()
        self.error: BaseException | None = None

    def of_column(
        self, identifiers: pa.ChunkedArray
    ) -> Any:  # an Arrow array, which the stubs of DuckDB do not know of
        encoded = pa.chunked_array(identifiers).combine_chunks().dictionary_encode()
        try:
            keys = self._keys(encoded.dictionary.to_pylist())
        except BaseException as error:
            # The database would repeat its words in an error of its own: the caller raises it instead.
            self.error = error
            raise RuntimeError from None
        return pa.array(keys, pa.string()).take(encoded.indices)

    def _keys(self, distinct: Sequence[str]) -> list[str | None]:
        with self._lock:
            if len(self._known) > _MOST_REMEMBERED:
                self._known.clear()
            new = [identifier for identifier in distinct if identifier not in self._known]
            if new:
                self._known.update(zip(new, self._door(new), strict=True))
            return [self._known[identifier] for identifier in distinct]
