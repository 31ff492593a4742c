"""The site as a whole: which pages there are, that links lead somewhere, that each page stands by itself."""

import json
import re
from pathlib import Path

import pytest

from pipelines.errors import UsageError
from pipelines.report import frame_of, site
from pipelines.report.folder import MANIFEST, replace_site
from pipelines.report.leaving import Leaving
from pipelines.report.links import file_name
from pipelines.report.read import read
from tests.unit.report.made import SETTINGS, SNAPSHOT, Series, Warehouse, network
from tests.unit.report.reading import links, table, words


@pytest.fixture(scope="module")
def folder(network_site: Path) -> Path:
    return network_site


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Leaving:
    """Two practices of one PCN."""
    folder = tmp_path_factory.mktemp("small")
    Warehouse(network(practices=2, pcns=1)).write(folder)
    return read(folder / "warehouse.duckdb", SNAPSHOT, SETTINGS, folder)


def pages(folder: Path) -> dict[str, str]:
    return {file.name: file.read_text(encoding="utf-8") for file in sorted(folder.glob("*.html"))}


def test_there_is_a_page_for_everybody(folder: Path) -> None:
    names = set(pages(folder))
    assert {"index.html", "organisations.html", "pcn-U1.html", "pcn-U2.html", "pcn-U3.html"} <= names
    assert {name for name in names if name.startswith("practice-")} == {f"practice-A81{n:03d}.html" for n in range(24)}


def test_every_link_leads_to_something_that_was_written(folder: Path) -> None:
    for name, text in pages(folder).items():
        ids = set(re.findall(r'\bid="([^"]+)"', text))
        for link in links(text):
            if link == "data-docs/index.html":
                continue  # what was checked is written beside the pages by a refresh
            if link.startswith("#"):
                assert link[1:] in ids, (name, link)
            else:
                assert (folder / link).is_file(), (name, link)


def test_no_page_names_anything_outside_its_folder(folder: Path) -> None:
    harmless = {"http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"}
    for name, text in pages(folder).items():
        assert set(re.findall(r"https?://[^\"\s<]+", text)) <= harmless, name
        assert not re.search(r"@import|url\((?!#)", text), name


def test_ids_are_used_once_and_pages_are_small(folder: Path) -> None:
    for name, text in pages(folder).items():
        ids = re.findall(r'\sid="([^"]+)"', text)
        assert len(ids) == len(set(ids)), name
        if name.startswith("practice-"):
            assert len(text.encode()) < 400_000, name


def test_every_page_marks_its_place_in_the_navigation_and_has_one_heading(folder: Path) -> None:
    for name, text in pages(folder).items():
        assert text.count("<h1>") == 1, name
        assert len(re.findall(r'aria-current="(?:page|true)"', text)) == 1, name
        assert "<!-- navigation -->" not in text


def test_the_caveats_stand_at_the_head_of_every_organisation_page_as_text(folder: Path) -> None:
    for name, text in pages(folder).items():
        if name == "index.html" or name.startswith(("pcn-", "practice-")):
            head = text.split("<h2")[0]
            assert "List sizes are &lt;old&gt;." in head, name


def test_the_list_of_organisations_leads_to_each_and_says_where_it_belongs(folder: Path) -> None:
    text = pages(folder)["organisations.html"]
    rows = {row[1]: row for row in table(text, "Organisations").rows[1:]}
    assert len(rows) == 1 + 3 + 24
    assert rows["A81000"][:4] == ["Surgery 1", "A81000", "Practice", "First PCN"]
    assert rows["U2"][2] == "PCN"


def test_the_script_knows_every_page_and_nothing_else(folder: Path) -> None:
    script = (folder / "site.js").read_text(encoding="utf-8")
    found = re.search(r"const PAGES = (\[\[.*?\]\]);", script)
    assert found
    known = json.loads(found[1])
    assert len(known) == 1 + 3 + 24
    assert all((folder / file).is_file() for _, _, file, _ in known)
    assert not re.search(r"fetch\(|XMLHttpRequest|innerHTML|eval\(|import\(", script)


def test_a_static_site_has_no_script_at_all(small: Leaving) -> None:
    content = site.whole_site(frame_of(small, SETTINGS, static=True))
    assert "site.js" not in content
    assert all(b"<script" not in text and b"script-src" not in text for text in content.values())


