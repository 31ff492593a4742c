"""Mutants of a model: its SELECT with one small fault in it, made from the parse tree.

The faults are those that people make in rules of doses and months: a comparison off by one, the wrong one of AND and
OR, a condition forgotten, a number one too high or too low, the wrong aggregate, a window that opens a row early.
"""

import random
import tomllib
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple

import sqlglot
from sqlglot import exp

from pipelines.models import SqlModel

EQUIVALENT = Path(__file__).with_name("equivalent_mutants.toml")


class Mutant(NamedTuple):
    """One fault: where, the words it changes with those around them, and the SELECT with it."""

    model: str
    change: str
    """The same from run to run, as long as the line is: what known survivors are listed by."""
    select: str


_WORDS_AROUND = 6

# A node of the tree → what may stand in its stead; None: nothing, it is left out.
Fault = Callable[[exp.Expr], Iterator[exp.Expr | None]]

_OFF_BY_ONE: dict[type[exp.Expr], type[exp.Expr]] = {
    exp.GT: exp.GTE,
    exp.GTE: exp.GT,
    exp.LT: exp.LTE,
    exp.LTE: exp.LT,
    exp.EQ: exp.NEQ,
    exp.NEQ: exp.EQ,
}
_SWAPPED: dict[type[exp.Expr], type[exp.Expr]] = {
    exp.And: exp.Or,
    exp.Or: exp.And,
    exp.Add: exp.Sub,
    exp.Sub: exp.Add,
    exp.Min: exp.Max,
    exp.Max: exp.Min,
    exp.Sum: exp.Max,
    exp.Least: exp.Greatest,
    exp.Greatest: exp.Least,
}


def _swap(node: exp.Expr) -> Iterator[exp.Expr]:
    "The neighbouring operator, or the wrong aggregate"
    other = _OFF_BY_ONE.get(type(node)) or _SWAPPED.get(type(node))
    if other:
        yield other(**{name: _copied(value) for name, value in node.args.items()})


def _one_of_two(node: exp.Expr) -> Iterator[exp.Expr]:
    "A condition forgotten"
    if isinstance(node, exp.And | exp.Or):
        yield node.this.copy()
        yield node.expression.copy()
    elif isinstance(node, exp.Not):
        yield node.this.copy()


def _forgotten(node: exp.Expr) -> Iterator[exp.Expr | None]:
    "A clause, a branch or a default forgotten"
    if isinstance(node, exp.Having | exp.Qualify) or (
        isinstance(node, exp.Where) and not isinstance(node.parent, exp.Filter)
    ):
        yield None
    elif isinstance(node, exp.If):
        if isinstance(node.parent, exp.Case) and len(node.parent.args["ifs"]) > 1:
            yield None
    elif isinstance(node, exp.Filter) or (isinstance(node, exp.Coalesce) and node.expressions):
        yield node.this.copy()
    elif isinstance(node, exp.Distinct) and isinstance(node.parent, exp.Count):
        yield node.expressions[0].copy()


def _number(node: exp.Expr) -> Iterator[exp.Expr]:
    "One more and one less, but for the places of a DECIMAL"
    if isinstance(node, exp.Literal) and node.is_int and not node.find_ancestor(exp.DataType):
        yield exp.Literal.number(int(node.this) + 1)
        if int(node.this):
            yield exp.Literal.number(int(node.this) - 1)
    elif isinstance(node, exp.Between):
        low, high = node.args["low"].copy(), node.args["high"].copy()
        yield exp.Between(this=node.this.copy(), low=exp.Add(this=low, expression=_one()), high=high.copy())
        yield exp.Between(this=node.this.copy(), low=low.copy(), high=exp.Sub(this=high, expression=_one()))


