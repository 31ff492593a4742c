"""SQL that builds the warehouse keeps to what DuckDB and Spark read alike, or what pipelines/engine/dialect.py changes.

sqlglot does not warn where two engines mean different things by the same words. So the list is closed: a function or a
type that is not on it is added here once `make test-spark` has seen the same rows on both.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlglot import exp

from pipelines import assets
from pipelines.engine.dialect import parsed

SQL = assets.SQL_DIR
ASKED_OF_A_BUILD = ("gate_unconverted_share", "gate_most_unconverted", "caveats_of_build")
FILES = [
    *(
        file
        for room in ("staging", "intermediate", "marts", "checks")
        for file in (assets.SQL_DIR / room).glob("*.sql")
    ),
    *(SQL / "queries" / f"{name}.sql" for name in ASKED_OF_A_BUILD),
    *(SQL / "queries").glob("statistics_*.sql"),
]
SEEN_ALIKE = {
    exp.Abs,
    exp.And,
    exp.Case,
    exp.Cast,
    exp.Coalesce,
    exp.Concat,
    exp.ConcatWs,
    exp.Count,
    exp.DateDiff,
    exp.Extract,
    exp.Floor,
    exp.Greatest,
    exp.GroupConcat,
    exp.If,
    exp.IsInf,
    exp.IsNan,
    exp.Lag,
    exp.LastValue,
    exp.Lead,
    exp.Least,
    exp.Left,
    exp.Length,
    exp.LogicalAnd,
    exp.LogicalOr,
    exp.Lower,
    exp.Max,
    exp.Min,
    exp.Nullif,
    exp.Or,
    exp.Pow,
    exp.Rank,
    exp.RegexpExtract,
    exp.Replace,
    exp.Round,
    exp.RowNumber,
    exp.StrPosition,
    exp.Substring,
    exp.Sum,
    exp.TimeToStr,
    exp.TimestampTrunc,
    exp.TryCast,
    exp.Upper,
}
TYPES_SEEN_ALIKE = {"BIGINT", "BOOLEAN", "DATE", "DECIMAL", "DOUBLE", "INT", "TEXT"}
WHOLE = ("INT", "BIGINT")

Refused = Iterator[str]


def functions_unknown_to_both(tree: exp.Expr) -> Refused:
    for function in tree.find_all(exp.Func):
        if type(function) not in SEEN_ALIKE:
            name = function.name if isinstance(function, exp.Anonymous) else type(function).__name__
            yield f"the function {name}: use one that is on the list, or see both engines agree and put it there"


def types_unknown_to_both(tree: exp.Expr) -> Refused:
    for cast in tree.find_all(exp.Cast):
        if cast.to.this.name not in TYPES_SEEN_ALIKE:
            yield f"the type {cast.to.this.name}"


def parts_of_dates(tree: exp.Expr) -> Refused:
    """In Spark a month counts when it is whole, in DuckDB when its first day is passed; a week has other names."""
    for difference in tree.find_all(exp.DateDiff):
        if difference.text("unit").upper() != "DAY":
            yield "date_diff of anything but days: subtract month indexes"
    for part in tree.find_all(exp.Extract):
        if part.name.upper() not in ("YEAR", "MONTH", "DAY"):
            yield f"extract({part.name} …)"
    for cut in tree.find_all(exp.TimestampTrunc):
        if not (isinstance(cut.parent, exp.Cast) and cut.parent.to.this.name == "DATE"):
            yield "date_trunc is a time stamp in one, a date in the other: CAST it AS DATE"


def days_added_to_dates(tree: exp.Expr) -> Refused:
    for interval in tree.find_all(exp.Interval):
        sum_of = interval.parent
        if not (sum_of and isinstance(sum_of.parent, exp.Cast) and sum_of.parent.to.this.name == "DATE"):
            yield "a date and an INTERVAL: CAST the sum AS DATE"
    for difference in tree.find_all(exp.Sub):
        if all(_is_named_as_a_date(side) for side in (difference.left, difference.right)):
            yield "one date less another: date_diff('day', …)"


def _is_named_as_a_date(side: exp.Expr) -> bool:
    return isinstance(side, exp.Column) and (side.name.endswith(("_date", "_on")) or side.name == "month")


def fractions_cast_to_whole_numbers(tree: exp.Expr) -> Refused:
    """DuckDB rounds, Spark cuts off."""
    for cast in tree.find_all(exp.Cast):
        if cast.to.this.name in WHOLE and _may_be_a_fraction(cast.this):
            yield f"CAST({cast.this.sql('duckdb')} AS {cast.to.this.name}): floor() it first"


def _may_be_a_fraction(value: exp.Expr) -> bool:
    if isinstance(value, exp.Cast):
        return value.to.sql() == "DOUBLE" or (value.to.this.name == "DECIMAL" and not value.to.sql().endswith(", 0)"))
    if isinstance(value, exp.Literal):
        return bool(value.is_number) and "." in value.name
    if isinstance(value, exp.Binary | exp.Paren | exp.Neg | exp.Coalesce | exp.Sum | exp.Max | exp.Min):
        return isinstance(value, exp.Div) or any(_may_be_a_fraction(part) for part in value.iter_expressions())
    return isinstance(value, exp.Pow)


def order_left_open(tree: exp.Expr) -> Refused:
    for joined in tree.find_all(exp.GroupConcat):
        if not joined.find(exp.Order):
            yield "string_agg without ORDER BY"
    for select in tree.find_all(exp.Select):
        own = [found for found in select.find_all(exp.Distinct) if found.parent_select is select]
        lists = [found for found in own if found.find_ancestor(exp.GroupConcat, exp.Select) is not select]
        if lists and any(isinstance(found.parent, exp.Count) for found in own):
            yield "string_agg(DISTINCT …) beside count(DISTINCT …), at which Spark 4.3 fails: min(x) <> max(x)"


def shapes_of_one_engine(tree: exp.Expr) -> Refused:
    for join in tree.find_all(exp.Join):
        if join.method.upper() in ("ASOF", "POSITIONAL"):
            yield f"{join.method} JOIN, which Spark takes for a name: a range join"
    for union in tree.find_all(exp.SetOperation):
        if union.args.get("by_name"):
            yield "UNION BY NAME: list the columns"
    for pivot in tree.find_all(exp.Pivot):
        if not pivot.args.get("unpivot"):
            yield "PIVOT: CASE and GROUP BY"
    for kind in (exp.Columns, exp.Bracket, exp.Slice, exp.Lambda, exp.Lateral, exp.Unnest, exp.IntDiv, exp.TableSample):
        if tree.find(kind):
            yield kind.__name__
    for select in tree.find_all(exp.Select):
        distinct = select.args.get("distinct")
        if distinct and distinct.args.get("on"):
            yield "DISTINCT ON: QUALIFY row_number()"


def windows_inside_a_round(tree: exp.Expr) -> Refused:
    for cte in tree.find_all(exp.CTE):
        calls_itself = [table for table in cte.find_all(exp.Table) if table.name == cte.alias and not table.db]
        for table in calls_itself:
            if table.parent_select and table.parent_select.find(exp.Window, exp.AggFunc):
                yield f"a window or a total in the round of {cte.alias}"


RULES: tuple[Callable[[exp.Expr], Refused], ...] = (
    functions_unknown_to_both,
    types_unknown_to_both,
    parts_of_dates,
    days_added_to_dates,
    fractions_cast_to_whole_numbers,
    order_left_open,
    shapes_of_one_engine,
    windows_inside_a_round,
)


def refused(select: str) -> list[str]:
    tree = parsed(select)
    return [reason for rule in RULES for reason in rule(tree)]


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_what_builds_the_warehouse_is_portable(file: Path) -> None:
    assert refused(file.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    "trap",
    [
        "date_diff('month', a, b)",
        "CAST(a / 2 AS INTEGER)",
        "CAST(sum(a) / nullif(b, 0) AS BIGINT)",
        "CAST(coalesce(CAST(a AS DOUBLE), 1) AS INTEGER)",
        "CAST(a * 1.5 AS INTEGER)",
        "percentile_cont(0.5) WITHIN GROUP (ORDER BY a)",
        "quantile_cont(a, 0.5)",
        "list(a ORDER BY b)",
        "array_agg(a)",
        "string_agg(a, ', ')",
        "regexp_replace(a, 'x', 'y')",
        "extract(isodow FROM a)",
        "extract(week FROM a)",
        "hash(a)",
        "start_date - end_date",
        "a + INTERVAL 1 DAY",
        "date_trunc('month', a)",
        "try_strptime(a, '%Y')",
        "list_sum(a)",
        "a[1:9]",
        "first(a ORDER BY b)",
        "CAST(a AS HUGEINT)",
        "a // 2",
        "no_such_function(a)",
        "avg(a)",
    ],
)
def test_a_trap_is_refused(trap: str) -> None:
    assert refused(f"SELECT {trap} AS x FROM t")


@pytest.mark.parametrize(
    "trap",
    [
        "SELECT a FROM t ASOF JOIN u ON t.b >= u.b",
        "SELECT a FROM t UNION ALL BY NAME SELECT a FROM u",
        "PIVOT t ON a USING sum(b)",
        "SELECT COLUMNS('a.*') FROM t",
        "SELECT DISTINCT ON (a) a, b FROM t",
        "SELECT unnest(a) AS b FROM t",
        "SELECT string_agg(DISTINCT a, ',' ORDER BY a) AS b FROM t HAVING count(DISTINCT a) > 1",
        "WITH RECURSIVE c AS (SELECT a, b FROM t UNION ALL SELECT a, b FROM c JOIN t USING (a) "
        "QUALIFY row_number() OVER (ORDER BY a) = 1) SELECT a FROM c",
    ],
)
def test_a_shape_of_one_engine_is_refused(trap: str) -> None:
    assert refused(trap)


@pytest.mark.parametrize(
    "spelling",
    [
        "date_diff('day', a, b)",
        "CAST(floor(a / 2) AS INTEGER)",
        "CAST(floor(CAST(a AS DOUBLE) / b + 0.5) AS BIGINT)",
        "CAST(count(*) AS INTEGER)",
        "CAST(sum(a) AS BIGINT)",
        "string_agg(DISTINCT a, ', ' ORDER BY a)",
        "CAST(a + INTERVAL 1 DAY AS DATE)",
        "CAST(date_trunc('month', a) AS DATE)",
        "extract(year FROM a) * 12 + extract(month FROM a)",
        "CAST(a AS DECIMAL(18, 4))",
    ],
)
def test_the_portable_spelling_is_not_refused(spelling: str) -> None:
    assert refused(f"SELECT {spelling} AS x FROM t") == []
