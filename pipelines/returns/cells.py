"""What a cell of a local return may hold, and what is said where it does not."""

import re
from collections.abc import Callable, Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import NamedTuple

from pipelines.identity import kind_of

_NUMBER = re.compile(r"-?(\d+|\d{1,3}(,\d{3})+)(\.\d*)?([eE][-+]?\d{1,2})?")
_ORGANISATION = re.compile(r"[A-Z0-9]{2,10}")
_DAY_FORMS = ("%Y-%m-%d", "%Y-%m-%d %H:%M:%S", "%d/%m/%Y", "%d.%m.%Y", "%d %b %Y", "%d %B %Y")
_MONTH_FORMS = ("%Y-%m", "%m/%Y", "%b %Y", "%B %Y", "%b-%y", *_DAY_FORMS)
# Not the decimals of a figure that a spreadsheet worked out.
_TEN_DIGITS = re.compile(r"(?<!\d)(?<!\d\.)(\d{10}|\d{3}[\s.\-]+\d{3}[\s.\-]+\d{4})(?!\d)")
_DIGITS_APART = re.compile(r"(?<!\d)(?<!\d\.)\d(?:[\s\-]?\d){9}(?![\s\-]?\d)")
_PSEUDONYM = re.compile(r"(?<![0-9a-fA-F])[0-9a-fA-F]{32}(?![0-9a-fA-F])")
_EARLIEST = date(2010, 1, 1)
_LONGEST_TEXT = 500
_LARGEST = Decimal(10) ** 9
_DECIMALS = Decimal("0.000001")

PATIENT_IN_IT = "looks like an NHS number or a pseudonym of a patient (not repeated here)"


class Known(NamedTuple):
    """What cells are judged against."""

    today: date
    organisations: frozenset[str] | None
    """Codes of the published data; None where nothing is published yet."""
    measures: Mapping[str, str]
    """Ids by what may be written for them (id or title), folded."""
    instruments: Mapping[str, str]


class Refused(Exception):
    """A cell that cannot be taken in; says why, and never what stands in it where that may be a patient's."""


def looks_like_a_patient(text: str) -> bool:
    """Ten digits as an NHS number is written, in any grouping that passes its check digit, or 32 hexadecimal digits."""
    if is_a_date(text.strip()):
        return False
    apart = (re.sub(r"[\s\-]", "", found) for found in _DIGITS_APART.findall(text))
    return bool(
        _TEN_DIGITS.search(text) or _PSEUDONYM.search(text) or any(kind_of(digits) == "nhs_number" for digits in apart)
    )


def plain_text(text: str, kind: str, known: Known) -> str:
    """A cell as it is kept. Raises Refused."""
    return _KINDS[kind](text, known)


def is_a_date(text: str) -> bool:
    """Whether a cell is a day, perhaps with a time, whose digits are nobody's number."""
    return _parsed(text, _DAY_FORMS) is not None


def _parsed(text: str, forms: tuple[str, ...]) -> date | None:
    for form in forms:
        try:
            return datetime.strptime(text, form).date()
        except ValueError:
            continue
    return None


def _day(text: str, known: Known) -> str:
    day = _parsed(text, _DAY_FORMS)
    if day is None:
        raise Refused(f"'{said(text)}' is no date: write 2026-03-31 or 31/03/2026")
    return _within_time(day, known).isoformat()


def _month(text: str, known: Known) -> str:
    day = _parsed(text, _MONTH_FORMS)
    if day is None:
        raise Refused(f"'{said(text)}' is no month: write 2026-03")
    return _within_time(day, known).replace(day=1).isoformat()


def _within_time(day: date, known: Known) -> date:
    if day > known.today:
        raise Refused(f"{day} is in the future: give what has happened")
    if day < _EARLIEST:
        raise Refused(f"{day} is before {_EARLIEST.year}: look at the year")
    return day


def _organisation(text: str, known: Known) -> str:
    code = text.upper()
    if code == "ALL":
        return "all"
    if not _ORGANISATION.fullmatch(code):
        raise Refused(f"'{said(text)}' is no code: give that of a practice, PCN or ICB, such as A81001, or all")
    if known.organisations is not None and code not in known.organisations:
        raise Refused(f"'{said(text)}' is no practice, PCN or ICB of the published data: look up its code")
    return code


def _named(what: str, names: Mapping[str, str], text: str) -> str:
    found = names.get(" ".join(text.split()).casefold())
    if found is None:
        raise Refused(f"'{said(text)}' is no {what} of this sheet: see the sheet Measures of the template")
    return found


def _number(text: str, _: Known) -> str:
    if not _NUMBER.fullmatch(text):
        raise Refused(f"'{said(text)}' is no number: write digits with a point, such as 12.5")
    number = Decimal(text.replace(",", ""))
    if abs(number) >= _LARGEST:
        raise Refused("the number is a thousand million or more: look at it again")
    # A spreadsheet works out 0.1 + 0.2 to seventeen digits.
    whole = number.quantize(_DECIMALS).normalize()
    return f"{whole:f}" if whole else "0"


def _count(text: str, known: Known) -> str:
    number = Decimal(_number(text, known))
    if number < 0 or number != number.to_integral_value():
        raise Refused(f"'{said(text)}' is no whole number of 0 or more")
    return f"{number:f}"


def _money(text: str, known: Known) -> str:
    number = Decimal(_number(text.removeprefix("£").strip(), known))
    if number < 0:
        raise Refused(f"'{said(text)}' is below 0: a cost is not")
    return f"{number:f}"


def _text(text: str, _: Known) -> str:
    kept = " ".join(text.split())
    if len(kept) > _LONGEST_TEXT:
        raise Refused(f"the text has {len(kept)} letters, more than {_LONGEST_TEXT}: shorten it")
    return kept


def said(text: str) -> str:
    """A value as it may be said in an error: short, and without a number that could be a patient's."""
    return "(withheld)" if sum(letter.isdigit() for letter in text) > 8 else text[:40]


_KINDS: dict[str, Callable[[str, Known], str]] = {
    "day": _day,
    "month": _month,
    "organisation": _organisation,
    "measure": lambda text, known: _named("measure", known.measures, text),
    "instrument": lambda text, known: _named("instrument", known.instruments, text),
    "number": _number,
    "count": _count,
    "money": _money,
    "text": _text,
}
