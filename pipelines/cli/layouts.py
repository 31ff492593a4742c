"""layouts: which shapes of file are known, and what becomes of a file under them."""

from pathlib import Path
from typing import Annotated

import typer

from pipelines.cli.common import (
    DEFAULT_DATA_DIR,
    DEFAULT_REPORTS_DIR,
    ConfigDir,
    DataDir,
    ReportsDir,
    errors_in_words,
    say,
    settings_of,
    table,
)

app = typer.Typer(
    help="Layouts: the shapes of source files that are known.", no_args_is_help=True, rich_markup_mode=None
)


@app.command("list")
def list_layouts(
    data_dir: DataDir = DEFAULT_DATA_DIR,
    reports_dir: ReportsDir = DEFAULT_REPORTS_DIR,
    config_dir: ConfigDir = None,
) -> None:
    """Every layout: its name, title, and the columns a file must have."""
    with errors_in_words():
        from pipelines.ingest.explaining import needs_of

        table(
            ("layout", "title", "a file needs"),
            [(layout.name, layout.title, needs_of(layout)) for layout in settings_of(config_dir, data_dir).layouts],
        )


@app.command("test")
def try_file(
    file: Annotated[Path, typer.Argument(help="A source file; nothing of it is kept.")],
    layout: Annotated[str | None, typer.Option(help="Try this layout alone.")] = None,
    data_dir: DataDir = DEFAULT_DATA_DIR,
    reports_dir: ReportsDir = DEFAULT_REPORTS_DIR,
    config_dir: ConfigDir = None,
) -> None:
    """Which layout a file would be taken in under and why, column by column, or what the nearest ones lack."""
    with errors_in_words():
        from pipelines.folders import DataFolder
        from pipelines.ingest.explaining import explain

        data = DataFolder(data_dir)
        data.prepare()
        found = explain(file, data, settings_of(config_dir, data_dir), layout)
        for match in found:
            say(f"{match.file_name}: {match.title}")
            table(("field", "", "column", "its text must be"), match.fields)
            if match.unused:
                say(f"Not used and not kept: {', '.join(match.unused)}")
            for sentence in match.sentences:
                say(sentence)
        if not all(match.is_recognised for match in found):
            raise typer.Exit(5)