def test_an_overview_alone_leads_to_no_page_that_is_not_there(small: Leaving) -> None:
    content = site.overview_alone(frame_of(small, SETTINGS, static=False))
    assert set(content) == {"index.html"}
    assert {link for link in links(content["index.html"].decode()) if link.endswith(".html")} == set()


@pytest.mark.parametrize(
    ("place", "said"),
    [
        (("icb", "QZA"), "NHS North Shire Integrated Care Board"),
        (("pcn", "U1"), "First PCN"),
        (("practice", "A81000"), "Surgery 1"),
    ],
)
def test_one_page_stands_alone(small: Leaving, place: tuple[str, str], said: str) -> None:
    name, content = site.one_page(frame_of(small, SETTINGS, static=False), place)
    text = content.decode()
    assert name == file_name(*place)
    assert f"<h1>{said}</h1>" in text
    assert {link for link in links(text) if not link.startswith("#")} == set()
    assert "<nav" not in text


def test_a_page_of_nobody_is_refused_with_those_who_are_there(small: Leaving) -> None:
    with pytest.raises(UsageError) as refused:
        site.one_page(frame_of(small, SETTINGS, static=False), ("practice", "B99999"))
    assert "A81000, A81001" in refused.value.where


def test_a_code_becomes_a_file_name_that_is_safe_and_its_own() -> None:
    names = [file_name("practice", code) for code in ("A81001", "a81001", "A/../B", "CON", "Ä 1")]
    assert len({name.casefold() for name in names}) == 5
    assert all(re.fullmatch(r"practice-[A-Z0-9_a-f]+\.html", name) for name in names)


# --- what is left behind ------------------------------------------------------------------------


def test_pages_of_organisations_that_are_gone_do_not_linger(tmp_path: Path) -> None:
    replace_site({"index.html": b"1", "practice-A.html": b"a", "practice-B.html": b"b"}, tmp_path, SNAPSHOT)
    (tmp_path / "notes.html").write_bytes(b"mine")
    (tmp_path / "practice-B.html").write_bytes(b"b, and my note")
    replace_site({"index.html": b"2"}, tmp_path, SNAPSHOT)
    left = {file.name: file.read_bytes() for file in tmp_path.iterdir() if file.name != MANIFEST}
    assert left == {"index.html": b"2", "notes.html": b"mine", "practice-B.html": b"b, and my note"}


def test_a_list_of_files_that_leads_elsewhere_removes_nothing_there(tmp_path: Path) -> None:
    outside = tmp_path / "outside.html"
    outside.write_bytes(b"x")
    reports = tmp_path / "reports"
    replace_site({"index.html": b"a"}, reports, SNAPSHOT)
    told = json.loads((reports / MANIFEST).read_text(encoding="utf-8"))
    told["files"]["../outside.html"] = told["files"]["index.html"]
    (reports / MANIFEST).write_text(json.dumps(told), encoding="utf-8")
    outside.write_bytes(b"a")
    replace_site({"other.html": b"b"}, reports, SNAPSHOT)
    assert outside.read_bytes() == b"a"
    assert not (reports / "index.html").exists()


def test_a_list_of_files_that_is_broken_removes_nothing(tmp_path: Path) -> None:
    replace_site({"index.html": b"a"}, tmp_path, SNAPSHOT)
    (tmp_path / MANIFEST).write_text("{", encoding="utf-8")
    replace_site({"other.html": b"b"}, tmp_path, SNAPSHOT)
    assert {file.name for file in tmp_path.iterdir()} == {"index.html", "other.html", MANIFEST}


def test_events_are_marked_on_the_chart_named_below_it_and_said_aloud(tmp_path: Path) -> None:
    step = {"month": "2024-12", "measures": ["high_dose"], "reason": "Pain clinic <opens>"}
    measures = SETTINGS.measures.model_copy(
        update={
            "steps": tuple(
                type(SETTINGS.measures).model_validate({**SETTINGS.measures.model_dump(), "steps": [step]}).steps
            )
        }
    )
    settings = SETTINGS.model_copy(update={"measures": measures})
    series = [Series(level, code, "high_dose", [100.0] * 14) for level, code in (("icb", "QZA"), ("all", "all"))]
    reports = Warehouse(series).write(tmp_path, settings)
    text = (reports / "index.html").read_text(encoding="utf-8")
    assert "A December 2024: Pain clinic <opens>" in words(text).replace("&lt;", "<").replace("&gt;", ">")
    assert "A, December 2024: Pain clinic &lt;opens&gt;." in text
    assert "<opens>" not in text
    assert re.search(r"<text[^>]*>A</text>", text)
