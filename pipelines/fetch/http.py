"""The only place that speaks to the network: one session, patient within bounds, errors in words.

Proxies and certificate files come from the environment (HTTPS_PROXY, NO_PROXY, REQUESTS_CA_BUNDLE), which requests
reads itself; certificates are always verified.
"""

import json
import logging
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from importlib.metadata import PackageNotFoundError, version
from typing import Any, TypeVar
from urllib.parse import urlsplit

import requests
from tenacity import RetryCallState, Retrying, retry_if_exception, stop_after_attempt, wait_random_exponential

from pipelines.config import Patience
from pipelines.errors import DownloadFailed, UsageError

logger = logging.getLogger(__name__)

# 408 and 425 ask for a repeat, 429 and 503 for patience; the others are a server or its proxy in trouble.
_MAY_PASS = {408, 425, 429, 500, 502, 503, 504}
_LOOPBACK = {"127.0.0.1", "::1", "localhost"}
_MOST_REDIRECTS = 5
_MOST_JSON_BYTES = 64 << 20
_SAME_AGAIN = "What was fetched and published before stays as it is. Run the same command again later."

_Result = TypeVar("_Result")


class PassingFault(Exception):
    """Something that may be gone at the next attempt: a broken connection, a busy server."""

    def __init__(self, what: str, address: str, retry_after_seconds: float = 0) -> None:
        super().__init__(what)
        self.what = what
        self.address = address
        self.retry_after_seconds = retry_after_seconds


class Answer:
    """One answer of a server, whose body has not been read yet."""

    def __init__(self, response: requests.Response, chunk_bytes: int) -> None:
        self._response = response
        self._chunk_bytes = chunk_bytes
        self.status = response.status_code
        self.headers: Mapping[str, str] = response.headers
        self.address = shown(response.url)

    @property
    def announced_bytes(self) -> int | None:
        """Content-Length: the length of this body on the wire, where the server says it."""
        text = self.headers.get("Content-Length", "")
        return int(text) if text.isdecimal() else None

    @property
    def wire_bytes(self) -> int:
        """How much of the body has come over the wire, before any content encoding is undone."""
        return int(self._response.raw.tell())

    @property
    def is_encoded(self) -> bool:
        return self.headers.get("Content-Encoding", "identity").lower() != "identity"

    @property
    def ends_visibly(self) -> bool:
        """Whether a body that is cut off can be told from one that is whole."""
        return self.announced_bytes is not None or "chunked" in self.headers.get("Transfer-Encoding", "").lower()

    def chunks(self) -> Iterator[bytes]:
        """The body, content encoding undone. Raises requests' errors, which `Http.get` puts into words."""
        yield from self._response.iter_content(self._chunk_bytes)


