"""A schedule fires: server, `opioids serve`, a run that publishes. `make test-schedule`: minutes, and a port."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from commands import Opioids

pytestmark = pytest.mark.skipif("OPIOIDS_SCHEDULE" not in os.environ, reason="minutes: make test-schedule")

_LONGEST_SECONDS = 420


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


def test_a_scheduled_run_fires_and_publishes(opioids: Opioids, key_file: Path, tmp_path: Path) -> None:
    data = tmp_path / "data"
    assert opioids("synth", "--patients", "300", "--months", "14", "--out", data / "incoming").code == 0
    port = free_port()
    api = f"http://127.0.0.1:{port}/api"
    env = {
        **os.environ,
        "PREFECT_HOME": str(tmp_path / "prefect"),
        "PREFECT_API_URL": api,
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "DO_NOT_TRACK": "1",
        "OPIOIDS_KEY_FILE": str(key_file),
    }
    server = ["prefect", "server", "start", "--host", "127.0.0.1", "--port", str(port)]
    serve = ["pipelines", "serve", "--cron", "* * * * *", "--data-dir", str(data), "--reports-dir", str(tmp_path / "r")]
    with running(server, env, tmp_path / "server.log"):
        waited_for(lambda: asked(f"{api}/health"), "the server")
        with running(serve, env, tmp_path / "serve.log"):
            completed = {"flow_runs": {"state": {"type": {"any_": ["COMPLETED"]}}}}
            waited_for(lambda: asked(f"{api}/flow_runs/filter", completed), "a completed run")
    assert (data / "warehouse" / "current.json").exists()
    kept_by_prefect = b"".join(file.read_bytes() for file in (tmp_path / "prefect").rglob("*") if file.is_file())
    with (data / "warehouse").joinpath("current.json").open() as pointer:
        assert json.load(pointer)["snapshot_id"].encode() in kept_by_prefect
    answer = opioids(
        "query", "SELECT DISTINCT patient_key FROM marts.patient_month", "--format", "csv", "--data-dir", data
    )
    keys = [key.encode() for key in answer.out.split()[1:]]
    assert len(keys) > 100
    assert not any(key in kept_by_prefect for key in keys)
