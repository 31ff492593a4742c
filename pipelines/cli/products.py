"""ome: what a product is, and its oral morphine equivalence."""

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
)


def ome(
    file: Annotated[Path, typer.Option(help="CSV with bnf_code, bnf_description, total_quantity.")],
    out: Annotated[Path, typer.Option(help="Where the same rows are written, with their dose.")],
    data_dir: DataDir = DEFAULT_DATA_DIR,
    reports_dir: ReportsDir = DEFAULT_REPORTS_DIR,
    config_dir: ConfigDir = None,
) -> None:
    """Add drug, route, form, strength and oral morphine equivalence to a table of products: same rows, same order."""
    with errors_in_words():
        from pipelines.ome_table import add_ome

        summary = add_ome(file, out, settings_of(config_dir, data_dir))
        for status, rows in summary.items():
            say(f"{status}: {rows:,} row(s)")
