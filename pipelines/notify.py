"""Tell people how an unattended run ended: by e-mail, or in a Teams or Slack channel. Off unless filled in.

What is told is the outcome, the error's own three lines, or the snapshot and the caveats that stand at the head of its
outputs: never a figure of people, never a row. Secrets come from the environment. A message that cannot be sent is
logged and fails nothing.
"""

import logging
import os
import smtplib
import socket
import ssl
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from email.message import EmailMessage
from pathlib import Path
from typing import Any, Literal

from pipelines.config import EmailSettings, NotifySettings, WebhookSettings
from pipelines.errors import PipelineError

logger = logging.getLogger(__name__)

PASSWORD_VARIABLE, ADDRESS_VARIABLE = "OPIOIDS_SMTP_PASSWORD", "OPIOIDS_WEBHOOK_URL"
KEPT = "The last publication stays readable."
_TIMEOUT_SECONDS = 20

Outcome = Literal["published", "failed"]


@dataclass(frozen=True)
class Notice:
    """How one run ended, in words that may leave: `lines` are an error's own, or what was published."""

    outcome: Outcome
    lines: tuple[str, ...]
    job: str = "refresh"

    @property
    def title(self) -> str:
        return f"opioid-stewardship: {self.job} {self.outcome} on {socket.gethostname()}"

    @property
    def text(self) -> str:
        return "\n".join(line for line in self.lines if line)


def published(snapshot_id: str, folder: Path, caveats: Sequence[str], job: str = "refresh") -> Notice:
    """That a snapshot was published, and the sentences that stand at the head of its outputs."""
    known = (f"Know before you read: {sentence}" for sentence in caveats)
    return Notice("published", (f"Snapshot {snapshot_id} of {folder.resolve()}.", *known), job)


class _NotSet(ValueError):
    """A variable of the environment that is needed: its name may be told."""


def tell(notice: Notice, settings: NotifySettings) -> list[str]:
    """Send a notice to everyone who asked for its outcome. Returns where it went; problems are logged, not raised."""
    if notice.outcome not in settings.on:
        return []
    sent = []
    for name, send in _ways(settings):
        try:
            send(notice)
        except (OSError, smtplib.SMTPException, ValueError) as error:
            # The text of such an error may repeat the address or the user: its kind is enough.
            why = str(error) if isinstance(error, _NotSet) else type(error).__name__
            logger.warning("The notice could not be sent by %s (%s).", name, why)
        else:
            sent.append(name)
    return sent


def secrets_missing(settings: NotifySettings) -> list[str]:
    """The variables of the environment without which a notice cannot be sent."""
    wanted = [ADDRESS_VARIABLE] if settings.webhook else []
    wanted += [PASSWORD_VARIABLE] if settings.email and settings.email.username else []
    return [name for name in wanted if not os.environ.get(name)]


@contextmanager
def told_if_it_fails(settings: NotifySettings | None) -> Iterator[None]:
    """Tell of an error of ours on its way out; with no settings, nobody."""
    try:
        yield
    except PipelineError as error:
        if settings is not None:
            tell(Notice("failed", (error.what, error.where, error.remedy, KEPT)), settings)
        raise


def _ways(settings: NotifySettings) -> Iterator[tuple[str, Any]]:
    email, webhook = settings.email, settings.webhook
    if email is not None:
        yield "e-mail", lambda notice: _send_email(notice, email)
    if webhook is not None:
        yield webhook.kind, lambda notice: _post(notice, webhook)


def _send_email(notice: Notice, settings: EmailSettings) -> None:
    message = EmailMessage()
    message["Subject"] = notice.title
    message["From"] = settings.sender
    message["To"] = ", ".join(settings.recipients)
    message.set_content(notice.text + "\n")
    trusted = ssl.create_default_context()
    if settings.security == "tls":
        server: smtplib.SMTP = smtplib.SMTP_SSL(settings.host, settings.port, timeout=_TIMEOUT_SECONDS, context=trusted)
    else:
        server = smtplib.SMTP(settings.host, settings.port, timeout=_TIMEOUT_SECONDS)
    with server:
        if settings.security == "starttls":
            server.starttls(context=trusted)
        if settings.username:
            server.login(settings.username, os.environ.get(PASSWORD_VARIABLE, ""))
        server.send_message(message)


def _post(notice: Notice, settings: WebhookSettings) -> None:
    import requests

    address = os.environ.get(ADDRESS_VARIABLE)
    if not address:
        raise _NotSet(f"{ADDRESS_VARIABLE} is not set")
    answer = requests.post(address, json=_payload(notice, settings.kind), timeout=_TIMEOUT_SECONDS)
    answer.raise_for_status()


def _payload(notice: Notice, kind: Literal["teams", "slack"]) -> dict[str, Any]:
    if kind == "slack":
        return {"text": f"{notice.title}\n{notice.text}"}
    # Teams takes a card: https://adaptivecards.io, version 1.4.
    blocks = [
        {"type": "TextBlock", "weight": "Bolder", "wrap": True, "text": notice.title},
        *({"type": "TextBlock", "wrap": True, "text": line} for line in notice.lines if line),
    ]
    card = {"type": "AdaptiveCard", "version": "1.4", "body": blocks}
    return {
        "type": "message",
        "attachments": [{"contentType": "application/vnd.microsoft.card.adaptive", "content": card}],
    }
