"""Encrypt a workbook in memory (ECMA-376 agile encryption, AES-256): no clear byte of it reaches a disk."""

import io

from pipelines.errors import UnreadableFile, UsageError

PASSWORD_VARIABLE = "OPIOIDS_LIST_PASSWORD"
SHORTEST_PASSWORD = 12
_FEWEST_DIFFERENT_CHARACTERS = 6
_COMPOUND_FILE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"


def refuse_weak(password: str) -> None:
    """Raise UsageError for a password that would not protect a list. Never repeats it."""
    reason = ""
    if len(password) < SHORTEST_PASSWORD:
        reason = f"It has fewer than {SHORTEST_PASSWORD} characters."
    elif len(set(password)) < _FEWEST_DIFFERENT_CHARACTERS:
        reason = f"It has fewer than {_FEWEST_DIFFERENT_CHARACTERS} different characters."
    elif password.isdigit():
        reason = "It is digits alone."
    if reason:
        raise UsageError("The password is too weak.", reason, "Use three random words, and send them another way.")


def sealed(workbook: bytes, password: str) -> bytes:
    """The workbook under a password."""
    refuse_weak(password)
    from msoffcrypto.format.ooxml import OOXMLFile

    out = io.BytesIO()
    OOXMLFile(io.BytesIO(workbook)).encrypt(password, out)
    return out.getvalue()


def is_sealed(content: bytes) -> bool:
    """Whether these are the bytes of an encrypted workbook."""
    return content.startswith(_COMPOUND_FILE)


def opened(content: bytes, password: str, file_name: str) -> bytes:
    """The workbook that a password seals. Raises UnreadableFile where it is not that password."""
    import msoffcrypto
    from msoffcrypto.exceptions import DecryptionError, FileFormatError

    out = io.BytesIO()
    try:
        office = msoffcrypto.OfficeFile(io.BytesIO(content))
        office.load_key(password=password, verify_password=True)
        office.decrypt(out, verify_integrity=True)
    except (DecryptionError, FileFormatError) as error:
        raise UnreadableFile(
            "The workbook does not open with this password.",
            f"File {file_name} ({type(error).__name__}).",
            f"Give the password it was made with in {PASSWORD_VARIABLE}, or when asked.",
        ) from None
    return out.getvalue()
