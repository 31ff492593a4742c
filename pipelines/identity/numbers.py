"""What a patient identifier in an extract is: an NHS number, a pseudonym made upstream, or neither.

Source: NHS Data Dictionary, NHS NUMBER (ten digits, modulus 11).
"""

import re
from typing import Literal

import nhs_number

IdentifierKind = Literal["nhs_number", "upstream_pseudonym", "invalid_nhs_number", "spoilt_by_spreadsheet"]

_TEN_DIGITS = re.compile(r"[0-9]{10}")
# With a point or a sign, or short: twenty hexadecimal digits with one e among them are a pseudonym.
_SCIENTIFIC = re.compile(r"[0-9]+(\.[0-9]*[eE][+-]?|[eE][+-])[0-9]+|(?=.{3,7}$)[0-9]+[eE][0-9]+")
_MISTYPED_NUMBER = re.compile(r"[0-9]{1,11}(\.0+)?|[0-9]{9}[A-Za-z]")


def digits_of(text: str) -> str:
    """An identifier without the spaces and hyphens people write into NHS numbers (3-3-4)."""
    return re.sub(r"[\s\-]", "", text)


def kind_of(text: str) -> IdentifierKind:
    """Say what an identifier is. Repeated digits such as 4444444444 pass modulus 11 but were never issued."""
    compact = digits_of(text)
    if _SCIENTIFIC.fullmatch(compact):
        return "spoilt_by_spreadsheet"
    if _TEN_DIGITS.fullmatch(compact):
        is_real = len(set(compact)) > 1 and nhs_number.is_valid(compact)
        return "nhs_number" if is_real else "invalid_nhs_number"
    if _MISTYPED_NUMBER.fullmatch(compact) or not compact.isascii():
        return "invalid_nhs_number"
    return "upstream_pseudonym"
