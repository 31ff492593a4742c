"""What the orchestrator costs: `opioids refresh` beside the same refresh as a Prefect flow, in turn, on the same data.

`python bench/orchestration.py` makes about 1.6 million patient items of 150,000 made-up people in 24 months;
`--people`, `--months`, `--repeats` for other sizes. Each run takes in, lands, builds, checks and publishes a folder
of its own; reports are left out on both sides, since the more is done, the less the orchestrator weighs. The flow
runs under a server on this machine that was started before; the processor time of the server counts on its side.
"""

import argparse
import json
import os
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
from dataclasses import replace
from pathlib import Path

from costs import Cost, cost_of

PEOPLE, MONTHS, REPEATS = 150_000, 24, 2
FLOW = "import sys; from pipelines.flows import refresh; refresh(data_dir=sys.argv[1], with_report=False)"
_TICKS = os.sysconf("SC_CLK_TCK")


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


def cost_with(arguments: list[str], env: dict[str, str], server: int) -> Cost:
    """What Python with these arguments costs, with the processor time that the server spends meanwhile."""
    before = cpu_of(server)
    cost = cost_of(arguments, env)
    return replace(cost, cpu_seconds=cost.cpu_seconds + cpu_of(server) - before)


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
        cost_of(["-m", "pipelines", "synth", *size, "--out", str(folder / "extract")])
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
                        costs.append(cost_of(words))
                    else:
                        costs.append(cost_with(["-c", FLOW, str(data)], env, process))
                    snapshots.add(json.loads((data / "warehouse" / "current.json").read_text())["snapshot_id"])
                    shutil.rmtree(data)
        if len(snapshots) != 1:
            raise SystemExit("The two did not publish the same.")
        for what, field in (("wall clock", "seconds"), ("processor", "cpu_seconds")):
            a, b = (statistics.median(getattr(cost, field) for cost in costs) for costs in (alone, flow))
            print(f"{items:,} patient items, {what}: refresh {a:,.1f} s, flow {b:,.1f} s, ratio {b / a:.3f}")


if __name__ == "__main__":
    main()
