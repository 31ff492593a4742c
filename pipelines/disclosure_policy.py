"""Policies of disclosure control: how a count is suppressed and rounded, and what may stand behind a shown one."""

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from pipelines.errors import ConfigError
from pipelines.statistics import intervals
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
        nested = tuple((str(pair["inside"]), str(pair["outside"])) for pair in content.get("nested", []))
        policies = {name: _policy(name, keys, nested) for name, keys in content["policies"].items()}
        return {content["default"]: policies[content["default"]], **policies}
    except (tomllib.TOMLDecodeError, KeyError, TypeError, ValueError) as error:
        raise ConfigError(
            "The disclosure policies cannot be read",
            f"{path.name}: {error}",
            "Compare with the shipped file.",
        ) from error


def _policy(name: str, keys: dict[str, Any], nested: tuple[tuple[str, str], ...]) -> Policy:
    policy = Policy(name=name, nested=nested, **keys)
    if policy.rounding not in ("none", "nearest", "midpoint"):
        raise ValueError(f"{name}: rounding is none, nearest or midpoint, not {policy.rounding!r}")
    if policy.suppress_to < 0 or policy.rounding_base < 1:
        raise ValueError(f"{name}: suppress_to is 0 or more, rounding_base 1 or more")
    return policy


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
