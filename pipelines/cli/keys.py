"""keys init, keys show-id, keys rotate: the secret behind the pseudonyms."""

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
)

app = typer.Typer(help="The secret key behind the pseudonyms.", no_args_is_help=True, rich_markup_mode=None)


@app.command("init")
def init(
    data_dir: DataDir = DEFAULT_DATA_DIR,
    reports_dir: ReportsDir = DEFAULT_REPORTS_DIR,
    config_dir: ConfigDir = None,
) -> None:
    """Make the key of this data folder, if there is none yet, and tie the folder to it."""
    with errors_in_words():
        from pipelines.identity.keys import key_file, load_or_make_key

        key = load_or_make_key(data_folder(data_dir, may_be_new=True))
        say(f"{key.key_id} {key_file()}")


@app.command("show-id")
def show_id(
    data_dir: DataDir = DEFAULT_DATA_DIR,
    reports_dir: ReportsDir = DEFAULT_REPORTS_DIR,
    config_dir: ConfigDir = None,
) -> None:
    """Print the id of the key that the data folder was made with, which gives nothing of the key away."""
    with errors_in_words():
        from pipelines.identity.keys import known_key_id

        say(known_key_id(data_folder(data_dir)) or "none yet: it is made with the first patient file")


@app.command("rotate")
def rotate(
    opt_outs: Annotated[
        Path | None,
        typer.Option(help="NHS numbers of those who opted out or were erased, one a row: of them none is kept here."),
    ] = None,
    user: Annotated[str | None, typer.Option(help="Who asks, where it is not the account that runs this.")] = None,
    data_dir: DataDir = DEFAULT_DATA_DIR,
    reports_dir: ReportsDir = DEFAULT_REPORTS_DIR,
    config_dir: ConfigDir = None,
) -> None:
    """Change the key: every person gets a new pseudonym and keeps their history. Run a refresh afterwards."""
    with errors_in_words():
        from pipelines.ingest.opting_out import nhs_numbers_of
        from pipelines.upkeep.rekeying import rotate_key

        numbers = nhs_numbers_of(opt_outs.read_bytes(), opt_outs.name) if opt_outs else []
        rotated = rotate_key(data_folder(data_dir), user, numbers)
        say(f"Key {rotated.old_key_id} → {rotated.new_key_id}; {rotated.people:,} people have new pseudonyms.")
        say(
            "What is published holds the old ones: trends and queries go on, lists do not. Run 'opioids refresh' to "
            "publish it anew."
        )
        notice(f"The old key is kept at {rotated.old_key_kept_at}: delete it once no backup needs it.")
        notice("Lists in clear below the data folder still hold old pseudonyms: delete them.")
