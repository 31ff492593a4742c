"""report: the pages from what is published, without a refresh."""

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
    progress,
    say,
    settings_of,
)


def report(
    icb: Annotated[str | None, typer.Option(help="The page of this ICB alone, by its code.")] = None,
    pcn: Annotated[str | None, typer.Option(help="The page of this PCN alone, by its code.")] = None,
    practice: Annotated[str | None, typer.Option(help="The page of this GP practice alone, by its code.")] = None,
    whole: Annotated[
        bool, typer.Option("--all", help="The whole site, also where the settings keep a refresh to the overview.")
    ] = False,
    static: Annotated[bool, typer.Option("--static", help="Without the script for search and sorting.")] = False,
    pdf: Annotated[
        bool, typer.Option("--pdf", help="Each page also as PDF, A4; needs Chromium or Chrome on this machine.")
    ] = False,
    data_dir: DataDir = DEFAULT_DATA_DIR,
    reports_dir: ReportsDir = DEFAULT_REPORTS_DIR,
    config_dir: ConfigDir = None,
) -> None:
    """Write the report from the published snapshot: the whole site, or the page of one organisation by itself."""
    with errors_in_words(), progress() as step:
        from pipelines.report.asked import Asked, write_asked

        asked = Asked(icb=icb, pcn=pcn, practice=practice, whole=whole, static=static, pdf=pdf)
        settings = settings_of(config_dir, data_dir)
        written = write_asked(asked, data_folder(data_dir), reports_dir, settings, step)
        for text in written.notices:
            notice(text)
        say(f"Report: {written.first}")
        if len(written.pages) > 1:
            say(f"{len(written.pages)} pages, snapshot {written.snapshot_id}")
        if written.pdfs:
            say(f"PDF: {written.pdfs[0]}" + (f" and {len(written.pdfs) - 1} more" if len(written.pdfs) > 1 else ""))
