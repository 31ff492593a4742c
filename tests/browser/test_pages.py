"""Every kind of page in a real browser, from disk: no fault, nothing fetched, usable by everybody, printable."""

import json
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipelines.report.pdf import print_page
from tests.browser.conftest import DESKTOP, PHONE, Opened
from tests.unit.report.told import numbers

AXE = Path(__file__).parent / "vendor" / "axe.min.js"
OpenPage = Callable[..., Opened]


def serious(opened: Opened) -> list[str]:
    """What axe finds that is serious or critical, by the rules of WCAG 2.2 AA and good practice."""
    opened.page.evaluate(AXE.read_text(encoding="utf-8"))
    found: dict[str, Any] = opened.page.evaluate(
        "axe.run(document, {runOnly: ['wcag2a','wcag2aa','wcag21a','wcag21aa','wcag22aa','best-practice']})"
    )
    assert found["passes"], "axe looked at nothing"
    return [
        f"{fault['id']} ({fault['impact']}): {[node['html'][:120] for node in fault['nodes'][:3]]}"
        for fault in found["violations"]
        if fault["impact"] in ("serious", "critical")
    ]


@pytest.mark.parametrize("width", [DESKTOP, PHONE])
def test_every_kind_of_page_is_sound_at_desktop_and_phone_width(
    open_page: OpenPage, kinds: list[str], width: int, screenshots: Path
) -> None:
    assert len(kinds) >= 4
    wrong: dict[str, list[str]] = {}
    for name in kinds:
        opened = open_page(name, width)
        # Closed tables are read as well.
        opened.page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
        faults = [*serious(opened), *opened.faults]
        faults += [url for url in opened.fetched if not url.startswith("file://")]
        wide = opened.page.evaluate("document.documentElement.scrollWidth")
        faults += [f"the page is {wide} pixels wide"] if wide > width else []
        opened.page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = false; })")
        opened.page.screenshot(path=screenshots / f"{Path(name).stem}-{width}.png", full_page=True)
        if faults:
            wrong[name] = faults
    assert wrong == {}, json.dumps(wrong, indent=1)


def test_at_four_hundred_per_cent_the_text_flows_into_the_window(open_page: OpenPage, kinds: list[str]) -> None:
    """1280 pixels at 400 % are 320 (WCAG 1.4.10): the page itself never scrolls sideways."""
    for name in kinds:
        opened = open_page(name, 320)
        assert opened.page.evaluate("document.documentElement.scrollWidth") <= 320, name


def test_without_the_script_a_page_is_whole(open_page: OpenPage, kinds: list[str]) -> None:
    for name in kinds:
        opened = open_page(name, DESKTOP, java_script_enabled=False)
        assert opened.page.locator("h1").count() == 1
        assert opened.page.locator("input, button").count() == 0


def test_search_finds_a_practice_and_opens_its_page_by_keyboard(open_page: OpenPage) -> None:
    opened = open_page("index.html")
    page = opened.page
    page.get_by_label("Find a practice").fill("surgery 21")
    assert page.locator("#found a").all_inner_texts() == ["Surgery 21"]
    assert page.locator("#found-count").inner_text() == "1 found"
    page.keyboard.press("ArrowDown")
    assert page.evaluate("document.activeElement.textContent") == "Surgery 21"
    page.keyboard.press("Enter")
    page.wait_for_url("**/practice-A81020.html")
    assert page.locator("h1").inner_text() == "Surgery 21"
    assert opened.faults == []


def test_search_says_when_nothing_is_found_and_escape_clears_it(open_page: OpenPage) -> None:
    page = open_page("index.html").page
    box = page.get_by_label("Find a practice")
    box.fill("no such place")
    assert page.locator("#found-count").inner_text() == "Nothing found"
    box.press("Escape")
    assert box.input_value() == ""
    assert page.locator("#found").is_hidden()


