"""lineage, warehouse dictionary, export warehouse: what a figure means, where it comes from, all of them in files."""

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
    table,
)


class Form(StrEnum):
    """Forms of a whole warehouse."""

    parquet = "parquet"


def lineage(
    column: Annotated[str, typer.Argument(help="schema.table.column, such as marts.item_ome.ome_mg.")],
    depth: Annotated[int | None, typer.Option(min=1, help="Levels to show; without it all of them.")] = None,
    data_dir: DataDir = DEFAULT_DATA_DIR,
    reports_dir: ReportsDir = DEFAULT_REPORTS_DIR,
    config_dir: ConfigDir = None,
) -> None:
    """Show what a column is made of: models, columns, settings, functions, and columns of the files delivered."""
    with errors_in_words():
        from contextlib import suppress

        from pipelines.dictionary import Table, published_tables
        from pipelines.errors import NothingPublished
        from pipelines.lineage import Lineage, as_lines
        from pipelines.snapshots import current_snapshot

        tables: list[Table] = []
        # Models can be asked about without any data.
        if data_dir.is_dir():
            data = data_folder(data_dir)
            with suppress(NothingPublished):
                tables = published_tables(current_snapshot(data).file, data.tmp)
        known = Lineage(settings_of(config_dir, data_dir), tables)
        found = known.of(column)
        for line in as_lines(found, -1 if depth is None else depth):
            say(line)
        notice(f"It rests on: {', '.join(known.raw_sources(found)) or 'no file delivered'}.")


def dictionary(
    table_name: Annotated[
        str | None, typer.Argument(metavar="[TABLE]", help="One table; without it all of them, as Markdown.")
    ] = None,
    data_dir: DataDir = DEFAULT_DATA_DIR,
    reports_dir: ReportsDir = DEFAULT_REPORTS_DIR,
    config_dir: ConfigDir = None,
) -> None:
    """Say what every table and column of the published warehouse means."""
    with errors_in_words():
        from pipelines.dictionary import as_markdown, published_tables, table_named
        from pipelines.snapshots import current_snapshot

        data = data_folder(data_dir)
        tables = published_tables(current_snapshot(data).file, data.tmp)
        if table_name is None:
            say(as_markdown(tables).rstrip("\n"))
            return
        wanted = table_named(tables, table_name)
        say(f"{wanted.name}: {wanted.says}")
        say()
        table(("column", "type", "what it says"), wanted.columns)


def export_warehouse(
    out: Annotated[Path, typer.Option(help="The folder to make, below the data folder.")],
    format: Annotated[Form, typer.Option("--format", help="How it is written.")] = Form.parquet,
    secure: Annotated[
        bool, typer.Option("--secure", help="Unprotected, below the data folder alone; entered in the audit.")
    ] = False,
    table_name: Annotated[
        list[str] | None, typer.Option("--table", help="Only this table; may be given again.")
    ] = None,
    user: Annotated[str | None, typer.Option(help="Who asks, where it is not the account that runs this.")] = None,
    data_dir: DataDir = DEFAULT_DATA_DIR,
    reports_dir: ReportsDir = DEFAULT_REPORTS_DIR,
    config_dir: ConfigDir = None,
) -> None:
    """Write the published tables as Parquet, a file a month, with a manifest: people under pseudonyms, small counts."""
    with errors_in_words():
        from pipelines.export.warehouse import WarehouseExport, export_warehouse

        asked = WarehouseExport(out, tuple(table_name or ()), secure, user)
        written = export_warehouse(asked, data_folder(data_dir))
        notice(
            "Not protected: people under pseudonyms and small counts. It stays on the secure side; it is in the audit."
        )
        say(f"{written.folder}: {written.tables} table(s), {written.files} file(s), {written.rows:,} row(s)")
        say(f"{written.manifest}: snapshot, and rows and SHA-256 of each file")
