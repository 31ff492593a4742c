"""An open-data portal on this machine that misbehaves as it is told, and a user who fetches from it."""

import io
import json
import socket
import struct
import threading
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from click.testing import Result
from typer.testing import CliRunner

from pipelines import downloads
from pipelines.cli.main import app
from pipelines.config import Settings
from pipelines.fetch.http import Http
from pipelines.folders import DataFolder
from pipelines.ingest.register import Register

Reply = Callable[[BaseHTTPRequestHandler], None]
DATASET = "english-prescribing-dataset-epd-with-snomed-code"
HEADER = (
    "YEAR_MONTH,REGIONAL_OFFICE_NAME,PRACTICE_NAME,PRACTICE_CODE,BNF_CHEMICAL_SUBSTANCE_CODE,BNF_CHEMICAL_SUBSTANCE,"
    "BNF_PRESENTATION_CODE,BNF_PRESENTATION_NAME,QUANTITY,ITEMS,TOTAL_QUANTITY,ADQ_USAGE,NIC,ACTUAL_COST,UNIDENTIFIED,"
    "SNOMED_CODE"
)
PRODUCT = "0407020Q0AAAEAE,Morphine 10mg modified-release capsules"


def epd_csv(month: str, rows: int = 150) -> bytes:
    """A month of made-up EPD: YYYYMM."""
    row = "{0},NOWHERE,SURGERY,Z{1:05d},0407020Q0,Morphine,{4},28,{2},{3},0,1.5,1.4,N,1"
    lines = [row.format(month, number, number % 9 + 1, 28 * (number % 9 + 1), PRODUCT) for number in range(rows)]
    return ("\n".join([HEADER, *lines]) + "\n").encode("latin-1")


