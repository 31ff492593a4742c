"""What an outsider can work out from a table whose parts add up, and which further cells must be hidden.

A table is a list of cells and of sums: each sum says that some cells, each with a sign, add up to 0
(parent − children = 0). An outsider knows for each cell the least and the greatest value that agrees with
what is shown. Bounds are narrowed along the sums until nothing changes; a hidden count left with too few
possible values is recovered, and a further cell of that sum has to be hidden too.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from pipelines.statistics.intervals import FloatArray

IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]

UNBOUNDED = 1e12
"""Stands for no upper bound: above any count or cost, and exact in 64-bit floats."""
MAX_PASSES = 40

LEVELS = (
    ("pcn", "sub_icb", "sub_icb_code"),
    ("pcn", "icb", "icb_code"),
    ("sub_icb", "icb", "icb_code"),
    ("icb", "region", "region_code"),
    ("icb", "all", None),
    ("region", "all", None),
)
"""Which level adds up to which, and the column that names the parent. Practices: `pipelines.disclosure.practices`."""
WITHOUT_SUFFIX = "_adult_no_palliative"
_FLOW, _NESTED = 100, 200


@dataclass(frozen=True)
class Sums:
    """Sums that are 0, as terms: in sum `sum_index`, cell `cell` with `sign` +1 or −1."""

    sum_index: IntArray
    cell: IntArray
    sign: IntArray

    @property
    def count(self) -> int:
        return int(self.sum_index.max()) + 1 if self.sum_index.size else 0


def narrow_bounds(lower: FloatArray, upper: FloatArray, sums: Sums) -> tuple[FloatArray, FloatArray]:
    """The bounds of every cell after all sums are used, again and again.

    Exact where the sums form a tree; where they form circles never narrower than the truth.
    """
    low, high = lower.copy(), upper.copy()
    index, cell, rises = sums.sum_index, sums.cell, sums.sign > 0
    for _ in range(MAX_PASSES):
        least = np.where(rises, low[cell], -high[cell])
        most = np.where(rises, high[cell], -low[cell])
        rest_least = np.bincount(index, least, sums.count)[index] - least
        rest_most = np.bincount(index, most, sums.count)[index] - most
        before_low, before_high = low.copy(), high.copy()
        np.maximum.at(low, cell, np.where(rises, -rest_most, rest_least))
        np.minimum.at(high, cell, np.where(rises, -rest_least, rest_most))
        changed = (low != before_low) | (high != before_high)
        if not changed.any():
            break
        # Only sums of which a cell has changed can tell more.
        tells = np.zeros(sums.count, dtype=np.bool_)
        tells[sums.sum_index[changed[sums.cell]]] = True
        again = tells[sums.sum_index]
        index, cell, rises = sums.sum_index[again], sums.cell[again], sums.sign[again] > 0
    return low, high


def cells_to_hide(
    true_value: FloatArray,
    lower: FloatArray,
    upper: FloatArray,
    sums: Sums,
    sensitive: BoolArray,
    hideable: BoolArray,
    room: FloatArray,
) -> BoolArray:
    """Cells to hide so that for every sensitive cell the bounds stay at least `room` apart.

    In a sum that gives a cell away the smallest other cell is hidden, zeros last; where none of its sums holds a cell
    that may be hidden, one of the sums that narrowed these. `hideable`: cells that are shown and may be hidden; nothing
    tells an outsider which cells were hidden for which reason. Ends when nothing is recovered or nothing is left to
    hide.
    """
    low, high = lower.copy(), upper.copy()
    hidden = np.zeros(true_value.size, dtype=np.bool_)
    while True:
        narrow_low, narrow_high = narrow_bounds(low, high, sums)
        recovered = sensitive & (narrow_high - narrow_low < room)
        reached, free = recovered, hideable & ~hidden
        chosen = _smallest_part_of_each(true_value, sums, reached, free)
        while not chosen.size:
            wider = _with_narrowed_neighbours(sums, reached, (narrow_low > low) | (narrow_high < high))
            if np.array_equal(wider, reached):
                return hidden
            reached = wider
            chosen = _smallest_part_of_each(true_value, sums, reached, free)
        hidden[chosen] = True
        low[chosen] = np.minimum(1.0, true_value[chosen])
        high[chosen] = UNBOUNDED


def _with_narrowed_neighbours(sums: Sums, reached: BoolArray, narrowed: BoolArray) -> BoolArray:
    """The cells reached and those beside them in a sum of which a sum tells more than is shown of them."""
    beside = np.isin(sums.sum_index, sums.sum_index[reached[sums.cell]])
    wider = reached.copy()
    wider[sums.cell[beside]] |= narrowed[sums.cell[beside]]
    return wider


def _smallest_part_of_each(true_value: FloatArray, sums: Sums, recovered: BoolArray, free: BoolArray) -> IntArray:
    """For each recovered cell one free cell of its sums: parts first, the smallest first, zeros last."""
    involved = np.isin(sums.sum_index, sums.sum_index[recovered[sums.cell]])
    candidate = np.flatnonzero(involved & free[sums.cell])
    if not candidate.size:
        return np.empty(0, dtype=np.int64)
    cell = sums.cell[candidate]
    order = np.lexsort((cell, sums.sign[candidate] > 0, true_value[cell], true_value[cell] == 0))
    first = {int(s): int(c) for s, c in reversed([*zip(sums.sum_index[candidate][order], cell[order], strict=True)])}
    rank = {int(c): position for position, c in reversed([*enumerate(cell[order])])}
    best: dict[int, int] = {}
    for term in np.flatnonzero(recovered[sums.cell]):
        choice = first.get(int(sums.sum_index[term]))
        own = int(sums.cell[term])
        if choice is not None and (own not in best or rank[choice] < rank[best[own]]):
            best[own] = choice
    return np.unique(np.array(list(best.values()), dtype=np.int64))


def published_sums(
    trends: pl.DataFrame, nested: tuple[tuple[str, str], ...], first_free_cell: int
) -> tuple[Sums, FloatArray]:
    """Every sum an outsider knows of in trend rows with a column `cell`, and what is missing to them.

    Organisations add up to the next level; patients last month + joined − left = patients this month; of
    two nested measures (inside, outside; each measure without and with its exclusions) the difference is a
    count. What is missing to a sum (patients in no PCN, those between two measures) becomes a cell that is
    never shown, numbered from `first_free_cell`; the second array holds the true values of these.
    """
    keys = ["month", "measure", *(name for name in ("aim", "definition") if name in trends.columns)]
    rows = trends.with_columns(pl.col("numerator").cast(pl.Float64), pl.col("cell").cast(pl.Int64))
    terms = pl.concat([*_level_terms(rows, keys), *_nested_terms(rows, nested), _flow_terms(rows)])
    one_sum = ["kind", "anchor"]
    rest = terms.group_by(one_sum).agg((pl.col("sign") * pl.col("numerator")).sum().alias("rest"))
    closed = (pl.col("rest").abs() < 1e-6) & (pl.col("kind") < _NESTED)
    possible = closed | ((pl.col("rest") > -1e-6) & (pl.col("kind") != _FLOW))
    sums = rest.filter(possible).sort(one_sum).with_columns(closed.alias("closed")).with_row_index("sum_index")
    kept = terms.join(sums, on=one_sum).sort("sum_index", "cell")
    missing = sums.filter(~pl.col("closed"))
    return Sums(
        np.append(kept["sum_index"].to_numpy(), missing["sum_index"].to_numpy()).astype(np.int64),
        np.append(kept["cell"].to_numpy(), first_free_cell + np.arange(missing.height)).astype(np.int64),
        np.append(kept["sign"].to_numpy(), np.full(missing.height, -1)).astype(np.int64),
    ), missing["rest"].to_numpy()


def net_changes_from_their_parts(
    trends: pl.DataFrame, value: FloatArray, hidden: BoolArray
) -> tuple[FloatArray, BoolArray]:
    """`_net_change` as shown joined − shown left, where both have rows, hidden with either of them.

    So it tells no more than its parts do. `value`, `hidden`: what is shown of each row of `trends`.
    """
    keys = ["measure", *_place(trends)]
    rows = trends.select("cell", *keys).with_columns(pl.Series("value", value), pl.Series("hidden", hidden))
    net = rows
    for suffix in ("_joined", "_left"):
        part = rows.filter(pl.col("measure").str.ends_with(suffix)).select(
            pl.col("measure").str.strip_suffix(suffix) + "_net_change",
            *keys[1:],
            pl.col("value").alias(f"value{suffix}"),
            pl.col("hidden").alias(f"hidden{suffix}"),
        )
        net = net.join(part.unique(keys), on=keys, nulls_equal=True)
    cell, unknown = net["cell"].to_numpy(), np.isnan(net["value"].to_numpy()) & ~net["hidden"].to_numpy()
    new_value, new_hidden = value.copy(), hidden.copy()
    new_hidden[cell] = (net["hidden_joined"] | net["hidden_left"]).to_numpy() & ~unknown
    difference = (net["value_joined"] - net["value_left"]).to_numpy()
    new_value[cell] = np.where(new_hidden[cell] | unknown, np.nan, difference)
    return new_value, new_hidden


def _terms(rows: pl.DataFrame, kind: int, anchor: str, signs: dict[str, int]) -> pl.DataFrame:
    """Terms of sums, long: one a row for each column of cells in `signs`; `<column>_value` is its count."""
    return pl.concat(
        rows.select(
            pl.lit(kind, dtype=pl.Int64).alias("kind"),
            pl.col(anchor).alias("anchor"),
            pl.col(column).alias("cell"),
            pl.lit(sign, dtype=pl.Int64).alias("sign"),
            pl.col(f"{column}_value").alias("numerator"),
        )
        for column, sign in signs.items()
    ).unique(["anchor", "cell"])


def _cells(rows: pl.DataFrame, name: str, keys: list[str]) -> pl.DataFrame:
    return rows.select(*keys, pl.col("cell").alias(name), pl.col("numerator").alias(f"{name}_value"))


def _level_terms(rows: pl.DataFrame, keys: list[str]) -> list[pl.DataFrame]:
    """Parent − children, for each pair of levels in the rows; what is in no PCN is missing to what is above it."""
    found = []
    for kind, (level, above, parent_column) in enumerate(LEVELS):
        if parent_column is not None and parent_column not in rows.columns:
            continue
        children = rows.filter(pl.col("org_level") == level)
        parents = _cells(
            rows.filter(pl.col("org_level") == above).with_columns(parent=pl.col("org_code").cast(pl.String)),
            "parent_cell",
            [*keys, "parent"],
        )
        on = [*keys]
        if parent_column is not None:
            children, on = (
                children.with_columns(parent=pl.col(parent_column).cast(pl.String)),
                [*keys, "parent"],
            )
        children = _cells(children, "child_cell", on)
        pairs = children.join(parents, on=on, nulls_equal=True)
        found.append(_terms(pairs, kind, "parent_cell", {"parent_cell": 1, "child_cell": -1}))
    return found


def _nested_terms(rows: pl.DataFrame, nested: tuple[tuple[str, str], ...]) -> list[pl.DataFrame]:
    """Outside − inside, for each pair of measures of one organisation and month."""
    place = _place(rows)
    suffixed = [(inside + WITHOUT_SUFFIX, outside + WITHOUT_SUFFIX) for inside, outside in nested]
    without = [(name + WITHOUT_SUFFIX, name) for name in rows["measure"].unique().sort()]
    found = []
    for kind, (inside, outside) in enumerate([*nested, *suffixed, *without]):
        larger = _cells(rows.filter(pl.col("measure") == outside), "outside", place).unique(place)
        smaller = _cells(rows.filter(pl.col("measure") == inside), "inside", place).unique(place)
        pairs = larger.join(smaller, on=place, nulls_equal=True)
        found.append(_terms(pairs, _NESTED + kind, "outside", {"outside": 1, "inside": -1}))
    return found


def _flow_terms(rows: pl.DataFrame) -> pl.DataFrame:
    """This month − last month − joined + left, for each cohort whose flows are there."""
    place = [*_place(rows), "measure"]
    joined, left = (
        _cells(
            rows.filter(pl.col("measure").str.ends_with(suffix)).with_columns(
                pl.col("measure").str.strip_suffix(suffix)
            ),
            suffix,
            place,
        ).unique(place)
        for suffix in ("_joined", "_left")
    )
    now = _cells(rows, "now", place).unique(place)
    then = _cells(rows.with_columns(pl.col("month").dt.offset_by("1mo")), "then", place).unique(place)
    steps = now
    for other in (then, joined, left):
        steps = steps.join(other, on=place, nulls_equal=True)
    return _terms(steps, _FLOW, "now", {"now": 1, "then": -1, "_joined": -1, "_left": 1})


def _place(rows: pl.DataFrame) -> list[str]:
    return [name for name in ("org_level", "org_code", "month", "aim") if name in rows.columns]
