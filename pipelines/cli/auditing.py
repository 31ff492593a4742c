"""audit list, audit verify: who was given which list."""

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
    say,
    table,
)

app = typer.Typer(help="Who was given which list.", no_args_is_help=True, rich_markup_mode=None)

_SHOWN = (
    "number",
    "when",
    "user",
    "account",
    "action",
    "organisation",
    "people",
    "nhs_numbers",
    "role",
    "purpose",
    "file",
)


@app.command("list")
def list_rows(
    data_dir: DataDir = DEFAULT_DATA_DIR,
    reports_dir: ReportsDir = DEFAULT_REPORTS_DIR,
    config_dir: ConfigDir = None,
) -> None:
    """Show every release: who, when, what for, whose patients, how many, with NHS numbers or not."""
    with errors_in_words():
        from pipelines.audit import AuditTrail

        rows = [[_shown(entry.get(name)) for name in _SHOWN] for entry in AuditTrail(data_folder(data_dir)).entries()]
        table([name.replace("_", " ") for name in _SHOWN], rows)


@app.command("verify")
def verify(
    noted: Annotated[str | None, typer.Option(help="A hash noted earlier: it must be that of a row.")] = None,
    data_dir: DataDir = DEFAULT_DATA_DIR,
    reports_dir: ReportsDir = DEFAULT_REPORTS_DIR,
    config_dir: ConfigDir = None,
) -> None:
    """Recompute the chain of hashes: a row that was changed, cut, put in or taken out is found."""
    with errors_in_words():
        from pipelines.audit import AuditTrail

        verified = AuditTrail(data_folder(data_dir)).verify(noted)
        say(f"{verified.rows} row(s), unbroken. Last hash, to be noted elsewhere: {verified.last_hash}")


def _shown(cell: object) -> str:
    return "" if cell is None else str(cell)
