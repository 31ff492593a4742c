"""The same attack as in the tests, on what is about to leave: a linear program over the sums near some counts.

Bounds narrowed sum by sum miss what follows from several sums at once where these stand in circles. A program misses
nothing, and takes too long for all trends: it is run on the sums within two steps of the counts in question.
"""

from typing import Any

import numpy as np
from scipy.optimize import linprog
from scipy.sparse import csr_matrix

from pipelines.disclosure.policy import BoolArray
from pipelines.statistics.differencing import UNBOUNDED, IntArray, Sums
from pipelines.statistics.intervals import FloatArray

_STEPS = 2
_DIRECTIONS = 12
"""Programs that move all counts at once: most prove free with these, and only the rest is asked one by one."""


def gives_away(
    true_value: FloatArray,
    lower: FloatArray,
    upper: FloatArray,
    sums: Sums,
    sensitive: BoolArray,
    start: IntArray,
) -> bool:
    """Whether one value alone is possible for some sensitive cell near the cells `start`."""
    cells, chosen = _near(sums, start, lower.size)
    if not chosen.any():
        return False
    position = np.full(lower.size, -1)
    position[cells] = np.arange(cells.size)
    _, row = np.unique(sums.sum_index[chosen], return_inverse=True)
    known: dict[str, Any] = {
        "A_eq": csr_matrix((sums.sign[chosen], (row, position[sums.cell[chosen]])), shape=(row.max() + 1, cells.size)),
        "b_eq": np.zeros(row.max() + 1),
        "bounds": np.column_stack([lower[cells], np.where(upper[cells] >= UNBOUNDED, np.inf, upper[cells])]),
    }
    true, open_cells = true_value[cells], np.flatnonzero(sensitive[cells])
    away = np.zeros(cells.size)
    draws = np.random.default_rng(0)
    for _ in range(_DIRECTIONS):
        goal = np.zeros(cells.size)
        # Cells of no upper end are left alone, so that no program runs away.
        goal[open_cells] = draws.choice([-1.0, 1.0], open_cells.size) * (upper[cells][open_cells] < UNBOUNDED)
        found = linprog(goal, **known)
        if found.status == 0:
            away = np.maximum(away, np.abs(found.x - true))
    return any(_is_fixed(cell, cells.size, known) for cell in open_cells[away[open_cells] < 1])


def _is_fixed(cell: int, size: int, known: dict[str, Any]) -> bool:
    goal = np.zeros(size)
    goal[cell] = 1.0
    least, most = linprog(goal, **known), linprog(-goal, **known)
    if least.status or most.status:
        return False
    return bool(np.floor(-most.fun + 1e-6) <= np.ceil(least.fun - 1e-6))


def _near(sums: Sums, start: IntArray, size: int) -> tuple[IntArray, BoolArray]:
    """The cells within some steps of `start`, and the terms of the sums that hold no other."""
    reached = np.zeros(size, dtype=np.bool_)
    reached[start] = True
    for _ in range(_STEPS):
        touched = np.zeros(sums.count, dtype=np.bool_)
        touched[sums.sum_index[reached[sums.cell]]] = True
        reached[sums.cell[touched[sums.sum_index]]] = True
    whole = np.ones(sums.count, dtype=np.bool_)
    whole[sums.sum_index[~reached[sums.cell]]] = False
    return np.flatnonzero(reached), whole[sums.sum_index]