def _turned(node: exp.Expr) -> Iterator[exp.Expr]:
    "TRUE for FALSE, last for first, the month after for the month before"
    if isinstance(node, exp.Boolean):
        yield exp.Boolean(this=not node.this)
    elif isinstance(node, exp.Ordered):
        ordered = node.copy()
        ordered.set("desc", not node.args.get("desc"))
        yield ordered
    elif isinstance(node, exp.Lag | exp.Lead):
        other = exp.Lead if isinstance(node, exp.Lag) else exp.Lag
        yield other(**{name: _copied(value) for name, value in node.args.items()})
    elif isinstance(node, exp.Join) and node.side in ("LEFT", "") and (node.args.get("using") or node.args.get("on")):
        turned = node.copy()
        turned.set("side", None if node.side else "LEFT")
        turned.set("kind", "INNER" if node.side else None)
        yield turned


FAULTS: tuple[Fault, ...] = (_swap, _one_of_two, _forgotten, _number, _turned)


def mutants(model: SqlModel) -> list[Mutant]:
    """Every mutant of a model, each once, in the order of the tree."""
    tree = sqlglot.parse_one(model.select, read="duckdb")
    original = written(tree)
    places = len(list(tree.walk()))
    found: dict[str, Mutant] = {}
    for place in range(places):
        node = _at(tree, place)
        for fault in FAULTS:
            for number in range(len(list(fault(node)))):
                mutated = _with(tree, place, fault, number)
                if mutated not in (original, *found):
                    found[mutated] = Mutant(model.name, _change(original, mutated), mutated)
    return list(found.values())


def written(tree: exp.Expr) -> str:
    """A tree as SQL, without its comments."""
    return tree.sql(dialect="duckdb", comments=False)


def sample(every: Sequence[Mutant], most: int, seed: int) -> list[Mutant]:
    """At most so many of a model's mutants, the same for the same seed, in their order."""
    if most >= len(every):
        return list(every)
    chosen = random.Random(f"{seed} {every[0].model}").sample(range(len(every)), most)
    return [every[place] for place in sorted(chosen)]


def explained(mutant: Mutant) -> str | None:
    """Why no answer can tell it from its model, where that is known."""
    return known_equivalent().get(mutant.model, {}).get(mutant.change)


@cache
def known_equivalent() -> dict[str, dict[str, str]]:
    """Model → change → why."""
    return tomllib.loads(EQUIVALENT.read_text(encoding="utf-8"))


def _with(tree: exp.Expr, place: int, fault: Fault, number: int) -> str:
    copied = tree.copy()
    node = _at(copied, place)
    instead = list(fault(node))[number]
    if instead is None:
        node.pop()
    else:
        node.replace(exp.Paren(this=instead) if isinstance(instead, exp.Connector) else instead)
    return written(copied)


def _at(tree: exp.Expr, place: int) -> exp.Expr:
    return next(node for at, node in enumerate(tree.walk()) if at == place)


def _change(original: str, mutated: str) -> str:
    """`words before [was -> now] words after`."""
    was, now = original.split(), mutated.split()
    same = _alike(was, now)
    rest_was, rest_now = was[same:][::-1], now[same:][::-1]
    alike = _alike(rest_was, rest_now)
    before, after = was[max(same - _WORDS_AROUND, 0) : same], rest_was[:alike][::-1][:_WORDS_AROUND]
    changed = [" ".join(rest[alike:][::-1]) for rest in (rest_was, rest_now)]
    return " ".join([*before, f"[{changed[0]} -> {changed[1] or '(nothing)'}]", *after])


def _alike(one: list[str], other: list[str]) -> int:
    "How many words two texts have in common at their beginning"
    pairs = enumerate(zip(one, other, strict=False))
    return next((at for at, (word, instead) in pairs if word != instead), min(len(one), len(other)))


def _copied(value: object) -> object:
    if isinstance(value, exp.Expr):
        return value.copy()
    return [_copied(one) for one in value] if isinstance(value, list) else value


def _one() -> exp.Expr:
    return exp.Literal.number(1)
