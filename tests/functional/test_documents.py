"""What the documentation tells people to type works, and answers what the pages show."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from commands import Published
from documents import DOCS, PAGES, Block, asked_and_shown, blocks, is_as_shown

from pipelines.folders import DataFolder
from pipelines.snapshots import current_snapshot

TUTORIAL = DOCS / "tutorial.md"
# Its questions have tests of their own, which know the columns of each answer.
COOKBOOK = DOCS / "cookbook.md"
# All of a page is done, in its order, commands included.
DONE_FROM_TOP_TO_BOTTOM = DOCS / "opening.md"
WITH_CODE = [
    page for page in PAGES if page != COOKBOOK and any(block.language in ("python", "sql") for block in blocks(page))
]

Run = Callable[[str], subprocess.CompletedProcess[str]]


@pytest.fixture
def desk(tmp_path: Path, key_file: Path) -> tuple[Path, dict[str, str]]:
    """A working directory of one's own, with `opioids` on the path."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    # Both kinds of output in the order of a terminal.
    return tmp_path, {**os.environ, "PATH": path, "OPIOIDS_KEY_FILE": str(key_file), "PYTHONUNBUFFERED": "1"}


@pytest.fixture
def beside_the_data(desk: tuple[Path, dict[str, str]], published: Published) -> Iterator[tuple[Path, dict[str, str]]]:
    (desk[0] / "data").symlink_to(published.data)
    yield desk
    shutil.rmtree(published.data / "exports" / "warehouse", ignore_errors=True)


def run(command: list[str], desk: tuple[Path, dict[str, str]]) -> subprocess.CompletedProcess[str]:
    folder, environment = desk
    return subprocess.run(
        command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )


@pytest.mark.skipif(os.name != "posix", reason="the tutorial is typed into a POSIX shell")
def test_the_tutorial_is_what_happens(desk: tuple[Path, dict[str, str]], published: Published, extract: Path) -> None:
    """All of it but the refresh, which is that of `published`: of the same extracts, without options."""
    folder, _ = desk
    typed = []
    for command, shown in (
        one for block in blocks(TUTORIAL) if block.language == "console" for one in asked_and_shown(block)
    ):
        typed.append(command)
        if command == "opioids refresh":
            names = sorted(file.name for file in extract.iterdir())
            assert names == sorted(file.name for file in (folder / "extracts").iterdir())
            assert all((folder / "extracts" / name).read_bytes() == (extract / name).read_bytes() for name in names)
            shutil.rmtree(folder / "data")
            (folder / "data").symlink_to(published.data)
            # The same job wrote to folders of other names.
            said = re.sub(r"\S+/data/", "data/", published.refresh.out)
            answered = re.sub(r"\S+/reports/", "reports/build/", said)
        else:
            # What a command puts into a variable is there for the next ones.
            keep = f"; declare -p {name[1]} > variable" if (name := re.match(r"([A-Z]+)=", command)) else ""
            done = run(["bash", "-c", f"if [ -e variable ]; then . ./variable; fi; {command}{keep}"], desk)
            assert done.returncode == 0, f"{command}\n{done.stdout}"
            answered = done.stdout
        assert is_as_shown(shown, answered), f"$ {command}\n{answered}\nis shown as\n{shown}"
    assert len(typed) >= 15


def test_what_is_shown_is_compared() -> None:
    """The comparison can fail."""
    assert is_as_shown("one\n…\nlast … line\n", "one\ntwo\nthree\nlast odd line\n")
    assert is_as_shown("one\n…\n", "one\n")
    assert not is_as_shown("one\n…\nlast … line\n", "one\ntwo\n")
    assert not is_as_shown("5 people\n", "6 people\n")
    assert not is_as_shown("one\n", "one\ntwo\n")


@pytest.mark.parametrize("page", WITH_CODE, ids=lambda page: page.relative_to(DOCS.parent).as_posix())
def test_the_code_of_a_page_runs(
    page: Path, beside_the_data: tuple[Path, dict[str, str]], published: Published
) -> None:
    """Python and SQL of every page; of one page its commands too, since what follows needs what they wrote."""
    warehouse = current_snapshot(DataFolder(published.data)).file
    for block in blocks(page):
        for command in commands_of(block, page, warehouse):
            done = run(command, beside_the_data)
            assert done.returncode == 0, f"{page.name}, line {block.line}\n{block.text}\n{done.stdout}"


def commands_of(block: Block, page: Path, warehouse: Path) -> list[list[str]]:
    if block.language == "python":
        return [[sys.executable, "-c", block.text]]
    if block.language == "sql":
        opened = f"import duckdb; warehouse = duckdb.connect({str(warehouse)!r}, read_only=True)"
        asked = f"{opened}; assert warehouse.sql('''{block.text}''').fetchall()"
        return [[sys.executable, "-c", asked]]
    if page == DONE_FROM_TOP_TO_BOTTOM and block.language == "console":
        return [shlex.split(command) for command, _ in asked_and_shown(block)]
    if page == DONE_FROM_TOP_TO_BOTTOM and block.language == "sh" and shutil.which("duckdb"):
        return [["sh", "-c", block.text]]
    return []


def test_there_is_code_to_run() -> None:
    ran = [block.language for block in blocks(DONE_FROM_TOP_TO_BOTTOM)]
    assert ran.count("console") >= 4
    assert ran.count("python") >= 4
    assert DONE_FROM_TOP_TO_BOTTOM in WITH_CODE
