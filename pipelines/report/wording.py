"""How figures and names are written: whole percent, thousands, a register's capitals as a name."""

import math
import re
from datetime import date
from decimal import Decimal

from pipelines.report.views import Percent, months_after, months_between


def by_number(name: str) -> list[tuple[int, str]]:
    """Sort key: PCN 2 before PCN 10."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", name.casefold())]


def percent(value: float) -> Percent:
    """−24.7 → 25, lower."""
    return Percent(math.floor(abs(value) + 0.5), "lower" if value < 0 else "higher")


def plain(value: Decimal | float) -> str:
    """A figure as it was given: 2.600000 → 2.6, 1250.0 → 1,250; at most three decimals."""
    whole, _, decimals = f"{value:,.3f}".partition(".")
    return f"{whole}.{decimals.rstrip('0')}".rstrip(".")


def every_month(months: tuple[date, ...]) -> tuple[date, ...]:
    if not months:
        return ()
    return tuple(months_after(months[0], step) for step in range(months_between(months[0], months[-1]) + 1))


def grouped(shown: str) -> str:
    """12345 → 12,345; marks such as [c] stay."""
    try:
        figure = float(shown)
    except ValueError:
        return shown
    return f"{figure:,.0f}"


_SMALL_WORDS = frozenset({"and", "at", "by", "for", "in", "of", "on", "the", "upon", "with"})
_LETTERS = frozenset({"NHS", "ICB", "PCN", "GP", "HMP", "UK", "OOH", "II", "III", "LLP"})


def readable_name(name: str) -> str:
    """A register's capitals as a name: NHS NORTH EAST ICB - 00L → NHS North East ICB - 00L."""
    if not name.isupper():
        return name
    words = (
        "-".join(_readable_word(part, number) for part in word.split("-")) for number, word in enumerate(name.split())
    )
    return " ".join(words)


def _readable_word(word: str, number: int) -> str:
    if word in _LETTERS or any(letter.isdigit() for letter in word):
        return word
    if number and word.casefold() in _SMALL_WORDS:
        return word.lower()
    return word.capitalize()
