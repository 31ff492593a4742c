"""The SELECT that judges the rows of one source file: its month, its fate, and the first rule it broke.

A row in its plainest form has its fate at once (`landing_plain`); every other row is trimmed and judged field by field.
"""

from collections.abc import Sequence

from pipelines.engine.duckdb import literal, quoted
from pipelines.engine.landing_plain import (
    fate_by_code_sql,
    plain_fate_sql,
    plain_month_sql,
    plain_quantity_sql,
    plain_text_sql,
)
from pipelines.engine.landing_rules import PATTERNS, SPACES, Field, LandingRules

MONTH_NAMES = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
SCIENTIFIC_NOTATION = r"[0-9]+(\.[0-9]*)?[eE]\+?[0-9]+"
# Beyond any that can be dispensed, and beyond what the product of two DECIMAL(18, 4) can hold.
_TOO_LARGE = 10**10
_DAY_FIRST = "[0-3][0-9]/(0[1-9]|1[0-2])/(19|20)[0-9]{2}( .*)?"
_CODES = ("code", "bnf_code", "practice_code")
# In a file of patients a longer text in the wrong column may be an identifier.
_LONGEST_SHOWN_BESIDE_PATIENTS = 8
_LONGEST_SHOWN = 80


def judged_sql(source_sql: str, rules: LandingRules) -> str:
    """One SELECT that gives each row of the file, in its order, a month, a fate and the first rule it broke.

    Fates: loaded, noted (landed, out of scope), unfollowed, quarantined; footer and blank are no rows of data.
    A row that is not landed keeps its month, fate and quantity alone.
    """
    names = [field.name for field in rules.fields]
    is_footer = _is_footer_sql(rules)
    trimmed = ", ".join(f"{_trimmed(field)} AS {quoted(field.name)}" for field in rules.fields)
    any_value = f"coalesce({', '.join(quoted(name) for name in names)}) IS NOT NULL"
    critical = [field for field in rules.fields if field.critical]
    replaced, blanked_count = _soft_sql(rules)
    kept = ", ".join(f"{_kept(field)} AS {quoted(field.name)}" for field in rules.fields if field.name != "month")
    return f"""
        WITH cut AS (
            SELECT *, {is_footer} AS is_footer, {plain_fate_sql(rules, is_footer)} AS plain_fate
            FROM {source_sql}
        ),
        trimmed AS (SELECT *, {trimmed} FROM cut),
        checked AS (
            SELECT
                * {f"REPLACE ({replaced})" if replaced else ""},
                {blanked_count} AS values_blanked,
                {_day_sql(rules)} AS day_written,
                CASE WHEN plain_fate IS NULL THEN {_month_sql(rules)} ELSE {plain_month_sql(rules)} END AS row_month,
                CASE
                    WHEN plain_fate IS NULL THEN {quantity_sql(names)} ELSE {plain_quantity_sql(rules)}
                END AS row_quantity,
                CASE WHEN plain_fate IS NULL THEN CASE {_first_failure(critical, rules)} END END AS failure,
                plain_fate IS NULL AND NOT ({any_value}) AS is_blank
            FROM trimmed
        ),
        judged AS (SELECT *, coalesce(plain_fate, {_fate_sql(rules)}) AS fate FROM checked)
        SELECT
            row_month AS month, fate,
            split_part(failure, '|', 1) AS rule,
            split_part(failure, '|', 2) AS failed_field,
            {_failed_value(critical, rules)} AS failed_value,
            row_quantity, day_written,
            CASE WHEN fate IN ('loaded', 'noted') THEN values_blanked ELSE 0 END AS values_blanked
            {", " if kept else ""}{kept}
        FROM judged
    """


def _soft_sql(rules: LandingRules) -> tuple[str, str]:
    """What stands in place of fields that may be blanked, and how many of a row were."""
    soft = [field for field in rules.fields if not field.critical and field.kind != "text"]
    blanked = [f"CASE WHEN {_is_good(field)} THEN {quoted(field.name)} END AS {quoted(field.name)}" for field in soft]
    counted = [
        f"CASE WHEN {quoted(field.name)} IS NOT NULL AND NOT {_is_good(field)} THEN 1 ELSE 0 END" for field in soft
    ]
    return ", ".join(blanked), " + ".join(counted) or "0"


def _trimmed(field: Field) -> str:
    text = f"nullif(trim(c{field.column}, {literal(SPACES)}), '')"
    if field.kind == "integer":
        # A spreadsheet or a statistics package writes 50 as 50.0.
        text = rf"regexp_replace({text}, '\.0+$', '')"
    return f"CASE WHEN plain_fate IS NULL THEN {text} END"


