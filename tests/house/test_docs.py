"""The documentation keeps up with the code: its commands, links and lists are true, and the site is built from it."""

import ast
import posixpath
import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from documents import DOCS, PAGES, ROOT, Block, blocks, opioids_in
from naive import BALANCING, COHORTS
from typer.main import get_command

from docs.site import assemble, hazards
from docs.site.__main__ import build
from pipelines.cli.main import app
from pipelines.explain.rules import RULES

COMMANDS = get_command(app)
LOG = hazards.read()
DECISIONS = sorted((DOCS / "decisions").glob("[0-9]*.md"))
# Languages of blocks that people type into a terminal.
TYPED = ("console", "sh")


def typed() -> Iterator[tuple[str, list[str]]]:
    for page in PAGES:
        for block in blocks(page):
            if block.language in TYPED:
                yield from ((page.name, words) for words in opioids_in(block))


@pytest.mark.parametrize(
    ("page", "words"), [*typed()], ids=lambda part: part if isinstance(part, str) else " ".join(part)
)
def test_a_command_of_the_documentation_is_understood(page: str, words: list[str]) -> None:  # noqa: ARG001
    command, rest = COMMANDS, words
    while hasattr(command, "commands"):
        command, rest = command.commands[rest[0]], rest[1:]
    # Parsed, not run: unknown options and missing ones raise.
    command.make_context("opioids", [*rest])


def test_commands_are_found_within_pipes_substitutions_and_on_windows() -> None:
    def found(text: str) -> list[list[str]]:
        return [*opioids_in(Block("console", text, 1))]

    assert found('$ PERSON=$(opioids query "SELECT 1 | 2" --format csv | tail -n 1)') == [
        ["query", "SELECT 1 | 2", "--format", "csv"]
    ]
    assert found(r"> .venv\Scripts\opioids status --data-dir data\demo") == [["status", "--data-dir", "data/demo"]]
    assert found("$ make run\nopioids is not typed here") == []
    assert len([*typed()]) > 45


def test_settings_that_a_page_shows_can_be_read() -> None:
    shown = [block.text for page in PAGES for block in blocks(page) if block.language == "toml"]
    assert len(shown) >= 2
    assert all(tomllib.loads(text) for text in shown)


# Links and names


def slug(heading: str) -> str:
    """The anchor of a heading, as the site makes it."""
    named = re.search(r"\{: #([\w-]+) \}", heading)
    if named:
        return named[1]
    text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).replace("`", "")
    return re.sub(r"[-\s]+", "-", re.sub(r"[^\w\s-]", "", text).strip().lower())


def test_every_link_of_every_page_leads_somewhere() -> None:
    """In the site as it is put together: written pages, made pages, pictures; anchors too."""
    texts = {place: re.sub(r"```.*?```", "", text, flags=re.DOTALL) for place, text in assemble.pages().items()}
    anchors = {
        place: {slug(heading) for heading in re.findall(r"^#+ (.+)$", text, re.MULTILINE)}
        for place, text in texts.items()
    }
    lost, followed = [], 0
    for place, text in texts.items():
        for target, anchor in re.findall(r"\]\((?![a-z]+:)([^)\s#]*)(?:#([^)\s]*))?\)", text):
            followed += 1
            to = posixpath.normpath(posixpath.join(posixpath.dirname(place), target)) if target else place
            if to not in texts and not (DOCS / to).is_file():
                lost.append(f"{place} → {target}")
            elif anchor and anchor not in anchors.get(to, ()):
                lost.append(f"{place} → {target}#{anchor}")
    assert followed > 150
    assert lost == []


def test_every_link_of_a_written_page_leads_somewhere_in_the_checkout_or_to_a_page_that_is_made() -> None:
    lost = []
    for page in (*PAGES, ROOT / "CHANGELOG.md", ROOT / "data" / "reference" / "README.md"):
        text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
        for target in re.findall(r"\]\((?![a-z]+:)([^)\s#]+)", text):
            to = (page.parent / target).resolve()
            if not to.exists() and to not in {DOCS / place for place in assemble.MADE}:
                lost.append(f"{page.relative_to(ROOT)} → {target}")
    assert lost == []


def test_every_page_is_in_the_navigation_and_the_other_way_round() -> None:
    settings = tomllib.loads((DOCS / "site" / "zensical.toml").read_text(encoding="utf-8"))

    def places(part: object) -> Iterator[str]:
        if isinstance(part, str):
            yield part
        for below in part.values() if isinstance(part, dict) else part if isinstance(part, list) else ():
            yield from places(below)

    assert sorted(places(settings["project"]["nav"])) == sorted(assemble.pages())


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_files_that_a_page_names_are_there(page: Path) -> None:
    folders = "pipelines|sql|configs|tests|bench|docs|data/reference|reports/templates"
    for path in re.findall(rf"`((?:{folders})/[\w/.-]*)`", page.read_text(encoding="utf-8")):
        if "NAME" not in path:
            assert (ROOT / path).exists(), path


