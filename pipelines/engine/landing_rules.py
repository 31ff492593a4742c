"""What decides the fate of a row: the fields of a source, the form each must have, the products that are followed."""

from dataclasses import dataclass
from datetime import date

# What is taken away around a text.
SPACES = " \t\r\n\u00a0"

_AMOUNT = r"(([0-9]{1,13}|[0-9]{1,3}(,[0-9]{3}){1,4})(\.[0-9]{0,12})?|\.[0-9]{1,12})"
# What the text of a field may look like. RE2 full matches; [0-9] is ASCII alone, so ٣ and ９ do not pass.
PATTERNS = {
    "text": r"(?s).*",
    "number": f"-?{_AMOUNT}",
    "count": r"-?([0-9]{1,9}|[0-9]{1,3}(,[0-9]{3}){1,2})(\.0*)?",
    "money": f"-?£?-?{_AMOUNT}",
    "integer": r"[0-9]{1,9}|[0-9]{1,3}(,[0-9]{3}){1,2}",
    "code": r"[0-9A-Za-z]+",
    "bnf_code": r"[0-9A-Z]{11}|[0-9A-Z]{15}",
    "practice_code": r"[0-9A-Z]{3,8}",
    "date": r"(19|20)[0-9]{2}(-?)(0[1-9]|1[0-2])(-?)[0-3][0-9]([T ].*)?",
    "flag": r"(?i)y|n|yes|no|true|false|0|1",
    "patient": r"(?s).*",
}


@dataclass(frozen=True)
class Field:
    """One mapped field: which column of the file it comes from, and what its text must be."""

    name: str
    column: int
    kind: str
    required: bool
    critical: bool


@dataclass(frozen=True)
class LandingRules:
    """What decides the fate of a row beside the patterns of its fields."""

    fields: tuple[Field, ...]
    month: date | None
    footer: str | None
    rows_are_unique: bool
    followed_prefixes: tuple[tuple[str, bool], ...]
    practice_may_be_blank: bool
    months_may_be_serials: bool = False
    constants: tuple[tuple[int, str], ...] = ()
    parts: tuple[str, ...] = ()

    def field(self, name: str) -> Field | None:
        return next((field for field in self.fields if field.name == name), None)

    @property
    def has_patients(self) -> bool:
        return self.field("patient_id") is not None
