"""What a process costs, its children included."""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

_BYTES = 1 if sys.platform == "darwin" else 1024


@dataclass(frozen=True)
class Cost:
    """Wall clock, user and system time, and the most memory that it held."""

    seconds: float
    cpu_seconds: float
    peak_gb: float


def cost_of(arguments: Sequence[str], env: Mapping[str, str] | None = None) -> Cost:
    """Run Python with these arguments to its end. Raises SystemExit with what it said where it fails."""
    with tempfile.TemporaryFile() as said:
        start = time.perf_counter()
        process = subprocess.Popen([sys.executable, *arguments], env=env and dict(env), stdout=said, stderr=said)
        _, status, used = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            said.seek(0)
            raise SystemExit(said.read().decode(errors="replace"))
    return Cost(seconds, used.ru_utime + used.ru_stime, used.ru_maxrss * _BYTES / 1e9)
