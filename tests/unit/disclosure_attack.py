"""An outsider with a linear program: which small counts can have one value alone, from all that is shown and known."""

from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from scipy.optimize import linprog
from scipy.sparse import csr_matrix

from pipelines.disclosure import Policy

Cell = Hashable


@dataclass
class Attack:
    """Counts by name, what is shown of each, and signed names that add up to 0, or to 0 or more."""

    policy: Policy
    true: dict[Cell, float] = field(default_factory=dict)
    shown: dict[Cell, float | None] = field(default_factory=dict)
    equal: list[dict[Cell, int]] = field(default_factory=list)
    at_least: list[dict[Cell, int]] = field(default_factory=list)
    known: dict[Cell, tuple[float, float | None]] = field(default_factory=dict)
    """The range of a count where it is known otherwise than by what is shown of it."""

    def add_sum(self, whole: Cell, parts: Iterable[Cell]) -> None:
        """whole = parts where the true counts agree, else whole >= parts; nothing where they are more than it."""
        self.add_difference([whole], parts)

    def add_difference(self, whole: Iterable[Cell], parts: Iterable[Cell]) -> None:
        """whole >= parts, each a sum of counts, with what an outsider knows of them; nothing where it is not so."""
        terms: dict[Cell, int] = dict.fromkeys(whole, 1)
        for part in parts:
            terms[part] = terms.get(part, 0) - 1
        rest = sum(sign * self.true[name] for name, sign in terms.items())
        if rest >= 0:
            (self.at_least if rest else self.equal).append(terms)

    def add_nested(self, outside: Cell, inside: Cell) -> None:
        """outside >= inside, by what they are; that nobody stands between them is told by nothing that is shown."""
        if self.true[outside] >= self.true[inside]:
            self.at_least.append({outside: 1, inside: -1})

    def possible(self, name: Cell) -> tuple[float, float | None]:
        """What an outsider knows of a cell who has guessed right which are hidden for being small."""
        true, shown, policy = self.true[name], self.shown.get(name), self.policy
        if name in self.known:
            return self.known[name]
        if 1 <= true <= policy.suppress_to:
            return 1, policy.suppress_to
        if shown is None:
            return min(true, 1), None
        if shown == 0 or policy.rounding == "none":
            return shown, shown
        assert policy.rounding == "nearest", "the attack knows no other rounding"
        spread = policy.rounding_base // 2
        return max(policy.suppress_to + 1, shown - spread), shown + spread

    def recovered(self) -> tuple[int, list[Any]]:
        """How many small counts and differences were attacked, and those of which one value alone is possible."""
        parts = self._parts()
        found: list[Any] = []
        attacked = 0
        for cells, equal, at_least in parts:
            tried, known = self._one(cells, equal, at_least)
            attacked += tried
            found += known
        return attacked, found

    def _one(
        self, cells: list[Cell], equal: list[dict[Cell, int]], at_least: list[dict[Cell, int]]
    ) -> tuple[int, list[Any]]:
        """One part of the system that shares no cell with the rest."""
        position = {name: number for number, name in enumerate(cells)}
        bounds = np.array([[low, np.inf if high is None else high] for low, high in map(self.possible, cells)])
        limits: dict[str, Any] = {"bounds": bounds}
        if equal:
            limits |= {"A_eq": _matrix(equal, position), "b_eq": np.zeros(len(equal))}
        if at_least:
            limits |= {"A_ub": -_matrix(at_least, position), "b_ub": np.zeros(len(at_least))}
        small = self.policy.suppress_to
        goals: list[tuple[Any, dict[Cell, int]]] = [
            (name, {name: 1}) for name in cells if 1 <= self.true[name] <= small
        ]
        goals += [
            (("difference", terms), terms)
            for terms in at_least
            if 1 <= sum(sign * self.true[name] for name, sign in terms.items()) <= small
        ]
        true = np.array([self.true[name] for name in cells], dtype=float)
        known = fixed(_matrix([terms for _, terms in goals], position), true, **limits)
        return len(goals), [(goals[number][0], low, high) for number, low, high in known]

    def _parts(self) -> list[tuple[list[Cell], list[dict[Cell, int]], list[dict[Cell, int]]]]:
        """The cells in groups that share no sum, each with its sums: one program a group is quick."""
        parent: dict[Cell, Cell] = {name: name for name in self.true}

        def root(name: Cell) -> Cell:
            while parent[name] != name:
                parent[name] = parent[parent[name]]
                name = parent[name]
            return name

        for terms in (*self.equal, *self.at_least):
            first, *others = terms
            for other in others:
                parent[root(other)] = root(first)
        groups: dict[Cell, tuple[list[Cell], list[dict[Cell, int]], list[dict[Cell, int]]]] = {}
        for name in self.true:
            groups.setdefault(root(name), ([], [], []))[0].append(name)
        for number, sums in ((1, self.equal), (2, self.at_least)):
            for terms in sums:
                groups[root(next(iter(terms)))][number].append(terms)  # type: ignore[arg-type]
        return list(groups.values())


def fixed(goals: csr_matrix, true: np.ndarray, bounds: np.ndarray, **limits: Any) -> list[tuple[int, float, float]]:
    """The goals, each a sum of counts, that can have one whole number alone; with the least and the most of each.

    Whatever solution is met is a witness for every goal: one that was seen at two whole numbers is asked no more.
    """
    assert (bounds[:, 0] - 1e-6 <= true).all(), "what is shown does not agree with what is true"
    assert (true <= bounds[:, 1] + 1e-6).all(), "what is shown does not agree with what is true"
    if "A_eq" in limits:
        assert np.abs(limits["A_eq"] @ true).max() < 1e-6, "a sum is not what it is said to be"
    if "A_ub" in limits:
        assert (limits["A_ub"] @ true).max() < 1e-6, "a sum is not what it is said to be"
    low, high = (np.asarray(goals @ true, dtype=float).copy() for _ in range(2))

    def undecided() -> np.ndarray:
        return np.flatnonzero(np.floor(high + 1e-6) <= np.ceil(low - 1e-6))

    def ask(goal: np.ndarray, within: np.ndarray) -> bool:
        answer = linprog(goal, bounds=within, **limits)
        if answer.status == 0:
            met = goals @ answer.x
            np.minimum(low, met, out=low)
            np.maximum(high, met, out=high)
        return bool(answer.status == 0)

    signs = np.random.default_rng(0)
    near = np.column_stack([bounds[:, 0], np.minimum(bounds[:, 1], true + 50)])
    for _ in range(8):
        left = undecided()
        if left.size:
            ask(goals[left].T @ signs.choice([-1.0, 1.0], left.size), near)
    found = []
    for number in undecided():
        goal = goals[[number]].toarray()[0]
        # No solution to either question: without end.
        least, most = (low[number] if ask(goal, bounds) else -np.inf, high[number] if ask(-goal, bounds) else np.inf)
        if np.floor(most + 1e-6) <= np.ceil(least - 1e-6):
            found.append((int(number), float(least), float(most)))
    return found


def _matrix(sums: list[dict[Cell, int]], position: Mapping[Cell, int]) -> csr_matrix:
    rows, columns, signs = [], [], []
    for number, terms in enumerate(sums):
        for name, sign in terms.items():
            rows.append(number)
            columns.append(position[name])
            signs.append(sign)
    return csr_matrix((signs, (rows, columns)), shape=(len(sums), len(position)))