class Http:
    """A session with one server or a few: timeouts, bounded attempts, waits that grow and differ."""

    def __init__(
        self,
        patience: Patience,
        first_address: str,
        *,
        sleep: Callable[[float], None] = time.sleep,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        chunk_bytes: int = 1 << 16,
    ) -> None:
        """`first_address` decides whether a connection may be unencrypted: on this machine only."""
        self._patience = patience
        self._sleep = sleep
        self._now = now
        self._chunk_bytes = chunk_bytes
        self._session = requests.Session()
        self._session.max_redirects = _MOST_REDIRECTS
        self._session.headers["User-Agent"] = f"opioid-stewardship/{_version()}"
        parts = urlsplit(first_address)
        if parts.scheme == "https":
            # Without this adapter a redirect or a link to an unencrypted address fails.
            del self._session.adapters["http://"]
        elif parts.scheme != "http" or parts.hostname not in _LOOPBACK:
            raise UsageError(
                "An address for downloads must begin with https://.", f"Address {first_address}.", "Correct it."
            )

    def json(self, address: str, params: Mapping[str, str]) -> tuple[int, Any]:
        """Status and JSON body of an answer; the body is None where it is no JSON."""

        def once() -> tuple[int, Any]:
            with self.get(address, params=params) as answer:
                body = bytearray()
                for chunk in answer.chunks():
                    body += chunk
                    if len(body) > _MOST_JSON_BYTES:
                        raise DownloadFailed("The answer is far too long.", f"At {answer.address}.", _SAME_AGAIN)
                if answer.announced_bytes is not None and answer.wire_bytes != answer.announced_bytes:
                    raise PassingFault("The connection broke off.", answer.address)
            try:
                return answer.status, json.loads(body)
            except ValueError:
                return answer.status, None

        return self.patiently(once)

    @contextmanager
    def get(
        self, address: str, *, params: Mapping[str, str] | None = None, headers: Mapping[str, str] | None = None
    ) -> Iterator[Answer]:
        """One request, redirects followed. What may pass is raised as PassingFault, also while the body is read."""
        timeout = (self._patience.connect_timeout_seconds, self._patience.read_timeout_seconds)
        try:
            response = self._session.get(address, params=params, headers=headers, stream=True, timeout=timeout)
        except requests.RequestException as error:
            raise _in_words(error, address) from None
        except OSError as error:
            # requests itself looks whether the certificate file of the environment is there.
            raise DownloadFailed(
                "The connection could not be prepared.", f"{error}", "Check REQUESTS_CA_BUNDLE."
            ) from None
        with response:
            answer = Answer(response, self._chunk_bytes)
            if answer.status in _MAY_PASS:
                raise PassingFault(
                    f"The server answers {answer.status} {response.reason}.", answer.address, self._asked_wait(answer)
                )
            try:
                yield answer
            except requests.RequestException as error:
                raise _in_words(error, address) from None

    def patiently(self, work: Callable[[], _Result]) -> _Result:
        """Do the work, and again while its faults may pass: so many attempts, with growing waits between them."""
        waits = wait_random_exponential(multiplier=1, max=self._patience.longest_wait_seconds)

        def wait(state: RetryCallState) -> float:
            return max(waits(state), _fault(state).retry_after_seconds)

        def is_worth_waiting(error: BaseException) -> bool:
            return isinstance(error, PassingFault) and error.retry_after_seconds <= self._patience.longest_wait_seconds

        def tell(state: RetryCallState) -> None:
            fault = _fault(state)
            seconds = state.next_action.sleep if state.next_action else 0
            logger.info("%s Again in %.1f s: %s", fault.what, seconds, fault.address)

        retrying = Retrying(
            stop=stop_after_attempt(self._patience.attempts),
            wait=wait,
            sleep=self._sleep,
            retry=retry_if_exception(is_worth_waiting),
            before_sleep=tell,
            reraise=True,
        )
        try:
            return retrying(work)
        except PassingFault as fault:
            attempts = retrying.statistics["attempt_number"]
            if fault.retry_after_seconds > self._patience.longest_wait_seconds:
                minutes = -(-int(fault.retry_after_seconds) // 60)
                remedy = f"The server asks for {minutes} minute(s) of patience: run the same command again after that."
            else:
                remedy = _SAME_AGAIN
            tried = "once" if attempts == 1 else f"{attempts} times"
            failed = DownloadFailed(fault.what, f"At {fault.address}, tried {tried}.", remedy)
            failed.may_pass = True
            raise failed from None

    def _asked_wait(self, answer: Answer) -> float:
        """Retry-After in seconds: a number, or a date."""
        text = answer.headers.get("Retry-After", "").strip()
        if text.isdecimal():
            return float(text)
        try:
            until = parsedate_to_datetime(text)
        except ValueError:
            return 0
        return max(0.0, (until - self._now()).total_seconds()) if until.tzinfo else 0


def shown(address: str) -> str:
    """An address as it may be printed: without the signature of a link that was made for us."""
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.hostname or ''}{f':{parts.port}' if parts.port else ''}{parts.path}"


def _fault(state: RetryCallState) -> PassingFault:
    fault = state.outcome.exception() if state.outcome else None
    assert isinstance(fault, PassingFault)
    return fault


def _in_words(error: requests.RequestException, address: str) -> PassingFault | DownloadFailed:
    where = f"At {shown(address)}."
    if isinstance(error, requests.exceptions.SSLError):
        return DownloadFailed(
            "The certificate of the server cannot be verified.",
            where,
            "If your organisation inspects traffic, name its certificate file in REQUESTS_CA_BUNDLE.",
        )
    if isinstance(error, requests.exceptions.ProxyError):
        return DownloadFailed(
            "The proxy does not let the connection through.", where, "Check HTTPS_PROXY and NO_PROXY."
        )
    if isinstance(error, requests.TooManyRedirects):
        return DownloadFailed(f"The server redirects more than {_MOST_REDIRECTS} times.", where, _SAME_AGAIN)
    if isinstance(error, requests.Timeout):
        return PassingFault("The server does not answer in time.", shown(address))
    if isinstance(error, requests.exceptions.ChunkedEncodingError | requests.exceptions.ContentDecodingError):
        return PassingFault("The connection broke off.", shown(address))
    if isinstance(error, requests.ConnectionError):
        return PassingFault("No connection to the server, or it broke off.", shown(address))
    return DownloadFailed(
        "The server, or a redirect of it, names an address that cannot be used or is not encrypted.",
        where,
        "Check the address in configs/fetch.toml.",
    )


def _version() -> str:
    try:
        return version("opioid-stewardship")
    except PackageNotFoundError:
        return "unknown"
