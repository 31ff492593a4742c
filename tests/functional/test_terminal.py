"""A list at a real terminal: the password is asked for twice, never shown, and Ctrl-C leaves nothing behind."""

import os
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import duckdb
import msoffcrypto
import pytest
from commands import Published

pty = pytest.importorskip("pty", reason="this system has no pseudo-terminals")

PASSWORD = "heron cobalt ladder"
CTRL_C = "\x03"
PATIENCE_SECONDS = 60.0


class Terminal:
    """A command at a pseudo-terminal that is its controlling one, as a person has it."""

    def __init__(self, arguments: list[str], env: dict[str, str]) -> None:
        self._master, slave = pty.openpty()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "pipelines", *arguments],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env=env,
            start_new_session=True,
            preexec_fn=_take_the_terminal,
        )
        os.close(slave)
        self.seen = ""

    def until(self, wanted: str) -> None:
        """Read what the terminal shows until it shows this, once more than before."""
        start, end = len(self.seen), time.monotonic() + PATIENCE_SECONDS
        while wanted not in self.seen[start:]:
            assert time.monotonic() < end, f"'{wanted}' never came: {self.seen}"
            if not self._read(1.0) and self._process.poll() is not None:
                raise AssertionError(f"it ended without '{wanted}': {self.seen}")

    def _read(self, seconds: float) -> bool:
        ready, _, _ = select.select([self._master], [], [], seconds)
        if not ready:
            return False
        try:
            read = os.read(self._master, 65536)
        except OSError:
            # The other end is closed.
            return False
        self.seen += read.decode(errors="replace")
        return bool(read)

    def types(self, text: str) -> None:
        os.write(self._master, text.encode())

    def ends(self) -> int:
        """The exit code, after all that is shown has been read."""
        end = time.monotonic() + PATIENCE_SECONDS
        while self._process.poll() is None or self._read(0.1):
            assert time.monotonic() < end, self.seen
            self._read(0.1)
        return self._process.wait()

    def close(self) -> None:
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        os.close(self._master)


def _take_the_terminal() -> None:
    """In the new process: its standard input is its controlling terminal, and Ctrl-C means what it means to a person.

    Who runs tests in the background has interrupts ignored, and so would whatever the tests start.
    """
    import fcntl
    import termios

    signal.signal(signal.SIGINT, signal.SIG_DFL)
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


@pytest.fixture(scope="module")
def practice(published: Published) -> str:
    """The practice with most people on its list."""
    sql = "SELECT practice_code FROM marts.case_list GROUP BY ALL ORDER BY count(*) DESC, 1 LIMIT 1"
    with duckdb.connect(str(published.data / "warehouse" / "current.duckdb"), read_only=True) as connection:
        return str(connection.execute(sql).fetchall()[0][0])


@pytest.fixture
def terminal(published: Published, practice: str, key_file: Path, tmp_path: Path) -> Iterator[Terminal]:
    """`opioids case-list` at a terminal, about to write list.xlsx."""
    out = tmp_path / "list.xlsx"
    said = ("--purpose", "structured medication reviews", "--role", "direct care")
    arguments = ["case-list", "--practice", practice, "--out", str(out), *said, "--data-dir", str(published.data)]
    env = {name: value for name, value in os.environ.items() if name != "OPIOIDS_LIST_PASSWORD"}
    started = Terminal(arguments, {**env, "OPIOIDS_KEY_FILE": str(key_file), "NO_COLOR": "1", "TERM": "dumb"})
    yield started
    started.close()


def words(seen: str) -> str:
    """What was shown, without the breaks of a narrow terminal."""
    return re.sub(r"\s+", " ", seen)


def test_the_password_is_asked_for_twice_and_not_shown_and_opens_the_list(terminal: Terminal, tmp_path: Path) -> None:
    terminal.until("Password for the list: ")
    terminal.types(f"{PASSWORD}\n")
    terminal.until("Once more: ")
    terminal.types(f"{PASSWORD}\n")
    assert terminal.ends() == 0, terminal.seen
    assert PASSWORD not in terminal.seen
    assert PASSWORD.split()[0] not in terminal.seen
    with (tmp_path / "list.xlsx").open("rb") as encrypted:
        office = msoffcrypto.OfficeFile(encrypted)
        office.load_key(password=PASSWORD, verify_password=True)
        with pytest.raises(msoffcrypto.exceptions.InvalidKeyError):
            office.load_key(password=f"{PASSWORD}s", verify_password=True)


@pytest.mark.parametrize(
    ("typed", "again", "said"),
    [
        ("short one", "short one", "fewer than 12 characters"),
        ("123456789012345", "123456789012345", "digits alone"),
        (PASSWORD, f"{PASSWORD}s", "The two passwords differ"),
    ],
)
def test_a_weak_password_or_another_the_second_time_makes_no_list(
    typed: str, again: str, said: str, terminal: Terminal, published: Published, tmp_path: Path
) -> None:
    audit = published.data / "state" / "audit.jsonl"
    before = audit.read_bytes() if audit.exists() else b""
    terminal.until("Password for the list: ")
    terminal.types(f"{typed}\n")
    terminal.until("Once more: ")
    terminal.types(f"{again}\n")
    assert terminal.ends() == 2
    assert said in words(terminal.seen)
    assert typed not in terminal.seen
    assert list(tmp_path.iterdir()) == []
    assert (audit.read_bytes() if audit.exists() else b"") == before


@pytest.mark.parametrize("prompt", ["Password for the list: ", "Once more: "])
def test_ctrl_c_at_the_question_leaves_nothing_behind(
    prompt: str, terminal: Terminal, published: Published, tmp_path: Path
) -> None:
    before = {path: path.stat().st_mtime_ns for path in published.data.rglob("*") if path.is_file()}
    terminal.until("Password for the list: ")
    if prompt != "Password for the list: ":
        terminal.types(f"{PASSWORD}\n")
        terminal.until(prompt)
    terminal.types(CTRL_C)
    code = terminal.ends()
    assert code not in (0, 2)
    assert "Traceback" not in terminal.seen
    assert PASSWORD not in terminal.seen
    assert list(tmp_path.iterdir()) == []
    assert {path: path.stat().st_mtime_ns for path in published.data.rglob("*") if path.is_file()} == before
