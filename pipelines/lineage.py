"""Where a column comes from: the models, columns, settings and columns of files that its value is made of.

Of a table that is one SELECT every column is traced by DuckDB's own parse tree. At a table that Python makes tracing
by columns ends: its function and its inputs are said, and a column of an input can be asked for in turn. What a table
reads besides, to decide which rows there are, is named and not traced.
"""

import functools
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from types import FunctionType
from typing import Any

from pipelines import assets, models
from pipelines.build import PRODUCTS, PRODUCTS_BY_FACTOR_SET, TREND_TABLES, PythonModel
from pipelines.config import Layout, Settings
from pipelines.dictionary import Table, clinical_tables, descriptions
from pipelines.engine.duckdb import select_parser, tables_in
from pipelines.engine.select_tree import columns_of_select, origins_in_select
from pipelines.errors import UsageError
from pipelines.models import SqlModel
from pipelines.products import resolve, under_every_factor_set

_BY_PYTHON = "made in Python"
# Tables that a refresh writes itself, beside the models.
_BY_REFRESH = {
    "marts.runs": "the register of refreshes in state/ (pipelines/refresh.py)",
    "marts.caveats": "what references, months, product codes and contracts warn of (pipelines/caveats.py)",
}
_BROUGHT_IN = {
    "raw.file_months": "counted when a file is landed (pipelines/ingest/landing.py)",
    "raw.reviews": "brought in by 'opioids reviews import'",
}
# Columns of landed rows that no file has.
_ADDED = {
    "file_sha256": "SHA-256 of the file",
    "source_row": "the row's line in the file",
    "month": "the month given with --month",
    "identity_status": "what the door found of the patient's identifier",
}


@dataclass(frozen=True)
class Step:
    """A column, or a whole table, and what it is made of."""

    name: str
    made_by: str
    """The file of its model, the setting or the columns of files that it is, the function that makes it."""
    made_of: "tuple[Step, ...]" = ()
    rows_by: tuple[str, ...] = ()
    """Tables that it reads besides, which decide what rows there are."""
    settings: tuple[str, ...] = ()
    """The `$name` of its expression: settings, most of them of configs/cohorts.toml."""
    ends: str | None = None
    """Why tracing by columns ends here, where it does before a source."""


