"""Open data from the network into the register: download, look, take in. What `opioids fetch` and the fetch flow do.

Each file is taken in before the next is downloaded, so that what has come is kept whatever happens then.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Literal

from pipelines.config import Settings
from pipelines.errors import ConfigError, UsageError
from pipelines.fetch import epd, listed
from pipelines.fetch.checks import refuse_no_room_to_unpack
from pipelines.fetch.ckan import Portal
from pipelines.fetch.http import Http
from pipelines.fetch.kept import Shelf, Standing
from pipelines.folders import DataFolder
from pipelines.ingest.delivery import add_files
from pipelines.ingest.layouts import recognise
from pipelines.ingest.unpacking import unpacked
from pipelines.logs import new_run_id, written_down

ListedSource = Literal["list_sizes", "organisations"]


def _unheard(_: str) -> None:
    pass


@dataclass(frozen=True)
class Voice:
    """To whom a download speaks while it works: its answer, what is beside it, and the present step."""

    say: Callable[[str], None] = _unheard
    notice: Callable[[str], None] = _unheard
    step: Callable[[str], None] = _unheard


@dataclass(frozen=True)
class Brought:
    """One publication that was asked for: its name, how it compares with what was fetched before, whether it came."""

    name: str
    standing: str
    has_come: bool


def client(settings: Settings, address: str) -> Http:
    """The session for one source; tests put one in its place that does not wait."""
    return Http(settings.fetch.patience, address)


def bring_epd(
    data: DataFolder,
    settings: Settings,
    first: date,
    last: date | None = None,
    *,
    portal: str | None = None,
    voice: Voice | None = None,
) -> list[Brought]:
    """Months of the English Prescribing Dataset from first to last (None: the newest): new ones, and republished ones.

    Raises UsageError for months in the wrong order, DownloadFailed for what the network or the publisher does.
    """
    voice = voice or Voice()
    if last and last < first:
        raise UsageError(
            "The last month is before the first.", f"--from {first:%Y-%m} --to {last:%Y-%m}.", "Exchange them."
        )
    told = settings.fetch.epd
    http = client(settings, portal or told.portal)
    at = Portal(http, portal or told.portal)
    shelf = epd.shelf(data.raw)
    with shelf.held(), written_down(data, "fetch", new_run_id(), settings.pipeline.log_level):
        releases = epd.listed(at, told.dataset)
        newest = releases[-1].month
        if epd.is_overdue(newest, date.today(), told.stale_after_months):
            voice.notice(
                f"The newest month the portal lists is {newest:%Y-%m}. Newer ones should be there: "
                "has the dataset moved? See configs/fetch.toml."
            )
        wanted = epd.within(releases, first, last)
        return [_bring_month(release, http, at, shelf, data, settings, voice) for release in wanted]


def bring_listed(
    data: DataFolder, settings: Settings, source: ListedSource, voice: Voice | None = None
) -> list[Brought]:
    """The files whose addresses are entered in fetch.toml, where they have changed. Raises ConfigError for none."""
    voice = voice or Voice()
    files = getattr(settings.fetch, source)
    if not files:
        raise ConfigError(
            "No address is set for these files: they have none that stays the same.",
            f"configs/fetch.toml, section [{source}].",
            "Enter the address of the publication you use in a copy of that file and name its folder with "
            "--config-dir; or download by hand and take in with `opioids add`.",
        )
    shelf, brought = listed.shelf(data.raw, source), []
    with shelf.held(), written_down(data, "fetch", new_run_id(), settings.pipeline.log_level):
        for name, address in files.items():
            known = shelf.note(name) is not None
            http = client(settings, address)
            came = listed.fetch(data.raw, http, source, {name: address}, _received(voice, name))
            standing = ("changed" if known else "new") if came else "unchanged"
            voice.say(f"{name}: {standing}")
            for file in came:
                _refuse_patients(file, data, settings)
                _take_in(file, name, shelf, data, settings, voice)
            brought.append(Brought(name, standing, bool(came)))
    return brought


def _bring_month(
    release: epd.Release,
    http: Http,
    at: Portal,
    shelf: Shelf,
    data: DataFolder,
    settings: Settings,
    voice: Voice,
) -> Brought:
    standing = shelf.standing(release.key, release.version)
    files = epd.fetch(data.raw, http, at, [release], _received(voice, release.name))
    said = f"{release.key}: {release.name}, {standing}"
    if release.older:
        said += f"; newest of {len(release.older) + 1}, not taken: {', '.join(release.older)}"
    if standing is Standing.REPUBLISHED and not files:
        said += ", with the same content as before"
    voice.say(said)
    for file in files:
        _take_in(file, release.key, shelf, data, settings, voice)
    return Brought(release.name, str(standing), bool(files))


def _take_in(file: Path, key: str, shelf: Shelf, data: DataFolder, settings: Settings, voice: Voice) -> None:
    """Hand a downloaded file to the register; only then does its waiting copy go."""
    size = file.stat().st_size
    voice.step(f"Taking in {file.name}")
    refuse_no_room_to_unpack(file)
    added = add_files([file], data, settings)
    shelf.was_taken_in(key)
    for one in added:
        known = "" if one.is_new else " (this content was registered before: nothing to do)"
        voice.say(f"  {one.file_name}: {one.layout}, {size / 1e6:,.1f} MB{known}")


def _refuse_patients(file: Path, data: DataFolder, settings: Settings) -> None:
    """Whatever address was entered: a file about patients does not stay among the open data."""
    with unpacked([file], data) as members:
        is_about_patients = any(recognise(member.path, settings).layout.is_patient_level for member in members)
    if is_about_patients:
        file.unlink()
        raise UsageError(
            "This is a file about patients; fetch takes open data alone. It was removed again.",
            f"File {file.name}.",
            "Save it where only you can read it, and take it in with `opioids add`.",
        )


def _received(voice: Voice, name: str) -> Callable[[int, int | None], None]:
    def tell(received: int, total: int | None) -> None:
        voice.step(f"{name}: {received / 1e6:,.0f}" + (f" of {total / 1e6:,.0f}" if total else "") + " MB")

    return tell
