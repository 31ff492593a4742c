"""returns template, returns import: what no prescribing data shows."""

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

app = typer.Typer(
    help="What no prescribing data shows: referrals, meetings, surveys, scores, PDSA, costs.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@app.command("template")
def template(
    out: Annotated[Path, typer.Option(help="The .xlsx to write; nothing about a patient belongs in it.")],
    data_dir: DataDir = DEFAULT_DATA_DIR,
    reports_dir: ReportsDir = DEFAULT_REPORTS_DIR,
    config_dir: ConfigDir = None,
) -> None:
    """Write the empty workbook to fill in, with every measure explained."""
    with errors_in_words():
        from pipelines.returns.sheets import SHEETS
        from pipelines.returns.template import write_template

        write_template(out, settings_of(config_dir, data_dir))
        say(f"{out}. Sheets: {', '.join(SHEETS)}.")


@app.command("import")
def import_returns(
    file: Annotated[Path, typer.Argument(help="The workbook filled in, or one of its sheets as .csv.")],
    user: Annotated[str | None, typer.Option(help="Who imports, where it is not the account that runs this.")] = None,
    data_dir: DataDir = DEFAULT_DATA_DIR,
    reports_dir: ReportsDir = DEFAULT_REPORTS_DIR,
    config_dir: ConfigDir = None,
) -> None:
    """Take in local returns, all of a file or none. They count from the next refresh on."""
    with errors_in_words():
        from pipelines.returns.importing import take_in_returns

        taken = take_in_returns(file, data_folder(data_dir), settings_of(config_dir, data_dir), user)
        kept = taken.kept
        say(f"{kept.new} new, {kept.corrected} corrected, {kept.withdrawn} withdrawn, {kept.unchanged} as they were.")
        others = [name for name in taken.not_read if name not in ("Read me", "Measures")]
        if others:
            notice(f"Not read, for they are no sheets of returns: {', '.join(others)}.")
        if not taken.codes_were_checked:
            notice("Nothing is published yet, so whether the organisations exist could not be looked up.")
        say("Run 'opioids refresh' to have them count.")