class Lineage:
    """The models and layouts as they are shipped, or as the settings have them."""

    def __init__(self, settings: Settings, published: Iterable[Table] = ()) -> None:
        self._published = {table.name: [column.name for column in table.columns] for table in published}
        self._layouts = settings.layouts
        self._sql = models.discover(assets.SQL_DIR)
        self._python = {model.name: model for model in (PRODUCTS, PRODUCTS_BY_FACTOR_SET, *TREND_TABLES)}
        self._written = descriptions({**self._sql, **self._python})
        self._clinical = clinical_tables(assets.REFERENCE_DIR)
        self._tree = select_parser()

    def of(self, column: str) -> Step:
        """What `schema.table.column` is made of; `table.column` is a mart's. Raises UsageError for what is not there.

        Without a published warehouse any described column is taken for one of a table that no SELECT makes.
        """
        table, _, name = column.rpartition(".")
        if table and "." not in table:
            table = f"marts.{table}"
        known = self._columns_known(table)
        if known is None:
            raise UsageError(
                f"There is no table {table or column}." if table else f"'{column}' names no column of a table.",
                "A column is asked for as schema.table.column, such as marts.item_ome.ome_mg.",
                "See docs/data-dictionary.md, or the files below sql/.",
            )
        if name not in known:
            raise UsageError(
                f"{table} has no column {name}.", f"It has {', '.join(sorted(known))}.", "Give one of them."
            )
        return self._column(table, name)

    def raw_sources(self, step: Step) -> list[str]:
        """The tables of landed rows and what is brought in beside them that a column comes from, all told."""
        return sorted(table for table in self._all_behind(_tables_of(step)) if table.startswith("raw."))

    def columns(self, table: str) -> Sequence[str] | None:
        """The columns of a table that is one SELECT, in their order; None where they are not known without data."""
        return self._columns_of(table)

    def _columns_known(self, table: str) -> set[str] | None:
        """The columns that may be asked for: those of a SELECT, or those that are described."""
        known = self._columns_of(table) or self._published.get(table) or self._written.columns.get(table)
        return None if known is None else set(known)

    @functools.cache  # noqa: B019
    def _columns_of(self, table: str) -> Sequence[str] | None:
        model = self._sql.get(table)
        return columns_of_select(self._tree(model.select), self._columns_of) if model else None

    @functools.cache  # noqa: B019
    def _column(self, table: str, column: str) -> Step:
        name = f"{table}.{column}"
        if table in self._sql:
            return self._of_select(name, self._sql[table], column)
        if table in self._python:
            return self._of_function(name, self._python[table])
        return Step(name, self._source(table, column))

    def _of_select(self, name: str, model: SqlModel, column: str) -> Step:
        tree = self._tree(model.select)
        origins = origins_in_select(tree, column, self._columns_of)
        found = [self._column(*origin) for origin in origins.columns]
        is_constant = not (origins.columns or origins.rows_of or origins.unclear or origins.settings)
        unclear = f"not followed: {', '.join(origins.unclear)}" if origins.unclear else None
        named = {origin[0] for origin in origins.columns} | set(origins.rows_of)
        found += [self._rows(table) for table in origins.rows_of]
        return Step(
            name,
            f"sql/{model.name.replace('.', '/')}.sql",
            tuple(found),
            tuple(sorted(tables_in(tree) - named)),
            origins.settings,
            "a constant, made of no column" if is_constant else unclear,
        )

    def _rows(self, table: str) -> Step:
        """The rows of a table, counted or numbered."""
        return Step(f"{table} (its rows)", self._maker(table), rows_by=tuple(sorted(self._reads(table))))

    def _of_function(self, name: str, model: PythonModel) -> Step:
        return Step(
            name,
            self._maker(model.name),
            tuple(self._input(given) for given in model.inputs),
            ends="from here on by tables: ask for a column of an input in turn",
        )

    def _input(self, given: str) -> Step:
        """An input of a Python table: a table as it is, or a query over some."""
        if "." in given:
            return Step(f"{given} (whole)", self._maker(given), rows_by=tuple(sorted(self._reads(given))))
        return Step(f"query {given}", f"sql/queries/{given}.sql", rows_by=tuple(sorted(tables_in(self._query(given)))))

    def _query(self, name: str) -> dict[str, Any]:
        return self._tree(assets.query(name))

    def _maker(self, table: str) -> str:
        if table in self._sql:
            return f"sql/{table.replace('.', '/')}.sql"
        if table in self._python:
            return f"{_BY_PYTHON}: {', '.join(_functions(self._python[table]))}"
        return self._source(table, None)

    def _reads(self, table: str) -> frozenset[str]:
        if table in self._sql:
            return tables_in(self._tree(self._sql[table].select))
        if table in self._python:
            given = self._python[table].inputs
            return frozenset().union(*({one} if "." in one else tables_in(self._query(one)) for one in given))
        return frozenset()

    def _all_behind(self, tables: Iterator[str]) -> set[str]:
        seen: set[str] = set()
        waiting = list(tables)
        while waiting:
            table = waiting.pop()
            if table not in seen:
                seen.add(table)
                waiting.extend(self._reads(table))
        return seen

    def _source(self, table: str, column: str | None) -> str:
        """What a table that no model makes is: columns of files, rows of a clinical table, settings."""
        schema, _, name = table.partition(".")
        if schema == "raw" and table not in _BROUGHT_IN and not name.startswith("returned_"):
            return _in_files(name, column, self._layouts)
        if name.startswith("returned_"):
            return "brought in by 'opioids returns import'"
        if name in self._clinical:
            return f"data/reference/{name}.csv"
        setting = re.search(r"configs/\w+\.toml", self._written.tables.get(table, ""))
        return _BROUGHT_IN.get(table) or _BY_REFRESH.get(table) or (setting[0] if setting else "pipelines/build.py")


