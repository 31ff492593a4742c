"""The SELECT that judges the rows of one source file: its month, its fate, and the first rule it broke."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from pipelines.engine.duckdb import literal, quoted

MONTH_NAMES = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]

# What the text of a field may look like. RE2 full matches; [0-9] is ASCII alone, so ٣ and ９ do not pass.
PATTERNS = {
    "text": r"(?s).*",
    "number": r"£?-?([0-9]{1,13}|[0-9]{1,3}(,[0-9]{3}){1,4})?(\.[0-9]{1,12})?",
    "integer": r"[0-9]{1,9}|[0-9]{1,3}(,[0-9]{3}){1,2}",
    "code": r"[0-9A-Za-z]+",
    "bnf_code": r"[0-9A-Z]{11}|[0-9A-Z]{15}",
    "practice_code": r"[0-9A-Z]{3,8}",
    "date": r"(19|20)[0-9]{2}(-?)(0[1-9]|1[0-2])(-?)[0-3][0-9]([T ].*)?",
    "flag": r"(?i)y|n|yes|no|true|false|0|1",
    "patient": r"(?s).*",
}
SCIENTIFIC_NOTATION = r"[0-9]+(\.[0-9]*)?[eE]\+?[0-9]+"


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


def judged_sql(source_sql: str, first_row: int, rules: LandingRules) -> str:
    """One SELECT that gives each data row its month, its fate and, where quarantined, the first rule it broke."""
    names = [field.name for field in rules.fields]
    trimmed = ", ".join(
        f"nullif(trim(c{field.column}, ' \t\r\n\u00a0'), '') AS {quoted(field.name)}" for field in rules.fields
    )
    any_value = f"coalesce({', '.join(quoted(name) for name in names)}) IS NOT NULL"
    footer = f"AND NOT (regexp_matches(coalesce(c0, ''), {literal(rules.footer)}))" if rules.footer else ""
    critical = [field for field in rules.fields if field.critical]
    soft = [field for field in rules.fields if not field.critical and field.kind != "text"]
    blanked = ", ".join(
        f"CASE WHEN {_matches(field)} THEN {quoted(field.name)} END AS {quoted(field.name)}" for field in soft
    )
    blanked_count = " + ".join(
        f"CASE WHEN {quoted(field.name)} IS NOT NULL AND NOT {_matches(field)} THEN 1 ELSE 0 END" for field in soft
    )
    replaced = ", ".join(part for part in (blanked, _identified_sql(names)) if part)
    return f"""
        WITH source_rows AS (
            SELECT row_number() OVER () + {first_row} AS source_row, * FROM {source_sql}
        ),
        trimmed AS (SELECT source_row, {trimmed} FROM source_rows WHERE true {footer}),
        checked AS (
            SELECT
                * {f"REPLACE ({replaced})" if replaced else ""},
                {blanked_count or "0"} AS values_blanked,
                {_month_sql(rules)} AS row_month,
                {_first_failure(critical, rules)} AS failure
            FROM trimmed WHERE {any_value}
        ),
        judged AS (
            SELECT
                * {"EXCLUDE (month)" if "month" in names else ""},
                row_month AS month,
                split_part(failure, '|', 1) AS rule,
                split_part(failure, '|', 2) AS failed_field,
                {_failed_value(critical)} AS failed_value,
                {_quantity_sql(names)} AS row_quantity,
                {_fate_sql(names, rules)} AS fate
            FROM checked
        )
        SELECT *, {_unidentified_sql(names)} AS unidentified_status FROM judged
    """


def _matches(field: Field) -> str:
    return f"regexp_full_match({quoted(field.name)}, {literal(PATTERNS[field.kind])})"


def _first_failure(critical: Sequence[Field], rules: LandingRules) -> str:
    """CASE that names the first broken rule and its field as `rule|field`."""
    tests = []
    for field in critical:
        name = quoted(field.name)
        if field.kind == "month":
            tests.append(f"WHEN {_month_sql(rules)} IS NULL THEN 'month|{field.name}'")
            continue
        if field.kind == "practice_code" and rules.practice_may_be_blank:
            tests.append(f"WHEN {name} <> '-' AND NOT {_matches(field)} THEN 'pattern|{field.name}'")
            continue
        if field.kind in ("code", "bnf_code"):
            spoilt = f"regexp_full_match({name}, {literal(SCIENTIFIC_NOTATION)})"
            tests.append(f"WHEN {spoilt} THEN 'scientific_notation|{field.name}'")
        if field.kind != "text":
            tests.append(f"WHEN NOT {_matches(field)} THEN 'pattern|{field.name}'")
        if field.required and field.kind != "patient" and not (field.kind == "bnf_code" and _has_description(rules)):
            tests.append(f"WHEN {name} IS NULL THEN 'missing|{field.name}'")
    if _has_description(rules):
        tests.append("WHEN bnf_code IS NULL AND bnf_description IS NULL THEN 'product_missing|bnf_code'")
    return f"CASE {' '.join(tests)} END" if tests else "NULL"


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
    forms = {
        # 202401, 2024-01, 2024_01
        "'(19|20)[0-9]{2}[-_/]?(0[1-9]|1[0-2])'": "left(month, 4) || '-' || right(month, 2)",
        # 2024-01-01, with or without a time
        "'(19|20)[0-9]{2}-(0[1-9]|1[0-2])-[0-3][0-9]([T ].*)?'": "left(month, 7)",
        # 01/01/2024, day first
        "'[0-3][0-9]/(0[1-9]|1[0-2])/(19|20)[0-9]{2}( .*)?'": "substr(month, 7, 4) || '-' || substr(month, 4, 2)",
        # Jan-24, Jan 2024, 01JAN2021
        worded: f"{year} || '-' || lpad({number}, 2, '0')",
    }
    branches = [f"WHEN regexp_full_match(month, {form}) THEN {month} || '-01'" for form, month in forms.items()]
    return f"CASE {' '.join(branches)} END"


def _quantity_sql(names: Sequence[str]) -> str:
    def number(name: str) -> str:
        return f"TRY_CAST(replace(replace({name}, ',', ''), '£', '') AS DECIMAL(24, 4))"

    total = number("total_quantity") if "total_quantity" in names else "CAST(NULL AS DECIMAL(24, 4))"
    if "quantity" in names and "items" in names:
        return f"coalesce({total}, CAST({number('quantity')} * {number('items')} AS DECIMAL(24, 4)))"
    return total


def _fate_sql(names: Sequence[str], rules: LandingRules) -> str:
    """loaded | noted (landed, out of scope) | unfollowed | duplicate | quarantined."""
    duplicate = ""
    if rules.rows_are_unique:
        same = ", ".join(quoted(name) for name in names)
        duplicate = f"WHEN row_number() OVER (PARTITION BY {same} ORDER BY source_row) > 1 THEN 'duplicate'"
    if not rules.followed_prefixes:
        return f"CASE WHEN failure IS NOT NULL THEN 'quarantined' {duplicate} ELSE 'loaded' END"
    lengths = sorted({len(prefix) for prefix, _ in rules.followed_prefixes}, reverse=True)
    # The longest prefix decides, so the lengths are tried from long to short.
    by_length = " ".join(
        f"WHEN left(bnf_code, {length}) IN ({_listed(rules, length, counted)}) THEN {literal(fate)}"
        for length in lengths
        for counted, fate in ((True, "loaded"), (False, "noted"))
        if _listed(rules, length, counted)
    )
    return f"""CASE
        WHEN failure IS NOT NULL THEN 'quarantined' {duplicate}
        WHEN bnf_code IS NULL THEN 'loaded'
        {by_length}
        ELSE 'unfollowed' END"""


def _listed(rules: LandingRules, length: int, counted: bool) -> str:
    return ", ".join(
        literal(p) for p, is_counted in rules.followed_prefixes if len(p) == length and is_counted is counted
    )


def _identified_sql(names: Sequence[str]) -> str:
    """The source's own flag outranks an identifier that stands beside it."""
    if not {"patient_id", "patient_identified"} <= set(names):
        return ""
    return "CASE WHEN NOT regexp_matches(patient_identified, '(?i)^(n|f|0)') THEN patient_id END AS patient_id"


def _unidentified_sql(names: Sequence[str]) -> str:
    if "patient_id" not in names:
        return "CAST(NULL AS VARCHAR)"
    return "CASE WHEN patient_id IS NULL THEN 'unidentified' END"
