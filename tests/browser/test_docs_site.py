"""The documentation in a real browser, from disk: nothing is fetched, search finds, everybody can read it."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from docs.site.__main__ import build
from tests.browser.conftest import DESKTOP, PHONE, Opened
from tests.browser.test_pages import serious

if TYPE_CHECKING:
    from playwright.sync_api import Browser

# Cards, commands with answers, wide tables, a long page, each at one width. The first of each is searched for barriers.
KINDS = {DESKTOP: ("index", "hazards"), PHONE: ("tutorial", "reference/measures")}


@pytest.fixture(scope="module")
def first_page(tmp_path_factory: pytest.TempPathFactory, program: Path) -> Path:  # noqa: ARG001 (skips before the work)
    return build(tmp_path_factory.mktemp("docs") / "docs")


@pytest.fixture
def opened(chromium: "Browser", first_page: Path) -> Iterator[Callable[[str, int], Opened]]:
    contexts = []

    def open_at(name: str, width: int) -> Opened:
        context = chromium.new_context(viewport={"width": width, "height": 900}, offline=True)
        contexts.append(context)
        found = Opened(context.new_page())
        found.page.on("pageerror", lambda error: found.faults.append(str(error)))
        found.page.on("console", lambda said: found.faults.append(said.text) if said.type == "error" else None)
        found.page.on("request", lambda asked: found.fetched.append(asked.url))
        found.page.goto((first_page.parent / f"{name}.html").as_uri())
        return found

    yield open_at
    for context in contexts:
        context.close()


@pytest.mark.parametrize("width", KINDS)
def test_pages_are_sound_and_fetch_nothing(opened: Callable[[str, int], Opened], width: int) -> None:
    wrong = {}
    for name in KINDS[width]:
        page = opened(name, width)
        faults = [*page.faults]
        faults += [url for url in page.fetched if not url.startswith(("file:", "data:", "blob:"))]
        wide = page.page.evaluate("document.documentElement.scrollWidth")
        faults += [f"the page is {wide} pixels wide"] if wide > width else []
        faults += serious(page) if name == KINDS[width][0] else []
        if faults:
            wrong[name] = faults
    assert wrong == {}, json.dumps(wrong, indent=1)


def test_search_finds_a_command_and_opens_it(opened: Callable[[str, int], Opened]) -> None:
    page = opened("index", DESKTOP).page
    page.set_default_timeout(10_000)
    page.get_by_role("button", name="Search").first.click()
    page.get_by_role("combobox", name="Search").press_sequentially("rollback")
    page.get_by_role("option", name="opioids rollback").first.click()
    page.wait_for_url("**/reference/commands.html*")
    assert page.get_by_role("heading", name="opioids rollback").is_visible()