def _tables_of(step: Step) -> Iterator[str]:
    yield from step.rows_by
    for below in step.made_of:
        yield from _tables_of(below)
    table = step.name.partition(" ")[0]
    if not step.name.startswith("query "):
        yield table if step.name.endswith(")") else table.rpartition(".")[0]


def _in_files(source: str, column: str | None, layouts: Sequence[Layout]) -> str:
    """The names that a column of landed rows has in the files of each layout."""
    layouts = [layout for layout in layouts if layout.source == source]
    if column is None:
        return f"files of layout {', '.join(layout.name for layout in layouts)}"
    if column == "patient_key":
        return f"pseudonym made at the door of {_in_files(source, 'patient_id', layouts)}"
    found = [said for layout in layouts if (said := _in_layout(layout, column))]
    return "; ".join(found) or _ADDED.get(column, "added when a file is landed")


def _in_layout(layout: Layout, column: str) -> str | None:
    if column in layout.constants:
        return f"{layout.name}: always '{layout.constants[column]}'"
    named = layout.columns.get(column)
    if named is None:
        return None
    words = " or ".join(f"'{name}'" for name in named.names) or f"column {(named.position or 0) + 1}"
    return f"{layout.name}: {words}"


def _functions(model: PythonModel) -> list[str]:
    """The functions that make a table, and their files."""
    if model in (PRODUCTS, PRODUCTS_BY_FACTOR_SET):
        return [f"{_place(resolve if model is PRODUCTS else under_every_factor_set)} by data/reference/*.csv"]
    make = TREND_TABLES[model]
    assert isinstance(make, FunctionType), model.name
    called = [make.__globals__.get(name) for name in make.__code__.co_names]
    return [_place(one) for one in called if isinstance(one, FunctionType) and one.__module__ != make.__module__]


def _place(function: Callable[..., Any]) -> str:
    return f"{function.__name__} ({function.__module__.replace('.', '/')}.py)"


def as_lines(step: Step, depth: int = -1) -> list[str]:
    """A tree to read: each column above what it is made of, to this depth; what stands in it twice is followed once."""
    lines = list(_grow(step, ("", ""), depth, set()))
    width = max(len(left) for left, _ in lines)
    return [f"{left:<{width}}  {right}".rstrip() for left, right in lines]


def _grow(step: Step, leads: tuple[str, str], depth: int, seen: set[str]) -> Iterator[tuple[str, str]]:
    """What is drawn and what is said of it, line by line; `leads` go before its name, and before what is below it."""
    name, below = f"{leads[0]}{step.name}", leads[1]
    if step.name in seen:
        yield name, "as above"
        return
    yield name, step.made_by
    shown = step.made_of if depth else ()
    if shown:
        seen.add(step.name)
    for note in _notes(step, is_cut=len(shown) < len(step.made_of)):
        yield f"{below}{'│' if shown else ''}", f"· {note}"
    for number, part in enumerate(shown, 1):
        leads = ("└─ ", "   ") if number == len(shown) else ("├─ ", "│  ")
        yield from _grow(part, (f"{below}{leads[0]}", f"{below}{leads[1]}"), depth - 1, seen)


def _notes(step: Step, *, is_cut: bool) -> Iterator[str]:
    if step.settings:
        yield f"settings: {', '.join(step.settings)}"
    if step.rows_by:
        yield f"reads {'besides: ' if step.made_of else ''}{', '.join(step.rows_by)}"
    if step.ends:
        yield step.ends
    if is_cut:
        yield "goes on: give a larger --depth"
