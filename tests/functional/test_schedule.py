"""Schedules fire: a server, `opioids serve`, a worker, runs that publish. `make test-schedule`: minutes, and a port.

OPIOIDS_SCREENSHOT=FILE keeps a picture of the runs as the server shows them.
"""

import json
import os
import re
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from canary_scan import files_that_hold
from commands import Opioids
from open_data_server import epd_csv, plain, resource, serving, well_behaved, zipped
from test_orchestration import FILE, MONTH, channel, config_for

pytestmark = pytest.mark.skipif("OPIOIDS_SCHEDULE" not in os.environ, reason="minutes: make test-schedule")

_LONGEST_SECONDS = 900
ROOT = Path(__file__).parents[2]


@contextmanager
def running(arguments: list[str], env: dict[str, str], log: Path) -> Iterator[None]:
    with log.open("wb") as out:
        process = subprocess.Popen([sys.executable, "-m", *arguments], env=env, stdout=out, stderr=out)
        try:
            yield
        finally:
            process.send_signal(signal.SIGINT)
            try:
                process.wait(timeout=30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def asked(url: str, body: dict[str, Any] | None = None) -> Any:
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data=data, headers={"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.load(answer)


def waited_for(ready: Any, what: str) -> Any:
    until = time.monotonic() + _LONGEST_SECONDS
    while time.monotonic() < until:
        try:
            found = ready()
        except OSError:
            found = None
        if found:
            return found
        time.sleep(2)
    pytest.fail(f"{what} did not come about within {_LONGEST_SECONDS} seconds")


@dataclass(frozen=True)
class Orchestrator:
    """A server on this machine, with a database of its own."""

    api: str
    home: Path
    env: dict[str, str]

    def runs(self, **chosen: Any) -> list[dict[str, Any]]:
        return list(asked(f"{self.api}/flow_runs/filter", {"flow_runs": chosen}))

    def completed(self, flow: str) -> Any:
        """A run of this flow that has ended well; fails at once where one has not."""
        state = {"flow_runs": {"state": {"type": {"any_": ["COMPLETED", "FAILED", "CRASHED"]}}}}
        ended = asked(f"{self.api}/flow_runs/filter", {**state, "flows": {"name": {"any_": [flow]}}})
        assert all(run["state_type"] == "COMPLETED" for run in ended), [run["state"]["message"] for run in ended]
        return ended

    def command(self, *words: str) -> None:
        done = subprocess.run(
            [sys.executable, "-m", "prefect", "--no-prompt", *words],
            env=self.env,
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, key_file: Path) -> Iterator[Orchestrator]:
    folder = tmp_path_factory.mktemp("prefect")
    port = free_port()
    api = f"http://127.0.0.1:{port}/api"
    env = {
        **os.environ,
        "PREFECT_HOME": str(folder / "home"),
        "PREFECT_API_URL": api,
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "DO_NOT_TRACK": "1",
        "NO_PROXY": "127.0.0.1",
        "OPIOIDS_KEY_FILE": str(key_file),
    }
    program = ["prefect", "server", "start", "--host", "127.0.0.1", "--port", str(port)]
    with running(program, env, folder / "server.log"):
        waited_for(lambda: asked(f"{api}/health"), "the server")
        yield Orchestrator(api, folder / "home", env)


def extract_with(opioids: Opioids, data: Path) -> set[str]:
    """A small made-up extract in incoming/; the NHS numbers in it."""
    assert opioids("synth", "--patients", "300", "--months", "14", "--out", data / "incoming").code == 0
    rows = (data / "incoming" / "patient_items.csv").read_text(encoding="utf-8")
    numbers = set(re.findall(r"(?<![0-9])[0-9]{10}(?![0-9])", rows))
    assert len(numbers) > 200
    return numbers


def nothing_personal_is_kept(server: Orchestrator, opioids: Opioids, data: Path, numbers: set[str]) -> None:
    """Neither a number nor a pseudonym in the server's database, nor in the logs of the jobs."""
    answer = opioids(
        "query", "SELECT DISTINCT patient_key FROM marts.patient_month", "--format", "csv", "--data-dir", data
    )
    keys = [key.encode() for key in answer.out.split()[1:]]
    assert len(keys) > 100
    folders = (server.home, data / "state" / "logs")
    files = [file for folder in folders for file in folder.rglob("*") if file.is_file()]
    pointer = json.loads((data / "warehouse" / "current.json").read_text())
    assert any(pointer["snapshot_id"].encode() in file.read_bytes() for file in files)
    assert not any(key in file.read_bytes() for file in files for key in keys)
    assert files_that_hold(sorted(numbers)[:50], *folders) == set()


def test_serve_fires_and_publishes(server: Orchestrator, opioids: Opioids, tmp_path: Path) -> None:
    data = tmp_path / "data"
    numbers = extract_with(opioids, data)
    serve = ["pipelines", "serve", "--cron", "* * * * *", "--data-dir", str(data), "--reports-dir", str(tmp_path / "r")]
    with running(serve, server.env, tmp_path / "serve.log"):
        waited_for(lambda: server.completed("refresh"), "a completed run")
    assert (data / "warehouse" / "current.json").exists()
    nothing_personal_is_kept(server, opioids, data, numbers)


def test_a_worker_runs_what_prefect_yaml_says_and_a_locked_database_of_the_server_stops_no_refresh(
    server: Orchestrator, opioids: Opioids, tmp_path: Path
) -> None:
    data = tmp_path / "data"
    numbers = extract_with(opioids, data)
    with serving() as portal, channel() as (address, posted):
        config = config_for(portal, tmp_path / "config")
        portal.lists(resource(MONTH))
        portal.on(FILE, plain(503), plain(503), well_behaved(zipped(epd_csv(MONTH))))
        told = (ROOT / "prefect.yaml").read_text(encoding="utf-8")
        for shipped, mine in (
            ('"0 6 15 * *"', '"* * * * *"'),
            ("data_dir: data", f"data_dir: {data}"),
            ("reports_dir: reports/build", f"reports_dir: {tmp_path / 'reports'}"),
            ("config_dir: null", f"config_dir: {config}"),
            ("epd_from: null", 'epd_from: "2025-01"'),
        ):
            assert told.count(shipped) == 1, shipped
            told = told.replace(shipped, mine)
        (tmp_path / "prefect.yaml").write_text(told)
        server.command("work-pool", "create", "opioids", "--type", "process")
        server.command("deploy", "--all", "--prefect-file", str(tmp_path / "prefect.yaml"))
        worker = ["prefect", "worker", "start", "--pool", "opioids"]
        with running(worker, {**server.env, "OPIOIDS_WEBHOOK_URL": address}, tmp_path / "worker.log"):
            waited_for(lambda: server.completed("monthly"), "a completed run of the worker")
            waited_for(lambda: posted, "a notice")
            picture(server, tmp_path)
        assert len(portal.asked(FILE)) == 3
        assert "monthly published" in posted[0]
    tries = {run["name"]: run["run_count"] for run in asked(f"{server.api}/task_runs/filter", {"limit": 200})}
    assert max(count for name, count in tries.items() if name.startswith("fetch epd")) == 3
    keys = {artifact["key"] for artifact in asked(f"{server.api}/artifacts/filter", {})}
    assert {"publication", "files-taken-in", "downloads"} <= keys
    nothing_personal_is_kept(server, opioids, data, numbers)
    # Fault F26: somebody holds the server's database. The data folder does not notice.
    with closing(sqlite3.connect(server.home / "prefect.db", timeout=60, isolation_level=None)) as held:
        held.execute("BEGIN EXCLUSIVE")
        answer = opioids("refresh", "--no-report", "--data-dir", data)
        assert answer.code == 0, answer.err
        held.execute("ROLLBACK")


def picture(server: Orchestrator, folder: Path) -> None:
    """What somebody sees who opens the server's page; kept where OPIOIDS_SCREENSHOT says."""
    browser, wanted = shutil.which("chromium"), os.environ.get("OPIOIDS_SCREENSHOT")
    if browser is None or wanted is None:
        return
    page = server.api.removesuffix("/api") + "/runs"
    options = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--hide-scrollbars"]
    for name, address in (("runs", page), ("artifacts", page.replace("/runs", "/artifacts"))):
        taken = folder / f"{name}.png"
        subprocess.run(
            [
                browser,
                *options,
                "--window-size=1400,1200",
                "--virtual-time-budget=20000",
                f"--screenshot={taken}",
                address,
            ],
            capture_output=True,
            timeout=180,
            check=False,
        )
        if taken.exists():
            shutil.copy(taken, Path(wanted).with_stem(f"{Path(wanted).stem}-{name}"))
