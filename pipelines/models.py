"""The SQL models: find them, read the promise each opens with, and order them by what they read."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Literal

from pipelines.errors import ModelError

_HEADER_LINE = re.compile(r"^--\s?(.*)$")
_PROMISE = re.compile(r"^(Grain|Key|Kind):\s*(.+)$")
_COLUMNS = re.compile(r"^Columns:(?: those of (\S+))?$")
_COLUMN = re.compile(r"^ {2}([a-z][a-z0-9_]*): (.+)$")


@dataclass(frozen=True)
class SqlModel:
    """One file, one SELECT, one table: `sql/marts/item_ome.sql` is `marts.item_ome`."""

    name: str
    description: str
    grain: str
    key: tuple[str, ...]
    kind: Literal["table", "view"]
    select: str
    columns: Mapping[str, str] = field(default_factory=dict, hash=False)
    """What its own columns say, by name; the words that it shares with other tables stand in sql/columns.toml."""
    columns_of: str | None = None
    """The table whose columns these are."""


def read_model(file: Path, schema: str) -> SqlModel:
    """Read one model and its header. Raises ModelError when the header keeps no promise."""
    name = f"{schema}.{file.stem}"
    text = file.read_text(encoding="utf-8")
    header = _header_of(text)
    begins = next((number for number, line in enumerate(header) if _COLUMNS.match(line)), len(header))
    title = _COLUMNS.match(header[begins]) if begins < len(header) else None
    promises: dict[str, str] = {}
    prose: list[str] = []
    for line in header[:begins]:
        promise = _PROMISE.match(line)
        if promise:
            promises[promise[1]] = promise[2].rstrip(".")
        else:
            prose.append(line)
    if not {"Grain", "Key"} <= promises.keys():
        raise ModelError(
            f"The model {name} does not say its grain and key.",
            f"File {file.name}.",
            "Add both to its header.",
        )
    kind = promises.get("Kind", "table")
    assert kind in ("table", "view"), f"{file.name}: Kind is 'table' or 'view'"
    return SqlModel(
        name,
        re.sub(r"\n{3,}", "\n\n", "\n".join(prose).strip()),
        promises["Grain"],
        tuple(column.strip() for column in promises["Key"].split(",")),
        "view" if kind == "view" else "table",
        text.rstrip().rstrip(";"),
        _columns_in(header[begins + 1 :], name),
        title[1] if title else None,
    )


def _header_of(text: str) -> list[str]:
    """The lines of comment that a file opens with, without their dashes."""
    header = []
    for line in text.splitlines():
        comment = _HEADER_LINE.match(line)
        if not comment:
            break
        header.append(comment[1])
    return header


def _columns_in(lines: Iterable[str], name: str) -> dict[str, str]:
    """The last part of a header: `  column: what it says`, going on in lines that stand further in."""
    columns: dict[str, str] = {}
    for line in lines:
        begins = _COLUMN.match(line)
        if begins:
            column = begins[1]
            assert column not in columns, f"{name}: {column} is described twice"
            columns[column] = begins[2]
        else:
            assert columns, f"{name}: after 'Columns:' stand columns, not: {line}"
            assert line.startswith("    "), f"{name}: after 'Columns:' stand columns alone, not: {line}"
            columns[column] += f" {line.strip()}"
    return columns


def discover(sql_dir: Path, schemas: Iterable[str] = ("staging", "intermediate", "marts")) -> dict[str, SqlModel]:
    """Every model below `sql/`, by name."""
    models = (read_model(file, schema) for schema in schemas for file in sorted((sql_dir / schema).glob("*.sql")))
    return {model.name: model for model in models}


def in_build_order(inputs: Mapping[str, frozenset[str]]) -> list[str]:
    """Names so ordered that each comes after what it reads; ties by name, so that the order never varies."""
    sorter = TopologicalSorter({name: sorted(reads) for name, reads in sorted(inputs.items())})
    try:
        sorter.prepare()
    except CycleError as error:
        raise ModelError("Models read each other in a circle.", " → ".join(error.args[1]), "Cut the circle.") from None
    ordered: list[str] = []
    while sorter.is_active():
        ready = sorted(sorter.get_ready())
        ordered.extend(ready)
        sorter.done(*ready)
    return ordered


def needed_for(wanted: Iterable[str], inputs: Mapping[str, frozenset[str]]) -> dict[str, frozenset[str]]:
    """The part of the models that `wanted` ones stand on, themselves included."""
    needed: set[str] = set()
    waiting = list(wanted)
    while waiting:
        name = waiting.pop()
        if name in inputs and name not in needed:
            needed.add(name)
            waiting.extend(inputs[name])
    return {name: inputs[name] & needed for name in needed}
