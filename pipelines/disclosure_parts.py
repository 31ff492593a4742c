"""What leaves of the marts beside the trends: parts of a change, and whom it reaches; the rest is refused by name.

Parts (stayed, lower, joined, quintiles, ages, sexes) add up to counts that the trends show. So they are protected in
one system of sums together with all trend rows that leave: where a hidden count, of either, could be worked out, a part
is hidden. What the trends show stays as it is. Changes, shares and gaps come from the protected counts.
"""

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import numpy as np
import polars as pl

from pipelines.disclosure import (
    PUBLIC_PREFIX,
    BoolArray,
    Outside,
    Policy,
    known_outside,
    protect_counts,
    protect_deciles,
)
from pipelines.errors import UsageError
from pipelines.statistics import aim
from pipelines.statistics.differencing import UNBOUNDED, WITHOUT_SUFFIX, Sums, cells_to_hide
from pipelines.statistics.equity import LEAST_DEPRIVED, MOST_DEPRIVED, gap_in_change, gap_in_words

AT_BASELINE = (
    "stayed",
    "lower_still_on_opioid",
    "no_opioid_still_seen",
    "moved_away",
    "not_seen",
    "excluded_or_redefined",
)
COMPONENTS = (*AT_BASELINE, "joined")
LEVEL = "icb"
"""One level alone: with parts of PCNs as well sums stand in circles, along which counts were recovered in trials."""
_LEAST_MONTHS = 2
"""In the month after the baseline the parts are the flows of the trends under another name."""

REFUSED = {
    "trends_as_was": "beside trends, its differences are the people of whichever practice changed its organisation",
    "forecast": "it is fitted to unprotected counts, and its dates and intervals tell more than the protected ones",
    "sensitivity": "neighbouring definitions differ by a few people, and each difference is a count",
    "dose_definitions": "one row per person",
    "organisation_orphans": "items of single cost centres",
}
"""Marts that do not leave, each with the reason."""


@dataclass(frozen=True)
class Parts:
    """Protected rows; a count is NULL where it is hidden, and `suppressed` names the hidden ones."""

    components: pl.DataFrame
    equity: pl.DataFrame


