"""The house's SQL as another engine reads it: parsed as DuckDB SQL, changed in a few named ways, written as Spark SQL.

sqlglot knows how the two name things (functions, types, NULLS LAST, QUALIFY). What it leaves alike although it means
something else is changed here, one function each, and what cannot be changed is refused by the portability test:
nothing else stands between a file of sql/ and the engine. sqlglot belongs to the extra [spark].
"""

from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING

from pipelines.engine.base import Parameter
from pipelines.errors import ModelError, UsageError

if TYPE_CHECKING:
    from sqlglot import exp

INSTALL = "Install the extra: uv pip install 'opioid-stewardship[spark]'; in a checkout: make install-spark."


def view_of(name: str) -> str:
    """What a table is called where there are no schemas: `marts.pdsa` is `marts__pdsa`."""
    return name.replace(".", "__")


def refuse_without_sqlglot() -> None:
    """Raise UsageError where it is not installed."""
    try:
        import sqlglot  # noqa: F401
    except ImportError:
        raise UsageError("Spark is asked for, but sqlglot is not installed.", "", INSTALL) from None


@cache
def parsed(select: str) -> "exp.Expr":
    """The parse tree of one SELECT of the house; never changed in place. Raises ModelError."""
    import sqlglot

    try:
        return sqlglot.parse_one(select, read="duckdb")
    except sqlglot.ParseError as error:
        raise ModelError("A model is not one valid SELECT.", str(error).splitlines()[0], "Mend its SQL.") from None


@cache
def tables_named_in(select: str) -> frozenset[str]:
    """`schema.table` of everything that a SELECT reads."""
    from sqlglot import exp

    return frozenset(f"{table.db}.{table.name}" for table in parsed(select).find_all(exp.Table) if table.db)


def spark_sql(select: str, parameters: Mapping[str, Parameter]) -> str:
    """A SELECT of the house in the words of Spark, its `$name` settings filled in and its tables as views."""
    from sqlglot import ErrorLevel

    tree = parsed(select).copy()
    _fill_in(tree, parameters)
    _name_views(tree)
    _divide_as_doubles(tree)
    _take_parts_of_dates_as_bigint(tree)
    _bracket_named_windows(tree)
    _spell_out_infinity(tree)
    return tree.sql(dialect="spark", unsupported_level=ErrorLevel.RAISE, comments=False)


def _fill_in(tree: "exp.Expr", parameters: Mapping[str, Parameter]) -> None:
    """`$name` becomes its value, as DuckDB would bind it: a view can then hold it as well as a table."""
    from sqlglot import exp

    for node in list(tree.find_all(exp.Placeholder)):
        value = parameters[node.name]
        if value is None:
            node.replace(exp.null())
        elif isinstance(value, str):
            node.replace(exp.Literal.string(value))
        else:
            number = exp.Literal.number(str(abs(value)))
            node.replace(exp.paren(exp.Neg(this=number)) if value < 0 else number)


def _name_views(tree: "exp.Expr") -> None:
    """`marts.pdsa` becomes `marts__pdsa AS pdsa`, by which its columns are still told."""
    from sqlglot import exp

    for node in list(tree.find_all(exp.Table)):
        if node.db:
            if not node.alias:
                node.set("alias", exp.TableAlias(this=exp.to_identifier(node.name)))
            node.set("this", exp.to_identifier(view_of(f"{node.db}.{node.name}")))
            node.set("db", None)


def _divide_as_doubles(tree: "exp.Expr") -> None:
    """`a / b` is a DOUBLE in DuckDB whatever a and b are; in Spark two decimals give a decimal, cut at some digit."""
    from sqlglot import exp

    for node in list(tree.find_all(exp.Div)):
        for side in ("this", "expression"):
            node.set(side, exp.cast(node.args[side], "DOUBLE", copy=False))
        # As it stands: nothing is left for sqlglot to see to.
        node.set("typed", True)


def _take_parts_of_dates_as_bigint(tree: "exp.Expr") -> None:
    """`extract(year FROM d)` is a BIGINT in DuckDB, an INTEGER in Spark."""
    from sqlglot import exp

    for node in list(tree.find_all(exp.Extract)):
        node.replace(exp.cast(node.copy(), "BIGINT"))


def _bracket_named_windows(tree: "exp.Expr") -> None:
    """`sum(a) OVER w - b`: Spark reads on and takes `w-b` for a name."""
    from sqlglot import exp

    for node in list(tree.find_all(exp.Window)):
        if node.alias and node.parent and not isinstance(node.parent, exp.Select):
            node.replace(exp.paren(node.copy(), copy=False))


def _spell_out_infinity(tree: "exp.Expr") -> None:
    """Spark has no function that asks for it."""
    from sqlglot import exp

    for node in list(tree.find_all(exp.IsInf)):
        infinity = exp.cast(exp.Literal.string("Infinity"), "DOUBLE")
        node.replace(exp.paren(exp.EQ(this=exp.Abs(this=node.this.copy()), expression=infinity), copy=False))
