"""From the published marts to what may leave: every figure passes `pipelines.disclosure` here, and nowhere else."""

from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import polars as pl

from pipelines import disclosure
from pipelines.config import Settings
from pipelines.disclosure import SUPPRESSED_MARK, Policy
from pipelines.engine.duckdb import read_only

AIM_MEASURE = "high_dose"
"""The measure that the default aim speaks of. Other measures are compared with their baseline, not judged."""
WITHOUT_SUFFIX = "_adult_no_palliative"
PATIENT_SOURCE = "patient_items"
LEVELS = ("practice", "pcn", "sub_icb", "icb", "region", "all")

_LEAVING_COLUMNS = (*disclosure.IDENTIFYING, *disclosure.DERIVED, *disclosure.HELPERS)
_NOT_NEEDED = "people_in_both"
_OF_THE_AIM = ("aim", "aim_pct", "trajectory", "probability_aim_met", "aim_status")


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


def read(warehouse_file: Path, snapshot_id: str, settings: Settings, spill_folder: Path) -> Leaving:
    """Read a published warehouse and protect what was read, by the default policy of disclosure.toml."""
    policy = next(iter(disclosure.load_policies(settings.disclosure_file).values()))
    connection = read_only(warehouse_file, spill_folder)
    try:
        title, checked_by = _factor_set(connection, settings)
        return Leaving(
            snapshot_id=snapshot_id,
            policy=policy,
            trends=protected_trends(_frame(connection, "SELECT * FROM marts.trends"), policy, settings),
            has_patients=bool(_rows(connection, "SELECT 1 FROM marts.patient_month LIMIT 1")),
            sources=_source_rows(connection, policy),
            unconverted=_unconverted(connection, policy),
            unconverted_products=_unconverted_products(connection, policy),
            reference_files=_reference_files(connection, settings),
            factor_set_title=title,
            factors_checked_by=checked_by,
            allowed_unconverted=_reason_of_publication(connection, snapshot_id),
        )
    finally:
        connection.close()


def protected_trends(trends: pl.DataFrame, policy: Policy, settings: Settings) -> pl.DataFrame:
    """The rows of marts.trends that leave, protected, in a fixed order; aim columns only for the aim's measure."""
    known = [name for name in _LEAVING_COLUMNS if name in trends.columns and name != _NOT_NEEDED]
    leaving = _whose_sums_are_watched(disclosure.outside_grain(trends.select(known)), policy)
    people = {
        name
        for measure in settings.measures.measures
        if measure.unit == "people"
        for name in (measure.id, measure.id + WITHOUT_SUFFIX)
    }
    protected = disclosure.protect_trends(leaving, policy, people)
    has_aim = pl.col("measure").is_in([AIM_MEASURE, AIM_MEASURE + WITHOUT_SUFFIX])
    return protected.with_columns(
        pl.when(has_aim).then(pl.col(name)).alias(name) for name in _OF_THE_AIM
    ).sort("org_level", "org_code", "measure", "month")


def _whose_sums_are_watched(trends: pl.DataFrame, policy: Policy) -> pl.DataFrame:
    """Under a policy that does not round, patients' figures of sub-ICBs and regions stay inside.

    A sub-ICB is a sum of PCNs and a region one of ICBs; the door does not watch these two sums. Rounding
    keeps them from giving a hidden count away, exact figures do not.
    """
    if policy.hides_nothing or policy.rounding != "none":
        return trends
    is_public = pl.col("measure").str.starts_with(disclosure.PUBLIC_PREFIX)
    return trends.filter(is_public | ~pl.col("org_level").is_in(["sub_icb", "region"]))


def _frame(connection: duckdb.DuckDBPyConnection, sql: str) -> pl.DataFrame:
    frame = pl.from_arrow(connection.sql(sql).to_arrow_table())
    assert isinstance(frame, pl.DataFrame)
    return frame


def _rows(connection: duckdb.DuckDBPyConnection, sql: str, parameters: dict[str, Any] | None = None) -> list[Any]:
    return connection.execute(sql, parameters or {}).fetchall()


