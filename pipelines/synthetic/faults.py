"""What goes wrong in real extracts, put in on purpose: a few rows of each kind in every month."""

from dataclasses import replace

import numpy as np
import polars as pl

from pipelines.synthetic.dispensing import Items
from pipelines.synthetic.draws import Draws, Ints, keys
from pipelines.synthetic.organisations import Organisations
from pipelines.synthetic.products import Products

ROWS_PER_FAULT = 4000
IMPLAUSIBLE_QUANTITIES = (1, 5600, 99999)
BAD_MONTHS = ("2024-13", "20241", "unknown", "")
BAD_IDENTIFIERS = ("999000000", "99900000181", "9990000019", "4444444444", "999000001X")
"""Nine digits, eleven digits, a wrong check digit, a placeholder, a letter."""


def _some(draws: Draws, purpose: str, rows: int, least: int = 1) -> Ints:
    """A few row numbers, no fewer than `least`."""
    count = max(least, rows // ROWS_PER_FAULT)
    return (draws.uniform(purpose, np.arange(count)) * rows).astype(np.int64)


def month_draws(seed: int, month: int, block: int) -> Draws:
    """The draws of the faults of one month and one block of people."""
    return Draws(keys(seed, f"faults of block {block}", np.array([month])))


def with_item_faults(items: Items, draws: Draws, organisations: Organisations, products: Products, month: int) -> Items:
    """Items with further rows: reversals, repeats, products without strength, odd quantities …

    What has no dose comes less than monthly, so that a small extract is not stopped for it.
    """
    if not len(items.person):
        return items
    rows = len(items.person)
    reversed_items = items.of(_some(draws, "reversal", rows))
    reversed_items = replace(reversed_items, quantity=-reversed_items.quantity, nic_pence=-reversed_items.nic_pence)
    empty = items.of(_some(draws, "zero quantity", rows, least=month % 2))
    unnamed = items.of(_some(draws, "no strength", rows, least=int(month % 3 == 0)))
    strange = np.concatenate([products.of_kind("no_strength"), products.of_kind("unknown_code")])
    odd = items.of(_some(draws, "implausible quantity", rows))
    odd_quantity = np.resize(np.roll(IMPLAUSIBLE_QUANTITIES, month), len(odd.person)).astype(np.int64)
    lost = items.of(_some(draws, "no practice", rows))
    nowhere = np.full(len(lost.person), organisations.unknown_prescriber, dtype=np.int64)
    return Items.joined(
        [
            items,
            reversed_items,
            replace(empty, quantity=np.zeros_like(empty.quantity)),
            replace(unnamed, product=strange[(month // 3 + np.arange(len(unnamed.person))) % len(strange)]),
            replace(odd, quantity=odd_quantity),
            replace(lost, prescriber=nowhere),
            items.of(_some(draws, "repeat", rows)),
        ]
    )


def _replaced(frame: pl.DataFrame, column: str, rows: Ints, texts: tuple[str, ...]) -> pl.DataFrame:
    """The frame with some cells of a column changed."""
    changed = frame[column].to_list()
    for order, row in enumerate(rows):
        changed[int(row)] = texts[order % len(texts)]
    return frame.with_columns(pl.Series(column, changed, dtype=pl.String))


def with_text_faults(frame: pl.DataFrame, draws: Draws, month: int) -> pl.DataFrame:
    """The patient rows as text, with impossible months and identifiers and commas in the thousands."""
    commas = pl.col("Quantity", "Total Quantity").cast(pl.String)
    text = frame.with_columns(pl.all().cast(pl.String)).with_columns(
        commas.str.replace(r"^(-?\d+)(\d{3})$", "${1},${2}")
    )
    if not text.height:
        return text
    identified = np.flatnonzero((text["Patient Identified"] == "Y").to_numpy())
    text = _replaced(text, "Year Month", _some(draws, "month", text.height)[:1], BAD_MONTHS[month % 4 :])
    if not len(identified):
        return text
    chosen = identified[_some(draws, "identifier", len(identified))]
    return _replaced(text, "Patient ID", chosen, BAD_IDENTIFIERS[month % 5 :])
