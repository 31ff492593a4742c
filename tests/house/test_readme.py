"""The README's commands exist, with the options it names, and its tables name what is there."""

import re
import shlex
from pathlib import Path

import pytest
from typer.main import get_command

from pipelines import assets, errors
from pipelines.cli.main import app
from pipelines.config import load_settings

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
COMMANDS = get_command(app)


def lines_of_commands() -> list[list[str]]:
    found = []
    for block in re.findall(r"```console\n(.*?)```", README, re.DOTALL):
        for line in block.splitlines():
            words = shlex.split(line.lstrip("$> ").replace("\\", "/"))
            if words and words[0].endswith("opioids"):
                found.append(words[1:])
    return found


@pytest.mark.parametrize("words", lines_of_commands(), ids=" ".join)
def test_a_command_of_the_readme_is_understood(words: list[str]) -> None:
    command = COMMANDS.commands[words[0]]  # type: ignore[attr-defined]
    # Parsed, not run: unknown options and missing ones raise.
    command.make_context(words[0], words[1:])


def test_the_readme_has_every_command_and_no_other() -> None:
    table = re.findall(r"^\| `opioids ([a-z -]+)` \|", README, re.MULTILINE)
    commands = []
    for name, command in COMMANDS.commands.items():  # type: ignore[attr-defined]
        commands += [f"{name} {sub}" for sub in getattr(command, "commands", {})] or [name]
    assert sorted(table) == sorted(commands)


def test_make_targets_that_the_readme_names_are_there() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    named = set(re.findall(r"`?make ([a-z]+)`?", README)) - {"without"}
    assert named
    assert named <= targets | {"", "and"}


def test_every_layout_is_in_the_readme() -> None:
    assert all(f"`{layout.name}`" in README for layout in load_settings().layouts)


def test_every_mart_is_in_the_readme() -> None:
    marts = {file.stem for file in (assets.SQL_DIR / "marts").glob("*.sql")} | {"trends", "runs"}
    assert {mart for mart in marts if mart not in README} == set()


def test_exit_codes_are_fixed_and_in_the_readme() -> None:
    codes = {
        error.exit_code: error
        for error in vars(errors).values()
        if isinstance(error, type) and issubclass(error, Exception)
    }
    assert len(codes) == sum(
        isinstance(error, type) and issubclass(error, Exception) for error in vars(errors).values()
    )
    said = README.split("fixed\ncode: ")[1].split("\n\n")[0]
    assert sorted(int(code) for code in re.findall(r"(?:^|, |,\n|\n)(\d+) ", said)) == sorted(set(codes) - {1})


def test_paths_in_the_readme_are_there() -> None:
    for path in re.findall(r"`((?:pipelines|sql|configs|tests|data/reference|reports/templates)/[\w/.]*)`", README):
        if "NAME" not in path:
            assert (ROOT / path).exists(), path