@dataclass
class _System:
    """Cells beyond those of the trends, and the sums they stand in."""

    outside: Outside
    true: list[float] = field(default_factory=list)
    is_part: list[bool] = field(default_factory=list)
    terms: list[tuple[int, int, int]] = field(default_factory=list)
    sums: int = 0

    def __post_init__(self) -> None:
        self.sums = self.outside.sums.count
        self.first = self.outside.low.size + self.outside.differences.size
        keys = self.outside.rows.select("org_level", "org_code", "month", "measure", "numerator", "cell")
        self.trend = {row[:4]: (int(row[5]), row[4]) for row in keys.iter_rows() if row[4] is not None}

    def add_cell(self, count: float, *, is_part: bool) -> int:
        self.true.append(count)
        self.is_part.append(is_part)
        return self.first + len(self.true) - 1

    def add_sum(self, whole: int, parts: list[int], rest: float) -> None:
        """whole − parts = rest; a rest that is not 0 becomes a cell that nobody sees; below 0 nobody knows the sum."""
        if rest < 0:
            return
        self.terms += [(self.sums, whole, 1), *((self.sums, part, -1) for part in parts)]
        if rest:
            self.terms.append((self.sums, self.add_cell(rest, is_part=False), -1))
        self.sums += 1

    def hidden(self, policy: Policy) -> BoolArray:
        """Which of the cells added here do not leave."""
        known, added = self.outside, np.array(self.true, dtype=np.float64)
        part = np.array(self.is_part, dtype=np.bool_)
        protected = protect_counts(added, policy)
        small = (added >= 1) & (added <= policy.small_to)
        base = policy.rounding_base
        below, above = (base / 2 - 1, base / 2) if policy.rounding == "midpoint" else (base // 2, (base - 1) // 2)
        shown = np.nan_to_num(protected.value)
        low = np.where(shown == 0, 0.0, np.maximum(shown - below, policy.suppress_to + 1.0))
        low = np.where(protected.suppressed, 1.0, low)
        high = np.where(shown == 0, 0.0, shown + above)
        high = np.where(protected.suppressed, float(policy.suppress_to), high)
        never = np.zeros(known.differences.size)
        size = known.low.size
        terms = np.array(self.terms, dtype=np.int64).reshape(-1, 3)
        hidden = cells_to_hide(
            true_value=np.concatenate(
                [
                    np.nan_to_num(known.rows["numerator"].cast(pl.Float64).fill_null(0).to_numpy()),
                    known.differences,
                    added,
                ]
            ),
            lower=np.concatenate([known.low, never, np.where(part, low, 0.0)]),
            upper=np.concatenate([known.high, never + UNBOUNDED, np.where(part, high, UNBOUNDED)]),
            sums=Sums(
                np.append(known.sums.sum_index, terms[:, 0]),
                np.append(known.sums.cell, terms[:, 1]),
                np.append(known.sums.sign, terms[:, 2]),
            ),
            sensitive=np.concatenate(
                [known.sensitive, (known.differences >= 1) & (known.differences <= policy.small_to), small]
            ),
            hideable=np.concatenate([np.zeros(size, dtype=np.bool_), never > 0, part & ~protected.suppressed]),
            room=np.ones(size + never.size + added.size),
        )
        return hidden[size + never.size :] | (protected.suppressed & part)


def refuse(mart: str) -> None:
    """Raise UsageError for a mart that may not leave; marts without a rule may not."""
    why = REFUSED.get(mart, "it has no rule of disclosure control")
    raise UsageError(
        f"marts.{mart} does not leave the secure side.", f"Because {why}.", "Use marts.trends in its stead."
    )


def protect_decile_lines(lines: pl.DataFrame, policy: Policy) -> pl.DataFrame:
    """`decile_lines` as they may leave: open data as it is; patients' from 20 practices on, to one decimal."""
    public = pl.col("measure").str.starts_with(PUBLIC_PREFIX)
    names = [name for name in lines.columns if name.startswith("decile_")]
    values = protect_deciles(lines.select(names).to_numpy(), lines["practices_compared"].to_numpy(), policy)
    return lines.with_columns(
        pl.when(public).then(pl.col(name)).otherwise(pl.Series(name, values[:, number]).fill_nan(None)).alias(name)
        for number, name in enumerate(names)
    )


def leaving_comparison(rows: pl.DataFrame) -> pl.DataFrame:
    """`practice_comparison` as it may leave: open data alone, since a row is a single practice."""
    return rows.filter(pl.col("measure").str.starts_with(PUBLIC_PREFIX))


def protect_parts(
    trends: pl.DataFrame,
    components: pl.DataFrame,
    equity: pl.DataFrame,
    policy: Policy,
    person_measures: Collection[str] | None = None,
) -> Parts:
    """Rows of `change_components` and `equity` that leave beside `trends`, the rows of `outside_grain`.

    ICBs alone, in the newest month that is not provisional, from two months after the baseline; no twin. Under a
    policy that does not round nothing leaves: exact parts tie all counts together. Raises UsageError then.
    """
    if policy.rounding == "none" and not policy.hides_nothing:
        raise UsageError(
            f"Parts of a change do not leave under the policy {policy.name}.",
            "It does not round, and exact parts give hidden counts away.",
            "Choose a policy that rounds.",
        )
    components, equity = (_leaving(frame) for frame in (components, equity))
    if policy.hides_nothing:
        nothing = pl.lit("").alias("suppressed")
        return Parts(components.with_columns(nothing), equity.with_columns(nothing))
    outside = known_outside(trends, policy, person_measures)
    system = _System(outside)
    cells = [_component_cells(system, components), _equity_cells(system, equity)]
    hidden = system.hidden(policy)
    shown = np.where(hidden, np.nan, protect_counts(system.true, policy).value)
    parts, groups = (
        _with_protected(frame, {name: [shown[cell - system.first] for cell in own] for name, own in named.items()})
        for frame, named in zip((components, equity), cells, strict=True)
    )
    whole = {"people": "month", "baseline_people": "baseline_month"}
    return Parts(
        parts.with_columns(
            pl.Series(name, _of_trends(outside, parts, day), dtype=pl.Float64) for name, day in whole.items()
        ),
        _judged_again(groups, _of_trends(outside, groups, "month"), policy),
    )


def _leaving(rows: pl.DataFrame) -> pl.DataFrame:
    """The rows of which something may leave."""
    settled = rows.filter(
        ~pl.col("provisional"),
        pl.col("org_level") == LEVEL,
        ~pl.col("measure").str.ends_with(WITHOUT_SUFFIX),
    )
    newest = settled.filter(pl.col("month") == pl.col("month").max().over("measure"))
    return newest.filter(pl.col("month") >= pl.col("baseline_month").dt.offset_by(f"{_LEAST_MONTHS}mo"))


def _component_cells(system: _System, rows: pl.DataFrame) -> dict[str, list[int]]:
    cells: dict[str, list[int]] = {name: [] for name in COMPONENTS}
    for row in rows.iter_rows(named=True):
        own = {name: system.add_cell(float(row[name]), is_part=True) for name in COMPONENTS}
        for name, cell in own.items():
            cells[name].append(cell)
        key = (row["org_level"], row["org_code"])
        for month, names in ((row["baseline_month"], AT_BASELINE), (row["month"], ("stayed", "joined"))):
            whole = system.trend.get((*key, month, row["measure"]))
            if whole:
                system.add_sum(whole[0], [own[name] for name in names], whole[1] - sum(row[name] for name in names))
    return cells


def _equity_cells(system: _System, rows: pl.DataFrame) -> dict[str, list[int]]:
    cells: dict[str, list[int]] = {"people": [], "baseline_people": []}
    margins: dict[tuple[Any, ...], list[tuple[int, float]]] = {}
    for row in rows.iter_rows(named=True):
        for name, month in (("people", row["month"]), ("baseline_people", row["baseline_month"])):
            cell = system.add_cell(float(row[name]), is_part=True)
            cells[name].append(cell)
            whole = (row["org_level"], row["org_code"], month, row["measure"], row["dimension"])
            margins.setdefault(whole, []).append((cell, float(row[name])))
    for whole, parts in margins.items():
        known = system.trend.get(whole[:4])
        if known:
            system.add_sum(known[0], [cell for cell, _ in parts], known[1] - sum(count for _, count in parts))
    return cells


def _with_protected(rows: pl.DataFrame, shown: dict[str, list[float]]) -> pl.DataFrame:
    names = list(shown)
    hidden = ["|".join(name for name in names if np.isnan(shown[name][number])) for number in range(rows.height)]
    return rows.with_columns(
        *(pl.Series(name, values, dtype=pl.Float64).fill_nan(None) for name, values in shown.items()),
        pl.Series("suppressed", hidden, dtype=pl.String),
    )


def _of_trends(outside: Outside, rows: pl.DataFrame, day: str) -> list[float | None]:
    """The protected count of the trends to which each row belongs."""
    keys = outside.rows.select("org_level", "org_code", "month", "measure").iter_rows()
    value: dict[tuple[str, str, date, str], float] = dict(zip(keys, outside.protected.value.tolist(), strict=True))
    found = [value.get(key) for key in rows.select("org_level", "org_code", day, "measure").iter_rows()]
    return [None if count is None or np.isnan(count) else count for count in found]


def _judged_again(rows: pl.DataFrame, whole: list[float | None], policy: Policy) -> pl.DataFrame:
    """Shares, changes and gaps of equity from protected counts; the two months as independent."""
    now, then = (rows[name].fill_null(float("nan")).to_numpy() for name in ("people", "baseline_people"))
    tellable = (now >= policy.change_from_count) & (then >= policy.change_from_count)
    one = np.ones(now.size)
    change = aim.change_since_baseline(np.where(tellable, now, np.nan), one, np.where(tellable, then, np.nan), one)
    total = pl.Series("total", whole, dtype=pl.Float64)
    judged = rows.drop("people_in_both", "gap_ratio", "gap_low", "gap_high", "gap", strict=False).with_columns(
        pl.when(total > 0).then((100 * pl.col("people") / total).clip(0, 100)).alias("share_pct"),
        *(
            pl.Series(name, np.where(tellable, values, np.nan), dtype=pl.Float64).fill_nan(None)
            for name, values in (
                ("change_count_pct", change.change_pct),
                ("change_low", change.change_low),
                ("change_high", change.change_high),
            )
        ),
        pl.Series(
            "change_method",
            [method if told else None for method, told in zip(change.method, tellable, strict=True)],
            dtype=pl.String,
        ),
    )
    return judged.with_columns(pl.Series("gap", _gaps(judged), dtype=pl.String))


def _gaps(rows: pl.DataFrame) -> list[str | None]:
    """RR1/RR5 in words, on the row of the most deprived."""
    place = ("org_level", "org_code", "month", "measure")
    changes: dict[tuple[Any, ...], tuple[float, float, float]] = {}
    for row in rows.iter_rows(named=True):
        low, middle, high = (
            float("nan") if row[name] is None else row[name]
            for name in ("change_low", "change_count_pct", "change_high")
        )
        changes[*(row[name] for name in place), row["dimension_value"]] = (middle, low, high)
    unknown = (float("nan"), float("nan"), float("nan"))
    return [
        gap_in_words(gap_in_change(changes[*key, MOST_DEPRIVED], changes.get((*key, LEAST_DEPRIVED), unknown)))
        if row["dimension_value"] == MOST_DEPRIVED
        else None
        for row in rows.iter_rows(named=True)
        if (key := tuple(row[name] for name in place))
    ]
