"""A real browser, without a network, and a made-up site to open in it; skipped, with the reason, where there is none.

OPIOIDS_CHROMIUM names the browser; OPIOIDS_BROWSER_PAGES=all opens every page instead of one of each kind;
OPIOIDS_BROWSER_SITE names a site that is there already (a made-up one: pages are put into screenshots).
"""

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pipelines.errors import UsageError
from pipelines.report.pdf import browser as browser_program
from tests.unit.report.made import Warehouse, network

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page

DESKTOP, PHONE = 1280, 390
SCREENSHOTS = Path(__file__).parents[2] / "reports" / "build" / "screenshots"


@pytest.fixture(scope="session")
def program() -> Path:
    try:
        return browser_program()
    except UsageError as error:
        pytest.skip(error.what)


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory, program: Path) -> Path:  # noqa: ARG001 (skips before the work)
    named = os.environ.get("OPIOIDS_BROWSER_SITE")
    if named:
        return Path(named).resolve()
    series = network(practices=22)
    return Warehouse(series, caveats=["List sizes are older than three months."]).write(tmp_path_factory.mktemp("site"))


@pytest.fixture(scope="session")
def kinds(site: Path) -> list[str]:
    """The pages to open: one of each kind, or all."""
    names = sorted(file.name for file in site.glob("*.html"))
    if os.environ.get("OPIOIDS_BROWSER_PAGES") == "all":
        return names
    found = {name.split("-")[0]: name for name in reversed(names)}
    return sorted(found.values())


@pytest.fixture(scope="session")
def chromium(program: Path) -> "Iterator[Browser]":
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    with playwright.sync_playwright() as running:
        opened = running.chromium.launch(executable_path=str(program), args=["--no-sandbox", "--disable-gpu"])
        yield opened
        opened.close()


@dataclass
class Opened:
    """A page that is open, and what went wrong in it or was fetched from elsewhere."""

    page: "Page"
    faults: list[str] = field(default_factory=list)
    fetched: list[str] = field(default_factory=list)


@pytest.fixture
def open_page(chromium: "Browser", site: Path) -> Iterator[Callable[..., Opened]]:
    """Open a page of the site at a width, from disk; `offline` to anything else."""
    contexts: list[BrowserContext] = []

    def opened(name: str, width: int = DESKTOP, **options: object) -> Opened:
        context = chromium.new_context(viewport={"width": width, "height": 900}, offline=True, **options)  # type: ignore[arg-type]
        contexts.append(context)
        found = Opened(context.new_page())
        found.page.on("pageerror", lambda error: found.faults.append(str(error)))
        found.page.on("console", lambda said: found.faults.append(said.text) if said.type == "error" else None)
        found.page.on("request", lambda asked: found.fetched.append(asked.url))
        found.page.goto((site / name).as_uri())
        return found

    yield opened
    for context in contexts:
        context.close()


@pytest.fixture(scope="session")
def screenshots() -> Path:
    """reports/build/screenshots: made anew in each run."""
    shutil.rmtree(SCREENSHOTS, ignore_errors=True)
    SCREENSHOTS.mkdir(parents=True)
    return SCREENSHOTS
