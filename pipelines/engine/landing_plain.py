"""The rows whose fate can be read off at once: all that is judged of them is in its plainest form.

Nearly every row of a real file is plain: one pattern over its fields side by side says so, and then nothing of it
needs trimming, mending or a second look. The forms here are narrower than those a row may have (`PATTERNS`): a row
that is not plain is judged field by field, and a test holds that both ways give every row the same fate.
"""

import re
from collections.abc import Sequence

from pipelines.engine.duckdb import literal
from pipelines.engine.landing_rules import SPACES, Field, LandingRules

_PLAIN = {
    "month": r"(?:19|20)[0-9]{2}[-_]?(?:0[1-9]|1[0-2])",
    # Begins with a letter, so that it cannot be a number in scientific notation.
    "practice_code": r"[A-Z][0-9A-Z]{2,7}",
    # A letter other than E in the tenth place: for the same reason.
    "bnf_code": r"(?:[0-9]{11}|[0-9A-Z]{9}[A-DF-Z][0-9A-Z]{5})",
    "number": r"-?[0-9]{1,6}(?:\.[0-9]{1,12})?",
    "money": r"-?[0-9]{1,6}(?:\.[0-9]{1,12})?",
    "count": r"-?[0-9]{1,4}",
    "integer": r"[0-9]{1,4}",
    "code": r"[0-9]{1,18}",
    "date": r"(?:19|20)[0-9]{2}-?(?:0[1-9]|1[0-2])-?[0-3][0-9]",
    "flag": r"(?:[YNyn01]|[Tt]rue|[Ff]alse|TRUE|FALSE)",
}
# Four digits of items and six of quantity stay below the largest quantity that can be dispensed.
_PLAIN_ITEMS = r"-?[0-9]{1,4}"
_AMOUNTS = ("quantity", "items", "total_quantity")
_BEGINNING = 4


def plain_fate_sql(rules: LandingRules, is_footer: str) -> str:
    """loaded, noted or unfollowed for a plain row; NULL for any other, which is to be judged field by field."""
    critical = [field for field in rules.fields if field.critical]
    conditions = _conditions(critical, rules)
    if conditions is None:
        return "CAST(NULL AS VARCHAR)"
    is_plain = f"coalesce({' AND '.join([*conditions, f'NOT {is_footer}'])}, false)"
    soft = [field for field in rules.fields if not field.critical and field.kind in _PLAIN]
    is_plain_throughout = f"coalesce({_matches(soft)}, false)" if soft else "true"
    if not rules.followed_prefixes:
        return f"CASE WHEN {is_plain} AND {is_plain_throughout} THEN 'loaded' END"
    code = column_of(rules, "bnf_code")
    if code is None:
        return "CAST(NULL AS VARCHAR)"
    return (
        f"CASE WHEN NOT {is_plain} THEN NULL WHEN NOT {_may_be_followed(rules, code)} THEN 'unfollowed' "
        f"WHEN {is_plain_throughout} THEN {fate_by_code_sql(rules, code)} END"
    )


def fate_by_code_sql(rules: LandingRules, code: str) -> str:
    """loaded, noted (landed, out of scope) or unfollowed, by the longest prefix: they are tried from long to short."""
    by_length = " ".join(
        f"WHEN {_begins_with(code, prefixes)} THEN {literal(fate)}"
        for length in sorted({len(prefix) for prefix, _ in rules.followed_prefixes}, reverse=True)
        for counted, fate in ((True, "loaded"), (False, "noted"))
        if (prefixes := [p for p, is_counted in rules.followed_prefixes if (len(p), is_counted) == (length, counted)])
    )
    return f"CASE {by_length} ELSE 'unfollowed' END"


def plain_month_sql(rules: LandingRules) -> str:
    """First day of the month of a plain row, as text."""
    if rules.month is not None:
        return literal(rules.month.isoformat())
    month = column_of(rules, "month")
    return f"left({month}, 4) || '-' || right({month}, 2) || '-01'" if month else "CAST(NULL AS VARCHAR)"


def plain_quantity_sql(rules: LandingRules) -> str:
    """All that was dispensed by a plain row."""

    def number(name: str) -> str:
        return f"TRY_CAST(nullif({column_of(rules, name)}, '') AS DECIMAL(18, 4))"

    total = number("total_quantity") if column_of(rules, "total_quantity") else "NULL"
    if column_of(rules, "quantity") and column_of(rules, "items"):
        return f"TRY_CAST(coalesce({total}, {number('quantity')} * {number('items')}) AS DECIMAL(24, 4))"
    return f"TRY_CAST({total} AS DECIMAL(24, 4))"


def plain_text_sql(field: Field) -> str:
    """What is kept of a field of a plain row."""
    text = f"c{field.column}" if field.kind in _PLAIN else f"trim(c{field.column}, {literal(SPACES)})"
    return f"nullif({text}, '')"


def column_of(rules: LandingRules, name: str) -> str | None:
    """The column of the file that holds a field."""
    field = rules.field(name)
    return f"c{field.column}" if field else None


def _conditions(critical: Sequence[Field], rules: LandingRules) -> list[str] | None:
    """What makes a row plain in all that decides its fate; None where no row of the file can be called so."""
    month = rules.field("month")
    if rules.month is None and month is not None and month.kind != "month":
        return None
    amounts = [field for field in critical if field.name in _AMOUNTS]
    if any(field.kind not in ("number", "count", "integer", "money") for field in amounts):
        return None
    judged = [field for field in critical if field.kind in _PLAIN and not (field is month and rules.month)]
    # The first letter is one that is not trimmed away, so the text is not empty.
    given = [f"c{f.column} >= '!' AND c{f.column} < '{{'" for f in critical if f.kind == "text" and f.required]
    if not given and not any(_is_needed(field) for field in judged):
        return None
    return [*([_matches(judged)] if judged else []), *given]


def _is_needed(field: Field) -> bool:
    return field.required or field.kind == "bnf_code"


def _matches(fields: Sequence[Field]) -> str:
    """One pattern over the fields side by side."""
    together = ", '|', ".join(f"c{field.column}" for field in fields)
    patterns = (_PLAIN_ITEMS if field.name == "items" else _PLAIN[field.kind] for field in fields)
    pattern = r"\|".join(p if _is_needed(f) else f"(?:{p})?" for f, p in zip(fields, patterns, strict=True))
    return f"regexp_full_match(concat({together}), {literal(pattern)})"


def _may_be_followed(rules: LandingRules, code: str) -> str:
    """Cheap, and true of every code that is followed."""
    length = min(_BEGINNING, *(len(prefix) for prefix, _ in rules.followed_prefixes))
    return _begins_with(code, sorted({prefix[:length] for prefix, _ in rules.followed_prefixes}))


def _begins_with(code: str, prefixes: Sequence[str]) -> str:
    """One pattern, no IN: of a long list DuckDB makes a join, and what passes a join loses the order of the file."""
    pattern = f"^(?:{'|'.join(map(re.escape, prefixes))})"
    return f"regexp_matches({code}, {literal(pattern)})"
