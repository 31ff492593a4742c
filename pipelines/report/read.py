"""From the published marts to what may leave: every figure passes `pipelines.disclosure` here, and nowhere else."""

from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any, Protocol

import polars as pl

from pipelines import assets, disclosure
from pipelines.config import Settings
from pipelines.disclosure import SUPPRESSED_MARK, Policy
from pipelines.engine.duckdb import read_only
from pipelines.statistics.measures import person_measures

PATIENT_SOURCE, PUBLIC_SOURCE = "patient_items", "epd"
LEVELS = ("practice", "pcn", "sub_icb", "icb", "region", "all")

_LEAVING_COLUMNS = (*disclosure.IDENTIFYING, *disclosure.DERIVED, *disclosure.HELPERS)
_NOT_NEEDED = "people_in_both"


@dataclass(frozen=True)
class SourceRows:
    """Rows of one source as they came in. Patients' rows are protected: `quarantined` is text."""

    source: str
    rows_read: str
    quarantined: str
    has_quarantined: bool


@dataclass(frozen=True)
class UnconvertedProduct:
    """A product without an oral morphine equivalent; its items as text, protected where they are patients'."""

    source: str
    product: str
    status: str
    items: str


@dataclass(frozen=True)
class Unconverted:
    """Opioid items of one source without a dose, of all its opioid items."""

    source: str
    products: int
    items: str
    all_items: str


@dataclass(frozen=True)
class ReferenceFile:
    """A loaded list of organisations or list sizes, and the newest month it speaks of."""

    title: str
    newest_month: date | None


@dataclass(frozen=True)
class Leaving:
    """All that a report may say, after disclosure control."""

    snapshot_id: str
    policy: Policy
    trends: pl.DataFrame
    has_patients: bool
    sources: tuple[SourceRows, ...]
    unconverted: tuple[Unconverted, ...]
    unconverted_products: tuple[UnconvertedProduct, ...]
    reference_files: tuple[ReferenceFile, ...]
    factor_set_title: str
    factors_checked_by: str
    allowed_unconverted: str | None
    as_at_month: date | None
    caveats: tuple[str, ...]


class Ask(Protocol):
    """The rows of one query of sql/queries/ to the published warehouse, with `$name` parameters."""

    def __call__(self, query: str, **parameters: Any) -> list[dict[str, Any]]: ...


def read(warehouse_file: Path, snapshot_id: str, settings: Settings, spill_folder: Path) -> Leaving:
    """Read a published warehouse and protect what was read, by the default policy of disclosure.toml."""
    policy = next(iter(disclosure.load_policies(settings.disclosure_file).values()))
    connection = read_only(warehouse_file, spill_folder)

    def ask(query: str, **parameters: Any) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = connection.sql(assets.query(query), params=parameters).to_arrow_table().to_pylist()
        return rows

    try:
        trends = pl.from_arrow(connection.sql(assets.query("report_trends")).to_arrow_table())
        assert isinstance(trends, pl.DataFrame)
        title, checked_by = _factor_set(ask, settings)
        run = next(iter(ask("report_run", snapshot_id=snapshot_id)), {"as_at_month": None, "allow_unconverted": None})
        return Leaving(
            snapshot_id=snapshot_id,
            policy=policy,
            trends=protected_trends(trends, policy, settings),
            has_patients=bool(ask("any_patient")),
            sources=_source_rows(ask, policy),
            unconverted=_unconverted(ask, policy),
            unconverted_products=_unconverted_products(ask, policy),
            reference_files=_reference_files(ask, settings),
            factor_set_title=title,
            factors_checked_by=checked_by,
            allowed_unconverted=run["allow_unconverted"],
            as_at_month=run["as_at_month"],
            caveats=tuple(row["sentence"] for row in ask("caveats")),
        )
    finally:
        connection.close()


def protected_trends(trends: pl.DataFrame, policy: Policy, settings: Settings) -> pl.DataFrame:
    """The rows of marts.trends that leave, protected, in a fixed order."""
    known = [name for name in _LEAVING_COLUMNS if name in trends.columns and name != _NOT_NEEDED]
    leaving = disclosure.outside_grain(trends.select(known))
    protected = disclosure.protect_trends(leaving, policy, person_measures(settings))
    return protected.sort("org_level", "org_code", "measure", "month")


def protected_text(count: int, people: int | None, policy: Policy) -> str:
    """A count as text: `[c]` where it, or the people behind it, are too few; else rounded. Public: people None."""
    if people is None:
        return f"{count:,}"
    if count and disclosure.protect_counts([people], policy).suppressed[0]:
        return SUPPRESSED_MARK
    shown = disclosure.protect_counts([count], policy)
    return SUPPRESSED_MARK if shown.suppressed[0] else f"{shown.value[0]:,.0f}"


def _source_rows(ask: Ask, policy: Policy) -> tuple[SourceRows, ...]:
    """Rows read and quarantined by source; of patients' files they count as people."""
    found = []
    for row in ask("report_source_rows"):
        is_public = row["source"] != PATIENT_SOURCE
        as_read, set_aside = (
            protected_text(int(count), None if is_public else int(count), policy)
            for count in (row["rows_read"], row["rows_quarantined"])
        )
        found.append(SourceRows(row["source"], as_read, set_aside, has_quarantined=row["rows_quarantined"] > 0))
    return tuple(found)


def _unconverted(ask: Ask, policy: Policy) -> tuple[Unconverted, ...]:
    def shown(row: dict[str, Any], items: str, people: str) -> str:
        is_public = row["source"] == PUBLIC_SOURCE
        return protected_text(int(row[items]), None if is_public else int(row[people]), policy)

    return tuple(
        Unconverted(
            row["source"],
            int(row["unconverted_products"]),
            shown(row, "unconverted_items", "unconverted_people"),
            shown(row, "items", "people"),
        )
        for row in ask("report_items")
    )


def _unconverted_products(ask: Ask, policy: Policy) -> tuple[UnconvertedProduct, ...]:
    """Product by product. Where one of a patient source is hidden all are: their sum stands above the list."""
    found = [
        UnconvertedProduct(
            row["source"],
            row["product"],
            row["ome_status"],
            protected_text(int(row["items"]), None if row["source"] == PUBLIC_SOURCE else int(row["people"]), policy),
        )
        for row in ask("report_unconverted")
    ]
    hides_one = {row.source for row in found if row.items == SUPPRESSED_MARK}
    return tuple(replace(row, items=SUPPRESSED_MARK) if row.source in hides_one else row for row in found)


def _reference_files(ask: Ask, settings: Settings) -> tuple[ReferenceFile, ...]:
    titles = {layout.name: layout.title for layout in settings.layouts if layout.content == "reference"}
    return tuple(
        ReferenceFile(titles[row["layout"]], row["newest_month"])
        for row in ask("report_reference_files")
        if row["layout"] in titles
    )


def _factor_set(ask: Ask, settings: Settings) -> tuple[str, str]:
    """Its title and who has checked it."""
    name = settings.pipeline.factor_set
    row = next(iter(ask("report_factor_set", factor_set=name)), {"title": name, "checked_by": ""})
    return str(row["title"]), str(row["checked_by"])
