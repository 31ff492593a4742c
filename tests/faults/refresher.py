"""A process that has everything imported and forks one refresh after another, each killed as it is told to be.

Run as a program: one order a line on standard input, one answer a line on standard output, both JSON. An order names
the folders and where to die: `{"data": …, "reports": …, "config": …, "tool": …, "die": {"effect": 17}}`, `{"step": 3}`
(before the third step; 7 is after the last), `{"cpu_seconds": 1.25}` or `{}`. An *effect* is a change of the file
system below these folders that Python makes: a file opened for writing, renamed, removed, a folder made; it is named
by its number or by how `os.rename /…/file` ends. What the database engine writes by itself is met by the instants in
processor time.
"""

import json
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pipelines import housekeeping, refresh
from pipelines.config import load_settings
from pipelines.errors import PipelineError
from pipelines.folders import DataFolder

_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT
_CHANGES = {"os.rename", "os.remove", "os.rmdir", "os.mkdir", "os.symlink", "os.truncate"}
# A third of a small refresh is judging by Great Expectations, which writes nothing: one suite stands for all.
_SUITES = 1
_TICKS = os.sysconf("SC_CLK_TCK")


def watch_effects(below: tuple[str, ...], effects: list[str], die_at: int | str | None) -> None:
    """Note every effect; before the one of this number or name the process kills itself."""

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open":
            path, _, flags = arguments
            if not isinstance(flags, int) or not flags & _WRITES:
                return
        elif event in _CHANGES or event == "sqlite3.connect":
            path = arguments[0]
        else:
            return
        if not isinstance(path, str | bytes | os.PathLike):
            return
        name = os.fsdecode(path)
        if name.startswith(below):
            effects.append(f"{event} {name}")
            if len(effects) == die_at or (isinstance(die_at, str) and effects[-1].endswith(die_at)):
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(hook)


def steps_that_die(before: int | None, reached: list[str]) -> refresh.Steps:
    """The steps of the main job; before the step of this number, counted from 1, the process kills itself."""

    def dying(name: str, step: Callable[..., Any], number: int) -> Callable[..., Any]:
        def run(*given: Any) -> Any:
            if before == number:
                os.kill(os.getpid(), signal.SIGKILL)
            reached.append(name)
            answer = step(*given)
            if before == number + 1 == len(vars(refresh.Steps())) + 1:
                os.kill(os.getpid(), signal.SIGKILL)
            return answer

        return run

    steps = vars(refresh.Steps()).items()
    return refresh.Steps(**{name: dying(name, step, number) for number, (name, step) in enumerate(steps, 1)})


def refresh_as_ordered(order: dict[str, Any], answer: Path) -> None:
    """In the forked process: run, and write what came of it beside the folders; never returns."""
    die, effects, reached = order.get("die", {}), [], []
    said: dict[str, Any] = {}
    if order.get("without_room_check"):
        housekeeping._SPARE_BYTES = -(1 << 40)  # type: ignore[misc]
    settings = load_settings(Path(order["config"]) if order.get("config") else None)
    options = refresh.RefreshOptions(
        DataFolder(Path(order["data"])),
        Path(order["reports"]),
        settings.model_copy(update={"expectation_files": settings.expectation_files[:_SUITES]}),
        with_report=order.get("with_report", False),
    )
    watch_effects((order["data"], order["reports"]), effects, die.get("effect"))
    try:
        done = refresh.refresh(options, steps=steps_that_die(die.get("step"), reached))
        said = {"snapshot_id": done.snapshot.snapshot_id}
    except PipelineError as error:
        said = {"error": str(error), "exit_code": error.exit_code, "has_remedy": bool(error.remedy)}
    except BaseException:
        said = {"crash": traceback.format_exc()}
    answer.write_text(json.dumps({**said, "effects": effects, "steps": reached}))
    os._exit(0)


def cpu_seconds(process: int) -> float:
    """Processor time that a living process has used, as the kernel counts it."""
    fields = Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def ended(process: int, die_after_cpu_seconds: float | None) -> tuple[int, float]:
    """Wait for the process, or kill it when it has used so much; its wait status and processor time."""
    while True:
        done, status, usage = os.wait4(process, os.WNOHANG)
        if done:
            return status, usage.ru_utime + usage.ru_stime
        if die_after_cpu_seconds is not None and cpu_seconds(process) >= die_after_cpu_seconds:
            os.kill(process, signal.SIGKILL)
        time.sleep(0.002)


def main() -> None:
    import great_expectations  # noqa: F401  seconds to import: once for all

    answer = Path(sys.argv[1])
    for line in sys.stdin:
        order = json.loads(line)
        answer.unlink(missing_ok=True)
        process = os.fork()
        if not process:
            refresh_as_ordered(order, answer)
        status, used = ended(process, order.get("die", {}).get("cpu_seconds"))
        told = json.loads(answer.read_text()) if answer.exists() else {}
        killed = os.WIFSIGNALED(status)
        sys.stdout.write(json.dumps({"killed": killed, "status": status, "cpu_seconds": used, **told}) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
