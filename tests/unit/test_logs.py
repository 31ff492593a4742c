"""The log of a job: one JSON object a line with the run's id, closed to others, and nobody's data in it."""

import json
import logging
import os
import stat
from pathlib import Path
from typing import Any

import pytest

from pipelines import logs
from pipelines.errors import StorageError
from pipelines.folders import DataFolder
from pipelines.logs import log_folder, timed, written_down

# 9434765919 is a valid NHS number of the test range; nobody has it.
NUMBERS = ("9434765919", "943 476 5919", "943-476-5919")


@pytest.fixture
def data(tmp_path: Path) -> DataFolder:
    folder = DataFolder(tmp_path / "data")
    folder.prepare()
    return folder


def lines_of(data: DataFolder, job: str = "refresh") -> list[dict[str, Any]]:
    return [json.loads(line) for line in (log_folder(data) / f"{job}.jsonl").read_text().splitlines()]


def test_every_line_is_json_with_the_run_and_a_time(data: DataFolder) -> None:
    with written_down(data, "refresh", "run-1", "INFO"):
        logging.getLogger("pipelines.build").info("Building %s", "marts.trends")
        timed("land", lambda: None)()
    told = lines_of(data)
    assert [line["message"] for line in told][:2] == ["Begun.", "Building marts.trends"]
    assert told[2]["step"] == "land"
    assert told[2]["seconds"] >= 0
    assert [line.get("outcome") for line in told] == ["begun", None, None, "ended"]
    assert all(
        line["run_id"] == "run-1" and line["job"] == "refresh" and line["time"].endswith("+00:00") for line in told
    )


@pytest.mark.parametrize("number", NUMBERS)
def test_nothing_personal_is_written_whoever_says_it(data: DataFolder, number: str) -> None:
    def fails_over_a_row() -> None:
        raise ValueError(f"could not convert '{number}'")

    def job() -> None:
        logging.getLogger("pipelines.ingest").warning("File %s is odd.", f"{number}.csv")
        logging.getLogger("a.library").warning("row %s", number)
        logging.getLogger("a.library").error(f"row {number}")
        try:
            fails_over_a_row()
        except ValueError:
            logging.getLogger("pipelines.build").exception("Not built.")
            logging.getLogger("a.library").exception("Oh, %s", number)
        fails_over_a_row()

    with pytest.raises(ValueError, match="could not"), written_down(data, "refresh", "run-1", "DEBUG"):
        job()
    written = (log_folder(data) / "refresh.jsonl").read_text()
    assert number not in written
    assert "5919" not in written
    told = lines_of(data)
    assert told[1]["message"] == "File [ten digits withheld].csv is odd."
    assert {line["message"] for line in told if line["logger"] == "a.library"} == {
        "A library's own words are not kept."
    }
    assert told[4]["error"].startswith("ValueError in test_logs.py:")
    assert told[-1]["outcome"] == "failed"
    assert told[-1]["message"] == f"{told[4]['error']}."


def test_an_error_of_ours_is_written_with_its_exit_code(data: DataFolder) -> None:
    with pytest.raises(StorageError), written_down(data, "refresh", "run-1", "ERROR"):
        raise StorageError("The disk is full.", "At /somewhere.", "Free space.")
    assert lines_of(data)[-1]["message"] == "The disk is full. At /somewhere."
    assert lines_of(data)[-1]["exit_code"] == 17


def test_libraries_are_heard_from_warning_on_and_we_from_the_level_that_was_set(data: DataFolder) -> None:
    with written_down(data, "refresh", "run-1", "INFO"):
        logging.getLogger("a.library").setLevel("DEBUG")
        for logger in ("a.library", "pipelines.build"):
            for level in ("debug", "info", "warning"):
                getattr(logging.getLogger(logger), level)(level)
    heard = [(line["logger"], line["level"]) for line in lines_of(data)[1:-1]]
    assert heard == [("a.library", "warning"), ("pipelines.build", "info"), ("pipelines.build", "warning")]


@pytest.mark.skipif(os.name != "posix", reason="modes are POSIX")
def test_files_begin_anew_when_they_are_large_and_stay_closed(
    data: DataFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logs, "_LARGEST_BYTES", 2_000)
    with written_down(data, "refresh", "run-1", "INFO"):
        for number in range(300):
            logging.getLogger("pipelines.build").info("Building table %d", number)
    files = sorted(log_folder(data).iterdir())
    assert len(files) == logs._KEPT_FILES + 1
    assert stat.S_IMODE(log_folder(data).stat().st_mode) == 0o700
    assert all(stat.S_IMODE(file.stat().st_mode) == 0o600 for file in files)
    assert all(file.stat().st_size <= 2_000 for file in files)
    assert all(json.loads(line)["run_id"] == "run-1" for file in files for line in file.read_text().splitlines())


def test_the_terminal_is_told_nothing_more(data: DataFolder, capsys: pytest.CaptureFixture[str]) -> None:
    from pipelines.cli.common import _log_to_stderr

    _log_to_stderr()
    ours = logging.getLogger("pipelines")

    def job() -> None:
        ours.info("for the file")
        ours.warning("for both")
        raise StorageError("The disk is full.")

    try:
        with pytest.raises(StorageError), written_down(data, "refresh", "run-1", "DEBUG"):
            job()
        ours.info("for nobody")
    finally:
        ours.handlers, ours.propagate = [], True
        ours.setLevel(logging.NOTSET)
    assert capsys.readouterr().err == "for both\n"
    assert [line["message"] for line in lines_of(data)[1:]] == ["for the file", "for both", "The disk is full."]


def test_a_log_that_cannot_be_written_fails_nothing(data: DataFolder, capsys: pytest.CaptureFixture[str]) -> None:
    log_folder(data).mkdir(mode=0o700)
    (log_folder(data) / "refresh.jsonl").mkdir()
    with written_down(data, "refresh", "run-1", "INFO"):
        logging.getLogger("pipelines.build").info("Building")
    assert "Traceback" not in capsys.readouterr().err
