"""fetch epd, list-sizes, organisations: open data from the network. No other command uses it."""

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipelines.cli.common import (
    DEFAULT_DATA_DIR,
    DEFAULT_REPORTS_DIR,
    ConfigDir,
    DataDir,
    Progress,
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
    from collections.abc import Mapping

    from pipelines.config import Settings
    from pipelines.fetch.ckan import Portal
    from pipelines.fetch.epd import Release
    from pipelines.fetch.http import Http
    from pipelines.fetch.kept import Shelf
    from pipelines.folders import DataFolder

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
        from pipelines.errors import UsageError
        from pipelines.fetch import epd as source
        from pipelines.fetch.ckan import Portal

        first_month = month_of(first, "--from") or date.min
        last_month = None if last == "latest" else month_of(last, "--to")
        if last_month and last_month < first_month:
            raise UsageError("The last month is before the first.", f"--from {first} --to {last}.", "Exchange them.")
        settings, data = settings_of(config_dir), data_folder(data_dir)
        told = settings.fetch.epd
        http = client(settings, portal or told.portal)
        at = Portal(http, portal or told.portal)
        shelf = source.shelf(data.raw)
        with shelf.held():
            releases = source.listed(at, told.dataset)
            _say_if_overdue(releases[-1].month, told.stale_after_months)
            wanted = source.within(releases, first_month, last_month)
            came = [_bring_month(release, http, at, shelf, data, settings) for release in wanted]
        _say_what_is_next(any(came))


@app.command("list-sizes")
def list_sizes(
    data_dir: DataDir = DEFAULT_DATA_DIR,
    reports_dir: ReportsDir = DEFAULT_REPORTS_DIR,
    config_dir: ConfigDir = None,
) -> None:
    """Download the registered patients of each practice, from the address you entered in configs/fetch.toml."""
    with errors_in_words():
        settings = settings_of(config_dir)
        _bring_listed("list_sizes", settings.fetch.list_sizes, data_dir, settings)


@app.command("organisations")
def organisations(
    data_dir: DataDir = DEFAULT_DATA_DIR,
    reports_dir: ReportsDir = DEFAULT_REPORTS_DIR,
    config_dir: ConfigDir = None,
) -> None:
    """Download practices, PCN membership and names, from the addresses you entered in configs/fetch.toml."""
    with errors_in_words():
        settings = settings_of(config_dir)
        _bring_listed("organisations", settings.fetch.organisations, data_dir, settings)


def client(settings: "Settings", address: str) -> "Http":
    """The session for one source; tests put one in its place that does not wait."""
    from pipelines.fetch.http import Http

    return Http(settings.fetch.patience, address)


def _bring_month(
    release: "Release", http: "Http", at: "Portal", shelf: "Shelf", data: "DataFolder", settings: "Settings"
) -> bool:
    """Download one month and take it in before the next, so that what has come is kept whatever happens then.

    Whether there was something to take in.
    """
    from pipelines.fetch import epd as source
    from pipelines.fetch.kept import Standing

    standing = shelf.standing(release.key, release.version)
    with progress() as step:
        files = source.fetch(data.raw, http, at, [release], _received(step, release.name))
    said = f"{release.key}: {release.name}, {standing}"
    if release.older:
        said += f"; newest of {len(release.older) + 1}, not taken: {', '.join(release.older)}"
    if standing is Standing.REPUBLISHED and not files:
        said += ", with the same content as before"
    say(said)
    for file in files:
        _take_in(file, release.key, shelf, data, settings)
    return bool(files)


def _bring_listed(source: str, files: "Mapping[str, str]", data_dir: Path, settings: "Settings") -> None:
    from pipelines.errors import ConfigError
    from pipelines.fetch import listed

    if not files:
        raise ConfigError(
            "No address is set for these files: they have none that stays the same.",
            f"configs/fetch.toml, section [{source}].",
            "Enter the address of the publication you use in a copy of that file and name its folder with "
            "--config-dir; or download by hand and take in with `opioids add`.",
        )
    data = data_folder(data_dir)
    shelf, is_news = listed.shelf(data.raw, source), False
    with shelf.held():
        for name, address in files.items():
            known = shelf.note(name) is not None
            with progress() as step:
                came = listed.fetch(data.raw, client(settings, address), source, {name: address}, _received(step, name))
            say(f"{name}: {('changed' if known else 'new') if came else 'unchanged'}")
            for file in came:
                _refuse_patients(file, data, settings)
                _take_in(file, name, shelf, data, settings)
            is_news = is_news or bool(came)
    _say_what_is_next(is_news)


def _take_in(file: Path, key: str, shelf: "Shelf", data: "DataFolder", settings: "Settings") -> None:
    """Hand a downloaded file to the register; only then does its waiting copy go."""
    from pipelines.fetch.checks import refuse_no_room_to_unpack
    from pipelines.ingest.delivery import add_files

    size = file.stat().st_size
    with progress() as step:
        step(f"Taking in {file.name}")
        refuse_no_room_to_unpack(file)
        added = add_files([file], data, settings)
    shelf.was_taken_in(key)
    for one in added:
        known = "" if one.is_new else " (this content was registered before: nothing to do)"
        say(f"  {one.file_name}: {one.layout}, {size / 1e6:,.1f} MB{known}")


def _refuse_patients(file: Path, data: "DataFolder", settings: "Settings") -> None:
    """Whatever address was entered: a file about patients does not stay among the open data."""
    from pipelines.errors import UsageError
    from pipelines.ingest.layouts import recognise
    from pipelines.ingest.unpacking import unpacked

    with unpacked([file], data) as members:
        is_about_patients = any(recognise(member.path, settings).layout.is_patient_level for member in members)
    if is_about_patients:
        file.unlink()
        raise UsageError(
            "This is a file about patients; fetch takes open data alone. It was removed again.",
            f"File {file.name}.",
            "Save it where only you can read it, and take it in with `opioids add`.",
        )


def _received(step: Progress, name: str) -> Callable[[int, int | None], None]:
    def tell(received: int, total: int | None) -> None:
        step(f"{name}: {received / 1e6:,.0f}" + (f" of {total / 1e6:,.0f}" if total else "") + " MB")

    return tell


def _say_what_is_next(is_news: bool) -> None:
    notice("Compute and publish with: opioids refresh" if is_news else "Nothing new.")


def _say_if_overdue(newest: date, months: int) -> None:
    from pipelines.fetch.epd import is_overdue

    if is_overdue(newest, date.today(), months):
        notice(
            f"The newest month the portal lists is {newest:%Y-%m}. Newer ones should be there: "
            "has the dataset moved? See configs/fetch.toml."
        )
