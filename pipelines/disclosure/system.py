"""Further counts beside the protected trends, in one system of sums with them: which of these may not be shown.

What the trends show stays as it is; a count of the system is hidden where it is small, or where from it and all else
that leaves a small count, or a small difference, could be worked out.
"""

from dataclasses import dataclass, field
from datetime import date

import numpy as np

from pipelines.disclosure.exact import gives_away
from pipelines.disclosure.policy import BoolArray, Policy, protect_counts
from pipelines.disclosure.trends import Outside
from pipelines.statistics.differencing import UNBOUNDED, Sums, cells_to_hide
from pipelines.statistics.intervals import FloatArray

TrendKey = tuple[str, str, date, str]
"""Level, organisation, month and measure of a row of the trends."""


@dataclass
class Known:
    """What an outsider knows of every cell once the further counts are protected."""

    true: FloatArray
    low: FloatArray
    high: FloatArray
    sums: Sums
    sensitive: BoolArray


@dataclass
class System:
    """Cells beyond those of the trends, and the sums they stand in."""

    outside: Outside
    true: list[float] = field(default_factory=list)
    is_part: list[bool] = field(default_factory=list)
    terms: list[tuple[int, int, int]] = field(default_factory=list)
    sums: int = 0

    def __post_init__(self) -> None:
        self.sums = self.outside.sums.count
        self.first = self.outside.low.size + self.outside.differences.size
        keys = self.outside.rows.select("org_level", "org_code", "month", "measure", "cell", "numerator")
        self._trend = {row[:4]: (int(row[4]), float(row[5])) for row in keys.iter_rows() if row[5] is not None}
        self._values = [*self._of_rows(), *self.outside.differences.tolist()]

    def _of_rows(self) -> list[float]:
        counts: list[float] = self.outside.rows["numerator"].fill_null(0).cast(float).to_list()
        return counts

    def trend(self, key: TrendKey) -> int | None:
        """The cell of a row of the trends; None where the rows that leave have no such count."""
        found = self._trend.get(key)
        return None if found is None else found[0]

    def add_cell(self, count: float) -> int:
        """A count that leaves unless it has to be hidden."""
        return self._add(count, is_part=True)

    def add_sum(self, whole: list[int], parts: list[int]) -> None:
        """whole − parts = rest; a rest that is not 0 becomes a cell that nobody sees; below 0 nobody knows the sum."""
        rest = sum(map(self._value, whole)) - sum(map(self._value, parts))
        if rest < 0:
            return
        self.terms += [(self.sums, cell, 1) for cell in whole] + [(self.sums, cell, -1) for cell in parts]
        if rest:
            self.terms.append((self.sums, self._add(rest, is_part=False), -1))
        self.sums += 1

    def add_difference(self, one: int, other: int) -> None:
        """Two counts of which one holds the other, or might be thought to."""
        larger, smaller = (one, other) if self._value(one) >= self._value(other) else (other, one)
        self.add_sum([larger], [smaller])

    def shown(self, policy: Policy) -> FloatArray:
        """What is shown of each cell added here, NaN where it is hidden; of rests too, which nobody sees."""
        known, added = self.outside, np.array(self.true, dtype=np.float64)
        part = np.array(self.is_part, dtype=np.bool_)
        protected = protect_counts(added, policy)
        low, high = possible_counts(protected.value, protected.suppressed, policy)
        rests = known.differences.size
        nothing = np.zeros(rests)
        terms = np.array(self.terms, dtype=np.int64).reshape(-1, 3)
        small, small_rest = (
            (values >= 1) & (values <= policy.small_to) for values in (added, np.array(known.differences))
        )
        self.known = Known(
            true=np.array([*self._values[: self.first], *added.tolist()]),
            low=np.concatenate([known.low, nothing, np.where(part, low, 0.0)]),
            high=np.concatenate([known.high, nothing + UNBOUNDED, np.where(part, high, UNBOUNDED)]),
            sums=Sums(
                np.append(known.sums.sum_index, terms[:, 0]),
                np.append(known.sums.cell, terms[:, 1]),
                np.append(known.sums.sign, terms[:, 2]),
            ),
            sensitive=np.concatenate([known.sensitive, small_rest, small]),
        )
        hidden = cells_to_hide(
            true_value=self.known.true,
            lower=self.known.low,
            upper=self.known.high,
            sums=self.known.sums,
            sensitive=self.known.sensitive,
            hideable=np.concatenate([np.zeros(self.first, dtype=np.bool_), part & ~protected.suppressed]),
            room=np.ones(self.first + added.size),
        )
        self.known.low[hidden] = np.minimum(self.known.true[hidden], 1.0)
        self.known.high[hidden] = UNBOUNDED
        return np.where(hidden[self.first :] | protected.suppressed, np.nan, protected.value)

    def gives_away(self, cells: list[int]) -> bool:
        """Whether these cells, as they are shown, let a small count near them be worked out after all."""
        known = self.known
        return gives_away(
            known.true, known.low, known.high, known.sums, known.sensitive, np.array(cells, dtype=np.int64)
        )

    def _add(self, count: float, *, is_part: bool) -> int:
        self.true.append(count)
        self.is_part.append(is_part)
        return self.first + len(self.true) - 1

    def _value(self, cell: int) -> float:
        return self._values[cell] if cell < self.first else self.true[cell - self.first]


def possible_counts(shown: FloatArray, suppressed: BoolArray, policy: Policy) -> tuple[FloatArray, FloatArray]:
    """The least and greatest count of people behind each shown one; 1 to the limit behind a suppressed one."""
    base = policy.rounding_base
    below, above = (base / 2 - 1, base / 2) if policy.rounding == "midpoint" else (base // 2, (base - 1) // 2)
    figure = np.nan_to_num(shown)
    low = np.where(figure == 0, 0.0, np.maximum(figure - below, policy.suppress_to + 1.0))
    high = np.where(figure == 0, 0.0, figure + above)
    return np.where(suppressed, 1.0, low), np.where(suppressed, float(policy.suppress_to), high)
