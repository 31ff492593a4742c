"""The tables of the README name what is there."""

import re
from pathlib import Path

from typer.main import get_command

from pipelines import assets, errors
from pipelines.cli.main import app
from pipelines.config import load_settings

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
COMMANDS = get_command(app)


def test_the_readme_has_every_command_and_no_other() -> None:
    table = re.findall(r"^\| `opioids ([a-z -]+)` \|", README, re.MULTILINE)
    commands = []
    for name, command in COMMANDS.commands.items():  # type: ignore[attr-defined]
        commands += [f"{name} {sub}" for sub in getattr(command, "commands", {})] or [name]
    assert sorted(table) == sorted(commands)


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
