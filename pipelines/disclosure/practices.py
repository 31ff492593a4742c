"""Single practices beside the PCNs: which are hidden, so that they tell nothing of a PCN that its own row does not.

A count of a practice up to the limit is hidden, 0 too: "none" at one practice would narrow what its neighbours can be.
Further practices of a PCN are hidden, the smallest first, until

* the practices that are shown leave the PCN every value that its own row leaves it, and
* nobody who knew the PCN to a person could work out a small count of a practice, or of what is in no practice.

So the practices can be added to any protected table of PCNs without protecting that anew: whatever values it leaves to
the PCNs, there are counts of the practices that fit. Where a PCN is hidden, all its practices are. Where hiding
practices is not enough (all are hidden for being small, and the limit tells their sum) the PCN is hidden.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from pipelines.disclosure.policy import BoolArray, Policy, possible_values, rounded
from pipelines.statistics.differencing import UNBOUNDED
from pipelines.statistics.intervals import FloatArray

IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Practices:
    """Over all rows given: practices that are hidden whatever happens above, and PCNs that must be hidden for them."""

    hidden: BoolArray
    pcns: BoolArray
    pcn_of: IntArray
    """The row of the PCN of each practice, −1 of other rows and where there is none."""


def protect_practices(rows: pl.DataFrame, true: FloatArray, is_practice: BoolArray, policy: Policy) -> Practices:
    """`rows`: org_level, org_code, pcn_code, month and measure of trend rows; `is_practice`: those to be judged here.

    Practices without a row of their PCN are hidden: whatever is above them would be narrowed.
    """
    pcn_of = _rows_of_pcns(rows, is_practice)
    placed = (pcn_of >= 0) & ~np.isnan(true[pcn_of])
    nothing = np.zeros(true.size, dtype=np.bool_)
    hidden = is_practice & ~placed & ~np.isnan(true)
    members = np.flatnonzero(placed & ~np.isnan(true))
    if not members.size:
        return Practices(hidden, nothing, pcn_of)
    groups = _Groups.of(members, pcn_of[members], true)
    secret, unsafe = groups.protected(policy)
    hidden[members] |= secret
    pcns = nothing.copy()
    pcns[groups.pcns[unsafe]] = True
    return Practices(hidden, pcns, pcn_of)


def hidden_with_their_pcns(practices: Practices, hidden: BoolArray) -> BoolArray:
    """`hidden` of all rows, and the practices whose PCN is hidden."""
    below = (practices.pcn_of >= 0) & hidden[practices.pcn_of]
    return hidden | practices.hidden | below


def _rows_of_pcns(rows: pl.DataFrame, is_practice: BoolArray) -> IntArray:
    keys = ["pcn_code", "month", "measure", *(name for name in ("aim", "definition") if name in rows.columns)]
    if "pcn_code" not in rows.columns:
        return np.full(rows.height, -1, dtype=np.int64)
    numbered = rows.with_row_index("row")
    pcns = numbered.filter(pl.col("org_level") == "pcn").select(
        pl.col("row").cast(pl.Int64).alias("pcn_row"), pl.col("org_code").alias("pcn_code"), *keys[1:]
    )
    practices = numbered.filter(pl.Series(is_practice)).with_columns(pl.col("pcn_code").cast(pl.String))
    found = practices.join(pcns.unique(keys), on=keys, how="inner", nulls_equal=True)
    found = found.filter(pl.col("pcn_code").is_not_null())
    pcn_of = np.full(rows.height, -1, dtype=np.int64)
    pcn_of[found["row"].to_numpy()] = found["pcn_row"].to_numpy()
    return pcn_of


@dataclass
class _Groups:
    """Practices by the row of their PCN; arrays over practices, or over PCNs."""

    true: FloatArray
    group: IntArray
    pcns: IntArray
    total: FloatArray
    rest: FloatArray
    """What of each PCN is in no practice that leaves."""

    @classmethod
    def of(cls, members: IntArray, pcn_rows: IntArray, true: FloatArray) -> "_Groups":
        pcns, group = np.unique(pcn_rows, return_inverse=True)
        counts, total = true[members], true[pcns]
        return cls(counts, group, pcns, total, total - np.bincount(group, counts, pcns.size))

    def protected(self, policy: Policy) -> tuple[BoolArray, BoolArray]:
        """Which practices are hidden, and of which PCNs hiding them is not enough."""
        # Where the PCN says 0 so do its practices.
        is_small = (self.true <= policy.suppress_to) & (policy.suppress_to > 0) & (self.total > 0)[self.group]
        shown = np.where(is_small, np.nan, rounded(self.true, policy))
        never = np.zeros(self.true.size, dtype=np.bool_)
        low, high = possible_values(shown, never, policy)
        low, high = np.where(is_small, 0.0, low), np.where(is_small, float(policy.suppress_to), high)
        hidden = is_small.copy()
        while True:
            wrong = self._told_too_much(low, high, policy)
            free = ~hidden & wrong[self.group]
            if not free.any():
                return hidden, wrong
            order = np.lexsort((self.true, self.group))
            order = order[free[order]]
            _, first = np.unique(self.group[order], return_index=True)
            chosen = order[first]
            hidden[chosen], low[chosen], high[chosen] = True, 0.0, UNBOUNDED

    def _told_too_much(self, low: FloatArray, high: FloatArray, policy: Policy) -> BoolArray:
        """PCNs of which the practices tell more than their own row, or of which a small part could be worked out."""
        size = self.pcns.size
        # Patients in none of the practices are a part that nobody sees, of any size.
        beyond = np.where(self.rest > 0, UNBOUNDED, 0.0)
        least, most = np.bincount(self.group, low, size), np.bincount(self.group, high, size) + beyond
        zero = self.total == 0
        few = (self.total >= 1) & (self.total <= policy.suppress_to)
        figure = np.where(few, np.nan, rounded(self.total, policy))
        own_low, own_high = possible_values(figure, np.zeros(size, dtype=np.bool_), policy)
        is_shown = ~np.isnan(figure) & ~zero
        narrows = is_shown & ((least > own_low) | (most < own_high))
        part_low = np.maximum(low, (self.total - most)[self.group] + high)
        part_high = np.minimum(high, (self.total - least)[self.group] + low)
        small = (self.true >= 1) & (self.true <= policy.small_to)
        recovered = small & (part_high - part_low < 1) & is_shown[self.group]
        rest_low = np.maximum(0.0, self.total - (most - beyond))
        small_rest = (self.rest >= 1) & (self.rest <= policy.small_to) & is_shown
        rest_recovered = small_rest & (self.total - least - rest_low < 1)
        wrong: BoolArray = narrows | (np.bincount(self.group, recovered, size) > 0) | rest_recovered
        return wrong
