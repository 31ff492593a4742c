"""What every table and column of the published warehouse says: gathered from where each fact stands, and shown.

An SQL mart says it in the header of its file; a table made in Python, and words that tables share, in
sql/columns.toml; a clinical table in data/reference/README.md. A refresh puts all of it into the published file as
comments, and from there alone it is shown: to any program that reads comments, and as Markdown.
"""

import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from pipelines import assets
from pipelines.engine.published import fetch_published
from pipelines.errors import UsageError
from pipelines.models import SqlModel

SHARED = "shared"
_SECTION = re.compile(r"^## (\w+)\.csv$", re.MULTILINE)
_ROW = re.compile(r"^\| (`[^|]+`) \| (.+) \|$", re.MULTILINE)


class Promise(Protocol):
    """What a model says of its table."""

    @property
    def description(self) -> str: ...
    @property
    def grain(self) -> str: ...
    @property
    def key(self) -> tuple[str, ...]: ...


@dataclass(frozen=True)
class Descriptions:
    """What stands written: of each table, of its own columns, and of columns that mean the same everywhere."""

    tables: Mapping[str, str]
    own: Mapping[str, Mapping[str, str]]
    shared: Mapping[str, str]

    @property
    def columns(self) -> dict[str, dict[str, str]]:
        """Of each table, what any of its columns may say: its own words go before shared ones."""
        return {table: {**self.shared, **self.own.get(table, {})} for table in self.tables}


def descriptions(models: Mapping[str, Promise]) -> Descriptions:
    """Gather what is written about the tables of these models, and about those that no model makes."""
    told = tomllib.loads((assets.SQL_DIR / "columns.toml").read_text(encoding="utf-8"))
    shared = told.pop(SHARED)
    clinical = clinical_tables(assets.REFERENCE_DIR)
    tables = {f"reference.{name}": table.description for name, table in clinical.items()}
    tables |= {name: _promise(**table) for name, table in told.items() if "description" in table}
    tables |= {
        name: _promise(model.description, model.grain, model.key)
        for name, model in models.items()
        if name.startswith(("marts.", "reference."))
    }
    own: dict[str, Mapping[str, str]] = {f"reference.{name}": table.columns for name, table in clinical.items()}
    own |= {name: table.get("columns", {}) for name, table in told.items()}
    taken_over = {name: table["columns_of"] for name, table in told.items() if "columns_of" in table}
    for name, model in models.items():
        if isinstance(model, SqlModel) and name in tables:
            own[name] = model.columns
            if model.columns_of:
                taken_over[name] = model.columns_of
    return Descriptions(tables, own | {name: own[other] for name, other in taken_over.items()}, shared)


def _promise(description: str, grain: str, key: Iterable[str], **_: Any) -> str:
    return f"{description}\n\nGrain: {grain}. Key: {', '.join(key)}."


class ClinicalTable(NamedTuple):
    """A table of data/reference/, as its README describes it."""

    description: str
    columns: dict[str, str]


def clinical_tables(folder: Path) -> dict[str, ClinicalTable]:
    """The sections of the README, each with those columns that nearly every table ends with."""
    head, *sections = _SECTION.split((folder / "README.md").read_text(encoding="utf-8"))
    last_columns = _columns_of(head)
    tables = {}
    for name, text in zip(sections[::2], sections[1::2], strict=True):
        prose = " ".join(text.split("\n| ")[0].split())
        with (folder / f"{name}.csv").open(encoding="utf-8") as table:
            header = table.readline().strip().split(",")
        ends_with = {column: meaning for column, meaning in last_columns.items() if column in header}
        tables[name] = ClinicalTable(prose, ends_with | _columns_of(text))
    return tables


def _columns_of(text: str) -> dict[str, str]:
    return {
        column: meaning
        for names, meaning in _ROW.findall(text)
        for column in re.findall(r"`(\w+)`", names)
        # Shared words say it.
        if not meaning.startswith(("as above", "as in "))
    }


class Column(NamedTuple):
    """A column of the published warehouse."""

    name: str
    type: str
    says: str


class Table(NamedTuple):
    """A table of the published warehouse."""

    name: str
    says: str
    columns: tuple[Column, ...]


def published_tables(warehouse_file: Path, spill_folder: Path) -> list[Table]:
    """Every published table with its columns in their order, and what the file itself says of them."""
    columns: dict[str, list[Column]] = {}
    for row in fetch_published(warehouse_file, spill_folder, assets.query("dictionary_columns")).to_pylist():
        columns.setdefault(row["table_name"], []).append(
            Column(row["column_name"], row["column_type"], row["says"] or "")
        )
    tables = fetch_published(warehouse_file, spill_folder, assets.query("dictionary_tables")).to_pylist()
    return [Table(row["table_name"], row["says"] or "", tuple(columns[row["table_name"]])) for row in tables]


def table_named(tables: Iterable[Table], name: str) -> Table:
    """The table of this name, with or without its schema. Raises UsageError."""
    known = {table.name: table for table in tables}
    for full in (name, f"marts.{name}", f"reference.{name}"):
        if full in known:
            return known[full]
    raise UsageError(
        f"There is no table {name} in the published warehouse.",
        f"There are {', '.join(sorted(known))}.",
        "Give one of them.",
    )


def as_markdown(tables: Iterable[Table]) -> str:
    """The data dictionary as a page: marts column by column, reference tables in short."""
    known = list(tables)
    marts = [table for table in known if table.name.startswith("marts.")]
    parts = [
        "# Data dictionary",
        "Written from the comments of a published warehouse by `make dictionary`: do not edit it. The words come from "
        "the head of each file in `sql/marts/`, from `sql/columns.toml` and `data/reference/README.md`. They are in "
        "the database too (`COMMENT ON`); `opioids warehouse dictionary TABLE` shows those of the warehouse at hand, "
        "reference tables included. Months are the DATE of their first day; what is unknown is NULL, never 0.",
        "## Marts",
    ]
    for table in marts:
        parts += [f"### {table.name}", _prose(table.says), _columns_as_markdown(table, marts)]
    parts += [
        "## Reference tables",
        "What the figures were made with: settings, measures, products, and the clinical tables "
        "([data/reference/README.md](../data/reference/README.md)).",
        "| table | what | columns |\n|---|---|---|\n"
        + "\n".join(
            f"| `{table.name}` | {_cell(table.says.partition(chr(10) * 2)[0])} | "
            f"{', '.join(f'`{column.name}`' for column in table.columns)} |"
            for table in known
            if table not in marts
        ),
    ]
    return "\n\n".join(parts) + "\n"


def _columns_as_markdown(table: Table, tables: Iterable[Table]) -> str:
    """A table of columns; where another table has the very same, its name."""
    same = min((other.name for other in tables if other.columns == table.columns), key=lambda name: (len(name), name))
    if same != table.name:
        return f"Columns: those of `{same}`."
    rows = (f"| `{column.name}` | {column.type} | {_cell(column.says)} |" for column in table.columns)
    return "| column | type | what it says |\n|---|---|---|\n" + "\n".join(rows)


def _prose(says: str) -> str:
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in says.split("\n\n"))


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
