"""reviews template, reviews import: what came of the reviews."""

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

app = typer.Typer(help="What came of the reviews.", no_args_is_help=True, rich_markup_mode=None)


@app.command("template")
def template(
    out: Annotated[Path, typer.Option(help="The .xlsx or .csv to write; it holds no patient.")],
    data_dir: DataDir = DEFAULT_DATA_DIR,
    reports_dir: ReportsDir = DEFAULT_REPORTS_DIR,
    config_dir: ConfigDir = None,
) -> None:
    """Write the empty file to fill in: patient, day, outcome, reviewer."""
    with errors_in_words():
        from pipelines.reviews import load_outcomes
        from pipelines.reviews.template import write_template

        outcomes = load_outcomes()
        write_template(out, outcomes.values())
        say(f"{out}. Outcomes: {', '.join(outcomes)}.")


@app.command("import")
def import_reviews(
    file: Annotated[Path, typer.Argument(help="The template, or a released list, with reviews filled in.")],
    user: Annotated[str | None, typer.Option(help="Who imports, where it is not the account that runs this.")] = None,
    data_dir: DataDir = DEFAULT_DATA_DIR,
    reports_dir: ReportsDir = DEFAULT_REPORTS_DIR,
    config_dir: ConfigDir = None,
) -> None:
    """Take in outcomes of reviews, all of a file or none. They count from the next refresh on."""
    with errors_in_words():
        from pipelines.cli.cases import password_given
        from pipelines.release.importing import take_in_reviews
        from pipelines.release.wording import day_in_words

        taken = take_in_reviews(file, data_folder(data_dir), user, lambda: password_given("Password of the workbook: "))
        say(f"{taken.new} new review(s), {taken.known} known already, {taken.without_review} person(s) without one.")
        if taken.days:
            first, last = (day_in_words(day) for day in taken.days)
            outcomes = ", ".join(f"{count} {outcome}" for outcome, count in sorted(taken.outcomes.items()))
            say(f"New: {outcomes}; dated {first}{f' to {last}' if last != first else ''}.")
        if taken.withdrawn:
            say(f"{taken.withdrawn} review(s) withdrawn: kept as entered by mistake, counted nowhere.")
        if taken.withdrawn_before:
            notice(f"{taken.withdrawn_before} of them were withdrawn before and stay so.")
        if taken.not_in_data:
            notice(
                f"{taken.not_in_data} person(s) are in no published month: their reviews are kept all the same. "
                "Is the NHS number right?"
            )
        if taken.new or taken.withdrawn:
            say("Run 'opioids refresh' to have them count.")
