"""export trends: one level of the trend tables for a spreadsheet or another program."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

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
    settings_of,
)

app = typer.Typer(help="Tables to take along.", no_args_is_help=True, rich_markup_mode=None)


class Level(StrEnum):
    """Levels of organisations."""

    practice = "practice"
    pcn = "pcn"
    sub_icb = "sub_icb"
    icb = "icb"
    region = "region"
    all = "all"


class Form(StrEnum):
    """Forms of a table."""

    csv = "csv"
    parquet = "parquet"
    xlsx = "xlsx"


class Boundaries(StrEnum):
    """Which boundaries organisations have."""

    current = "current"
    as_was = "as-was"


@app.command("trends")
def trends(
    level: Annotated[Level, typer.Option(help="Of which organisations. Single practices: open data alone.")],
    out: Annotated[Path, typer.Option(help="The file to write; notes are written beside CSV and Parquet.")],
    format: Annotated[
        Form | None, typer.Option("--format", help="How it is written; without it as --out is named.")
    ] = None,
    measure: Annotated[list[str] | None, typer.Option(help="Only this measure; may be given again.")] = None,
    secure: Annotated[
        bool, typer.Option("--secure", help="Unprotected, below the data folder alone; entered in the audit.")
    ] = False,
    boundaries: Annotated[
        Boundaries, typer.Option(help="Organisations as they are now, or as they were in each month (--secure alone).")
    ] = Boundaries.current,
    user: Annotated[str | None, typer.Option(help="Who asks, where it is not the account that runs this.")] = None,
    data_dir: DataDir = DEFAULT_DATA_DIR,
    reports_dir: ReportsDir = DEFAULT_REPORTS_DIR,
    config_dir: ConfigDir = None,
) -> None:
    """Write one level of the trends, protected as in the report: small counts suppressed, the rest rounded."""
    with errors_in_words():
        from pipelines.export.trends import TrendExport, export_trends, named_form

        settings = settings_of(config_dir, data_dir)
        form = format.value if format else named_form(out)
        asked = TrendExport(level.value, form, out, tuple(measure or ()), secure, boundaries.value, user)
        written = export_trends(asked, data_folder(data_dir), settings)
        if secure:
            notice("Not protected: this table holds small counts. It stays on the secure side; it is in the audit.")
        say(f"{written.table}: {written.rows:,} row(s)")
        if written.notes:
            say(f"{written.notes}: what must be known beside it")