def test_targets_that_a_page_names_are_there() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    named = {
        target for page in PAGES for target in re.findall(r"(?:`|\$ )make ([a-z-]+)", page.read_text(encoding="utf-8"))
    }
    assert len(named) > 10
    assert named <= targets


# The hazard log


def named_in(file: Path) -> set[str]:
    """The names of the tests of a file, read and not run."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")}


@pytest.mark.parametrize("hazard", LOG["hazards"], ids=lambda hazard: hazard["id"])
def test_a_hazard_says_all_of_it_and_the_tests_of_its_control_are_there(hazard: dict[str, Any]) -> None:
    assert set(hazard) == {
        *("id", "area", "title", "cause", "harm", "severity", "faults", "control", "residual", "tests"),
    }
    assert all(hazard[part] for part in hazard if part != "faults")
    assert hazard["severity"] in hazards.SEVERITIES
    assert len(hazard["tests"]) == len(set(hazard["tests"])) >= 2
    for test in hazard["tests"]:
        file, name = test.split("::")
        assert name in named_in(ROOT / file), test
    assert not all(hazards.left_out_where(test) for test in hazard["tests"])
    for path in re.findall(r"`((?:pipelines|sql|configs|data/reference)/[\w/.]*)`", hazard["control"]):
        assert (ROOT / path).exists(), path


def test_every_incident_stands_at_a_hazard_and_every_hazard_names_known_ones() -> None:
    assert list(LOG["faults"]) == [f"F{number}" for number in range(1, 36)]
    assert {fault for hazard in LOG["hazards"] for fault in hazard["faults"]} == set(LOG["faults"])
    ids = [hazard["id"] for hazard in LOG["hazards"]]
    assert ids == sorted(set(ids))


def test_nobody_is_said_to_have_signed_while_it_is_a_draft() -> None:
    if not LOG["signed_on"]:
        assert "Draft" in LOG["status"]
        assert "Nobody has signed it" in hazards.page()


# Lists that have to be whole


@pytest.mark.parametrize("page", DECISIONS, ids=lambda page: page.stem)
def test_a_decision_has_its_number_date_and_three_headings_and_stands_in_the_list(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    number = int(page.name[:4])
    assert number == DECISIONS.index(page) + 1
    assert text.startswith(f"# {number}. ")
    assert re.search(r"^Decided: \d{1,2} [A-Z][a-z]+ \d{4}", text, re.MULTILINE)
    assert re.findall(r"^## (.+)$", text, re.MULTILINE) == ["Context", "Decision", "Consequences"]
    assert f"({page.name})" in (DOCS / "decisions" / "index.md").read_text(encoding="utf-8")


def test_each_file_that_a_new_cohort_goes_into_names_every_cohort() -> None:
    section = (
        (DOCS / "contributing.md").read_text(encoding="utf-8").split("## A cohort")[1].split("And where it applies")[0]
    )
    files = re.findall(r"^\| `([\w/.-]+)` \|", section, re.MULTILINE)
    assert len(files) >= 8
    assert set(COHORTS) <= set(RULES)
    for file in set(files) - {"pipelines/explain/rules.py"}:
        text = (ROOT / file).read_text(encoding="utf-8")
        # Balancing rules have files of their own, as the page says.
        wanted = COHORTS if file.endswith(("__cohorts.sql", "__judged.sql")) else (*COHORTS, *BALANCING)
        missing = {cohort for cohort in wanted if not re.search(rf"\b{cohort}\b", text)}
        # Judged beside the others: it needs an item that no dose needs.
        assert missing <= ({"in_dependence_treatment"} if file.endswith("__cohorts.sql") else set()), file


def test_the_site_is_built_strictly_and_fetches_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    assert (Path(sys.executable).parent / "zensical").exists(), "make install"
    first = build(tmp_path / "docs")
    made = {page.relative_to(first.parent).as_posix() for page in first.parent.rglob("*.html")}
    assert {re.sub(r"\.md$", ".html", place) for place in assemble.pages()} <= made
    assert "iframe-worker.js" in first.read_text(encoding="utf-8")
    assert not [page for page in made if "unpkg.com" in (first.parent / page).read_text(encoding="utf-8")]
