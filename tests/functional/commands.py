"""Run the command line as a user would."""

import multiprocessing
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

# Every command is a process of its own, forked from one that has imported what takes seconds and done nothing yet.
_PROCESSES = multiprocessing.get_context("forkserver" if hasattr(os, "fork") else "spawn")
if hasattr(os, "fork"):
    _PROCESSES.set_forkserver_preload(["pipelines.cli", "pipelines.refresh", "scipy.stats", "great_expectations"])


@dataclass(frozen=True)
class Answer:
    """What a command said."""

    code: int
    out: str
    err: str


def run_opioids(*arguments: str | Path, env: Mapping[str, str] | None = None) -> Answer:
    """Run the command line in a process of its own, as a user would."""
    with tempfile.TemporaryDirectory() as folder:
        out, err = Path(folder) / "out", Path(folder) / "err"
        given = ([*map(str, arguments)], {**os.environ, **(env or {})}, Path.cwd(), out, err)
        process = _PROCESSES.Process(target=_as_command, args=given)
        process.start()
        process.join()
        assert process.exitcode is not None
        return Answer(process.exitcode, out.read_text(encoding="utf-8"), err.read_text(encoding="utf-8"))


def _as_command(arguments: list[str], env: dict[str, str], folder: Path, out: Path, err: Path) -> None:
    """What `python -m pipelines` does, with what it says written to two files."""
    for number, file in ((1, out), (2, err)):
        handle = os.open(file, os.O_WRONLY | os.O_CREAT, 0o600)
        os.dup2(handle, number)
        os.close(handle)
    os.environ.clear()
    os.environ.update(env)
    os.chdir(folder)
    sys.argv = ["opioids", *arguments]
    from pipelines.cli import main

    main()


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
