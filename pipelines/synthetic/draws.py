"""Random numbers that depend only on what they are for, never on the order in which they are drawn.

A number is a hash of (seed, person, purpose, index). So a longer run repeats a shorter one, a person's
course does not change with the number of people beside them, and arrays are drawn at once.
"""

import hashlib

import numpy as np
from numpy.typing import NDArray

UInt64s = NDArray[np.uint64]
Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_MULTIPLIER_1 = np.uint64(0xBF58476D1CE4E5B9)
_MULTIPLIER_2 = np.uint64(0x94D049BB133111EB)


def mixed(bits: UInt64s) -> UInt64s:
    """The SplitMix64 finaliser: 64 well-stirred bits from 64 bits, element by element."""
    stirred = (bits ^ (bits >> np.uint64(30))) * _MULTIPLIER_1
    stirred = (stirred ^ (stirred >> np.uint64(27))) * _MULTIPLIER_2
    return stirred ^ (stirred >> np.uint64(31))


def purpose_bits(purpose: str) -> np.uint64:
    """64 bits that stand for a purpose such as `"age"`, the same in every process."""
    return np.uint64(int.from_bytes(hashlib.blake2b(purpose.encode(), digest_size=8).digest(), "big"))


def keys(seed: int, purpose: str, numbers: Ints) -> UInt64s:
    """One key for each number (of a person, of a practice), from which `Draws` makes its numbers."""
    seed_bits = purpose_bits(f"{purpose} of seed {seed}")
    return mixed(mixed(numbers.astype(np.uint64) * _GOLDEN + np.uint64(1)) ^ seed_bits)


class Draws:
    """Random numbers for many people (or segments) at once: one number for each key."""

    def __init__(self, entity_keys: UInt64s) -> None:
        self.entity_keys = entity_keys

    def only(self, chosen: Bools | Ints) -> "Draws":
        """The same draws for a choice of the keys."""
        return Draws(self.entity_keys[chosen])

    def bits(self, purpose: str, index: int | Ints = 0) -> UInt64s:
        """64 random bits a key; `index` tells the draws of one purpose apart (a review, a script)."""
        stirred = mixed(self.entity_keys ^ purpose_bits(purpose))
        step = np.asarray(index, dtype=np.int64).astype(np.uint64) * _GOLDEN
        return mixed(stirred + step)

    def uniform(self, purpose: str, index: int | Ints = 0) -> Floats:
        """Numbers from 0 (included) to 1 (excluded)."""
        return (self.bits(purpose, index) >> np.uint64(11)).astype(np.float64) * 2.0**-53

    def normal(self, purpose: str, index: int | Ints = 0) -> Floats:
        """Standard normal numbers (Box and Muller)."""
        radius = np.sqrt(-2.0 * np.log1p(-self.uniform(purpose + " radius", index)))
        return np.asarray(radius * np.cos(2.0 * np.pi * self.uniform(purpose + " angle", index)))

    def exponential(self, purpose: str, mean: float | Floats, index: int | Ints = 0) -> Floats:
        """Waiting times with the given mean."""
        return np.asarray(-np.log1p(-self.uniform(purpose, index)) * mean)

    def choice(self, purpose: str, shares: Floats, index: int | Ints = 0) -> Ints:
        """The number of the option drawn; `shares` are relative and need not add to 1."""
        edges = np.cumsum(shares)
        drawn = np.searchsorted(edges, self.uniform(purpose, index) * edges[-1], side="right")
        return np.asarray(np.minimum(drawn, len(edges) - 1), dtype=np.int64)


def sixteenths(bits: UInt64s, quarter: int) -> Floats:
    """Numbers from 0 to 1 out of a quarter (0-3) of 64 bits: four cheap draws from one hash."""
    return ((bits >> np.uint64(16 * quarter)) & np.uint64(0xFFFF)).astype(np.float64) * 2.0**-16
