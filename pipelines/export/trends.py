"""`opioids export trends`: one level of the trends as CSV, Parquet or a workbook, with what must be known beside it.

What leaves is what the report protects: all rows that leave are protected together, and only then is a level or a
measure picked, so that two exports of a snapshot never show what one of them hides. Unprotected tables stay below the
data folder and are entered in the audit.
"""

import difflib
import hashlib
import io
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import polars as pl

from pipelines import assets
from pipelines.audit import AuditTrail
from pipelines.caveats import caveats_of
from pipelines.config import Settings
from pipelines.disclosure import NOT_AVAILABLE_MARK, SUPPRESSED, SUPPRESSED_MARK, Policy
from pipelines.engine.published import fetch_published
from pipelines.errors import UsageError
from pipelines.folders import DataFolder
from pipelines.release import places
from pipelines.report.read import LEVELS, read
from pipelines.report.tables import csv_of, trend_tables
from pipelines.snapshots import Snapshot, current_snapshot
from pipelines.spreadsheets import EXCEL_ROWS, HEAD_ROWS, add_table_sheet, cell_of, new_workbook

Format = Literal["csv", "parquet", "xlsx"]
Boundaries = Literal["current", "as-was"]
_KINDS: dict[str, Any] = {
    **dict.fromkeys(
        (
            "denominator", "rate_per_1000", "ci_low", "ci_high", "baseline", "change_pct", "change_low", "change_high",
            "aim_pct", "trajectory", "probability_aim_met", "spc_mean", "spc_lower", "spc_upper", "capture_rate",
        ),
        pl.Float64,
    ),
    "month": pl.Date,
    "baseline_month": pl.Date,
    "provisional": pl.Boolean,
}  # fmt: skip
_SAFETY = (
    "Dispensed is not taken. OME finds people to review; never use it to convert or switch medicines. Do not stop or "
    "cut opioids, gabapentinoids or benzodiazepines abruptly."
)


@dataclass(frozen=True)
class TrendExport:
    """What is asked for."""

    level: str
    format: Format
    out: Path
    measures: tuple[str, ...] = ()
    secure: bool = False
    boundaries: Boundaries = "current"
    user: str | None = None


@dataclass(frozen=True)
class Exported:
    """What was written: the table, the notes beside it (None where they are inside), its rows."""

    table: Path
    notes: Path | None
    rows: int


def named_form(out: Path) -> Format:
    """The form that the name of a file asks for; csv where it asks for none."""
    forms: dict[str, Format] = {".csv": "csv", ".parquet": "parquet", ".xlsx": "xlsx"}
    return forms.get(out.suffix.lower(), "csv")


def export_trends(asked: TrendExport, data: DataFolder, settings: Settings) -> Exported:
    """Write one level of the trends. Raises UsageError where it may not be written there, or nothing is left."""
    target = _place_for(asked, data)
    snapshot = current_snapshot(data)
    frame, policy = _unprotected(asked, data, snapshot) if asked.secure else _protected(asked, data, snapshot, settings)
    if frame.is_empty():
        raise _nothing_left(asked)
    notes = _notes(asked, frame, policy, snapshot, data)
    content = _content(asked, frame, notes)
    beside = None if asked.format == "xlsx" else target.with_name(f"{target.stem}-notes.txt")
    entry = _entered(asked, frame, content, snapshot, data) if asked.secure else None
    try:
        places.make_folder(target.parent)
        places.write_closed(target, content)
        if beside:
            places.write_closed(beside, ("\r\n".join(notes) + "\r\n").encode())
    except BaseException:
        if entry is not None:
            AuditTrail(data).append("not written", asked.user, about=entry["number"])
        raise
    return Exported(target, beside, frame.height)


def _entered(
    asked: TrendExport, frame: pl.DataFrame, content: bytes, snapshot: Snapshot, data: DataFolder
) -> dict[str, Any]:
    """The row of the audit under which an unprotected table is written."""
    return AuditTrail(data).append(
        "export-trends-unprotected",
        asked.user,
        level=asked.level,
        boundaries=asked.boundaries,
        measures=list(asked.measures),
        file=asked.out.name,
        rows=frame.height,
        sha256=hashlib.sha256(content).hexdigest(),
        snapshot_id=snapshot.snapshot_id,
    )


def _place_for(asked: TrendExport, data: DataFolder) -> Path:
    target, root = asked.out.resolve(), data.root.resolve()
    if target.suffix.lower() != f".{asked.format}" or target.is_dir():
        raise UsageError(
            f"A table of format {asked.format} is a file .{asked.format}.",
            f"Option --out: {asked.out}.",
            f"Name it so, or give --format {target.suffix.lstrip('.') or 'csv'}.",
        )
    if asked.level not in LEVELS:
        raise UsageError(
            f"'{asked.level}' is no level of organisations.", "Option --level.", f"Give one of {', '.join(LEVELS)}."
        )
    if not asked.secure and asked.boundaries != "current":
        raise UsageError(
            "Only current boundaries leave: beside them those of the month would show whom a practice brought along.",
            "Option --boundaries.",
            "For the secure side, give --secure.",
        )
    if asked.secure and not target.is_relative_to(root):
        raise UsageError(
            "An unprotected table stays below the data folder.",
            f"{asked.out} lies outside {data.root}.",
            f"Write it below {data.root / 'exports'}, or leave out --secure.",
        )
    places.refuse_own_folders(asked.out, data, data.root / "exports")
    return target


