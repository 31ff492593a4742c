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
        found = []
        for name, terms in goals:
            goal = np.zeros(len(cells))
            for one, sign in terms.items():
                goal[position[one]] = sign
            true = sum(sign * self.true[one] for one, sign in terms.items())
            least, most = linprog(goal, **limits), linprog(-goal, **limits)
            low = least.fun if least.status == 0 else -np.inf
            high = -most.fun if most.status == 0 else np.inf
            assert low - 1e-6 <= true <= high + 1e-6, "what is shown does not agree with what is true"
            if np.floor(high + 1e-6) <= np.ceil(low - 1e-6):
                found.append((name, true, low, high))
        return len(goals), found

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


def _matrix(sums: list[dict[Cell, int]], position: Mapping[Cell, int]) -> csr_matrix:
    rows, columns, signs = [], [], []
    for number, terms in enumerate(sums):
        for name, sign in terms.items():
            rows.append(number)
            columns.append(position[name])
            signs.append(sign)
    return csr_matrix((signs, (rows, columns)), shape=(len(sums), len(position)))