def _kept(field: Field) -> str:
    text = f"CASE WHEN plain_fate IS NULL THEN {quoted(field.name)} ELSE {plain_text_sql(field)} END"
    return f"CASE WHEN fate IN ('loaded', 'noted') THEN {text} END"


def _is_good(field: Field) -> str:
    matches = f"regexp_full_match({quoted(field.name)}, {literal(PATTERNS[field.kind])})"
    if field.kind in _CODES:
        return f"({matches} AND NOT {_is_scientific(field)})"
    return matches


def _is_scientific(field: Field) -> str:
    return f"regexp_full_match({quoted(field.name)}, {literal(SCIENTIFIC_NOTATION)})"


def _is_footer_sql(rules: LandingRules) -> str:
    return f"regexp_matches(coalesce(c0, ''), {literal(rules.footer)})" if rules.footer else "false"


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
        tests.append(f"WHEN abs({quantity_sql(names)}) >= {_TOO_LARGE} THEN 'too_large|{field_name}'")
    return " ".join(tests) or "WHEN false THEN NULL"


def _has_description(rules: LandingRules) -> bool:
    return {"bnf_code", "bnf_description"} <= {field.name for field in rules.fields} and rules.practice_may_be_blank


def _failed_value(critical: Sequence[Field], rules: LandingRules) -> str:
    tests = " ".join(
        f"WHEN {literal(field.name)} THEN {quoted(field.name)}" for field in critical if field.kind != "patient"
    )
    if not tests:
        return "CAST(NULL AS VARCHAR)"
    text = f"CASE split_part(failure, '|', 2) {tests} END"
    if not rules.has_patients:
        return f"left({text}, {_LONGEST_SHOWN})"
    return f"CASE WHEN length({text}) <= {_LONGEST_SHOWN_BESIDE_PATIENTS} THEN {text} END"


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
        literal(_DAY_FIRST): "substr(month, 7, 4) || '-' || substr(month, 4, 2)",
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


def _day_sql(rules: LandingRules) -> str:
    """The day of a month that is written 01/02/2024; NULL for any other form."""
    if rules.month is not None or not any(field.name == "month" for field in rules.fields):
        return "CAST(NULL AS VARCHAR)"
    return f"CASE WHEN regexp_full_match(month, {literal(_DAY_FIRST)}) THEN left(month, 2) END"


def quantity_sql(names: Sequence[str]) -> str:
    """All that a row says was dispensed, from its text: the total, else quantity times items."""

    def number(name: str, form: str = "DECIMAL(24, 4)") -> str:
        return f"TRY_CAST(replace({name}, ',', '') AS {form})"

    total = number("total_quantity") if "total_quantity" in names else "CAST(NULL AS DECIMAL(24, 4))"
    if "quantity" in names and "items" in names:
        product = f"{number('quantity')} * {number('items', 'DECIMAL(13, 4)')}"
        return f"coalesce({total}, TRY_CAST({product} AS DECIMAL(28, 4)))"
    return total


def _fate_sql(rules: LandingRules) -> str:
    """footer, blank | quarantined | unfollowed | loaded | noted (landed, out of scope) of a row that is not plain."""
    by_code = f"WHEN bnf_code IS NULL THEN 'loaded' ELSE {fate_by_code_sql(rules, 'bnf_code')}"
    return f"""
        CASE
            WHEN is_footer THEN 'footer'
            WHEN is_blank THEN 'blank'
            WHEN failure IS NOT NULL THEN 'quarantined'
            {by_code if rules.followed_prefixes else "ELSE 'loaded'"}
        END"""


def keyed_sql(judged: str, rules: LandingRules, pseudonym: str) -> str:
    """The judged rows with a pseudonym in place of each identifier; `pseudonym` is the function that gives it."""
    if not rules.has_patients:
        return judged
    # The source's own flag outranks an identifier that stands beside it.
    flagged_no = (
        "lower(left(patient_identified, 1)) IN ('n', 'f', '0')" if rules.field("patient_identified") else "NULL"
    )
    return f"""
        SELECT
            * EXCLUDE (patient_id, identifier),
            CASE WHEN identifier IS NOT NULL THEN {pseudonym}(identifier) END AS patient_key,
            identifier IS NULL AS is_unidentified
        FROM (
            SELECT *, CASE WHEN NOT coalesce({flagged_no}, false) THEN patient_id END AS identifier FROM ({judged})
        )
    """
