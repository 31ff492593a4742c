"""Encrypt a stream under a password in the age v1 format, so that any tool that knows age opens it without this one.

Source: https://c2sp.org/age (age-encryption.org/v1), the scrypt recipient. The header carries a file key sealed under
the password; the payload is cut into pieces of 64 KiB, each sealed with ChaCha20-Poly1305 under its number, the last
one marked as such: what is changed, cut off or put in another order is found before it is believed.
"""

import base64
import hashlib
import hmac
import io
import os
import re
from typing import BinaryIO

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from pipelines.errors import UnreadableFile

_VERSION = b"age-encryption.org/v1"
_PIECE_BYTES = 64 * 1024
_TAG_BYTES = 16
# 2^18: about a second and 256 MiB for each guess of the password.
WORK_FACTOR = 18
_MOST_WORK = 22
_HEADER = re.compile(
    rb"age-encryption\.org/v1\n"
    rb"-> scrypt ([A-Za-z0-9+/]{22}) ([1-9][0-9]?)\n([A-Za-z0-9+/]{43})\n"
    rb"--- ([A-Za-z0-9+/]{43})\n"
)
_HEADER_BYTES = 256


class SealingWriter(io.RawIOBase):
    """Everything that is written goes, sealed piece by piece, to another stream; `close` seals the last piece."""

    def __init__(self, out: BinaryIO, password: str, work_factor: int = WORK_FACTOR) -> None:
        self._out = out
        file_key, salt, nonce = os.urandom(16), os.urandom(16), os.urandom(16)
        body = ChaCha20Poly1305(_wrapping_key(password, salt, work_factor)).encrypt(bytes(12), file_key, None)
        stanza = b"-> scrypt " + _base64(salt) + b" " + str(work_factor).encode() + b"\n" + _base64(body) + b"\n"
        header = _VERSION + b"\n" + stanza + b"---"
        out.write(header + b" " + _base64(_header_mac(file_key, header)) + b"\n" + nonce)
        self._cipher, self._number, self._waiting = _payload_cipher(file_key, nonce), 0, bytearray()

    def writable(self) -> bool:
        return True

    def write(self, data: bytes) -> int:  # type: ignore[override]
        self._waiting += data
        # The last piece is sealed as such: something has to be left for it.
        while len(self._waiting) > _PIECE_BYTES:
            self._seal(bytes(self._waiting[:_PIECE_BYTES]), is_last=False)
            del self._waiting[:_PIECE_BYTES]
        return len(data)

    def close(self) -> None:
        if not self.closed:
            self._seal(bytes(self._waiting), is_last=True)
        super().close()

    def _seal(self, piece: bytes, *, is_last: bool) -> None:
        self._out.write(self._cipher.encrypt(_piece_nonce(self._number, is_last=is_last), piece, None))
        self._number += 1


class OpeningReader(io.RawIOBase):
    """The other way: reads what a password seals. Raises UnreadableFile where it is not that password, or not whole."""

    def __init__(self, source: BinaryIO, password: str, name: str) -> None:
        self._source, self._name = source, name
        start = source.read(_HEADER_BYTES)
        header = _HEADER.match(start)
        if header is None:
            raise UnreadableFile(
                "This is no file that was sealed with a password.", f"File {name}.", "Name a backup made here."
            )
        salt, work, body, mac = (_bytes_of(header[1]), int(header[2]), _bytes_of(header[3]), _bytes_of(header[4]))
        if work > _MOST_WORK:
            raise self._broken("Its work factor is beyond reason.")
        try:
            file_key = ChaCha20Poly1305(_wrapping_key(password, salt, work)).decrypt(bytes(12), body, None)
        except InvalidTag:
            raise UnreadableFile(
                "The file does not open with this password.", f"File {name}.", "Give the password it was made with."
            ) from None
        up_to_mac = start[: header.start(4) - 1]
        if not hmac.compare_digest(_header_mac(file_key, up_to_mac), mac):
            raise self._broken("Its header was changed.")
        self._rest = start[header.end() :]
        self._cipher, self._number = _payload_cipher(file_key, self._take(16)), 0
        self._opened, self._is_over = b"", False
        self._next = self._take(_PIECE_BYTES + _TAG_BYTES)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        while not self._opened and not self._is_over:
            self._open_next()
        count = min(len(buffer), len(self._opened))
        buffer[:count] = self._opened[:count]
        self._opened = self._opened[count:]
        return count

    def _open_next(self) -> None:
        piece, self._next = self._next, self._take(_PIECE_BYTES + _TAG_BYTES)
        self._is_over = not self._next
        try:
            nonce = _piece_nonce(self._number, is_last=self._is_over)
            self._opened = self._cipher.decrypt(nonce, piece, None)
        except InvalidTag:
            raise self._broken(f"Piece {self._number + 1} was changed, or what came after it is missing.") from None
        if not self._opened and self._number:
            raise self._broken("Its end is not as it was written.")
        self._number += 1

    def _take(self, size: int) -> bytes:
        taken = self._rest[:size]
        self._rest = self._rest[size:]
        while len(taken) < size and (more := self._source.read(size - len(taken))):
            taken += more
        return taken

    def _broken(self, where: str) -> UnreadableFile:
        return UnreadableFile("The file is damaged.", f"File {self._name}. {where}", "Use another copy of it.")


def _wrapping_key(password: str, salt: bytes, work_factor: int) -> bytes:
    n = 2**work_factor
    return hashlib.scrypt(
        password.encode(), salt=_VERSION + b"/scrypt" + salt, n=n, r=8, p=1, maxmem=129 * n * 8 + 2**20, dklen=32
    )


def _header_mac(file_key: bytes, header: bytes) -> bytes:
    return hmac.digest(_derived(file_key, b"", b"header"), header, "sha256")


def _payload_cipher(file_key: bytes, nonce: bytes) -> ChaCha20Poly1305:
    return ChaCha20Poly1305(_derived(file_key, nonce, b"payload"))


def _derived(key: bytes, salt: bytes, info: bytes) -> bytes:
    """HKDF-SHA-256 (RFC 5869), 32 bytes."""
    extracted = hmac.digest(salt or bytes(32), key, "sha256")
    return hmac.digest(extracted, info + b"\x01", "sha256")


def _piece_nonce(number: int, *, is_last: bool) -> bytes:
    return number.to_bytes(11, "big") + (b"\x01" if is_last else b"\x00")


def _base64(content: bytes) -> bytes:
    return base64.b64encode(content).rstrip(b"=")


def _bytes_of(text: bytes) -> bytes:
    return base64.b64decode(text + b"=" * (-len(text) % 4))