def zipped(content: bytes, name: str = "EPD.csv") -> bytes:
    """Stored and not deflated, so that the archive is longer than a few chunks."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_STORED) as out:
        out.writestr(zipfile.ZipInfo(name), content)
    return archive.getvalue()


def send(
    to: BaseHTTPRequestHandler, status: int, headers: Mapping[str, str], body: bytes = b"", length: int | None = None
) -> None:
    to.send_response(status)
    for name, text in headers.items():
        to.send_header(name, text)
    if length != -1:
        to.send_header("Content-Length", str(len(body) if length is None else length))
    to.end_headers()
    to.wfile.write(body)
    to.wfile.flush()


def answers(payload: Any, status: int = 200, **headers: str) -> Reply:
    text = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda to: send(to, status, {"Content-Type": "application/json", **text}, json.dumps(payload).encode())


def plain(status: int, body: bytes = b"", **headers: str) -> Reply:
    """A body as it is, with these headers (underscores are hyphens)."""
    return lambda to: send(to, status, {name.replace("_", "-"): value for name, value in headers.items()}, body)


def well_behaved(body: bytes, etag: str = '"one"') -> Reply:
    """As RFC 9110 wants it: Range is followed only under an If-Range that still holds."""

    def reply(to: BaseHTTPRequestHandler) -> None:
        wanted = to.headers.get("Range", "")
        if to.headers.get("If-None-Match") == etag:
            send(to, 304, {"ETag": etag}, length=-1)
        elif wanted and to.headers.get("If-Range") == etag:
            start = int(wanted.removeprefix("bytes=").removesuffix("-"))
            ranged = {"ETag": etag, "Content-Range": f"bytes {start}-{len(body) - 1}/{len(body)}"}
            send(to, 206, ranged, body[start:])
        else:
            send(to, 200, {"ETag": etag}, body)

    return reply


def cut_off(body: bytes, after: int, etag: str = '"one"') -> Reply:
    """Announces the whole, sends a part, and ends the connection in good manners."""

    def reply(to: BaseHTTPRequestHandler) -> None:
        send(to, 200, {"ETag": etag}, body[:after], length=len(body))
        to.close_connection = True

    return reply


def reset(body: bytes, after: int, etag: str = '"one"') -> Reply:
    """Announces the whole, sends a part, and tears the connection down."""

    def reply(to: BaseHTTPRequestHandler) -> None:
        send(to, 200, {"ETag": etag}, body[:after], length=len(body))
        to.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        to.connection.close()
        to.close_connection = True

    return reply


def partial(body: bytes, content_range: str, etag: str = '"one"') -> Reply:
    """206, whatever was asked for."""
    return lambda to: send(to, 206, {"ETag": etag, "Content-Range": content_range}, body)


@dataclass
class Seen:
    path: str
    query: dict[str, list[str]]
    headers: dict[str, str]


@dataclass
class Server:
    """What each path answers, one reply after the other; the last one for ever."""

    address: str
    replies: dict[str, list[Reply]] = field(default_factory=dict)
    seen: list[Seen] = field(default_factory=list)
    links_made: int = 0

    def on(self, path: str, *replies: Reply) -> None:
        self.replies[path] = list(replies)

    def asked(self, path: str) -> list[Seen]:
        return [seen for seen in self.seen if seen.path == path]

    def lists(self, *resources: Mapping[str, Any], **result: Any) -> None:
        """The dataset has these resources; each has a link of its own, new each time it is asked for."""
        self.on("/api/package_show", answers({"success": True, "result": {"resources": list(resources), **result}}))

        def resource_show(to: BaseHTTPRequestHandler) -> None:
            self.links_made += 1
            resource = parse_qs(urlsplit(to.path).query)["id"][0]
            link = f"{self.address}/files/{resource}.zip?signature=secret-{self.links_made}"
            answers({"success": True, "result": {"id": resource, "zip_url": link}})(to)

        self.on("/api/resource_show", resource_show)


def resource(
    month: str, *, suffix: str = "", modified: str | None = "2025-06-01T10:00:00", **more: Any
) -> dict[str, Any]:
    """As package_show lists it. Its id is `r` and the month."""
    return {
        "id": f"r{month}{suffix}",
        "name": f"EPD_SNOMED_{month}{suffix}",
        "created": "2025-05-01T09:00:00",
        "last_modified": modified,
        **more,
    }


@contextmanager
def serving() -> Iterator[Server]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            server.seen.append(Seen(parts.path, parse_qs(parts.query), dict(self.headers)))
            replies = server.replies.get(parts.path) or [plain(404, b"nothing here")]
            reply = replies.pop(0) if len(replies) > 1 else replies[0]
            reply(self)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    class Quiet(ThreadingHTTPServer):
        def handle_error(self, request: Any, client_address: Any) -> None:
            """A connection that was torn down is what was wanted."""

    with Quiet(("127.0.0.1", 0), Handler) as httpd:
        httpd.daemon_threads = True
        server = Server(f"http://127.0.0.1:{httpd.server_port}")
        thread = threading.Thread(target=httpd.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield server
        httpd.shutdown()
        thread.join()


FETCH_TOML = """
[patience]
attempts = 4
longest_wait_seconds = 60
connect_timeout_seconds = 5
read_timeout_seconds = 5
[epd]
portal = "{address}/api"
dataset = "{dataset}"
stale_after_months = 9999
[list_sizes]
"gp-reg-pat-prac-all.csv" = "{address}/files/sizes.csv"
"""


@dataclass
class User:
    """Somebody at the command line, whose tool does not really wait."""

    server: Server
    data: DataFolder
    config: Path
    waits: list[float]

    def fetches(self, *arguments: str) -> Result:
        folders = ("--data-dir", str(self.data.root), "--config-dir", str(self.config))
        return CliRunner().invoke(app, ["fetch", *arguments, *folders], catch_exceptions=False)

    def is_told(self, result: Result, *words: str, code: int = 18) -> None:
        """Three lines, what, where and remedy, and nothing else, with these words in them."""
        lines = result.stderr.splitlines()
        assert result.exit_code == code, result.output
        assert len(lines) == 3, lines
        assert lines[0].startswith("Error: ")
        assert lines[1].startswith("  ")
        assert lines[2].startswith("  → ")
        for word in words:
            assert word in result.stderr, (word, lines)
        assert "secret" not in result.output

    def taken_in(self) -> dict[str, bytes]:
        """Name and bytes of every registered file."""
        return {file.file_name: (self.data.root / file.kept_as).read_bytes() for file in Register(self.data).files()}

    def finished(self) -> list[str]:
        """Files of the download folder that look finished."""
        found = (self.data.raw / "fetched").rglob("*")
        return sorted(
            file.name
            for file in found
            if file.is_file() and file.suffix not in (".json", ".part", ".lock") and file.name != ".lock"
        )


@contextmanager
def a_user(root: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[User]:
    """A server, a data folder, and a client that notes its waits."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    waits: list[float] = []

    def client(settings: Settings, address: str) -> Http:
        return Http(settings.fetch.patience, address, sleep=waits.append, chunk_bytes=1024)

    monkeypatch.setattr(downloads, "client", client)
    config = root / "config"
    config.mkdir()
    data = DataFolder(root / "data")
    with serving() as server:
        (config / "fetch.toml").write_text(FETCH_TOML.format(address=server.address, dataset=DATASET))
        yield User(server, data, config, waits)
