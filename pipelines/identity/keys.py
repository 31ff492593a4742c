"""The secret key behind the pseudonyms: outside the repository, the warehouse and the identifiable store."""

import hashlib
import hmac
import logging
import os
import re
import secrets
from dataclasses import dataclass
from pathlib import Path

import platformdirs

from pipelines.errors import KeyProblem
from pipelines.folders import DataFolder, is_open_to_others, refuse_if_open, said_in_words, write_whole

logger = logging.getLogger(__name__)

KEY_FILE_VARIABLE = "OPIOIDS_KEY_FILE"
ROTATION_JOURNAL = "rotation.json"


@dataclass(frozen=True, repr=False)
class PseudonymKey:
    """The key, and an id that names it without giving it away."""

    secret: bytes
    key_id: str


def key_file() -> Path:
    """Where the key lies: OPIOIDS_KEY_FILE, else a file in the user's own configuration folder."""
    named = os.environ.get(KEY_FILE_VARIABLE)
    return Path(named) if named else Path(platformdirs.user_config_dir("opioid-stewardship")) / "pseudonym.key"


def known_key_id(data: DataFolder) -> str | None:
    """The id of the key that this data folder was made with; None before its first patient."""
    remembered = data.state / "key_id"
    return remembered.read_text().strip() if remembered.exists() else None


def load_or_make_key(data: DataFolder) -> PseudonymKey:
    """The key of this data folder; made on first need. Raises KeyProblem when it is another folder's key."""
    if (data.state / ROTATION_JOURNAL).exists():
        raise KeyProblem(
            "A change of the pseudonymisation key was interrupted.",
            f"Data folder {data.root}.",
            "Finish it first: opioids keys rotate",
        )
    file = key_file()
    remembered = data.state / "key_id"
    if not file.exists():
        if remembered.exists():
            raise KeyProblem(
                "The pseudonymisation key of this data folder is missing.",
                f"Expected key {remembered.read_text().strip()} in {file}.",
                f"Restore that file, or name it with {KEY_FILE_VARIABLE}. A new key would make every patient new.",
            )
        make_key(file)
    key = read_key(file)
    if remembered.exists() and remembered.read_text().strip() != key.key_id:
        raise KeyProblem(
            "This is not the key that this data folder was made with.",
            f"The folder remembers key {remembered.read_text().strip()}; {file} holds key {key.key_id}.",
            f"Name the right file with {KEY_FILE_VARIABLE}.",
        )
    if not remembered.exists():
        write_whole(remembered, f"{key.key_id}\n".encode())
    return key


def make_key(file: Path) -> None:
    """Write a new key, readable by its owner alone, and say so."""
    with said_in_words(file):
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    write_whole(file, f"{secrets.token_hex(32)}\n".encode())
    logger.warning(
        "Made a new pseudonymisation key at %s. Back it up apart from the data, readable by you alone.", file
    )


def read_key(file: Path) -> PseudonymKey:
    """The key of a file. Raises KeyProblem when others can read it, or it is no key."""
    if KEY_FILE_VARIABLE not in os.environ:
        # The folder is ours too: who may write there could put another key in its place.
        refuse_if_open(file.parent)
    if is_open_to_others(file):
        raise KeyProblem(
            "The pseudonymisation key can be read by other users of this machine.",
            f"File {file}.",
            f"Close it: chmod 600 {file}",
        )
    text = file.read_text(encoding="ascii", errors="replace").strip()
    if not re.fullmatch(r"[0-9a-f]{64}", text):
        raise KeyProblem(
            "The pseudonymisation key is damaged.",
            f"File {file} is not 64 hexadecimal digits.",
            "Restore it from its backup.",
        )
    secret = bytes.fromhex(text)
    key_id = hmac.new(secret, b"opioid-stewardship key id", hashlib.sha256).hexdigest()[:12]
    return PseudonymKey(secret, key_id)


def key_id_of(file: Path) -> str:
    """The id of the key in a file. Raises KeyProblem when others can read it, or it is no key."""
    return read_key(file).key_id
