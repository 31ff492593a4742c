"""fetch epd, list-sizes, organisations: open data from the network. No other command uses it."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
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
    month_of,
    notice,
    progress,
    say,
    settings_of,
)

if TYPE_CHECKING:
    from pathlib import Path

    from pipelines.downloads import Brought, ListedSource, Voice

app = typer.Typer(
    help="Download open data and take it in; the only command that uses the network.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@app.command("epd")
def epd(
    first: Annotated[str, typer.Option("--from", help="First month, YYYY-MM.")],
    last: Annotated[str, typer.Option("--to", help="Last month, YYYY-MM, or 'latest'.")] = "latest",
    portal: Annotated[
        str | None, typer.Option(help="Address of the portal's API instead of the one in configs/fetch.toml.")
    ] = None,
    data_dir: DataDir = DEFAULT_DATA_DIR,
    reports_dir: ReportsDir = DEFAULT_REPORTS_DIR,
    config_dir: ConfigDir = None,
) -> None:
    """Download months of the English Prescribing Dataset: new ones, and those published anew since."""
    with errors_in_words():
        from pipelines.downloads import bring_epd

        first_month = month_of(first, "--from") or date.min
        last_month = None if last == "latest" else month_of(last, "--to")
        settings, data = settings_of(config_dir, data_dir), data_folder(data_dir, may_be_new=True)
        with _voice() as voice:
            brought = bring_epd(data, settings, first_month, last_month, portal=portal, voice=voice)
        _say_what_is_next(brought)


@app.command("list-sizes")
def list_sizes(
    data_dir: DataDir = DEFAULT_DATA_DIR,
    reports_dir: ReportsDir = DEFAULT_REPORTS_DIR,
    config_dir: ConfigDir = None,
) -> None:
    """Download the registered patients of each practice, from the address you entered in configs/fetch.toml."""
    with errors_in_words():
        _bring_listed("list_sizes", data_dir, config_dir)


@app.command("organisations")
def organisations(
    data_dir: DataDir = DEFAULT_DATA_DIR,
    reports_dir: ReportsDir = DEFAULT_REPORTS_DIR,
    config_dir: ConfigDir = None,
) -> None:
    """Download practices, PCN membership and names, from the addresses you entered in configs/fetch.toml."""
    with errors_in_words():
        _bring_listed("organisations", data_dir, config_dir)


def _bring_listed(source: "ListedSource", data_dir: "Path", config_dir: "Path | None") -> None:
    from pipelines.downloads import bring_listed

    settings, data = settings_of(config_dir, data_dir), data_folder(data_dir, may_be_new=True)
    with _voice() as voice:
        brought = bring_listed(data, settings, source, voice)
    _say_what_is_next(brought)


@contextmanager
def _voice() -> Iterator["Voice"]:
    from pipelines.downloads import Voice

    with progress() as step:
        yield Voice(say, notice, step)


def _say_what_is_next(brought: "list[Brought]") -> None:
    is_news = any(one.has_come for one in brought)
    notice("Compute and publish with: opioids refresh" if is_news else "Nothing new.")
