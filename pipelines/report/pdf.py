"""A page as PDF, printed by the Chromium or Chrome of this machine: without a network, under a profile of its own."""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from pipelines.errors import StorageError, UsageError

BROWSER_VARIABLE = "OPIOIDS_CHROMIUM"
_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "msedge")
_SECONDS = 120
_OPTIONS = (
    "--headless=new",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--no-default-browser-check",
    "--disable-extensions",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--metrics-recording-only",
    # Nothing is fetched: every name is unknown, and what is not a file goes to a proxy that is not there.
    "--host-resolver-rules=MAP * ~NOTFOUND",
    "--proxy-server=http://127.0.0.1:9",
    "--no-pdf-header-footer",
)


def browser() -> Path:
    """The browser named by OPIOIDS_CHROMIUM, else the first that is on the path. Raises UsageError where none is."""
    named = os.environ.get(BROWSER_VARIABLE)
    found = shutil.which(named) if named else next((path for name in _NAMES if (path := shutil.which(name))), None)
    if found is None:
        raise UsageError(
            f"The browser {named} named by {BROWSER_VARIABLE} cannot be run."
            if named
            else "PDFs are printed by Chromium or Chrome, and neither was found on this machine.",
            "Option --pdf.",
            f"Install Chromium, name it with {BROWSER_VARIABLE}, or leave --pdf out and print from a browser.",
        )
    return Path(found)


def print_page(program: Path, page: Path, tmp: Path) -> Path:
    """PAGE.pdf beside PAGE.html. Raises StorageError where the browser does not make it."""
    target = page.with_suffix(".pdf")
    with tempfile.TemporaryDirectory(prefix="print-", dir=tmp) as folder:
        printed = Path(folder) / "page.pdf"
        command = [
            str(program),
            *_OPTIONS,
            *(["--no-sandbox"] if _is_root() else []),
            f"--user-data-dir={Path(folder) / 'profile'}",
            f"--print-to-pdf={printed}",
            page.resolve().as_uri(),
        ]
        try:
            done = subprocess.run(command, capture_output=True, timeout=_SECONDS, check=False)
        except (OSError, subprocess.TimeoutExpired) as error:
            raise _not_printed(page, str(error)) from None
        if done.returncode or not printed.is_file() or not printed.stat().st_size:
            raise _not_printed(page, f"The browser ended with code {done.returncode}.")
        shutil.move(printed, target)
    return target


def _is_root() -> bool:
    """Chromium refuses its sandbox to root."""
    return hasattr(os, "geteuid") and os.geteuid() == 0


def _not_printed(page: Path, why: str) -> StorageError:
    return StorageError(
        f"{page.name} could not be printed.", why, "The page itself is written: open it and print it from a browser."
    )