def protected_text(count: int, people: int | None, policy: Policy) -> str:
    """A count as text: `[c]` where it, or the people behind it, are too few; else rounded. Public: people None."""
    if people is None:
        return f"{count:,}"
    if count and disclosure.protect_counts([people], policy).suppressed[0]:
        return SUPPRESSED_MARK
    shown = disclosure.protect_counts([count], policy)
    return SUPPRESSED_MARK if shown.suppressed[0] else f"{shown.value[0]:,.0f}"


def _source_rows(connection: duckdb.DuckDBPyConnection, policy: Policy) -> tuple[SourceRows, ...]:
    """Rows read and quarantined by source; of patients' files they count as people."""
    rows = _rows(
        connection,
        "SELECT source, sum(rows_read), sum(rows_quarantined) FROM marts.load_manifest "
        "WHERE source IN ('patient_items', 'epd') AND is_current GROUP BY source ORDER BY source DESC",
    )
    found = []
    for source, rows_read, quarantined in rows:
        is_public = source != PATIENT_SOURCE
        as_read, set_aside = (
            protected_text(int(count), None if is_public else int(count), policy)
            for count in (rows_read, quarantined)
        )
        found.append(SourceRows(source, as_read, set_aside, has_quarantined=quarantined > 0))
    return tuple(found)


_UNCONVERTED = """
    FROM marts.item_ome AS items
    INNER JOIN (
        SELECT DISTINCT source, bnf_code, bnf_description, ome_status
        FROM marts.unconverted_items
        WHERE counts_towards_gate
    ) AS unconverted USING (source, bnf_code, bnf_description, ome_status)
"""


def _unconverted(connection: duckdb.DuckDBPyConnection, policy: Policy) -> tuple[Unconverted, ...]:
    without = {
        source: (products, items, people)
        for source, products, items, people in _rows(
            connection,
            "SELECT source, count(DISTINCT (bnf_code, bnf_description)), sum(items), count(DISTINCT patient_key)"
            f"{_UNCONVERTED} GROUP BY source",
        )
    }
    totals = _rows(
        connection,
        "SELECT source, sum(items), count(DISTINCT patient_key) FROM marts.item_ome GROUP BY source ORDER BY 1 DESC",
    )
    found = []
    for source, all_items, everyone in totals:
        is_public = source == "epd"
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


def _unconverted_products(
    connection: duckdb.DuckDBPyConnection, policy: Policy
) -> tuple[UnconvertedProduct, ...]:
    rows = _rows(
        connection,
        "SELECT source, coalesce(nullif(bnf_description, ''), bnf_code), ome_status, sum(items), "
        f"count(DISTINCT patient_key) {_UNCONVERTED} GROUP BY ALL ORDER BY source DESC, 2, 3",
    )
    return tuple(
        UnconvertedProduct(
            source,
            product,
            status,
            protected_text(int(items), None if source == "epd" else int(people), policy),
        )
        for source, product, status, items, people in rows
    )


def _reference_files(connection: duckdb.DuckDBPyConnection, settings: Settings) -> tuple[ReferenceFile, ...]:
    titles = {layout.name: layout.title for layout in settings.layouts if layout.content == "reference"}
    rows = _rows(
        connection, "SELECT layout, max(month) FROM marts.load_manifest WHERE is_current GROUP BY layout ORDER BY 1"
    )
    return tuple(ReferenceFile(titles[layout], month) for layout, month in rows if layout in titles)


def _factor_set(connection: duckdb.DuckDBPyConnection, settings: Settings) -> tuple[str, str]:
    rows = _rows(
        connection,
        "SELECT title, checked_by FROM reference.factor_sets WHERE factor_set = $name ORDER BY valid_from DESC LIMIT 1",
        {"name": settings.pipeline.factor_set},
    )
    return (str(rows[0][0]), str(rows[0][1])) if rows else (settings.pipeline.factor_set, "")


def _reason_of_publication(connection: duckdb.DuckDBPyConnection, snapshot_id: str) -> str | None:
    """The reason given with --allow-unconverted when this snapshot was published, if one was."""
    rows = _rows(
        connection,
        "SELECT allow_unconverted FROM marts.runs WHERE snapshot_id = $snapshot AND outcome = 'published' "
        "ORDER BY started_at DESC, run_id DESC LIMIT 1",
        {"snapshot": snapshot_id},
    )
    return rows[0][0] if rows else None
