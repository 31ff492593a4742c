"""The SQL models: find them, read the promise each opens with, and order them by what they read."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Literal

from pipelines.errors import ModelError

_HEADER_LINE = re.compile(r"^--\s?(.*)$")
_PROMISE = re.compile(r"^(Grain|Key|Kind):\s*(.+)$")


@dataclass(frozen=True)
class SqlModel:
    """One file, one SELECT, one table: `sql/marts/item_ome.sql` is `marts.item_ome`."""

    name: str
    description: str
    grain: str
    key: tuple[str, ...]
    kind: Literal["table", "view"]
    select: str


def read_model(file: Path, schema: str) -> SqlModel:
    """Read one model and its header. Raises ModelError when the header keeps no promise."""
    name = f"{schema}.{file.stem}"
    text = file.read_text(encoding="utf-8")
    promises: dict[str, str] = {}
    prose: list[str] = []
    for line in text.splitlines():
        comment = _HEADER_LINE.match(line)
        if not comment:
            break
        promise = _PROMISE.match(comment[1])
        if promise:
            promises[promise[1]] = promise[2].rstrip(".")
        else:
            prose.append(comment[1])
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
        "\n".join(prose).strip(),
        promises["Grain"],
        tuple(column.strip() for column in promises["Key"].split(",")),
        "view" if kind == "view" else "table",
        text.rstrip().rstrip(";"),
    )


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
