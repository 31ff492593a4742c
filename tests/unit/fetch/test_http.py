"""The one session: encrypted, verified, patient within bounds, and no other room may use the network."""

import json
import ssl
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest
from open_data_server import Server, answers, plain, serving

from pipelines.config import Patience
from pipelines.errors import DownloadFailed
from pipelines.fetch.http import Http, PassingFault, shown

PATIENCE = Patience(attempts=5, longest_wait_seconds=60, connect_timeout_seconds=2, read_timeout_seconds=1)
NOW = datetime(2025, 6, 1, 12, 0, tzinfo=UTC)


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as server:
        yield server


def client(address: str, waits: list[float] | None = None) -> Http:
    noted = [] if waits is None else waits
    return Http(PATIENCE, address, sleep=noted.append, now=lambda: NOW)


def test_retry_after_may_be_a_date(server: Server) -> None:
    waits: list[float] = []
    at = (NOW + timedelta(seconds=42)).strftime("%a, %d %b %Y %H:%M:%S GMT")
    server.on("/x", plain(503, Retry_After=at), answers({"a": 1}))
    assert client(server.address, waits).json(f"{server.address}/x", {}) == (200, {"a": 1})
    assert waits == [42]


@pytest.mark.parametrize("text", ["soon", "-5", "Wed, 21 Oct 2015 07:28:00 GMT", "١٢", "1e9"])
def test_a_retry_after_that_means_nothing_is_left_out(server: Server, text: str) -> None:
    waits: list[float] = []
    server.on("/x", plain(503, Retry_After=text.encode().decode("latin-1")), answers({"a": 1}))
    client(server.address, waits).json(f"{server.address}/x", {})
    assert waits[0] <= 1


def test_waits_grow_differ_and_are_bounded() -> None:
    all_waits = []
    for _ in range(40):
        waits: list[float] = []

        def always() -> None:
            raise PassingFault("Busy.", "here")

        with pytest.raises(DownloadFailed, match="Busy"):
            client("http://127.0.0.1", waits).patiently(always)
        assert len(waits) == PATIENCE.attempts - 1
        all_waits.append(waits)
    assert all(wait <= 2**attempt for waits in all_waits for attempt, wait in enumerate(waits))
    assert max(waits[-1] for waits in all_waits) > 4
    assert len({waits[0] for waits in all_waits}) > 30


def test_a_server_that_says_nothing_is_left_after_the_timeout(server: Server) -> None:
    import time

    server.on("/x", lambda _to: time.sleep(1.5))
    impatient = Patience(attempts=2, longest_wait_seconds=1, connect_timeout_seconds=1, read_timeout_seconds=1)
    http = Http(impatient, server.address, sleep=lambda _seconds: None)
    with pytest.raises(DownloadFailed, match="does not answer in time") as raised:
        http.json(f"{server.address}/x", {})
    assert "tried 2 times" in raised.value.where


def test_an_answer_without_end_is_not_read_for_ever(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipelines.fetch.http._MOST_JSON_BYTES", 1000)
    server.on("/x", answers(["x" * 2000]))
    with pytest.raises(DownloadFailed, match="far too long"):
        client(server.address).json(f"{server.address}/x", {})


def test_a_compressed_answer_is_read(server: Server) -> None:
    import gzip

    server.on("/x", plain(200, gzip.compress(json.dumps({"a": 1}).encode()), Content_Encoding="gzip"))
    assert client(server.address).json(f"{server.address}/x", {}) == (200, {"a": 1})


def test_an_encrypted_source_may_not_lead_to_an_unencrypted_address(server: Server) -> None:
    with pytest.raises(DownloadFailed, match="not encrypted"), client("https://portal.example").get(server.address):
        pass
    assert server.seen == []


def test_addresses_are_shown_without_signature_and_password() -> None:
    assert shown("https://user:pass@host.example:8443/a/b.zip?X-Signature=abc#d") == "https://host.example:8443/a/b.zip"


def test_a_certificate_file_that_is_not_there_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/nowhere/ca.pem")
    with pytest.raises(DownloadFailed, match="could not be prepared") as raised:
        client("https://127.0.0.1:9").json("https://127.0.0.1:9/x", {})
    assert "REQUESTS_CA_BUNDLE" in raised.value.remedy


def test_proxies_of_the_environment_are_used(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "")
    monkeypatch.setenv("no_proxy", "")
    monkeypatch.setenv("http_proxy", server.address)
    server.on("/x", answers({"through": "proxy"}))
    assert client("http://localhost:1").json("http://localhost:1/x", {}) == (200, {"through": "proxy"})


@pytest.fixture
def encrypted(tmp_path: Path) -> Iterator[tuple[str, Path, Callable[[str], None]]]:
    """A server with a certificate that nobody knows: its address, the certificate, and where it redirects to."""
    certificate, key = self_signed(tmp_path)
    target = ""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(302 if target else 200)
            self.send_header("Location", target)
            self.end_headers()
            self.wfile.write(b'{"a": 1}')

        def log_message(self, format: str, *args: object) -> None:
            pass

    def leads_to(address: str) -> None:
        nonlocal target
        target = address

    with HTTPServer(("127.0.0.1", 0), Handler) as httpd:
        httpd.handle_error = lambda *_: None  # type: ignore[method-assign]
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        httpd.socket = context.wrap_socket(httpd.socket, server_side=True)
        Thread(target=httpd.serve_forever, args=(0.01,), daemon=True).start()
        yield f"https://127.0.0.1:{httpd.server_port}", certificate, leads_to
        httpd.shutdown()


def self_signed(folder: Path) -> tuple[Path, Path]:
    pytest.importorskip("cryptography")
    import ipaddress

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "made up")])
    today = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(today - timedelta(days=1))
        .not_valid_after(today + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False)
        .sign(key, hashes.SHA256())
    )
    files = folder / "certificate.pem", folder / "key.pem"
    files[0].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    files[1].write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return files


def test_a_certificate_nobody_knows_is_refused_until_the_environment_names_it(
    encrypted: tuple[str, Path, Callable[[str], None]], monkeypatch: pytest.MonkeyPatch
) -> None:
    address, certificate, _leads_to = encrypted
    monkeypatch.delenv("REQUESTS_CA_BUNDLE", raising=False)
    with pytest.raises(DownloadFailed, match="certificate of the server cannot be verified") as raised:
        client(address).json(f"{address}/x", {})
    assert "REQUESTS_CA_BUNDLE" in raised.value.remedy
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
    assert client(address).json(f"{address}/x", {}) == (200, {"a": 1})


def test_a_redirect_from_encrypted_to_unencrypted_is_refused(
    encrypted: tuple[str, Path, Callable[[str], None]], server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    address, certificate, leads_to = encrypted
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
    leads_to(f"{server.address}/x")
    with pytest.raises(DownloadFailed, match="not encrypted"):
        client(address).json(f"{address}/x", {})
    assert server.seen == []
