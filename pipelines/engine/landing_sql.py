"""The SELECT that judges the rows of one source file: its month, its fate, and the first rule it broke.

Most rows of a prescribing file are of products that nobody follows here. Where all that is judged of such a row is in
its plainest form (one pattern over all of it), the row is passed over: it is counted and nothing else of it is read.
Every other row is trimmed and judged field by field.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from pipelines.engine.duckdb import literal, quoted

MONTH_NAMES = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]

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
SCIENTIFIC_NOTATION = r"[0-9]+(\.[0-9]*)?[eE]\+?[0-9]+"
# Beyond any that can be dispensed, and beyond what the product of two DECIMAL(18, 4) can hold.
_TOO_LARGE = 10**10
_CODES = ("code", "bnf_code", "practice_code")

# The plain form of a field: narrower than its pattern, and nothing in it needs trimming, mending or a second look.
_PLAIN = {
    "month": r"(?:19|20)[0-9]{2}[-_]?(?:0[1-9]|1[0-2])",
    "practice_code": r"[0-9A-Z]{3,8}",
    # A letter other than E in the tenth place: no such code can be a number in scientific notation.
    "bnf_code": r"(?:[0-9]{11}|[0-9A-Z]{9}[A-DF-Z][0-9A-Z]{5})",
    "number": r"-?[0-9]{1,6}(?:\.[0-9]{1,12})?",
    "count": r"-?[0-9]{1,4}",
    "flag": r"(?:[YNyn01]|[Tt]rue|[Ff]alse|TRUE|FALSE)",
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


def judged_sql(source_sql: str, rules: LandingRules) -> str:
    """One SELECT that gives each row of the file, in its order, a month, a fate and the first rule it broke.

    Fates: loaded, noted (landed, out of scope), unfollowed, quarantined; footer and blank are no rows of data.
    A row of no interest keeps its month, fate and quantity alone.
    """
    names = [field.name for field in rules.fields]
    trimmed = ", ".join(f"{_trimmed(field)} AS {quoted(field.name)}" for field in rules.fields)
    any_value = f"coalesce({', '.join(quoted(name) for name in names)}) IS NOT NULL"
    critical = [field for field in rules.fields if field.critical]
    replaced, blanked_count = _soft_sql(rules)
    kept = ", ".join(
        f"CASE WHEN fate IN ('loaded', 'noted') THEN {quoted(name)} END AS {quoted(name)}"
        for name in names
        if name != "month"
    )
    return f"""
        WITH cut AS (
            SELECT *, {_is_footer_sql(rules)} AS is_footer, {_passed_over_sql(rules)} AS passed_over
            FROM {source_sql}
        ),
        trimmed AS (
            SELECT
                passed_over, is_footer, {trimmed},
                CASE WHEN passed_over THEN {_plain_month_sql(rules)} END AS plain_month,
                CASE WHEN passed_over THEN {_plain_quantity_sql(rules)} END AS plain_quantity
            FROM cut
        ),
        checked AS (
            SELECT
                * {f"REPLACE ({replaced})" if replaced else ""},
                {blanked_count} AS values_blanked,
                CASE WHEN passed_over THEN plain_month ELSE {_month_sql(rules)} END AS row_month,
                CASE WHEN passed_over THEN plain_quantity ELSE {_quantity_sql(names)} END AS row_quantity,
                CASE WHEN passed_over THEN NULL {_first_failure(critical, rules)} END AS failure,
                NOT passed_over AND NOT ({any_value}) AS is_blank
            FROM trimmed
        ),
        judged AS (
            SELECT
                *,
                split_part(failure, '|', 1) AS rule,
                split_part(failure, '|', 2) AS failed_field,
                {_failed_value(critical)} AS failed_value,
                {_fate_sql(rules)} AS fate
            FROM checked
        )
        SELECT
            row_month AS month, fate, rule, failed_field, failed_value, row_quantity,
            CASE WHEN fate IN ('loaded', 'noted') THEN values_blanked ELSE 0 END AS values_blanked,
            {_unidentified_sql(names)} AS unidentified_status{", " if kept else ""}{kept}
        FROM judged
    """


def _soft_sql(rules: LandingRules) -> tuple[str, str]:
    """What stands in place of fields that may be blanked, and how many of a row were."""
    soft = [field for field in rules.fields if not field.critical and field.kind != "text"]
    blanked = [f"CASE WHEN {_is_good(field)} THEN {quoted(field.name)} END AS {quoted(field.name)}" for field in soft]
    counted = [
        f"CASE WHEN {quoted(field.name)} IS NOT NULL AND NOT {_is_good(field)} THEN 1 ELSE 0 END" for field in soft
    ]
    identified = _identified_sql([field.name for field in rules.fields])
    return ", ".join([*blanked, *([identified] if identified else [])]), " + ".join(counted) or "0"


def _trimmed(field: Field) -> str:
    text = f"nullif(trim(c{field.column}, ' \t\r\n\u00a0'), '')"
    if field.kind == "integer":
        # A spreadsheet or a statistics package writes 50 as 50.0.
        text = rf"regexp_replace({text}, '\.0+$', '')"
    return f"CASE WHEN NOT passed_over THEN {text} END"


def _is_good(field: Field) -> str:
    matches = f"regexp_full_match({quoted(field.name)}, {literal(PATTERNS[field.kind])})"
    if field.kind in _CODES:
        return f"({matches} AND NOT {_is_scientific(field)})"
    return matches


def _is_scientific(field: Field) -> str:
    return f"regexp_full_match({quoted(field.name)}, {literal(SCIENTIFIC_NOTATION)})"


def _is_footer_sql(rules: LandingRules) -> str:
    return f"regexp_matches(coalesce(c0, ''), {literal(rules.footer)})" if rules.footer else "false"


def _plain_fields(rules: LandingRules) -> list[Field]:
    judged = [field for field in rules.fields if field.critical and field.kind in _PLAIN]
    return [field for field in judged if not (field.kind == "month" and rules.month is not None)]


def _passed_over_sql(rules: LandingRules) -> str:
    """Whether a row is of a product nobody follows and plain in all that is judged of it."""
    fields = _plain_fields(rules)
    if not rules.followed_prefixes or not any(field.name == "bnf_code" for field in fields):
        return "false"
    together = ", '|', ".join(f"c{field.column}" for field in fields)
    pattern = r"\|".join(_PLAIN[field.kind] if field.required else f"(?:{_PLAIN[field.kind]})?" for field in fields)
    bnf_code = next(field for field in fields if field.name == "bnf_code")
    prefixes = "|".join(prefix for prefix, _ in rules.followed_prefixes)
    conditions = [
        f"regexp_full_match(concat({together}), {literal(pattern)})",
        f"NOT regexp_matches(c{bnf_code.column}, {literal(f'^(?:{prefixes})')})",
    ]
    if rules.footer:
        conditions.append(f"NOT {_is_footer_sql(rules)}")
    return f"coalesce({' AND '.join(conditions)}, false)"


def _column_of(rules: LandingRules, name: str) -> str | None:
    return next((f"c{field.column}" for field in rules.fields if field.name == name), None)


def _plain_month_sql(rules: LandingRules) -> str:
    month = _column_of(rules, "month")
    if rules.month is not None or month is None:
        return _month_sql(rules)
    return f"left({month}, 4) || '-' || right({month}, 2) || '-01'"


def _plain_quantity_sql(rules: LandingRules) -> str:
    def number(name: str, form: str = "DECIMAL(18, 4)") -> str:
        return f"TRY_CAST(nullif({_column_of(rules, name)}, '') AS {form})"

    total = number("total_quantity") if _column_of(rules, "total_quantity") else "NULL"
    if _column_of(rules, "quantity") and _column_of(rules, "items"):
        return f"TRY_CAST(coalesce({total}, {number('quantity')} * {number('items')}) AS DECIMAL(24, 4))"
    return f"TRY_CAST({total} AS DECIMAL(24, 4))"


def _first_failure(critical: Sequence[Field], rules: LandingRules) -> str:
    """Branches of a CASE that names the first broken rule and its field as `rule|field`."""
    tests = []
    for field in critical:
        name = quoted(field.name)
        if field.kind == "month":
            tests.append(f"WHEN {_month_sql(rules)} IS NULL THEN 'month|{field.name}'")
            continue
        may_be_dash = field.kind == "practice_code" and rules.practice_may_be_blank
        given = f"{name} <> '-' AND " if may_be_dash else ""
        if field.kind in _CODES:
            tests.append(f"WHEN {given}{_is_scientific(field)} THEN 'scientific_notation|{field.name}'")
        if field.kind == "bnf_code":
            digits = f"regexp_full_match({name}, '[0-9]+') AND length({name}) NOT IN (11, 15)"
            tests.append(f"WHEN {digits} THEN 'number_for_code|{field.name}'")
        if field.kind != "text":
            tests.append(f"WHEN {given}NOT {_is_good(field)} THEN 'pattern|{field.name}'")
        may_be_blank = may_be_dash or field.kind == "patient"
        if field.required and not may_be_blank and not (field.kind == "bnf_code" and _has_description(rules)):
            tests.append(f"WHEN {name} IS NULL THEN 'missing|{field.name}'")
    if _has_description(rules):
        tests.append("WHEN bnf_code IS NULL AND bnf_description IS NULL THEN 'product_missing|bnf_code'")
    names = [field.name for field in rules.fields]
    if "quantity" in names or "total_quantity" in names:
        field_name = "quantity" if "quantity" in names else "total_quantity"
        tests.append(f"WHEN abs({_quantity_sql(names)}) >= {_TOO_LARGE} THEN 'too_large|{field_name}'")
    return " ".join(tests) or "WHEN false THEN NULL"


def _has_description(rules: LandingRules) -> bool:
    return {"bnf_code", "bnf_description"} <= {field.name for field in rules.fields} and rules.practice_may_be_blank


def _failed_value(critical: Sequence[Field]) -> str:
    tests = " ".join(
        f"WHEN {literal(field.name)} THEN left({quoted(field.name)}, 80)"
        for field in critical
        if field.kind != "patient"
    )
    return f"CASE split_part(failure, '|', 2) {tests} END" if tests else "NULL"


def _month_sql(rules: LandingRules) -> str:
    """First day of the month as text, from the forms in which extracts write it; NULL for any other form."""
    if rules.month is not None:
        return literal(rules.month.isoformat())
    if not any(field.name == "month" for field in rules.fields):
        return "CAST(NULL AS VARCHAR)"
    worded = literal(rf"(?i)([0-3]?[0-9])?[-/ ]?({'|'.join(MONTH_NAMES)})[a-z]*[-/ ]?((?:19|20)?[0-9]{{2}})")
    names = ", ".join(literal(name) for name in MONTH_NAMES)
    number = f"CAST(list_position([{names}], lower(regexp_extract(month, {worded}, 2))) AS VARCHAR)"
    year = f"right('20' || regexp_extract(month, {worded}, 3), 4)"
    day = r"(19|20)[0-9]{2}-(0[1-9]|1[0-2])-[0-3][0-9]"
    forms = {
        # 202401, 2024-01, 2024_01
        "'(19|20)[0-9]{2}[-_/]?(0[1-9]|1[0-2])'": "left(month, 4) || '-' || right(month, 2)",
        # An hour before midnight in UTC is midnight in British summer time: the day that begins.
        literal(day + r"[T ]23:00(:00(\.0+)?)?(Z|\+00(:?00)?)"): (
            "strftime(TRY_CAST(left(month, 10) AS DATE) + INTERVAL 1 DAY, '%Y-%m')"
        ),
        # 2024-01-01, with or without a time
        literal(day + r"([T ].*)?"): "left(month, 7)",
        # 01/01/2024, day first
        "'[0-3][0-9]/(0[1-9]|1[0-2])/(19|20)[0-9]{2}( .*)?'": "substr(month, 7, 4) || '-' || substr(month, 4, 2)",
        # Jan-24, Jan 2024, 01JAN2021
        worded: f"{year} || '-' || lpad({number}, 2, '0')",
    }
    if rules.months_may_be_serials:
        # Days since 30 December 1899, of this century.
        forms["'(3[7-9]|[4-6][0-9])[0-9]{3}(\\.0+)?'"] = (
            "strftime(DATE '1899-12-30' + CAST(CAST(month AS DOUBLE) AS INTEGER), '%Y-%m')"
        )
    branches = [f"WHEN regexp_full_match(month, {form}) THEN {month} || '-01'" for form, month in forms.items()]
    return f"CASE {' '.join(branches)} END"


def _quantity_sql(names: Sequence[str]) -> str:
    def number(name: str, form: str = "DECIMAL(24, 4)") -> str:
        return f"TRY_CAST(replace({name}, ',', '') AS {form})"

    total = number("total_quantity") if "total_quantity" in names else "CAST(NULL AS DECIMAL(24, 4))"
    if "quantity" in names and "items" in names:
        product = f"{number('quantity')} * {number('items', 'DECIMAL(13, 4)')}"
        return f"coalesce({total}, TRY_CAST({product} AS DECIMAL(28, 4)))"
    return total


def _fate_sql(rules: LandingRules) -> str:
    """footer, blank | unfollowed | quarantined | loaded | noted (landed, out of scope)."""
    first = """
        WHEN passed_over THEN 'unfollowed'
        WHEN is_footer THEN 'footer'
        WHEN is_blank THEN 'blank'
        WHEN failure IS NOT NULL THEN 'quarantined'"""
    if not rules.followed_prefixes:
        return f"CASE {first} ELSE 'loaded' END"
    lengths = sorted({len(prefix) for prefix, _ in rules.followed_prefixes}, reverse=True)
    # The longest prefix decides, so the lengths are tried from long to short.
    by_length = " ".join(
        f"WHEN left(bnf_code, {length}) IN ({_listed(rules, length, counted)}) THEN {literal(fate)}"
        for length in lengths
        for counted, fate in ((True, "loaded"), (False, "noted"))
        if _listed(rules, length, counted)
    )
    return f"CASE {first} WHEN bnf_code IS NULL THEN 'loaded' {by_length} ELSE 'unfollowed' END"


def _listed(rules: LandingRules, length: int, counted: bool) -> str:
    return ", ".join(
        literal(p) for p, is_counted in rules.followed_prefixes if len(p) == length and is_counted is counted
    )


def _identified_sql(names: Sequence[str]) -> str:
    """The source's own flag outranks an identifier that stands beside it."""
    if not {"patient_id", "patient_identified"} <= set(names):
        return ""
    flagged_no = "regexp_matches(patient_identified, '(?i)^(n|f|0)')"
    return f"CASE WHEN NOT coalesce({flagged_no}, false) THEN patient_id END AS patient_id"


def _unidentified_sql(names: Sequence[str]) -> str:
    if "patient_id" not in names:
        return "CAST(NULL AS VARCHAR)"
    return "CASE WHEN patient_id IS NULL THEN 'unidentified' END"
