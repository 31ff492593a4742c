"""How the figures of one person came about: items, products, factors, days and rules, from the published warehouse."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from pipelines.explain.delivered import DeliveredRow, delivered_rows
from pipelines.explain.facts import Item, OtherItem, read_facts
from pipelines.explain.rules import Flag, flags_of
from pipelines.explain.windows import Window, windows_of

__all__ = [
    "DeliveredRow",
    "Explanation",
    "Flag",
    "Item",
    "OtherItem",
    "Window",
    "delivered_rows",
    "explain_person",
]


@dataclass(frozen=True)
class Explanation:
    """One person at one month: every cohort with its reason, and all that stands behind it."""

    snapshot_id: str
    definitions: Mapping[str, str]
    patient_key: str
    month: date
    is_as_at: bool
    listed: Mapping[str, str] | None
    person: Mapping[str, Any]
    flags: tuple[Flag, ...]
    windows: tuple[Window, ...]
    items: tuple[Item, ...]
    other_items: tuple[OtherItem, ...]


def explain_person(
    warehouse: Path, snapshot_id: str, spill: Path, patient_key: str, month: date | None = None
) -> Explanation:
    """Explain one person at a month; without one, at the as-at month, else at their newest.

    Raises UsageError for an unknown key or month, NothingPublished for a warehouse without what is needed, and
    ContractError where the items, factors, days and rules do not give what was published.
    """
    facts = read_facts(warehouse, snapshot_id, spill, patient_key, month)
    windows = windows_of(facts)
    return Explanation(
        snapshot_id=snapshot_id,
        definitions=facts.definitions,
        patient_key=patient_key,
        month=facts.month,
        is_as_at=facts.is_as_at,
        listed=facts.listed,
        person=facts.row,
        flags=flags_of(facts, windows),
        windows=tuple(windows.values()),
        items=facts.items,
        other_items=facts.other_items,
    )
