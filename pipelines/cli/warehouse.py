"""query, warehouse path: the analyst's way to the published figures."""

import csv
import sys
from collections.abc import Iterable, Sequence
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any, TextIO

import typer

from pipelines.cli.common import (
    DEFAULT_DATA_DIR,
    DEFAULT_REPORTS_DIR,
    ConfigDir,
    DataDir,
    ReportsDir,
    data_folder,
    errors_in_words,
    notice,
    say,
    table,
)

app = typer.Typer(help="The published warehouse.", no_args_is_help=True, rich_markup_mode=None)


OfSnapshot = Annotated[
    str | None,
    typer.Option(metavar="<id>", help="Of this kept snapshot ('opioids snapshots'); without it the current one."),
]


class Format(StrEnum):
    """How an answer is written."""

    table = "table"
    csv = "csv"
    json = "json"


def query(
    sql: Annotated[str, typer.Argument(help='One statement, such as "SELECT * FROM marts.runs".')],
    format: Annotated[Format, typer.Option("--format", help="How the answer is written.")] = Format.table,
    snapshot: OfSnapshot = None,
    data_dir: DataDir = DEFAULT_DATA_DIR,
    reports_dir: ReportsDir = DEFAULT_REPORTS_DIR,
    config_dir: ConfigDir = None,
) -> None:
    """Ask the published warehouse, read-only. Standard output holds the answer and nothing else."""
    with errors_in_words():
        from pipelines.engine.published import one_query, read_only
        from pipelines.snapshots import kept_snapshot

        data = data_folder(data_dir)
        asked = kept_snapshot(data, snapshot)
        connection = read_only(asked.file, data.tmp, default_schema="marts")
        try:
            answer = one_query(connection, sql)
            columns = [column[0] for column in answer.description or []]
            rows = answer.fetchall()
        finally:
            connection.close()
        if format is Format.csv:
            _write_csv(columns, rows, sys.stdout)
        elif format is Format.json:
            _write_json(columns, rows)
        else:
            table(columns, [[plain(cell) for cell in row] for row in rows])
        notice(f"snapshot {asked.snapshot_id}, {len(rows):,} row(s)")


@app.command("path")
def path(
    snapshot: OfSnapshot = None,
    data_dir: DataDir = DEFAULT_DATA_DIR,
    reports_dir: ReportsDir = DEFAULT_REPORTS_DIR,
    config_dir: ConfigDir = None,
) -> None:
    """Print the path of the published DuckDB file."""
    with errors_in_words():
        from pipelines.snapshots import kept_snapshot

        say(str(kept_snapshot(data_folder(data_dir), snapshot).file))


def plain(cell: Any) -> str:
    """One value as text: dates ISO, booleans true/false, NULL empty, numbers without exponent."""
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, Decimal):
        return format(cell, "f")
    if isinstance(cell, float):
        return format(Decimal(repr(cell)), "f") if cell == cell and abs(cell) != float("inf") else ""
    if isinstance(cell, datetime):
        return cell.isoformat(sep=" ")
    if isinstance(cell, date):
        return cell.isoformat()
    return str(cell)


def _write_csv(columns: Sequence[str], rows: Iterable[Sequence[Any]], out: TextIO) -> None:
    """RFC 4180: a header, CRLF, quotes where needed."""
    if hasattr(out, "reconfigure"):
        out.reconfigure(encoding="utf-8", newline="")
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(columns)
    writer.writerows([plain(cell) for cell in row] for row in rows)


def _write_json(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    import json

    def shown(cell: Any) -> Any:
        return cell if cell is None or isinstance(cell, bool | int | str) else _number_or_text(cell)

    say(json.dumps([dict(zip(columns, map(shown, row), strict=True)) for row in rows], ensure_ascii=False, indent=1))


def _number_or_text(cell: Any) -> Any:
    return float(cell) if isinstance(cell, Decimal | float) else plain(cell)
