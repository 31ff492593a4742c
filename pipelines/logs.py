"""The log of the unattended jobs: JSON lines in data/state/logs, one file a job, closed to others, nothing personal.

Every line holds the run's id. Our own sentences name files, tables and counts, never a person; a run of ten digits is
withheld all the same, since somebody may have named a file after one. What a library says may quote a row: of it only
the level, the name and the place are kept. The log is for whoever answers for the job; the truth about the runs is the
register's.
"""

import json
import logging
import os
import re
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import wraps
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import Literal, TypeVar

from pipelines.errors import PipelineError
from pipelines.folders import DataFolder, said_in_words

Job = Literal["fetch", "refresh", "report"]

_Answer = TypeVar("_Answer")

logger = logging.getLogger(__name__)
# For the file alone: people are told of an outcome in other words.
_outcomes = logging.getLogger(f"{__name__}.outcomes")
_outcomes.propagate = False

OURS = "pipelines"
_LARGEST_BYTES, _KEPT_FILES = 2 * 1024**2, 9
# Further fields that a line may have, given as `extra`.
_FIELDS = ("step", "seconds", "outcome", "snapshot_id", "exit_code")
_LIKE_AN_NHS_NUMBER = re.compile(r"(?<![0-9A-Za-z])\d{3}[ \u00a0-]?\d{3}[ \u00a0-]?\d{4}(?![0-9A-Za-z])")


def log_folder(data: DataFolder) -> Path:
    return data.state / "logs"


@contextmanager
def written_down(data: DataFolder, job: Job, run_id: str, level: str) -> Iterator[None]:
    """While this lasts, what happens at `level` or above goes to the job's file; of libraries, from WARNING on.

    How it begins and ends is written at any level. A log that cannot be written fails nothing.
    """
    with said_in_words(log_folder(data)):
        log_folder(data).mkdir(mode=0o700, exist_ok=True)
    handler = _QuietFile(log_folder(data) / f"{job}.jsonl")
    handler.setFormatter(_Line(job, run_id))
    handler.addFilter(_is_kept)
    handler.setLevel(level)
    ours, root = logging.getLogger(OURS), logging.getLogger()
    # Where our own words do not reach the root, as in a command, the file listens in both places.
    listened = (_outcomes, root) if ours.propagate else (_outcomes, root, ours)
    before = ours.level
    ours.setLevel(min(ours.getEffectiveLevel(), logging.getLevelName(level)))
    for logger in listened:
        logger.addHandler(handler)
    try:
        with _outcome_told():
            yield
    finally:
        for logger in listened:
            logger.removeHandler(handler)
        ours.setLevel(before)
        handler.close()


@contextmanager
def _outcome_told() -> Iterator[None]:
    _outcomes.critical("Begun.", extra={"outcome": "begun"})
    try:
        yield
    except PipelineError as error:
        said = {"outcome": "failed", "exit_code": error.exit_code}
        _outcomes.critical("%s", " ".join(line for line in (error.what, error.where) if line), extra=said)
        raise
    except BaseException as error:
        _outcomes.critical("%s in %s.", type(error).__name__, place_of(error), extra={"outcome": "failed"})
        raise
    _outcomes.critical("Ended.", extra={"outcome": "ended"})


def timed(name: str, step: Callable[..., _Answer]) -> Callable[..., _Answer]:
    """A step that says how long it took."""

    @wraps(step)
    def run(*given: object) -> _Answer:
        begun = time.perf_counter()
        answer = step(*given)
        seconds = round(time.perf_counter() - begun, 3)
        logger.info("%s took %.1f s", name, seconds, extra={"step": name, "seconds": seconds})
        return answer

    return run


def new_run_id() -> str:
    """When it began, and six digits more: names a run in its log and in the register."""
    return f"{datetime.now(UTC):%Y%m%dT%H%M%S}-{secrets.token_hex(3)}"


def place_of(error: BaseException) -> str:
    """Where an error was raised, as `file.py:12`: of one that is not ours nothing else may be told."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return f"{Path(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno}" if trace else "an unknown place"


class _QuietFile(RotatingFileHandler):
    """A file that begins anew when it is large, and says nothing when it cannot be written."""

    def __init__(self, file: Path) -> None:
        super().__init__(file, maxBytes=_LARGEST_BYTES, backupCount=_KEPT_FILES, encoding="utf-8", delay=True)

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802  the name is logging's
        """A full disk is said by the job itself."""


class _Line(logging.Formatter):
    def __init__(self, job: Job, run_id: str) -> None:
        super().__init__()
        self._always = {"job": job, "run_id": run_id, "process": os.getpid()}

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": "outcome" if record.name == _outcomes.name else record.levelname.lower(),
            **self._always,
            "logger": record.name,
        }
        if _is_ours(record):
            line["message"] = _LIKE_AN_NHS_NUMBER.sub("[ten digits withheld]", record.getMessage())
            line |= {field: vars(record)[field] for field in _FIELDS if field in vars(record)}
        else:
            line["message"] = "A library's own words are not kept."
        if record.levelno >= logging.WARNING and record.name != _outcomes.name:
            line["at"] = f"{record.filename}:{record.lineno}"
        if record.exc_info and record.exc_info[1]:
            error = record.exc_info[1]
            line["error"] = f"{type(error).__name__} in {place_of(error)}"
        return json.dumps(line, ensure_ascii=False)


def _is_ours(record: logging.LogRecord) -> bool:
    return record.name == OURS or record.name.startswith(f"{OURS}.")


def _is_kept(record: logging.LogRecord) -> bool:
    return _is_ours(record) or record.levelno >= logging.WARNING
