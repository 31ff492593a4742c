"""BNF codes: clean them, follow their replacements, find the generic equivalent.

A BNF code is 15 characters: chapter to chemical substance (9), product (2, `AA` for the generic),
strength and form (2), and the strength and form of the generic equivalent (2).
"""

import re

# Chapters run from 01 to 23: `407020Q0AAAKAK` has lost its zero in a spreadsheet and is no code any more.
_CODE = re.compile(r"[0-2][0-9]{3}[0-9A-Z]{3,11}")
_CHEMICAL = 9
PRODUCT = 11
_FULL = 15


def clean_code(code: str | None) -> str:
    """A code in capitals without blanks, or '' where it cannot be a BNF code (`4.27551E+16`)."""
    tidy = (code or "").strip().upper()
    return tidy if _CODE.fullmatch(tidy) else ""


def generic_equivalent(code: str) -> str:
    """The code of the same strength and form without the brand; '' for a code that is not complete."""
    if len(code) != _FULL:
        return ""
    return code[:_CHEMICAL] + "AA" + code[-2:] * 2


def is_branded(code: str) -> bool:
    """True for the complete code of a brand."""
    return len(code) == _FULL and code[_CHEMICAL:PRODUCT] != "AA"


def follow_replacements(code: str, changes: dict[str, tuple[str, str]]) -> tuple[str, str]:
    """The code in force today and the table row that said so ('' where nothing replaces it)."""
    where = ""
    while code in changes:
        code, where = changes[code]
    return code, where
