"""Local returns as the build takes them: schema raw, all text, and what may be returned as reference tables."""

from collections.abc import Sequence

import pyarrow as pa

from pipelines.config import Settings
from pipelines.returns.sheets import SHEETS, ReturnRow


def returns_tables(rows: Sequence[ReturnRow]) -> dict[str, pa.Table]:
    """`raw.returned_<sheet>` for every sheet, with no row where nothing was returned."""
    tables = {}
    for name, sheet in SHEETS.items():
        schema = pa.schema([(column.name, pa.string()) for column in sheet.columns])
        cells = [{column.name: row.content.get(column.name) for column in sheet.columns} for row in rows]
        kept = [cell for cell, row in zip(cells, rows, strict=True) if row.sheet == name]
        tables[f"raw.returned_{name}"] = pa.Table.from_pylist(kept, schema=schema)
    return tables


def local_measures_table(settings: Settings) -> pa.Table:
    """`reference.local_measures`: the measures that may be returned, in the order in which they are shown."""
    text = (
        "measure", "title", "why", "numerator", "denominator", "kind", "form", "unit", "direction", "sheet",
        "checked_by", "next_review",
    )  # fmt: skip
    schema = pa.schema([("measure_number", pa.int32()), *((name, pa.string()) for name in text)])
    rows = [
        {**measure.model_dump(include=set(text)), "measure": measure.id, "measure_number": number}
        for number, measure in enumerate(settings.local.returned, 1)
    ]
    return pa.Table.from_pylist(rows, schema=schema)


def instruments_table(settings: Settings) -> pa.Table:
    """`reference.instruments`: the questionnaires whose scores may be returned."""
    schema = pa.schema([(name, pa.string()) for name in ("instrument", "title", "direction", "source")])
    rows = [
        {"instrument": one.id, "title": one.title, "direction": one.direction, "source": one.source}
        for one in settings.local.instruments
    ]
    return pa.Table.from_pylist(rows, schema=schema)
