"""case-list: the people to review first."""

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
    say,
)


def case_list(
    practice: Annotated[str, typer.Option(help="Practice code.")],
    out: Annotated[Path, typer.Option(help="CSV file to write, below the data folder.")],
    data_dir: DataDir = DEFAULT_DATA_DIR,
    reports_dir: ReportsDir = DEFAULT_REPORTS_DIR,
    config_dir: ConfigDir = None,
) -> None:
    """Write the case-finding list of a practice: pseudonyms, one row a person, most urgent first."""
    with errors_in_words():
        from pipelines.release import write_case_list

        written = write_case_list(practice, out, data_folder(data_dir))
        say(f"{written.people} people at {written.practice} as at {written.as_at}: {out}")
        for line in written.reminders:
            say(line)
