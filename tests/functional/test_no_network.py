"""A default refresh asks nothing of any network, and its log, however much is logged, names nobody.

It runs on an extract with the faults that real ones have, where there is no network, and does not even try for one.
"""

import json
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from canary_scan import files_that_hold
from commands import Opioids

from pipelines import assets

# Every attempt of Python's to reach or name another machine is written down, also one whose failure is swallowed.
WATCHED = """
import sys
tried = open(sys.argv.pop(1), "a")
def hook(event, arguments):
    if event in ("socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "socket.sendto", "urllib.Request"):
        tried.write(f"{event} {arguments[-1]}\\n")
        tried.flush()
sys.addaudithook(hook)
if sys.argv[1:] == ["a socket"]:
    import socket
    socket.socket().connect_ex(("127.0.0.1", 9))
else:
    from pipelines.cli.main import main
    main()
"""


def without_network(tried: Path, *arguments: str | Path, key_file: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [
            shutil.which("unshare") or "unshare",
            "--net",
            sys.executable,
            "-c",
            WATCHED,
            str(tried),
            *map(str, arguments),
        ],
        env={"OPIOIDS_KEY_FILE": str(key_file), "PATH": "", "HOME": str(tried.parent), "LANG": "C.UTF-8"},
        capture_output=True,
        text=True,
        check=False,
    )


@dataclass(frozen=True)
class Offline:
    """A refresh where there is no network, everything logged: what it tried, and what it left."""

    data: Path
    reports: Path
    tried: str
    refresh: subprocess.CompletedProcess[str]
    numbers: frozenset[str]


@pytest.fixture(scope="module")
def offline(opioids: Opioids, key_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Offline:
    unshare = shutil.which("unshare")
    if unshare is None or subprocess.run([unshare, "--net", "true"], capture_output=True, check=False).returncode:
        pytest.skip("no right to make a network of one's own")
    folder = tmp_path_factory.mktemp("offline")
    without_network(folder / "watch", "a socket", key_file=key_file)
    assert "socket.connect" in (folder / "watch").read_text(), "the watch sees nothing"
    data, reports, config = folder / "data", folder / "reports", folder / "config"
    config.mkdir()
    shipped = (assets.CONFIG_DIR / "pipeline.toml").read_text(encoding="utf-8")
    assert shipped.count('log_level = "INFO"') == 1
    (config / "pipeline.toml").write_text(
        shipped.replace('log_level = "INFO"', 'log_level = "DEBUG"').replace(
            "quarantined_share_limit = 0.01", "quarantined_share_limit = 0.5"
        )
    )
    extract = folder / "extract"
    made = opioids("synth", "--patients", "300", "--months", "14", "--seed", "5", "--dirty", "--out", extract)
    assert made.code == 0, made.err
    assert opioids("add", *sorted(extract.iterdir()), "--data-dir", data, "--config-dir", config).code == 0
    folders = ("--data-dir", data, "--reports-dir", reports, "--config-dir", config)
    words = ("refresh", "--allow-unconverted", "made up", *folders)
    done = without_network(folder / "tried", *words, key_file=key_file)
    assert done.returncode == 0, done.stderr
    rows = (extract / "patient_items.csv").read_text(encoding="utf-8", errors="replace")
    numbers = frozenset(re.findall(r"(?<![0-9])[0-9]{10}(?![0-9])", rows))
    return Offline(data, reports, (folder / "tried").read_text(), done, numbers)


def test_a_refresh_runs_where_there_is_no_network_and_does_not_try_for_one(offline: Offline) -> None:
    assert offline.tried == ""
    pointer = json.loads((offline.data / "warehouse" / "current.json").read_text())
    assert pointer["snapshot_id"] in offline.refresh.stdout
    assert (offline.reports / "index.html").exists()
    assert (offline.reports / "data-docs" / "index.html").exists()


def test_nobody_is_named_in_the_log_however_much_is_logged(offline: Offline, opioids: Opioids) -> None:
    logs = offline.data / "state" / "logs"
    lines = [json.loads(line) for line in (logs / "refresh.jsonl").read_text(encoding="utf-8").splitlines()]
    assert len({line["run_id"] for line in lines}) == 1
    assert {line["step"] for line in lines if "step" in line} >= {"land", "build", "check", "publish", "report"}
    assert len(offline.numbers) > 200
    assert files_that_hold(offline.numbers, logs) == set()
    asked = "SELECT DISTINCT patient_key FROM marts.patient_month"
    keys = opioids("query", asked, "--format", "csv", "--data-dir", offline.data).out.split()[1:]
    assert len(keys) > 200
    assert not any(key.encode() in file.read_bytes() for file in logs.iterdir() for key in keys)
