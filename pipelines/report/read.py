"""From the published marts to what may leave: every figure passes `pipelines.disclosure` here, and nowhere else."""

from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any, Protocol

import polars as pl

from pipelines import disclosure
from pipelines.config import Settings
from pipelines.disclosure import SUPPRESSED_MARK, Policy
from pipelines.engine.duckdb import read_only

WITHOUT_SUFFIX = "_adult_no_palliative"
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


class Ask(Protocol):
    """The rows of one question to the published warehouse, with `$name` parameters."""

    def __call__(self, sql: str, **parameters: Any) -> list[Any]: ...


def read(warehouse_file: Path, snapshot_id: str, settings: Settings, spill_folder: Path) -> Leaving:
    """Read a published warehouse and protect what was read, by the default policy of disclosure.toml."""
    policy = next(iter(disclosure.load_policies(settings.disclosure_file).values()))
    connection = read_only(warehouse_file, spill_folder)

    def ask(sql: str, **parameters: Any) -> list[Any]:
        return connection.execute(sql, parameters).fetchall()

    try:
        trends = pl.from_arrow(connection.sql("SELECT * FROM marts.trends").to_arrow_table())
        assert isinstance(trends, pl.DataFrame)
        title, checked_by = _factor_set(ask, settings)
        return Leaving(
            snapshot_id=snapshot_id,
            policy=policy,
            trends=protected_trends(trends, policy, settings),
            has_patients=bool(ask("SELECT 1 FROM marts.patient_month LIMIT 1")),
            sources=_source_rows(ask, policy),
            unconverted=_unconverted(ask, policy),
            unconverted_products=_unconverted_products(ask, policy),
            reference_files=_reference_files(ask, settings),
            factor_set_title=title,
            factors_checked_by=checked_by,
            allowed_unconverted=_reason_of_publication(ask, snapshot_id),
            as_at_month=_month_asked_for(ask, snapshot_id),
        )
    finally:
        connection.close()


def protected_trends(trends: pl.DataFrame, policy: Policy, settings: Settings) -> pl.DataFrame:
    """The rows of marts.trends that leave, protected, in a fixed order."""
    known = [name for name in _LEAVING_COLUMNS if name in trends.columns and name != _NOT_NEEDED]
    leaving = disclosure.outside_grain(trends.select(known))
    people = {
        name
        for measure in settings.measures.measures
        if measure.unit == "people"
        for name in (measure.id, measure.id + WITHOUT_SUFFIX)
    }
    protected = disclosure.protect_trends(leaving, policy, people)
    return protected.sort("org_level", "org_code", "measure", "month")


def _month_asked_for(ask: Ask, snapshot_id: str) -> date | None:
    """The as-at month that the refresh was given, if it was given one."""
    rows = ask(
        "SELECT CAST(as_at_month AS DATE) FROM marts.runs WHERE snapshot_id = $snapshot_id AND outcome = 'published' "
        "ORDER BY started_at DESC LIMIT 1",
        snapshot_id=snapshot_id,
    )
    return rows[0][0] if rows else None


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
    rows = ask(
        "SELECT source, sum(rows_read), sum(rows_quarantined) FROM marts.load_manifest "
        "WHERE source IN ('patient_items', 'epd') AND is_current GROUP BY source ORDER BY source DESC"
    )
    found = []
    for source, rows_read, quarantined in rows:
        is_public = source != PATIENT_SOURCE
        as_read, set_aside = (
            protected_text(int(count), None if is_public else int(count), policy) for count in (rows_read, quarantined)
        )
        found.append(SourceRows(source, as_read, set_aside, has_quarantined=quarantined > 0))
    return tuple(found)


_UNCONVERTED = """
    FROM marts.item_ome AS items
    INNER JOIN (
        SELECT DISTINCT source, bnf_code, bnf_description, ome_status
        FROM marts.unconverted_items
        WHERE counts_towards_gate
    ) AS unconverted
        ON items.source = unconverted.source
        AND items.ome_status = unconverted.ome_status
        AND items.bnf_code IS NOT DISTINCT FROM unconverted.bnf_code
        AND items.bnf_description IS NOT DISTINCT FROM unconverted.bnf_description
"""


def _unconverted(ask: Ask, policy: Policy) -> tuple[Unconverted, ...]:
    rows = ask(
        "SELECT items.source, count(DISTINCT (items.bnf_code, items.bnf_description)), sum(items.items), "
        f"count(DISTINCT patient_key) {_UNCONVERTED} GROUP BY items.source"
    )
    without = {source: counts for source, *counts in rows}
    totals = ask(
        "SELECT source, sum(items), count(DISTINCT patient_key) FROM marts.item_ome GROUP BY source ORDER BY 1 DESC"
    )
    found = []
    for source, all_items, everyone in totals:
        is_public = source == PUBLIC_SOURCE
        products, items, people = without.get(source, (0, 0, 0))
        found.append(
            Unconverted(
                source,
                int(products),
                protected_text(int(items), None if is_public else int(people), policy),
                protected_text(int(all_items), None if is_public else int(everyone), policy),
            )
        )
    return tuple(found)


def _unconverted_products(ask: Ask, policy: Policy) -> tuple[UnconvertedProduct, ...]:
    """Product by product. Where one of a patient source is hidden all are: their sum stands above the list."""
    rows = ask(
        "SELECT items.source, coalesce(nullif(items.bnf_description, ''), items.bnf_code), items.ome_status, "
        f"sum(items.items), count(DISTINCT patient_key) {_UNCONVERTED} GROUP BY ALL ORDER BY 1 DESC, 2, 3"
    )
    found = [
        UnconvertedProduct(
            source,
            product,
            status,
            protected_text(int(items), None if source == PUBLIC_SOURCE else int(people), policy),
        )
        for source, product, status, items, people in rows
    ]
    hides_one = {row.source for row in found if row.items == SUPPRESSED_MARK}
    return tuple(replace(row, items=SUPPRESSED_MARK) if row.source in hides_one else row for row in found)


def _reference_files(ask: Ask, settings: Settings) -> tuple[ReferenceFile, ...]:
    titles = {layout.name: layout.title for layout in settings.layouts if layout.content == "reference"}
    rows = ask("SELECT layout, max(month) FROM marts.load_manifest WHERE is_current GROUP BY layout ORDER BY 1")
    return tuple(ReferenceFile(titles[layout], month) for layout, month in rows if layout in titles)


def _factor_set(ask: Ask, settings: Settings) -> tuple[str, str]:
    """Its title and who has checked it."""
    rows = ask(
        "SELECT title, checked_by FROM reference.factor_sets WHERE factor_set = $name ORDER BY valid_from DESC LIMIT 1",
        name=settings.pipeline.factor_set,
    )
    return (str(rows[0][0]), str(rows[0][1])) if rows else (settings.pipeline.factor_set, "")


def _reason_of_publication(ask: Ask, snapshot_id: str) -> str | None:
    """The reason given with --allow-unconverted when this snapshot was published, if one was."""
    rows = ask(
        "SELECT allow_unconverted FROM marts.runs WHERE snapshot_id = $snapshot AND outcome = 'published' "
        "ORDER BY started_at DESC, run_id DESC LIMIT 1",
        snapshot=snapshot_id,
    )
    return rows[0][0] if rows else None
