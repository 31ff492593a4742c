"""opt-out import, erase: people who are to be left out. An NHS number is never an argument: others could see it."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

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

if TYPE_CHECKING:
    from pipelines.upkeep.erasing import Erased

app = typer.Typer(help="People who opted out.", no_args_is_help=True, rich_markup_mode=None)

User = Annotated[str | None, typer.Option(help="Who asks, where it is not the account that runs this.")]


# A group of one command would otherwise be the command itself.
@app.callback()
def group() -> None:
    """People who opted out."""


@app.command("import")
def import_opt_outs(
    file: Annotated[Path, typer.Argument(help="One NHS number a row, as .csv or .xlsx, with a heading or without.")],
    replace: Annotated[
        bool, typer.Option("--replace", help="It is the whole list: who is not on it is no longer opted out.")
    ] = False,
    user: User = None,
    data_dir: DataDir = DEFAULT_DATA_DIR,
    reports_dir: ReportsDir = DEFAULT_REPORTS_DIR,
    config_dir: ConfigDir = None,
) -> None:
    """Leave people out: of what is landed with the next refresh, and of every file from now on."""
    with errors_in_words():
        from pipelines.ingest.opting_out import take_in_opt_outs

        changed = take_in_opt_outs(file, data_folder(data_dir, may_be_new=True), user, is_whole_list=replace)
        say(f"{changed.new} new opt-out(s), {changed.known} known already, {changed.lifted} no longer opted out.")
        if changed.files_to_land_anew:
            say(f"Landed anew with the next refresh: {', '.join(changed.files_to_land_anew)}.")
        if changed.files_without_original:
            notice(
                "The rows of those who came back are lost from files whose originals are no longer kept: "
                f"{', '.join(changed.files_without_original)}. Export these anew."
            )
        say("Run 'opioids refresh' to have it count. The list itself still holds NHS numbers: keep it closed.")


def erase(
    nhs_number_file: Annotated[
        str | None, typer.Option(help="A file with the one NHS number in it, or - for standard input.")
    ] = None,
    ask: Annotated[bool, typer.Option("--ask", help="Ask for the NHS number; it is not shown.")] = False,
    user: User = None,
    data_dir: DataDir = DEFAULT_DATA_DIR,
    reports_dir: ReportsDir = DEFAULT_REPORTS_DIR,
    config_dir: ConfigDir = None,
) -> None:
    """Remove one person from everything that is kept here, for good. Run a refresh afterwards."""
    with errors_in_words():
        from pipelines.upkeep.erasing import erase_person

        number = _one_number(nhs_number_file, ask)
        _say_erased(erase_person(data_folder(data_dir), number, settings_of(config_dir, data_dir), user))


def _one_number(file: str | None, ask: bool) -> str:
    from pipelines.errors import UnreadableFile, UsageError
    from pipelines.ingest.opting_out import nhs_numbers_of

    if (file is None) == (not ask):
        raise UsageError(
            "Say where the NHS number comes from, once.",
            "It is never an argument: other users of this machine can see those.",
            "Give --nhs-number-file FILE, --nhs-number-file - or --ask.",
        )
    if file is None:
        import getpass

        return getpass.getpass("NHS number: ")
    if file != "-" and not Path(file).is_file():
        raise UnreadableFile("There is no such file.", f"{file}.", "Name the file with the NHS number.")
    content = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
    numbers = nhs_numbers_of(content, "standard input" if file == "-" else Path(file).name)
    if len(set(numbers)) != 1:
        raise UsageError("One person is erased at a time.", f"{len(set(numbers))} NHS numbers were given.", "Give one.")
    return numbers[0]


def _say_erased(erased: "Erased") -> None:
    say(
        f"Removed: {erased.rows:,} landed row(s), {erased.identities} identity(ies), {erased.reviews} review(s), "
        f"{len(erased.originals)} original file(s), {len(erased.refused)} refused file(s), "
        f"{len(erased.snapshots)} kept snapshot(s)."
    )
    for name in erased.originals:
        say(f"  original no longer kept: {name} (everybody else in it stays as landed)")
    say("They stay on the list of those who are left out, by pseudonym, so that no later file brings them back.")
    if erased.is_still_published:
        notice("The present publication still holds them by pseudonym: run 'opioids refresh' now to replace it.")
    for file in erased.clear_files:
        notice(f"A list below the data folder holds their pseudonym; delete it if it has served: {file}")
    notice(
        "Not within reach of this command, and yours to see to: backups"
        + (f" ({', '.join(erased.backups)})" if erased.backups else "")
        + ", lists and exports that were handed out, the file with the number, and the supplier, whose next file may "
        "hold the number again: its original is kept for keep_patient_files_months."
    )