def test_a_table_sorts_by_number_and_by_name_and_hidden_figures_stay_last(open_page: OpenPage) -> None:
    page = open_page("organisations.html").page
    table = page.locator("table[data-sortable]").first
    people = table.get_by_role("button", name="Above 120 mg a day")

    def column() -> list[str]:
        return table.locator("tbody tr td:nth-child(5)").all_inner_texts()

    people.click()
    rising = column()
    people.click()
    falling = column()
    figures = [float(text.replace(",", "")) for text in rising if re.match(r"[\d,]+$", text)]
    assert len(figures) > 5
    assert figures == sorted(figures)
    assert "[c]" in rising
    assert rising[-1] == falling[-1] == "[c]"
    assert [float(text.replace(",", "")) for text in falling[: len(figures)]] == sorted(figures, reverse=True)
    assert table.locator("th[aria-sort=descending]").count() == 1
    table.get_by_role("button", name="Name").press("Enter")
    names = table.locator("tbody tr th").all_inner_texts()
    practices = [name for name in names if name.startswith("Surgery ")]
    assert practices == [f"Surgery {number}" for number in range(1, len(practices) + 1)]


def test_the_list_of_organisations_can_be_narrowed(open_page: OpenPage) -> None:
    page = open_page("organisations.html").page
    page.get_by_label("Show only rows with").fill("second pcn")
    shown = [row for row in page.locator("tbody tr").all() if row.is_visible()]
    assert 0 < len(shown) < page.locator("tbody tr").count()
    assert all("Second PCN" in row.inner_text() for row in shown)


def test_all_tables_open_and_close_at_once(open_page: OpenPage) -> None:
    page = open_page("index.html").page
    page.get_by_role("button", name="Open all tables").click()
    assert page.locator("main details:not([open])").count() == 0
    page.get_by_role("button", name="Close all tables").click()
    assert page.locator("main details[open]").count() == 0


def test_the_keyboard_reaches_the_content_first_and_sees_where_it_is(open_page: OpenPage) -> None:
    page = open_page("index.html").page
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the content"
    assert page.locator(".skip").is_visible()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    inside = page.evaluate("document.querySelector('main').contains(document.activeElement)")
    assert inside
    outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    assert outline == "solid"


def test_links_between_pages_open(open_page: OpenPage) -> None:
    opened = open_page("index.html")
    opened.page.locator("#compare ~ .table a").first.click()
    assert re.search(r"/(pcn|practice)-[^/]+\.html$", opened.page.url)
    opened.page.get_by_role("link", name="Overview").click()
    assert opened.page.url.endswith("/index.html")
    assert opened.faults == []


def test_charts_change_with_the_width(open_page: OpenPage) -> None:
    for width, shown, hidden in ((DESKTOP, "wide", "narrow"), (PHONE, "narrow", "wide")):
        figure = open_page("index.html", width).page.locator("figure").first
        assert figure.locator(f".{shown} svg").is_visible()
        assert figure.locator(f".{hidden} svg").is_hidden()


def test_a_practice_is_two_sheets_of_a4(program: Path, site: Path, tmp_path: Path, screenshots: Path) -> None:
    name = sorted(file.name for file in site.glob("practice-*.html"))[-1]
    page = tmp_path / name
    page.write_bytes((site / name).read_bytes())
    content = print_page(program, page, tmp_path).read_bytes()
    sheets = re.findall(rb"/Type\s*/Page\b(?!s)", content)
    assert len(sheets) == 2
    width, height = map(float, re.search(rb"/MediaBox\s*\[\s*0 0 ([\d.]+) ([\d.]+)", content).groups())  # type: ignore[union-attr]
    assert (round(width), round(height)) == (595, 842)
    (screenshots / f"{page.stem}.pdf").write_bytes(content)


def test_a_pdf_says_no_number_that_its_page_does_not(program: Path, site: Path, tmp_path: Path) -> None:
    """The words of the page are held against the protected figures in tests/unit/report/test_built_files.py."""
    reader = shutil.which("pdftotext")
    if reader is None:
        pytest.skip("pdftotext, which reads PDFs, is not installed")
    practice = sorted(file.name for file in site.glob("practice-*.html"))[3]
    for name in (practice, "index.html"):
        page = tmp_path / name
        page.write_bytes((site / name).read_bytes())
        printed = print_page(program, page, tmp_path)
        text = subprocess.run([reader, "-layout", printed, "-"], capture_output=True, check=True, text=True).stdout
        source = page.read_text(encoding="utf-8")
        # Tables, sentences and what is written in charts, their axes too.
        shown = numbers(" ".join(re.findall(r">([^<]+)<", source)))
        said = numbers(text)
        assert len(said) > 30
        assert said <= shown, said - shown
