"""What the published warehouse says of one person at one month, and the check that it adds up.

Read-only, and of the published file alone. Every dose is multiplied and added again here; a figure that its own items
do not give is an error, never a print. No identifier and no figure of a person goes into an error.
"""

from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any

from pipelines import assets
from pipelines.engine.published import read_only
from pipelines.errors import ContractError, NothingPublished, UsageError

_Ask = Callable[..., list[dict[str, Any]]]

FOUR_DECIMALS = Decimal("0.0001")
# A strength and an OME per unit are kept to six decimals; a patch's factor is per microgram an hour.
_SIXTH_DECIMAL = Decimal("0.000001")
_MICROGRAMS_PER_MG, _HOURS_PER_DAY = 1000, 24


@dataclass(frozen=True)
class Item:
    """One opioid item in scope: its product, what made its dose, and the row of the file it is."""

    item_id: str
    month: date
    practice_code: str | None
    product: str
    bnf_code: str | None
    drug: str | None
    route: str | None
    form: str | None
    is_immediate_release_fentanyl: bool
    items: int | None
    total_quantity: Decimal | None
    net_quantity: Decimal | None
    quantity_unit: str | None
    strength_value: Decimal | None
    strength_unit: str | None
    wear_hours: int | None
    mg_per_unit: Decimal | None
    factor: Decimal | None
    factor_unit: str | None
    factor_basis: str | None
    factor_row: str | None
    factor_row_set: str | None
    factor_source: str | None
    factor_set: str
    ome_mg_per_unit: Decimal | None
    ome_mg: Decimal | None
    ome_status: str
    reason: str | None
    cautions: str | None
    file_name: str | None
    file_key: str
    source_row: int

    @property
    def is_opioid_item(self) -> bool:
        """A mere reversal takes something back; every other item says that opioids were dispensed."""
        return self.ome_status != "reversal_netted"

    @property
    def is_parenteral(self) -> bool:
        return self.route == "parenteral"

    @property
    def is_unconverted(self) -> bool:
        return self.ome_status not in ("converted", "excluded_by_factor_set", "reversal_netted")


@dataclass(frozen=True)
class OtherItem:
    """One item of another followed class."""

    item_id: str
    month: date
    practice_code: str | None
    product_class: str
    drug: str | None
    product: str
    total_quantity: Decimal | None
    is_counted: bool
    file_name: str | None
    file_key: str
    source_row: int


@dataclass(frozen=True)
class Measure:
    """A cohort's name in words, and the month of data in which it can first be judged."""

    title: str
    first_month_of_data: int


@dataclass(frozen=True)
class Facts:
    """One person at one month. Months are first days; `loaded` are those the data hold, up to that month."""

    snapshot_id: str
    patient_key: str
    month: date
    is_as_at: bool
    listed: Mapping[str, str] | None
    rows: Mapping[date, Mapping[str, Any]]
    items: tuple[Item, ...]
    other_items: tuple[OtherItem, ...]
    loaded: tuple[date, ...]
    settings: Mapping[str, Decimal]
    measures: Mapping[str, Measure]
    definitions: Mapping[str, str]

    @property
    def row(self) -> Mapping[str, Any]:
        """What marts.patient_month says of them at the month."""
        return self.rows[self.month]

    @property
    def opioid_months(self) -> tuple[date, ...]:
        return tuple(sorted({item.month for item in self.items if item.is_opioid_item}))

    def months_with(self, product_class: str) -> tuple[date, ...]:
        found = {item.month for item in self.other_items if item.product_class == product_class and item.is_counted}
        return tuple(sorted(found))


def read_facts(warehouse: Path, snapshot_id: str, spill: Path, patient_key: str, month: date | None) -> Facts:
    """Everything about one person up to a month; without one, the as-at month, else their newest.

    Raises UsageError for a key or a month that the warehouse does not have, NothingPublished for a warehouse that is
    too old, and ContractError where the items do not give the figures.
    """

    with closing(read_only(warehouse, spill)) as connection:

        def ask(name: str, **parameters: object) -> list[dict[str, Any]]:
            answer = connection.sql(assets.query(name), params=parameters)
            rows: list[dict[str, Any]] = answer.to_arrow_table().to_pylist()
            return rows

        _refuse_older_warehouse(ask)
        facts = _facts(ask, snapshot_id, patient_key, month)
    _refuse_wrong_products(facts.items)
    return facts


