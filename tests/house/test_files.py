"""What the tracked files may hold, and how long they may be."""

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
# Whole by nature: the naive twin is one calculation, read from top to bottom.
LONG_BY_NATURE = {"tests/equivalence/naive.py"}
MOST_LINES = {"pipelines": 410, "tests": 500}


def tracked() -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if listed.returncode:
        pytest.skip("not a git checkout")
    return [ROOT / line for line in listed.stdout.splitlines() if (ROOT / line).is_file()]


def test_no_file_of_code_is_too_long_to_read() -> None:
    for file in tracked():
        name = file.relative_to(ROOT).as_posix()
        if file.suffix in {".py", ".sql"} and name not in LONG_BY_NATURE:
            assert len(file.read_text(encoding="utf-8").splitlines()) <= MOST_LINES.get(name.split("/")[0], 410), name


def test_nothing_names_a_path_of_one_machine_or_an_index_host() -> None:
    for file in tracked():
        if file.suffix in {".png", ".xlsx"} or file == Path(__file__):
            continue
        text = file.read_text(encoding="utf-8", errors="replace")
        assert str(ROOT) not in text, file
        assert not re.search(r"(/home/|/Users/|/root/|(?<!no-emit-)index-url|files\.pythonhosted|pypi\.org)", text), (
            file
        )


def test_only_the_command_line_prints() -> None:
    for file in tracked():
        name = file.relative_to(ROOT).as_posix()
        if name.startswith("pipelines/") and not name.startswith("pipelines/cli/") and file.suffix == ".py":
            assert not re.search(r"^\s*print\(", file.read_text(encoding="utf-8"), re.MULTILINE), name
