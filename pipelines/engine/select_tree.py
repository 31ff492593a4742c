"""From which columns of which tables a column of a SELECT is made, read from the parse tree that DuckDB gives.

Traced is what the value is made of: the expression, through common table expressions, subqueries, unions and stars,
with the conditions of its CASE, FILTER and windows, and the settings ($name) among them. Which rows there are (WHERE,
joins, groups) is not: a table that only decides that is read by the SELECT and not named here. A value made of no
column, such as count(*), comes from the rows of the tables behind it.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

Node = dict[str, Any]
# The columns of a table; None where they are not known here.
ColumnsOf = Callable[[str], Sequence[str] | None]
_OF_ROWS = ("count_star", "row_number", "rank", "dense_rank")


@dataclass(frozen=True)
class Origins:
    """What a column is made of: columns, tables whose rows are counted, what could not be followed, and settings."""

    columns: tuple[tuple[str, str], ...] = ()
    rows_of: tuple[str, ...] = ()
    unclear: tuple[str, ...] = ()
    settings: tuple[str, ...] = ()

    def __or__(self, other: "Origins") -> "Origins":
        return Origins(
            tuple(dict.fromkeys(self.columns + other.columns)),
            tuple(dict.fromkeys(self.rows_of + other.rows_of)),
            tuple(dict.fromkeys(self.unclear + other.unclear)),
            tuple(dict.fromkeys(self.settings + other.settings)),
        )


NOTHING = Origins()


class Relation(Protocol):
    """Something that stands in FROM."""

    def names(self) -> Sequence[str] | None:
        """Its columns in their order; None where they are not known."""

    def origins(self, column: str) -> Origins:
        """What one of its columns is made of."""

    def tables(self) -> tuple[str, ...]:
        """The tables behind it."""


def columns_of_select(tree: Node, columns_of: ColumnsOf) -> Sequence[str] | None:
    """The names of the columns of a parsed SELECT; None where a star hides them."""
    return _whole(tree, columns_of).names()


def origins_in_select(tree: Node, column: str, columns_of: ColumnsOf) -> Origins:
    """What a column of a parsed SELECT is made of."""
    return _whole(tree, columns_of).origins(column)


def _whole(tree: Node, columns_of: ColumnsOf) -> Relation:
    return _query(tree["statements"][0]["node"], {}, columns_of)


def _query(node: Node, ctes: Mapping[str, Relation], columns_of: ColumnsOf) -> Relation:
    known = dict(ctes)
    for entry in (node.get("cte_map") or {}).get("map", []):
        known[entry["key"]] = _query(entry["value"]["query_node"], known, columns_of)
    if node["type"] == "SET_OPERATION_NODE":
        children = node.get("children") or [node["left"], node["right"]]
        return _Union([_query(child, known, columns_of) for child in children])
    if node["type"] == "RECURSIVE_CTE_NODE":
        first = _query(node["left"], known, columns_of)
        # Inside itself it is what it began with: what goes round adds nothing that is not in its own expressions.
        return _Union([first, _query(node["right"], known | {node["cte_name"]: first}, columns_of)])
    if node["type"] != "SELECT_NODE":
        return _Unknown(f"a {node['type']}")
    return _Select(node, _relations(node["from_table"], known, columns_of), known, columns_of)


@dataclass(frozen=True)
class _Table:
    """A table of the warehouse."""

    name: str
    columns: Sequence[str] | None

    def names(self) -> Sequence[str] | None:
        return self.columns

    def origins(self, column: str) -> Origins:
        return Origins(((self.name, column),))

    def tables(self) -> tuple[str, ...]:
        return (self.name,)


@dataclass(frozen=True)
class _Unknown:
    """Something in FROM that is not followed, such as a table function."""

    what: str

    def names(self) -> Sequence[str] | None:
        return None

    def origins(self, column: str) -> Origins:
        return Origins(unclear=(f"{column}, of {self.what}",))

    def tables(self) -> tuple[str, ...]:
        return ()


@dataclass(frozen=True)
class _Constants:
    """VALUES: made of nothing."""

    columns: Sequence[str]

    def names(self) -> Sequence[str] | None:
        return self.columns

    def origins(self, column: str) -> Origins:  # noqa: ARG002
        return NOTHING

    def tables(self) -> tuple[str, ...]:
        return ()


@dataclass(frozen=True)
class _Renamed:
    """A subquery whose columns are named anew: `(…) AS v (x, y)`."""

    inner: Relation
    columns: Sequence[str]

    def names(self) -> Sequence[str] | None:
        return self.columns

    def origins(self, column: str) -> Origins:
        names = self.inner.names()
        if names is None:
            return Origins(unclear=(column,))
        return self.inner.origins(names[list(self.columns).index(column)])

    def tables(self) -> tuple[str, ...]:
        return self.inner.tables()


@dataclass(frozen=True)
class _Union:
    """UNION: columns go by their place; the first part names them."""

    parts: Sequence[Relation]

    def names(self) -> Sequence[str] | None:
        return self.parts[0].names()

    def origins(self, column: str) -> Origins:
        names, found = self.names(), NOTHING
        for part in self.parts:
            own = part.names()
            if names is None or own is None:
                found |= Origins(unclear=(column,))
            elif column in names:
                found |= part.origins(own[list(names).index(column)])
        return found

    def tables(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(table for part in self.parts for table in part.tables()))


@dataclass(frozen=True)
class _Unpivoted:
    """UNPIVOT: the new columns are made of all those that became rows."""

    source: Relation
    folded: Sequence[str]
    made: Sequence[str]

    def names(self) -> Sequence[str] | None:
        known = self.source.names()
        return None if known is None else [*(name for name in known if name not in self.folded), *self.made]

    def origins(self, column: str) -> Origins:
        if column not in self.made:
            return self.source.origins(column)
        found = NOTHING
        for name in self.folded:
            found |= self.source.origins(name)
        return found

    def tables(self) -> tuple[str, ...]:
        return self.source.tables()


@dataclass(frozen=True)
class _Select:
    """One SELECT over what stands in its FROM, under the names it has there."""

    node: Node
    sources: Sequence[tuple[str, Relation]]
    ctes: Mapping[str, Relation]
    columns_of: ColumnsOf
    outer: "_Select | None" = None
    _asked: set[str] = field(default_factory=set, compare=False)

    def names(self) -> Sequence[str] | None:
        found: list[str] = []
        for item in self.node["select_list"]:
            if item["type"] != "STAR":
                found.append(_name_of(item))
                continue
            for _, source in self._starred(item):
                columns = source.names()
                if columns is None:
                    return None
                found += [column for column in columns if column not in found]
        return found

    def origins(self, column: str) -> Origins:
        stars: list[tuple[str, Relation]] = []
        for item in self.node["select_list"]:
            if item["type"] == "STAR":
                stars += self._starred(item)
            elif _name_of(item) == column:
                return self._made_of(item)
        return _of_any(column, stars) if stars else Origins(unclear=(column,))

    def tables(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(table for _, source in self.sources for table in source.tables()))

    def _starred(self, star: Node) -> Sequence[tuple[str, Relation]]:
        wanted = star.get("relation_name")
        return [(alias, source) for alias, source in self.sources if not wanted or alias == wanted]

    def _made_of(self, expression: Any) -> Origins:
        if isinstance(expression, list):
            found = NOTHING
            for part in expression:
                found |= self._made_of(part)
            return found
        if not isinstance(expression, dict):
            return NOTHING
        if expression.get("type") == "COLUMN_REF":
            return self._resolved(expression["column_names"])
        if expression.get("type") == "VALUE_PARAMETER":
            return Origins(settings=(str(expression["identifier"]),))
        if expression.get("type") == "SUBQUERY" and "subquery" in expression:
            return self._of_subquery(expression["subquery"]["node"])
        found = self._made_of([part for part in expression.values() if isinstance(part, dict | list)])
        if expression.get("function_name") in _OF_ROWS:
            found |= Origins(rows_of=self.tables())
        return found

    def _resolved(self, path: Sequence[str]) -> Origins:
        *qualifiers, column = path
        if qualifiers:
            for alias, source in self.sources:
                if alias == qualifiers[-1]:
                    return source.origins(column)
        else:
            if column in _from_both(self.node["from_table"]):
                return _of_all(column, self.sources)
            if any(column in (source.names() or ()) for _, source in self.sources):
                return _of_any(column, self.sources)
            by_alias = [item for item in self.node["select_list"] if item.get("alias") == column]
            if by_alias and column not in self._asked:
                self._asked.add(column)
                return self._made_of(by_alias[0])
            if any(source.names() is None for _, source in self.sources):
                return _of_any(column, self.sources)
        if self.outer:
            return self.outer._resolved(path)
        return Origins(unclear=(".".join(path),))

    def _of_subquery(self, node: Node) -> Origins:
        """A subquery within an expression: what it selects, and what it asks for."""
        inner = _query(node, self.ctes, self.columns_of)
        if not isinstance(inner, _Select):
            return Origins(unclear=("a subquery",))
        inside = _Select(inner.node, inner.sources, inner.ctes, self.columns_of, self)
        return inside._made_of([inner.node["select_list"], inner.node.get("where_clause")])


def _from_both(part: Node) -> set[str]:
    """The columns that a FULL JOIN takes from whichever side has them."""
    if part["type"] != "JOIN":
        return set()
    own = set(part.get("using_columns") or ()) if part["join_type"] in ("FULL", "OUTER") else set()
    return own | _from_both(part["left"]) | _from_both(part["right"])


def _of_all(column: str, sources: Sequence[tuple[str, Relation]]) -> Origins:
    found = NOTHING
    for _, source in sources:
        if column in (source.names() or ()):
            found |= source.origins(column)
    return found


def _of_any(column: str, sources: Sequence[tuple[str, Relation]]) -> Origins:
    """A column without its table: the first that has it (USING joins it to others of the same value)."""
    for _, source in sources:
        if column in (source.names() or ()):
            return source.origins(column)
    unknown = [source for _, source in sources if source.names() is None]
    if len(unknown) == 1:
        return unknown[0].origins(column)
    return Origins(unclear=(column,))


def _name_of(item: Node) -> str:
    if item.get("alias"):
        return str(item["alias"])
    if item["type"] == "COLUMN_REF":
        return str(item["column_names"][-1])
    return str(item.get("function_name") or "")


def _relations(part: Node, ctes: Mapping[str, Relation], columns_of: ColumnsOf) -> Sequence[tuple[str, Relation]]:
    """What stands in a FROM, each under the name that it has there."""
    if part["type"] == "JOIN":
        return [*_relations(part["left"], ctes, columns_of), *_relations(part["right"], ctes, columns_of)]
    if part["type"] in ("EMPTY", "EMPTY_FROM"):
        return []
    return [(_alias_of(part), _renamed(part, _relation(part, ctes, columns_of)))]


def _relation(part: Node, ctes: Mapping[str, Relation], columns_of: ColumnsOf) -> Relation:
    if part["type"] == "BASE_TABLE":
        if not part.get("schema_name"):
            return ctes.get(part["table_name"]) or _Unknown(part["table_name"])
        name = f"{part['schema_name']}.{part['table_name']}"
        return _Table(name, columns_of(name))
    if part["type"] == "SUBQUERY":
        return _query(part["subquery"]["node"], ctes, columns_of)
    if part["type"] == "EXPRESSION_LIST":
        named = part.get("expected_names") or [f"col{number}" for number, _ in enumerate(part["values"][0])]
        return _Constants(named)
    if part["type"] == "PIVOT" and part.get("unpivot_names"):
        [(_, source)] = _relations(part["source"], ctes, columns_of)
        return _Unpivoted(source, list(_folded(part)), [*part["pivots"][0]["unpivot_names"], *part["unpivot_names"]])
    return _Unknown(part["type"].lower().replace("_", " "))


def _folded(part: Node) -> Iterator[str]:
    for pivot in part["pivots"]:
        for entry in pivot["entries"]:
            expressions = [entry.get("star_expr"), *entry.get("expressions", [])]
            yield from (str(one["column_names"][-1]) for one in expressions if one and one["type"] == "COLUMN_REF")


def _renamed(part: Node, relation: Relation) -> Relation:
    columns = part.get("column_name_alias")
    return _Renamed(relation, columns) if columns else relation


def _alias_of(part: Node) -> str:
    return str(part.get("alias") or part.get("table_name") or "")
