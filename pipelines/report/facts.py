"""What the pages say beside figures: rows read, items without a dose, references, publications; counts protected."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

from pipelines import assets, disclosure
from pipelines.config import Settings
from pipelines.disclosure import SUPPRESSED_MARK, Policy
from pipelines.engine.published import fetch_published
from pipelines.report.leaving import (
    Publication,
    ReferenceAge,
    ReferenceFile,
    SourceRows,
    Unconverted,
    UnconvertedProduct,
)

PATIENT_SOURCE, PUBLIC_SOURCE = "patient_items", "epd"


class Ask(Protocol):
    """The rows of a query of sql/queries."""

    def __call__(self, query: str, **parameters: Any) -> list[dict[str, Any]]: ...


def protected_text(count: int, people: int | None, policy: Policy) -> str:
    """A count as text: `[c]` where it, or the people behind it, are too few; else rounded. Public: people None."""
    if people is None:
        return f"{count:,}"
    if count and disclosure.protect_counts([people], policy).suppressed[0]:
        return SUPPRESSED_MARK
    shown = disclosure.protect_counts([count], policy)
    return SUPPRESSED_MARK if shown.suppressed[0] else f"{shown.value[0]:,.0f}"


def source_rows(ask: Ask, policy: Policy) -> tuple[SourceRows, ...]:
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


def unconverted(ask: Ask, policy: Policy) -> tuple[Unconverted, ...]:
    """Opioid items of each source, and those of them without a dose."""

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


def unconverted_products(ask: Ask, policy: Policy) -> tuple[UnconvertedProduct, ...]:
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


def reference_files(ask: Ask, settings: Settings) -> tuple[ReferenceFile, ...]:
    """The lists of organisations and list sizes that are loaded."""
    titles = {layout.name: layout.title for layout in settings.layouts if layout.content == "reference"}
    return tuple(
        ReferenceFile(titles[row["layout"]], row["newest_month"])
        for row in ask("report_reference_files")
        if row["layout"] in titles
    )


def reference_ages(ask: Ask) -> tuple[ReferenceAge, ...]:
    """How old each reference is beside the data."""
    return tuple(
        ReferenceAge(row["title"], row["status"], row["newest_month"], row["age_months"], row["sentence"])
        for row in ask("report_reference_ages")
    )


def factor_set(ask: Ask, settings: Settings) -> tuple[str, str]:
    """Its title and who has checked it."""
    name = settings.pipeline.factor_set
    row = next(iter(ask("report_factor_set", factor_set=name)), {"title": name, "checked_by": ""})
    return str(row["title"]), str(row["checked_by"])


def publications(ask: Ask, snapshot_id: str) -> tuple[Publication | None, Publication | None]:
    """This publication and the newest one before it."""
    found = [Publication(**row) for row in ask("report_published")]
    own = next((one for one in found if one.snapshot_id == snapshot_id), None)
    before = [
        one for one in found if one.snapshot_id != snapshot_id and (own is None or one.finished_at < own.finished_at)
    ]
    return own, before[0] if before else None


def newly_loaded(
    ask: Ask, warehouse_file: Path, previous: Publication | None, settings: Settings, spill_folder: Path
) -> tuple[ReferenceFile, ...] | None:
    """What the warehouse holds that its predecessor did not, by layout and month; None where that is not kept."""
    kept = sorted(warehouse_file.parent.glob(f"opioids-{previous.snapshot_id}*.duckdb")) if previous else []
    if not kept:
        return None
    before = fetch_published(kept[-1], spill_folder, assets.query("report_deliveries")).to_pylist()
    had = {(row["sha256"], row["month"]) for row in before}
    titles = {layout.name: layout.title for layout in settings.layouts}
    new = [row for row in ask("report_deliveries") if (row["sha256"], row["month"]) not in had]
    return _by_title(new, titles)


def _by_title(rows: Sequence[dict[str, Any]], titles: dict[str, str]) -> tuple[ReferenceFile, ...]:
    months = {(titles.get(row["layout"], row["layout"]), row["month"]) for row in rows}
    ordered = sorted(months, key=lambda one: (one[0], str(one[1] or "")))
    return tuple(ReferenceFile(title, month) for title, month in ordered)
