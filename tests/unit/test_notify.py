"""Notices go out to whom they are meant for, hold the error's own words and no more, and never fail a run."""

import json
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from pipelines.config import EmailSettings, NotifySettings, WebhookSettings
from pipelines.errors import StorageError
from pipelines.notify import ADDRESS_VARIABLE, Notice, published, secrets_missing, tell, told_if_it_fails

FAILED = Notice("failed", ("The disk is full.", "At data/landed.", "Free space."))


class Mailbox(socketserver.ThreadingTCPServer):
    """Speaks as much SMTP as smtplib needs, and keeps the messages."""

    allow_reuse_address = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Smtp)
        self.messages: list[str] = []


class _Smtp(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        self.wfile.write(b"220 here\r\n")
        in_data, message = False, []
        for line in self.rfile:
            text = line.decode().rstrip("\r\n")
            if in_data and text != ".":
                message.append(text)
                continue
            if in_data:
                in_data = False
                assert isinstance(self.server, Mailbox)
                self.server.messages.append("\n".join(message))
            answer = {"DATA": b"354 go on\r\n", "QUIT": b"221 bye\r\n"}.get(text.upper(), b"250 ok\r\n")
            in_data = text.upper() == "DATA"
            self.wfile.write(answer)
            if text.upper() == "QUIT":
                return


@contextmanager
def running(server: socketserver.BaseServer) -> Iterator[None]:
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()


def mail_to(port: int) -> EmailSettings:
    return EmailSettings(
        host="127.0.0.1", port=port, security="none", sender="from@example.org", recipients=("to@example.org",)
    )


def test_an_e_mail_holds_the_errors_three_lines() -> None:
    mailbox = Mailbox()
    with running(mailbox):
        sent = tell(FAILED, NotifySettings(on=("failed",), email=mail_to(mailbox.server_address[1])))
    assert sent == ["e-mail"]
    (message,) = mailbox.messages
    assert "Subject: opioid-stewardship: refresh failed on" in message
    assert "The disk is full.\nAt data/landed.\nFree space." in message


@pytest.mark.parametrize("kind", ["teams", "slack"])
def test_a_channel_gets_what_its_kind_reads(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    posted: list[bytes] = []

    class Channel(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            posted.append(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Channel)
    monkeypatch.setenv(ADDRESS_VARIABLE, f"http://127.0.0.1:{server.server_address[1]}/secret")
    with running(server):
        settings = NotifySettings.model_validate({"on": ["failed"], "webhook": {"kind": kind}})
        assert tell(FAILED, settings) == [kind]
    payload = json.loads(posted[0])
    words = payload["text"] if kind == "slack" else json.dumps(payload["attachments"][0]["content"]["body"])
    assert all(line in words for line in FAILED.lines)


def test_nobody_is_told_what_they_did_not_ask_for() -> None:
    settings = NotifySettings(on=("published",), webhook=WebhookSettings(kind="slack"))
    assert tell(FAILED, settings) == []


def test_a_notice_that_cannot_be_sent_fails_nothing_and_betrays_no_address(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv(ADDRESS_VARIABLE, "http://127.0.0.1:9/very-secret-path")
    settings = NotifySettings(on=("failed",), email=mail_to(9), webhook=WebhookSettings(kind="teams"))
    with caplog.at_level("WARNING"):
        assert tell(FAILED, settings) == []
    assert len(caplog.records) == 2
    assert "secret" not in caplog.text


def test_an_error_on_its_way_out_is_told_and_goes_on() -> None:
    mailbox = Mailbox()
    settings = NotifySettings(on=("failed",), email=mail_to(mailbox.server_address[1]))
    with running(mailbox), pytest.raises(StorageError), told_if_it_fails(settings):
        raise StorageError("The disk is full.", "At data.", "Free space.")
    assert "Free space.\nThe last publication stays readable." in mailbox.messages[0]


def test_an_address_that_is_not_set_is_named(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.delenv(ADDRESS_VARIABLE, raising=False)
    settings = NotifySettings(on=("failed",), webhook=WebhookSettings(kind="teams"))
    assert tell(FAILED, settings) == []
    assert f"could not be sent by teams ({ADDRESS_VARIABLE} is not set)" in caplog.text
    assert secrets_missing(settings) == [ADDRESS_VARIABLE]


def test_who_hears_of_a_publication_hears_what_stands_at_its_head(tmp_path: Path) -> None:
    told = published("abc", tmp_path, ["EPD: 1 month(s) without data, between 2024-01 and 2024-03."])
    assert told.lines == (
        f"Snapshot abc of {tmp_path}.",
        "Know before you read: EPD: 1 month(s) without data, between 2024-01 and 2024-03.",
    )
