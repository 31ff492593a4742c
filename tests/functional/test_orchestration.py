"""The jobs as flows: what is tried again and what never, what people are told, and what the orchestrator keeps."""

import json
import os
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from commands import Opioids
from open_data_server import DATASET, FETCH_TOML, Server, epd_csv, plain, resource, serving, well_behaved, zipped

MONTH = "202501"
FILE = f"/files/r{MONTH}.zip"
NOTIFY_TOML = 'on = ["failed", "published"]\n[webhook]\nkind = "slack"\n'


@contextmanager
def channel() -> Iterator[tuple[str, list[str]]]:
    """A channel that people read: its address, and what was posted there."""
    posted: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            posted.append(json.loads(self.rfile.read(int(self.headers["Content-Length"])))["text"])
            self.send_response(200)
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/", posted
        server.shutdown()


def config_for(server: Server, folder: Path) -> Path:
    """Settings by which a download is tried once, and tried again by the orchestrator at once."""
    folder.mkdir()
    patient = FETCH_TOML.format(address=server.address, dataset=DATASET)
    hasty = patient.replace("attempts = 4", "attempts = 1").replace(
        "longest_wait_seconds = 60", "longest_wait_seconds = 0"
    )
    assert hasty.count("= 1\n") == 1
    (folder / "fetch.toml").write_text(re.sub(r"\[list_sizes\].*", "[list_sizes]\n", hasty, flags=re.DOTALL))
    (folder / "notify.toml").write_text(NOTIFY_TOML)
    return folder


@pytest.fixture(scope="module")
def orchestrator() -> Iterator[None]:
    """A Prefect server of its own, with a database of its own."""
    from prefect.testing.utilities import prefect_test_harness

    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("PREFECT_SERVER_ANALYTICS_ENABLED", "false")
        environment.setenv("DO_NOT_TRACK", "1")
        environment.setenv("NO_PROXY", "127.0.0.1")
        with prefect_test_harness(server_startup_timeout=180):
            yield


def kept_by_prefect() -> bytes:
    """Every byte of the orchestrator's database."""
    from prefect.settings import get_current_settings

    address = get_current_settings().server.database.connection_url
    assert address is not None
    file = Path(address.get_secret_value().split("///")[1])
    files = list(file.parent.glob(f"{file.name}*"))
    assert file in files
    return b"".join(part.read_bytes() for part in files)


@pytest.mark.usefixtures("orchestrator")
def test_a_month_is_fetched_at_the_third_try_published_and_told_of_and_a_lost_file_is_not_asked_for_again(
    opioids: Opioids, extract: Path, key_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from prefect.client.orchestration import get_client

    from pipelines.errors import DownloadFailed
    from pipelines.flows import monthly

    monkeypatch.setenv("OPIOIDS_KEY_FILE", str(key_file))
    data, reports = tmp_path / "data", tmp_path / "reports"
    assert opioids("add", extract / "patient_items.csv", "--data-dir", data).code == 0
    with serving() as server, channel() as (address, posted):
        monkeypatch.setenv("OPIOIDS_WEBHOOK_URL", address)
        folders = {
            "data_dir": str(data),
            "reports_dir": str(reports),
            "config_dir": str(config_for(server, tmp_path / "c")),
        }
        server.lists(resource(MONTH))
        server.on(FILE, plain(503), plain(503), well_behaved(zipped(epd_csv(MONTH))))
        snapshot = monthly(**folders, epd_from="2025-01")
        assert len(server.asked(FILE)) == 3
        pointer = json.loads((data / "warehouse" / "current.json").read_text())
        assert pointer["snapshot_id"] == snapshot
        asked = opioids(
            "query", "SELECT count(*) FROM marts.item_ome WHERE source = 'epd'", "--format", "csv", "--data-dir", data
        )
        assert int(asked.out.split()[1]) == 150
        assert [text.splitlines()[0].split(" on ")[0] for text in posted] == ["opioid-stewardship: monthly published"]
        assert f"Snapshot {snapshot}" in posted[0]

        # Published anew, and gone: nobody waits for that. What was delivered is published all the same.
        server.lists(resource(MONTH, modified="2025-07-01T10:00:00"))
        server.on(FILE, plain(404))
        with pytest.raises(DownloadFailed, match="is published, without what could not be downloaded"):
            monthly(**folders, epd_from="2025-01")
        assert len(server.asked(FILE)) == 4
        assert len(posted) == 2
        assert "monthly failed" in posted[1]
        assert "The last publication stays readable." in posted[1]
    with get_client(sync_client=True) as client:
        artifacts = {artifact.key: str(artifact.data) for artifact in client.read_artifacts()}
        runs = {run.name: run for run in client.read_task_runs(limit=200)}
    assert snapshot in artifacts["publication"]
    assert f"EPD_SNOMED_{MONTH}" in artifacts["downloads"]
    fetches = [run for name, run in runs.items() if name.startswith("fetch epd")]
    assert sorted(run.run_count for run in fetches) == [1, 3]
    assert all(run.run_count == 1 for name, run in runs.items() if not name.startswith(("fetch", "refresh")))
    keys = opioids(
        "query", "SELECT DISTINCT patient_key FROM marts.patient_month", "--format", "csv", "--data-dir", data
    )
    numbers = set(re.findall(r"(?<![0-9])[0-9]{10}(?![0-9])", (extract / "patient_items.csv").read_text()))
    personal = [text.encode() for text in (*keys.out.split()[1:], *numbers)]
    assert len(personal) > 600
    kept = kept_by_prefect()
    assert snapshot.encode() in kept
    assert not any(text in kept for text in personal)
    logged = b"".join(file.read_bytes() for file in (data / "state" / "logs").iterdir())
    assert not any(text in logged for text in personal)
    assert {json.loads(line)["job"] for line in logged.splitlines()} == {"fetch", "refresh"}


def test_nothing_but_a_download_is_tried_again() -> None:
    from prefect.states import Failed

    from pipelines import flows
    from pipelines.errors import ContractError, DownloadFailed

    assert {step.retries for step in vars(flows.STEPS).values()} == {0}
    assert flows.REPORT.retries == 0
    assert (flows.FETCH_EPD.retries, flows.FETCH_LISTED.retries) == (3, 3)
    busy, gone = DownloadFailed("The server answers 503."), DownloadFailed("The server answers 404.")
    busy.may_pass = True
    tried = {error: flows._may_pass(None, None, Failed(data=error)) for error in (busy, gone, ContractError("Broken."))}
    assert [tried[busy], tried[gone]] == [True, False]
    assert list(tried.values()) == [True, False, False]


def test_no_flow_has_a_parameter_or_an_answer_that_could_hold_a_row() -> None:
    from pipelines import flows

    plain_types = {"str", "str | None", "date | None", "bool", "int"}
    for flow in (flows.fetch, flows.refresh, flows.report, flows.monthly):
        annotations = {name: getattr(kind, "__name__", str(kind)) for name, kind in flow.fn.__annotations__.items()}
        assert {name: kind.replace("datetime.", "") for name, kind in annotations.items()}.items() <= {
            (name, kind) for name in annotations for kind in plain_types
        }
        assert flow.persist_result is False
        assert flow.timeout_seconds
        assert flow.on_failure_hooks
        assert flow.on_crashed_hooks


def test_without_a_server_serve_says_how_to_start_one(
    opioids: Opioids, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    answer = opioids("serve", "--flow", "monthly", "--data-dir", tmp_path)
    assert answer.code == 2
    assert "prefect server start --host 127.0.0.1" in answer.err
    assert os.environ.get("PREFECT_API_URL") is None
