"""The rows behind a person's items as they were delivered: read from what was landed, where no NHS number is."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from pipelines.explain.facts import Item, OtherItem

# Said already, or ours.
_NOT_DELIVERED = ("source_row", "patient_key", "identity_status")


@dataclass(frozen=True)
class DeliveredRow:
    """A line of a delivered file: what its filled cells say, by the names of the fields. None: no longer kept."""

    file: str
    line: int
    cells: Mapping[str, str] | None


def delivered_rows(landed: Path, items: Iterable[Item | OtherItem]) -> list[DeliveredRow]:
    """The lines that these items were read from, in their order."""
    import pyarrow.parquet as pq

    wanted: dict[str, set[int]] = {}
    names: dict[str, str] = {}
    for item in items:
        wanted.setdefault(item.file_key, set()).add(item.source_row)
        names[item.file_key] = item.file_name or item.file_key
    rows = []
    for file_key, lines in wanted.items():
        kept: dict[int, Mapping[str, str]] = {}
        for file in landed.glob(f"{file_key}*.parquet"):
            table = pq.read_table(file, filters=[("source_row", "in", sorted(lines))])
            for row in table.to_pylist():
                cells = {name: str(cell) for name, cell in row.items() if cell is not None}
                kept[row["source_row"]] = {name: cell for name, cell in cells.items() if name not in _NOT_DELIVERED}
        rows += [DeliveredRow(names[file_key], line, kept.get(line)) for line in sorted(lines)]
    return rows