def _protected(
    asked: TrendExport, data: DataFolder, snapshot: Snapshot, settings: Settings
) -> tuple[pl.DataFrame, Policy | None]:
    leaving = read(snapshot.file, snapshot.snapshot_id, settings, data.tmp)
    picked = replace(leaving, trends=_picked(leaving.trends, asked))
    content = trend_tables(picked, settings)[f"trends_{asked.level}.csv"]
    # Every format holds the words and digits of the report's own table.
    text = pl.read_csv(io.BytesIO(content), infer_schema=False)
    return text, leaving.policy


def _unprotected(asked: TrendExport, data: DataFolder, snapshot: Snapshot) -> tuple[pl.DataFrame, None]:
    name = {"current": "report_trends", "as-was": "export_trends_as_was"}[asked.boundaries]
    trends = pl.from_arrow(fetch_published(snapshot.file, data.tmp, assets.query(name)))
    assert isinstance(trends, pl.DataFrame)
    return _picked(trends, asked).filter(pl.col("org_level") == asked.level).sort("org_code", "measure", "month"), None


def _picked(trends: pl.DataFrame, asked: TrendExport) -> pl.DataFrame:
    known = trends["measure"].cast(pl.String).unique()
    unknown = sorted(set(asked.measures) - set(known))
    if unknown:
        near = {each for name in unknown for each in difflib.get_close_matches(name, known, n=3, cutoff=0.6)}
        raise UsageError(
            f"No trends are there for: {', '.join(unknown)}.",
            f"Option --measure. Like it: {', '.join(sorted(near)) or 'nothing'}.",
            'List them: opioids query "SELECT DISTINCT measure FROM marts.trends ORDER BY ALL"',
        )
    return trends.filter(pl.col("measure").cast(pl.String).is_in(asked.measures)) if asked.measures else trends


def _nothing_left(asked: TrendExport) -> UsageError:
    remedy = (
        "Single practices leave for open data (epd_ measures) and practice_measures of disclosure.toml: ask for "
        "--level pcn or, for the secure side, --secure."
        if asked.level == "practice" and not asked.secure
        else 'See which levels and measures there are: opioids query "FROM marts.trends".'
    )
    return UsageError("Nothing is left to export.", f"Level {asked.level}.", remedy)


def _notes(
    asked: TrendExport, frame: pl.DataFrame, policy: Policy | None, snapshot: Snapshot, data: DataFolder
) -> list[str]:
    """Title first, then what must be known."""
    first, last = (str(value)[:7] for value in (frame["month"].min(), frame["month"].max()))
    protection = (
        "Not protected: small counts are in it. For the secure side only; do not pass it on."
        if policy is None
        else f"Disclosure policy {policy.name}: {policy.source}. {SUPPRESSED_MARK} stands for a suppressed figure."
    )
    boundaries = (
        "Boundaries: current; a practice's history counts where the practice is now."
        if asked.boundaries == "current"
        else "Boundaries: of the month; each practice counts where it was on the first of the month."
    )
    definitions = sorted({text for text in frame["definition"].to_list() if text})
    return [
        f"Opioid trends, level {asked.level}, {first} to {last}",
        _SAFETY,
        f"Snapshot {snapshot.snapshot_id}.",
        protection,
        f"{NOT_AVAILABLE_MARK} stands for a figure that is not available; the column rate_reason says why.",
        boundaries,
        *(f"Definition: {text}." for text in definitions),
        *(f"Know before you read: {caveat.sentence}" for caveat in caveats_of(snapshot.file, data.tmp)),
    ]


def _content(asked: TrendExport, frame: pl.DataFrame, notes: Sequence[str]) -> bytes:
    if asked.format == "csv":
        return csv_of(frame, tuple(frame.columns))
    typed = frame.with_columns(_typed(frame, name) for name in frame.columns)
    if asked.format == "parquet":
        out = io.BytesIO()
        typed.write_parquet(out)
        return out.getvalue()
    return _workbook(asked, typed, notes)


def _typed(frame: pl.DataFrame, name: str) -> pl.Expr:
    """A column of text in its own type; codes stay text."""
    column, kind = pl.col(name), _KINDS.get(name)
    if kind is None or frame.schema[name] != pl.String:
        return column
    if kind == pl.Date:
        return column.str.to_date("%Y-%m-%d")
    return column == "true" if kind == pl.Boolean else column.cast(kind)


def _workbook(asked: TrendExport, frame: pl.DataFrame, notes: Sequence[str]) -> bytes:
    """Two worksheets, Notes and the table, each with a title in A1 and one marked-up table; no cell blank or merged."""
    if frame.height + HEAD_ROWS > EXCEL_ROWS:
        raise UsageError(
            f"A worksheet cannot hold {frame.height:,} rows.",
            f"At most {EXCEL_ROWS - HEAD_ROWS:,}.",
            "Pick measures with --measure, or take --format csv or parquet.",
        )
    buffer = io.BytesIO()
    book = new_workbook(buffer, notes[0])
    add_table_sheet(book, "Notes", notes[0], ["Note number", "Note"], list(enumerate(notes[1:], 1)))
    hidden = frame["rate_reason"].eq_missing(SUPPRESSED).to_list() if "rate_reason" in frame.columns else []
    columns = {name: frame[name].to_list() for name in frame.columns}
    numeric = {name for name in frame.columns if frame.schema[name].is_numeric()}
    rows = [
        [
            cell_of(
                values[row],
                SUPPRESSED_MARK if hidden and hidden[row] and name in numeric else NOT_AVAILABLE_MARK,
                name == "shown",
            )
            for name, values in columns.items()
        ]
        for row in range(frame.height)
    ]
    add_table_sheet(book, f"trends_{asked.level}", notes[0], frame.columns, rows)
    book.close()
    return buffer.getvalue()