def _facts(ask: _Ask, snapshot_id: str, patient_key: str, month: date | None) -> Facts:
    rows = {row["month"]: row for row in ask("explain_patient", patient_key=patient_key)}
    months = ask("explain_months")
    loaded = [row["month"] for row in months]
    as_at = next((row["month"] for row in months if row["is_as_at"]), None)
    chosen = _chosen_month(month, as_at, loaded, rows)
    return Facts(
        snapshot_id=snapshot_id,
        patient_key=patient_key,
        month=chosen,
        is_as_at=chosen == as_at,
        listed=next(iter(ask("explain_listed", patient_key=patient_key, month=chosen)), None),
        rows=rows,
        items=tuple(Item(**row) for row in ask("explain_items", patient_key=patient_key) if row["month"] <= chosen),
        other_items=tuple(
            OtherItem(**row) for row in ask("explain_other_items", patient_key=patient_key) if row["month"] <= chosen
        ),
        loaded=tuple(held for held in loaded if held <= chosen),
        settings=_numbers(ask("cohort_settings")),
        measures={
            row["measure"]: Measure(row["title"], int(row["first_month_of_data"])) for row in ask("explain_measures")
        },
        definitions=next(iter(ask("explain_definitions", snapshot_id=snapshot_id)), {}),
    )


def _refuse_older_warehouse(ask: _Ask) -> None:
    held = {row["table_name"] for row in ask("explain_tables")}
    missing = {"case_list", "other_items", "sensitivity", "cohort_settings", "products_by_factor_set"} - held
    if missing:
        raise NothingPublished(
            "The published warehouse was made before a person's figures could be explained.",
            f"It lacks {', '.join(sorted(missing))}.",
            "Run 'opioids refresh', then ask again.",
        )


def _chosen_month(
    asked: date | None, as_at: date | None, loaded: list[date], rows: Mapping[date, Mapping[str, Any]]
) -> date:
    if not rows:
        raise UsageError(
            "The published warehouse knows no person of this key.",
            "Option --patient, or the NHS number that was asked for." if loaded else "It holds no patients at all.",
            "Give the whole pseudonym as the case list or marts.patient_month write it; an NHS number is none.",
        )
    if asked is None:
        return as_at if as_at is not None and as_at in rows else max(rows)
    if asked in rows:
        return asked
    if asked not in loaded:
        raise UsageError(
            f"The patient data hold no {asked:%Y-%m}.",
            f"They reach from {loaded[0]:%Y-%m} to {loaded[-1]:%Y-%m}.",
            "Give another --month, or leave it out.",
        )
    raise UsageError(
        f"Nothing is said of this person in {asked:%Y-%m}.",
        "No item of a followed class was dispensed to them in that month or the five before.",
        "Leave --month out, or give one in which they had items.",
    )


def _numbers(settings: list[dict[str, Any]]) -> dict[str, Decimal]:
    return {
        row["setting"]: Decimal(row["setting_value"])
        for row in settings
        if row["setting_value"].replace(".", "", 1).isdigit()
    }


def rounded(amount: Decimal) -> Decimal:
    """To four decimals, half up, as the warehouse writes doses."""
    return amount.quantize(FOUR_DECIMALS, rounding=ROUND_HALF_UP)


def refuse_unless(agrees: bool, figure: str) -> None:
    """Raise ContractError where a published figure is not what its items give."""
    if not agrees:
        raise ContractError(
            f"The published figure '{figure}' is not what this person's items give.",
            "It was reckoned again from items, factors and days, and came out otherwise.",
            "Do not use this figure. Report it with the snapshot's id.",
        )


def _refuse_wrong_products(items: tuple[Item, ...]) -> None:
    """Strength x factor is the OME of one unit; quantity x OME of one unit is the OME of the item."""
    for item in items:
        if item.ome_status != "converted":
            refuse_unless(item.ome_mg is None, "ome_mg of an item that is not converted")
            continue
        assert item.ome_mg_per_unit is not None
        assert item.net_quantity is not None
        refuse_unless(rounded(item.net_quantity * item.ome_mg_per_unit) == item.ome_mg, "ome_mg of an item")
        refuse_unless(item.factor is not None and item.mg_per_unit is not None, "factor of an item")
        assert item.factor is not None
        assert item.mg_per_unit is not None
        scale = Decimal(_MICROGRAMS_PER_MG) / _HOURS_PER_DAY if item.wear_hours is not None else Decimal(1)
        reckoned = item.mg_per_unit * scale * item.factor
        tolerance = _SIXTH_DECIMAL * (1 + scale * item.factor)
        refuse_unless(abs(reckoned - item.ome_mg_per_unit) <= tolerance, "ome_mg_per_unit of an item")
