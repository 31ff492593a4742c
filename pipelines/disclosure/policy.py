"""Policies of disclosure control: how a count is suppressed and rounded, and what may stand behind a shown one."""

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from pipelines.errors import ConfigError
from pipelines.statistics import intervals
from pipelines.statistics.differencing import WITHOUT_SUFFIX
from pipelines.statistics.intervals import FloatArray

BoolArray = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Policy:
    """One way to protect counts, as named in disclosure.toml."""

    name: str
    suppress_to: int
    rounding: Literal["none", "nearest", "midpoint"]
    rounding_base: int
    change_from_count: float
    spc_from_mean: float
    source: str
    nested: tuple[tuple[str, str], ...] = ()
    """Pairs (inside, outside) of measures of which one holds the other."""
    practice_measures: tuple[str, ...] = ()
    """Measures of people of which GP practices leave too, protected together with all the rest."""

    @property
    def hides_nothing(self) -> bool:
        return self.suppress_to == 0 and self.rounding == "none"

    @property
    def small_to(self) -> int:
        """The largest count that must not become known exactly."""
        return max(self.suppress_to, self.rounding_base if self.rounding == "midpoint" else 0)


@dataclass(frozen=True)
class ProtectedCounts:
    """Counts as they may leave: NaN where suppressed (or unknown to begin with)."""

    value: FloatArray
    suppressed: BoolArray


def load_policies(path: Path) -> dict[str, Policy]:
    """The policies of disclosure.toml by name, the default first."""
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
        if not isinstance(content.get("practice_measures", []), list):
            raise ValueError("practice_measures is a list of measures")
        shared = {
            "nested": tuple((str(pair["inside"]), str(pair["outside"])) for pair in content.get("nested", [])),
            "practice_measures": tuple(content.get("practice_measures", [])),
        }
        policies = {name: _policy(name, {**keys, **shared}) for name, keys in content["policies"].items()}
        return {content["default"]: policies[content["default"]], **policies}
    except (tomllib.TOMLDecodeError, KeyError, TypeError, ValueError) as error:
        raise ConfigError(
            "The disclosure policies cannot be read",
            f"{path.name}: {error}",
            "Compare with the shipped file.",
        ) from error


def _policy(name: str, keys: dict[str, Any]) -> Policy:
    policy = Policy(name=name, **keys)
    if policy.rounding not in ("none", "nearest", "midpoint"):
        raise ValueError(f"{name}: rounding is none, nearest or midpoint, not {policy.rounding!r}")
    if policy.suppress_to < 0 or policy.rounding_base < 1:
        raise ValueError(f"{name}: suppress_to is 0 or more, rounding_base 1 or more")
    _check_practice_measures(policy.practice_measures, policy.nested)
    return policy


def _check_practice_measures(names: tuple[str, ...], nested: tuple[tuple[str, str], ...]) -> None:
    """Practices are protected measure by measure: none of these may hold another, or be a flow."""
    for name in names:
        if name.endswith(("_joined", "_left", "_net_change")):
            raise ValueError(f"practice_measures: {name} is a flow, which would tie one month to the next")
    holds = {*nested, *((f"{name}{WITHOUT_SUFFIX}", name) for name in names)}
    while more := {(a, d) for a, b in holds for c, d in holds if b == c} - holds:
        holds |= more
    for inside, outside in sorted(holds):
        if {inside, outside} <= {*names}:
            raise ValueError(f"practice_measures: {outside} holds {inside}, and their difference is a count too")


def protect_counts(counts: npt.ArrayLike, policy: Policy) -> ProtectedCounts:
    """Counts suppressed and rounded; 0 stays 0, an unknown count stays NaN, a sign is kept.

    A mean of counts (a baseline of several months) is suppressed below suppress_to + 1.
    """
    true = intervals.as_floats(counts)
    size = np.abs(true)
    suppressed = (size > 0) & (size < policy.suppress_to + 1) & (policy.suppress_to > 0)
    return ProtectedCounts(np.where(suppressed, np.nan, np.sign(true) * rounded(size, policy)), suppressed)


def rounded(size: FloatArray, policy: Policy) -> FloatArray:
    base = policy.rounding_base
    if policy.rounding == "nearest":
        return np.floor(size / base + 0.5) * base
    if policy.rounding == "midpoint":
        return np.where(size > 0, np.ceil(size / base) * base - base / 2, size)
    return size


def possible_values(shown: FloatArray, is_magnitude: BoolArray, policy: Policy) -> tuple[FloatArray, FloatArray]:
    """The least and greatest true value behind each shown one, as an outsider knows the policy."""
    base = policy.rounding_base
    below, above = {
        "none": (0.0, 0.0),
        "nearest": (float(base // 2), float((base - 1) // 2)),
        "midpoint": (base / 2 - 1, base / 2),
    }[policy.rounding]
    floor = np.where(is_magnitude, 0.0, np.where(shown == 0, 0.0, policy.suppress_to + 1.0))
    spread = np.where(is_magnitude & (policy.rounding != "none"), float(base), 0.0)
    low = np.maximum(shown - np.maximum(np.where(shown == 0, 0.0, below), spread), floor)
    return low, shown + np.maximum(np.where(shown == 0, 0.0, above), spread)
