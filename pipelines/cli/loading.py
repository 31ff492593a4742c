"""add, refresh, synth: getting data in and the main job."""

from datetime import date
from pathlib import Path
from typing import Annotated, Literal

import typer

from pipelines.cli.common import (
    DEFAULT_DATA_DIR,
    DEFAULT_REPORTS_DIR,
    ConfigDir,
    DataDir,
    ReportsDir,
    data_folder,
    errors_in_words,
    month_of,
    notice,
    progress,
    say,
    settings_of,
)


def add(
    files: Annotated[list[Path], typer.Argument(help="Source files; together they are one delivery.")],
    layout: Annotated[str | None, typer.Option(help="The layout, where a file does not show it.")] = None,
    month: Annotated[str | None, typer.Option(help="YYYY-MM, for layouts whose files do not say it.")] = None,
    again: Annotated[bool, typer.Option("--again", help="Take in what was withdrawn.")] = False,
    data_dir: DataDir = DEFAULT_DATA_DIR,
    reports_dir: ReportsDir = DEFAULT_REPORTS_DIR,
    config_dir: ConfigDir = None,
) -> None:
    """Take in source files: recognise each, keep its bytes, register it. The files themselves stay where they are."""
    with errors_in_words():
        from pipelines.ingest.delivery import add_files

        added = add_files(
            files,
            data_folder(data_dir, may_be_new=True),
            settings_of(config_dir, data_dir),
            layout_name=layout,
            month=month_of(month, "--month"),
            again=again,
        )
        for file in added:
            known = " (withdrawn: it stays out)" if file.is_withdrawn else " (already registered: nothing to do)"
            say(f"{file.file_name}: {file.layout}{'' if file.is_new else known}")
            if file.extra_columns and file.is_new:
                notice(f"  not used and not kept: {', '.join(' '.join(name.split()) for name in file.extra_columns)}")


def refresh(
    as_at: Annotated[
        str | None,
        typer.Option(help="YYYY-MM of lists and latest values; default: the newest month that is not provisional."),
    ] = None,
    no_report: Annotated[
        bool, typer.Option("--no-report", help="Publish the warehouse without writing reports.")
    ] = False,
    allow_unconverted: Annotated[
        str | None,
        typer.Option(help="Publish although too many opioid items have no dose; say why.", metavar="REASON"),
    ] = None,
    notify: Annotated[
        bool, typer.Option("--notify", help="Tell those named in notify.toml of your settings how it ended.")
    ] = False,
    engine: Annotated[
        Literal["duckdb", "spark"] | None,
        typer.Option(help="What computes, with the same figures; default: engine of configs/pipeline.toml."),
    ] = None,
    data_dir: DataDir = DEFAULT_DATA_DIR,
    reports_dir: ReportsDir = DEFAULT_REPORTS_DIR,
    config_dir: ConfigDir = None,
) -> None:
    """Run the main job: land new files, compute doses and cohorts, check, publish, report."""
    with errors_in_words():
        from pipelines.notify import published, tell, told_if_it_fails
        from pipelines.refresh import RefreshOptions
        from pipelines.refresh import refresh as run

        settings = settings_of(config_dir, data_dir)
        options = RefreshOptions(
            data_folder(data_dir, may_be_new=True),
            reports_dir,
            settings.on_engine(engine) if engine else settings,
            month_of(as_at, "--as-at"),
            not no_report,
            allow_unconverted,
        )
        listeners = options.settings.notify if notify else None
        if listeners and listeners.names_nobody:
            notice("--notify tells nobody: notify.toml names neither an e-mail server nor a channel.")
        with progress() as step, told_if_it_fails(listeners):
            done = run(options, step)
        if listeners:
            told = published(done.snapshot.snapshot_id, options.data.root, [each.sentence for each in done.caveats])
            tell(told, listeners)
        for file in done.swept:
            say(f"Taken from incoming/: {file.file_name} ({file.layout})")
        say(f"Published snapshot {done.snapshot.snapshot_id}: {done.snapshot.file}")
        say(f"{done.files_landed} file(s) landed, {done.checks_run} checks run")
        if done.originals_removed:
            say(f"No longer kept, their time is over: {', '.join(done.originals_removed)}")
        for caveat in done.caveats:
            say(f"Know before you read: {caveat.sentence}" + (f" {caveat.detail}" if caveat.detail else ""))
        if done.unconverted_items:
            say(
                f"{done.unconverted_items:,} of {done.opioid_items:,} opioid items have no dose: "
                "see marts.unconverted_items"
            )
        for file_written in done.reports:
            # A page of every practice and PCN lies beside the overview, which leads to them.
            if file_written.suffix != ".html" or file_written.name == "index.html":
                say(f"Report: {file_written}")


def synth(
    out: Annotated[Path, typer.Option(help="Folder for the files.")],
    patients: Annotated[int, typer.Option(min=1, help="How many people are dispensed something.")] = 2000,
    months: Annotated[int, typer.Option(min=1, help="How many months.")] = 24,
    seed: Annotated[int, typer.Option(help="The same seed gives the same files.")] = 1,
    start: Annotated[str, typer.Option(help="First month, YYYY-MM.")] = "2024-01",
    dirty: Annotated[
        bool, typer.Option("--dirty", help="With the faults that real extracts have, and with children.")
    ] = False,
    truth: Annotated[
        Path | None, typer.Option(help="A further file, outside --out: what each made-up person truly takes.")
    ] = None,
    practices: Annotated[
        Path | None,
        typer.Option(help="CSV with PRACTICE_CODE: made-up people of real practices; references stay yours."),
    ] = None,
    data_dir: DataDir = DEFAULT_DATA_DIR,
    reports_dir: ReportsDir = DEFAULT_REPORTS_DIR,
    config_dir: ConfigDir = None,
) -> None:
    """Write made-up extracts of made-up people, in the layouts of the real ones."""
    with errors_in_words():
        from pipelines import assets
        from pipelines.folders import close_new_files_to_others
        from pipelines.synthetic import write_extract

        # Made-up people, but written straight into incoming/ as real extracts are: closed to others.
        close_new_files_to_others()
        files = write_extract(
            out,
            patients=patients,
            months=months,
            seed=seed,
            start=month_of(start, "--start") or date(2024, 1, 1),
            dirty=dirty,
            reference_dir=assets.REFERENCE_DIR,
            truth=truth,
            practices=practices,
        )
        for file in files:
            say(str(file))
