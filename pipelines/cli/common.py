"""What every command shares: the folders it works in, how it prints, how it says that something went wrong."""

import logging
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from pipelines.errors import NothingPublished, PipelineError, UsageError

if TYPE_CHECKING:
    from rich.console import Console

    from pipelines.config import Settings
    from pipelines.folders import DataFolder

DataDir = Annotated[Path, typer.Option("--data-dir", help="Folder of all data this tool keeps.", show_default=True)]
ReportsDir = Annotated[Path, typer.Option("--reports-dir", help="Folder for reports that may be shared.")]
ConfigDir = Annotated[
    Path | None,
    typer.Option(
        "--config-dir",
        help="Your own settings, whose files replace the shipped ones by name; default: settings/ of the data folder.",
    ),
]

DEFAULT_DATA_DIR = Path("data")
DEFAULT_REPORTS_DIR = Path("reports/build")


def data_folder(data_dir: Path, *, may_be_new: bool = False) -> "DataFolder":
    """The prepared data folder, in the form of this version. Raises NothingPublished where there is none.

    Only a command with which work begins makes one: with any other, the folder was mistyped or forgotten.
    """
    from pipelines.folders import DataFolder
    from pipelines.ingest.upgrading import upgrade_if_older

    if not may_be_new:
        refuse_missing(data_dir)
    data = DataFolder(data_dir)
    data.prepare()
    upgrade_if_older(data)
    return data


def refuse_missing(data_dir: Path) -> None:
    """Raise NothingPublished where there is no such data folder."""
    if not data_dir.is_dir():
        raise NothingPublished(
            f"There is no data folder {data_dir}.",
            f"Seen from {Path.cwd()}.",
            "Name the one you mean with --data-dir, or begin one with 'opioids add FILE…'.",
        )


def settings_of(config_dir: Path | None, data_dir: Path) -> "Settings":
    """The settings of a folder that is given, else those that lie with the data, else the shipped ones."""
    from pipelines.config import load_settings

    return load_settings(config_dir_of(config_dir, data_dir))


def config_dir_of(given: Path | None, data_dir: Path) -> Path | None:
    from pipelines.folders import DataFolder

    return given or DataFolder(data_dir).own_settings


def month_of(text: str | None, option: str) -> date | None:
    """`2024-03` → the first day of that month."""
    if text is None:
        return None
    try:
        year, month = text.split("-")
        if len(year) == 4 and len(month) == 2:
            return date(int(year), int(month), 1)
    except ValueError:
        pass
    raise UsageError(f"'{text}' is not a month.", f"Option {option}.", "Write it as YYYY-MM, such as 2024-03.")


def say(text: str = "") -> None:
    """One line of a command's answer, on standard output."""
    typer.echo(text)


def notice(text: str) -> None:
    """One line that is not part of the answer, on standard error."""
    typer.echo(text, err=True)


def table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """A table on standard output: as wide as the terminal, unwrapped in a pipe."""
    from rich.box import SIMPLE
    from rich.console import Console
    from rich.table import Table

    shown = Table(*columns, box=SIMPLE, show_edge=False)
    for row in rows:
        shown.add_row(*row)
    Console(highlight=False, markup=False, width=None if sys.stdout.isatty() else 500).print(shown)


def as_json(answer: object) -> None:
    """Data classes, or a list of them, as JSON on standard output: dates ISO, paths as text."""
    import json
    from dataclasses import asdict, is_dataclass

    def plain(part: object) -> object:
        return asdict(part) if is_dataclass(part) and not isinstance(part, type) else part

    shown = [plain(part) for part in answer] if isinstance(answer, list) else plain(answer)
    say(json.dumps(shown, default=str, ensure_ascii=False, indent=1))


def secret_from(variable: str, prompt: str, *, twice: bool = False) -> str:
    """A password: from an environment variable, else asked for where somebody can answer. It is never an argument."""
    import getpass
    import os

    given = os.environ.get(variable)
    if given:
        return given
    if not sys.stdin.isatty():
        from pipelines.release.sealing import SHORTEST_PASSWORD

        raise UsageError(
            "A password is needed, and there is nobody to ask.",
            "Standard input is no terminal.",
            f"Set {variable} (at least {SHORTEST_PASSWORD} characters), or run this in a terminal.",
        )
    asked = getpass.getpass(prompt)
    if twice and getpass.getpass("Once more: ") != asked:
        raise UsageError("The two passwords differ.", "", "Give the same one twice.")
    return asked


def secret_asked(prompt: str) -> str:
    """What somebody at a terminal types unseen; one line of standard input where there is none."""
    import getpass

    return getpass.getpass(prompt) if sys.stdin.isatty() else sys.stdin.readline().strip()


def stderr_console() -> "Console":
    from rich.console import Console

    return Console(stderr=True, highlight=False)


@contextmanager
def progress() -> Iterator["Progress"]:
    """Say what is being done, on a terminal only: a log file gets no progress."""
    if not sys.stderr.isatty():
        yield Progress(None)
        return
    with stderr_console().status("Starting") as status:
        yield Progress(status.update)


class Progress:
    """Callable that shows the present step."""

    def __init__(self, update: object) -> None:
        self._update = update

    def __call__(self, step: str) -> None:
        if callable(self._update):
            self._update(step)


@contextmanager
def errors_in_words() -> Iterator[None]:
    """End with three lines and a fixed exit code for what a user can cause; no traceback for it."""
    _log_to_stderr()
    try:
        yield
    except PipelineError as error:
        fail(error)
    except BrokenPipeError:
        # The reader of a pipe has had enough: not our failure.
        sys.stderr.close()
        raise typer.Exit(0) from None


def fail(error: PipelineError) -> NoReturn:
    notice(f"Error: {error.what}")
    if error.where:
        notice(f"  {error.where}")
    if error.remedy:
        notice(f"  → {error.remedy}")
    raise typer.Exit(error.exit_code)


def _log_to_stderr() -> None:
    """Warnings of our own modules are notices; more with OPIOIDS_LOG=INFO or DEBUG."""
    import os

    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(message)s"))
    # On the handler too: the log of a job lowers the level of the logger for its own file.
    handler.setLevel(os.environ.get("OPIOIDS_LOG", "WARNING").upper())
    logger = logging.getLogger("pipelines")
    logger.handlers = [handler]
    logger.setLevel(handler.level)
    logger.propagate = False
