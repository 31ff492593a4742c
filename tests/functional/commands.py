"""Run the command line as a user would."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Answer:
    """What a command said."""

    code: int
    out: str
    err: str


def run_opioids(*arguments: str | Path, env: dict[str, str] | None = None) -> Answer:
    """Run the command line in a process of its own, as a user would."""
    done = subprocess.run(
        [sys.executable, "-m", "pipelines", *map(str, arguments)],
        capture_output=True,
        text=True,
        env={**os.environ, **(env or {})},
        check=False,
    )
    return Answer(done.returncode, done.stdout, done.stderr)


Opioids = Callable[..., Answer]


@dataclass(frozen=True)
class Published:
    """A published data folder and its reports."""

    data: Path
    reports: Path
    refresh: Answer

    def copied_to(self, folder: Path) -> Path:
        """A copy of the data folder, for a test that changes it."""
        return Path(shutil.copytree(self.data, folder, symlinks=True))
