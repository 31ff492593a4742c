"""What the orchestrator costs: `opioids refresh` beside the same refresh as a Prefect flow, in turn, on the same data.

`python bench/orchestration.py` makes about 1.6 million patient items of 150,000 made-up people in 24 months;
`--people`, `--months`, `--repeats` for other sizes. Each run takes in, lands, builds, checks and publishes a folder
of its own; reports are left out on both sides, since the more is done, the less the orchestrator weighs. The flow
runs under a server on this machine that was started before; the processor time of the server counts on its side.
"""

import argparse
import json
import os
import resource
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

PEOPLE, MONTHS, REPEATS = 150_000, 24, 2
FLOW = "import sys; from pipelines.flows import refresh; refresh(data_dir=sys.argv[1], with_report=False)"
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Cost:
    """What one run took, its children included."""

    wall_seconds: float
    cpu_seconds: float


@contextmanager
def server(folder: Path) -> Iterator[tuple[dict[str, str], int]]:
    """A Prefect server on this machine: the environment that finds it, and its process."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    quiet = {"PREFECT_SERVER_ANALYTICS_ENABLED": "false", "DO_NOT_TRACK": "1", "NO_PROXY": "127.0.0.1"}
    env = {
        **os.environ,
        **quiet,
        "PREFECT_HOME": str(folder / "prefect"),
        "PREFECT_API_URL": f"http://127.0.0.1:{port}/api",
    }
    command = [sys.executable, "-m", "prefect", "server", "start", "--host", "127.0.0.1", "--port", str(port)]
    process = subprocess.Popen(command, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        for _ in range(300):
            try:
                urllib.request.urlopen(f"{env['PREFECT_API_URL']}/health", timeout=5).close()
                break
            except OSError:
                time.sleep(1)
        else:
            raise SystemExit("The server did not start.")
        yield env, process.pid
    finally:
        process.terminate()
        process.wait(timeout=60)


def cpu_of(process: int) -> float:
    """Processor time of a process and its children that live, as the kernel counts it."""
    told = subprocess.run(["ps", "-o", "pid=", "--ppid", str(process)], capture_output=True, text=True, check=False)
    used = 0.0
    for number in (process, *map(int, told.stdout.split())):
        stat = Path(f"/proc/{number}/stat")
        if stat.exists():
            fields = stat.read_text().rsplit(")", 1)[1].split()
            used += sum(map(int, fields[11:15])) / _TICKS
    return used


def run(command: list[str], env: dict[str, str], also: int | None = None) -> Cost:
    """Run a command; `also` is a process whose processor time counts too."""
    before, of_other = resource.getrusage(resource.RUSAGE_CHILDREN), cpu_of(also) if also else 0.0
    begun = time.perf_counter()
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    wall = time.perf_counter() - begun
    if done.returncode:
        raise SystemExit(done.stdout + done.stderr)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Cost(wall, cpu + ((cpu_of(also) - of_other) if also else 0.0))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--people", type=int, default=PEOPLE)
    parser.add_argument("--months", type=int, default=MONTHS)
    parser.add_argument("--repeats", type=int, default=REPEATS)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        os.environ["OPIOIDS_KEY_FILE"] = str(folder / "key")
        size = ("--patients", str(asked.people), "--months", str(asked.months))
        run([sys.executable, "-m", "pipelines", "synth", *size, "--out", str(folder / "extract")], dict(os.environ))
        with (folder / "extract" / "patient_items.csv").open(encoding="utf-8") as handle:
            items = sum(1 for _ in handle) - 1
        alone: list[Cost] = []
        flow: list[Cost] = []
        snapshots: set[str] = set()
        with server(folder) as (env, process):
            for _ in range(asked.repeats):
                for costs in (alone, flow):
                    data = folder / "data"
                    (data / "incoming").mkdir(parents=True, mode=0o700)
                    for file in (folder / "extract").iterdir():
                        shutil.copy(file, data / "incoming")
                    if costs is alone:
                        words = ["-m", "pipelines", "refresh", "--no-report", "--data-dir", str(data)]
                        costs.append(run([sys.executable, *words], dict(os.environ)))
                    else:
                        costs.append(run([sys.executable, "-c", FLOW, str(data)], env, process))
                    snapshots.add(json.loads((data / "warehouse" / "current.json").read_text())["snapshot_id"])
                    shutil.rmtree(data)
        if len(snapshots) != 1:
            raise SystemExit("The two did not publish the same.")
        for what, field in (("wall clock", "wall_seconds"), ("processor", "cpu_seconds")):
            a, b = (statistics.median(getattr(cost, field) for cost in costs) for costs in (alone, flow))
            print(f"{items:,} patient items, {what}: refresh {a:,.1f} s, flow {b:,.1f} s, ratio {b / a:.3f}")


if __name__ == "__main__":
    main()
