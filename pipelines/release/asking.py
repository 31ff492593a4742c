"""Who asks for a list, of whom, for what: what must be said before anything is looked up."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pipelines.errors import UsageError
from pipelines.identity import kind_of
from pipelines.release.rows import RULES

Kind = Literal["case-list", "referral-list", "match-list"]

# NHSBSA gives NHS numbers only to those in direct care of the patients, or commissioned to review them.
_MAY_SEE_NHS_NUMBERS = ("direct care", "commissioned review")
ROLES = (*_MAY_SEE_NHS_NUMBERS, "analysis", "service management")
_SHORTEST_PURPOSE = 8


@dataclass(frozen=True)
class Asked:
    """Whose patients: one practice, one PCN, those of no practice, or everyone (exactly one of them)."""

    practice: str | None = None
    pcn: str | None = None
    unallocated: bool = False
    everyone: bool = False

    def __post_init__(self) -> None:
        if sum((self.practice is not None, self.pcn is not None, self.unallocated, self.everyone)) != 1:
            raise UsageError(
                "Say whose patients the list is about, once.",
                "",
                "Give one of --practice CODE, --pcn CODE or --unallocated.",
            )


@dataclass(frozen=True)
class ListRequest:
    """One request for a list. Its purpose and role are written into the audit."""

    kind: Kind
    asked: Asked
    out: Path
    purpose: str
    role: str
    user: str | None
    password: Callable[[], str]
    with_nhs_numbers: bool = False
    cohorts: tuple[str, ...] = ()
    top: int | None = None

    def __post_init__(self) -> None:
        refuse_purpose(self.purpose)
        refuse_role(self.role, self.with_nhs_numbers)
        for cohort in self.cohorts:
            if cohort not in RULES:
                raise UsageError(f"No cohort of the list is called '{cohort[:40]}'.", "", f"Use: {', '.join(RULES)}.")
        if self.top is not None and self.top < 1:
            raise UsageError("A list of no people is no list.", f"--top {self.top}.", "Give 1 or more.")


def refuse_purpose(purpose: str) -> None:
    """Raise UsageError where a purpose says too little, or names a patient."""
    if len(purpose.strip()) < _SHORTEST_PURPOSE:
        raise UsageError(
            "Say what it is for.",
            f"Option --purpose: at least {_SHORTEST_PURPOSE} characters, which are kept in the audit.",
            'Such as --purpose "structured medication reviews, autumn".',
        )
    if any(kind_of(word) == "nhs_number" for word in re.findall(r"\d[\d \-]{8,}\d", purpose)):
        raise UsageError(
            "The purpose holds an NHS number; the audit must hold none.", "Option --purpose.", "Leave the number out."
        )


def refuse_role(role: str, with_nhs_numbers: bool) -> None:
    """Raise UsageError where a role is none, or may not see NHS numbers."""
    if role not in ROLES:
        raise UsageError(f"'{role[:40]}' is no role of this tool.", "Option --role.", f"Use: {', '.join(ROLES)}.")
    if with_nhs_numbers and role not in _MAY_SEE_NHS_NUMBERS:
        raise UsageError(
            "NHS numbers are given only to those who care for the patients, or are commissioned to review them.",
            f"Role '{role}'.",
            f"Ask without NHS numbers, or ask somebody whose role is {' or '.join(_MAY_SEE_NHS_NUMBERS)}.",
        )
