"""Case-finding lists: the one door for rows of patients. So far with pseudonyms only.

Until lists are encrypted, a list does not leave the data folder. No row, no pseudonym and no count below a
whole practice goes into a log or an error.
"""

import csv
import difflib
import io
import re
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_FLOOR, ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any

from pipelines.engine.duckdb import read_only
from pipelines.errors import NothingPublished, UsageError
from pipelines.folders import DataFolder, said_in_words, write_whole
from pipelines.publish import current_snapshot

_Ask = Callable[..., list[tuple[Any, ...]]]

# Folders below the data folder that the pipeline reads, empties or ships: no place for a list.
_NOT_FOR_LISTS = (
    ("incoming",),
    ("raw",),
    ("landed",),
    ("warehouse",),
    ("identifiable", "originals"),
    ("state",),
    ("tmp",),
    ("reference",),
    ("sample",),
)
_STARTS_A_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_LOOKS_LIKE_A_NUMBER = re.compile(r"\d+(e\d+)?")

_HEADINGS = (
    "Priority",
    "Patient (pseudonym)",
    "Age (years)",
    "Sex",
    "Practice",
    "Dose (mg OME a day, last 3 months)",
    "Dose band (mg OME a day)",
    "Change against 6 months before (mg OME a day)",
    "Opioids for (months)",
    "Opioids (last 3 months)",
    "Gabapentinoids (last 3 months)",
    "Other sedatives (last 3 months)",
    "Last dispensed (month)",
    "Why listed",
    "Cautions",
    "Since the month before",
    "As at (month)",
    "Reviewed on",
    "Outcome",
    "Reviewer",
)

_SAFETY = (
    "Dispensed, not taken. Check the record first: cancer, palliative care, dependence treatment, and whether the "
    "patient is alive and registered here.",
    "Do not stop or cut opioids, gabapentinoids or benzodiazepines abruptly; agree any reduction with the patient, "
    "slowly. A justified, stable dose is a valid outcome.",
    "OME (oral morphine equivalent) finds people to review: never use it to convert or switch medicines. Methadone, "
    "buprenorphine, patches and doses near the line need the exact dose from the record.",
    "Absence from this list does not mean low risk. It cannot see indication, directions, kidney and liver function, "
    "pregnancy, sleep apnoea, alcohol, over-the-counter codeine, hospital and private supply, naloxone, "
    "antidepressants or other sedatives that are not loaded.",
    "The priority orders the work; it is not a measure of harm.",
)
_CONFIDENTIAL = (
    "Pseudonyms stand in place of NHS numbers; the file is still confidential: keep it in the data folder, "
    "which only you can read."
)


@dataclass(frozen=True)
class Written:
    """What was written: how many people, for whom, as at which month, and what a reader must bear in mind."""

    people: int
    practice: str
    as_at: date
    reminders: tuple[str, ...]


@dataclass(frozen=True)
class _Facts:
    """What the head of a list says about it."""

    snapshot_id: str
    definition: str
    as_at: date
    is_provisional: bool
    capture_rate: float | None
    can_see_palliative_signs: bool
    rules_without_history: str | None
    people_in_no_practice: int


def write_case_list(practice: str, out: Path, data: DataFolder) -> Written:
    """Write the list of one practice as CSV, with `<out>.readme.txt` beside it.

    Raises UsageError for a place outside the data folder and for an unknown practice; NothingPublished.
    """
    data.prepare()
    target = _place_for(out, data)
    snapshot = current_snapshot(data)
    with closing(read_only(snapshot.file, data.tmp)) as connection:

        def ask(sql: str, **parameters: object) -> list[tuple[Any, ...]]:
            return connection.execute(sql, parameters).fetchall()

        _refuse_without_patients(ask)
        code, name = _known_practice(practice, ask)
        facts = _facts(code, snapshot.snapshot_id, ask)
        rows = ask(_LIST_OF_A_PRACTICE, practice=code)
    named = f"{name} ({code})" if name else code
    reminders = _reminders(facts)
    _make_folder(target.parent)
    _write_closed(target, _csv([_in_words(row) for row in rows]))
    _write_closed(target.with_name(f"{target.name}.readme.txt"), _readme(named, len(rows), facts, reminders))
    return Written(len(rows), named, facts.as_at, reminders)


_LIST_OF_A_PRACTICE = """
    SELECT
        listed.priority_text,
        listed.patient_key,
        listed.age,
        listed.sex,
        concat_ws(' ', listed.practice_name, '(' || listed.practice_code || ')'),
        listed.ome_mg_per_day_3m,
        months.dose_is_lower_bound,
        listed.band,
        listed.change_vs_6_months_before,
        listed.opioid_run_months,
        listed.left_censored,
        listed.opioids,
        listed.gabapentinoids,
        listed.other_sedatives,
        listed.last_dispensed_month,
        listed.why_listed,
        listed.cautions,
        listed.change_since_last_month,
        listed.as_at_month
    FROM marts.case_list AS listed
    INNER JOIN marts.patient_month AS months
        ON listed.patient_key = months.patient_key AND listed.as_at_month = months.month
    WHERE listed.practice_code = $practice
    ORDER BY
        coalesce(listed.palliative_proxy = 'strong', FALSE),
        listed.priority,
        listed.ome_mg_per_day_3m DESC NULLS LAST,
        listed.patient_key
"""


def _place_for(out: Path, data: DataFolder) -> Path:
    """Where the list will truly lie, links followed. Raises UsageError for any place that is not for lists."""
    target, root = out.resolve(), data.root.resolve()
    good = f"Write it below {data.root / 'lists'}, such as {data.root / 'lists' / 'practice.csv'}."
    if not target.is_relative_to(root):
        raise UsageError(
            "A case list stays below the data folder: rows of patients do not leave it until lists are encrypted.",
            f"{out} lies outside {data.root}.",
            good,
        )
    inside = target.relative_to(root).parts
    if target.suffix.lower() != ".csv" or target.is_dir():
        raise UsageError("A case list is a CSV file.", f"{out} is not named so.", good)
    for folder in _NOT_FOR_LISTS:
        if inside[: len(folder)] == folder:
            raise UsageError(
                f"The folder {data.root.joinpath(*folder)} is not for lists: the pipeline keeps its own files there.",
                f"Asked for {out}.",
                good,
            )
    return target


def _refuse_without_patients(ask: _Ask) -> None:
    there = ask("SELECT count(*) FROM duckdb_tables() WHERE schema_name = 'marts' AND table_name = 'case_list'")
    if not there[0][0]:
        raise NothingPublished(
            "The published warehouse holds no case list yet.", "", "Run 'opioids refresh', then ask again."
        )
    if not ask("SELECT count(*) FROM marts.patient_month")[0][0]:
        raise NothingPublished(
            "The published warehouse holds no patients: a case list needs a patient-level extract.",
            "",
            "Add one with 'opioids add FILE', then run 'opioids refresh'.",
        )


def _known_practice(practice: str, ask: _Ask) -> tuple[str, str | None]:
    """Code and name, in the spelling of the warehouse. Raises UsageError with the codes that look alike."""
    names: dict[str, str | None] = dict(
        ask("SELECT org_code, max(org_name) FROM marts.trends WHERE org_level = 'practice' GROUP BY ALL ORDER BY ALL")
    )
    code = practice.strip().upper()
    if code in names:
        return code, names[code]
    near = difflib.get_close_matches(code, names, n=3, cutoff=0.6)
    raise UsageError(
        f"No practice '{practice[:20]}' prescribes in the published data.",
        "Codes like it: " + "; ".join(f"{each} {names[each] or ''}".strip() for each in near) if near else "",
        'List them: opioids query "SELECT DISTINCT org_code, org_name FROM marts.practice_trends ORDER BY ALL"',
    )


def _facts(practice_code: str, snapshot_id: str, ask: _Ask) -> _Facts:
    # An empty list tells no month: then it is the default one, the newest that is not provisional.
    as_at, in_no_practice = ask(
        "SELECT max(as_at_month), count(*) FILTER (practice_code IS NULL) FROM marts.case_list"
    )[0]
    if as_at is None:
        as_at = ask(
            "SELECT coalesce(max(month) FILTER (NOT provisional), max(month)) FROM marts.trends "
            "WHERE org_level = 'all' AND measure = 'any_opioid'"
        )[0][0]
    provisional, definition = ask(
        "SELECT bool_or(provisional), max(definition) FROM marts.trends "
        "WHERE org_level = 'all' AND measure = 'any_opioid' AND month = $month",
        month=as_at,
    )[0]
    capture_rate = ask(
        "SELECT max(capture_rate) FROM marts.trends WHERE org_level = 'practice' AND org_code = $practice "
        "AND measure = 'any_opioid' AND month = $month",
        practice=practice_code,
        month=as_at,
    )[0][0]
    with_palliative_sign_known, too_short = ask(
        "SELECT count(palliative_proxy), max(null_reason) FROM marts.patient_month WHERE month = $month", month=as_at
    )[0]
    return _Facts(
        snapshot_id,
        str(definition),
        as_at,
        bool(provisional),
        capture_rate,
        with_palliative_sign_known > 0,
        _rules_without_history(too_short),
        in_no_practice,
    )


def _rules_without_history(null_reason: str | None) -> str | None:
    """What of `history_too_short: long_term, …` matters to a list: not the measures that no rule of it uses."""
    rules = (null_reason or "").removeprefix("history_too_short: ")
    used = [rule for rule in rules.split(", ") if rule not in ("", "escalating", "new_user")]
    return ", ".join(used).replace("_", " ") or None


def _reminders(facts: _Facts) -> tuple[str, ...]:
    """What must be read with the list: what it is made from, then how to use it safely."""
    month = _month(facts.as_at)
    said = [f"As at {month}; snapshot {facts.snapshot_id}; definitions: {facts.definition}."]
    if facts.is_provisional:
        said.append(f"{month} is provisional: people new to the data are missing.")
    if facts.rules_without_history:
        said.append(f"The data are too young for some rules, which find nobody yet: {facts.rules_without_history}.")
    if facts.capture_rate is not None and facts.capture_rate < 1:
        share = Decimal(repr(100 * facts.capture_rate)).quantize(Decimal("0.1"), ROUND_FLOOR)
        said.append(f"The patient is known for {share} % of this practice's opioid items; the rest find nobody.")
    if not facts.can_see_palliative_signs:
        said.append("This extract holds no just-in-case medicines: signs of end-of-life care cannot be seen in it.")
    if facts.people_in_no_practice:
        said.append(
            "Some people on the whole list belong to no practice (no GP practice prescribed to them lately); they are "
            "in no practice's list: see marts.case_list WHERE practice_code IS NULL."
        )
    return (*said, *_SAFETY, _CONFIDENTIAL)


def _in_words(row: Sequence[Any]) -> list[str]:
    """A row as people read it: units and doubts said, months by name, three empty cells to fill in."""
    (
        priority, patient_key, age, sex, practice, dose, is_lower_bound, band, change, run_months, is_censored,
        opioids, gabapentinoids, sedatives, last_month, why, cautions, since, as_at,
    ) = row  # fmt: skip
    return [
        _safe(priority),
        f"'{patient_key}" if _LOOKS_LIKE_A_NUMBER.fullmatch(patient_key) else _safe(patient_key),
        "not known" if age is None else str(age),
        _safe(sex),
        _safe(practice),
        _dose(dose, is_lower_bound),
        _safe(band),
        _change(dose, change),
        _run(run_months, is_censored),
        _safe(opioids),
        _safe(gabapentinoids),
        _safe(sedatives),
        _month(last_month),
        _safe(why),
        _safe(cautions),
        _safe(since),
        _month(as_at),
        "",
        "",
        "",
    ]


def _dose(dose: Decimal | None, is_lower_bound: bool) -> str:
    """One decimal, never rounded up to a line that is not reached."""
    if dose is None:
        return "not known"
    shown = f"{dose.quantize(Decimal('0.1'), ROUND_FLOOR)}"
    return f"at least {shown}" if is_lower_bound else shown


def _change(dose: Decimal | None, change: Decimal | None) -> str:
    """Words, not a sign: `up 35 from 90`. Empty where there was no dose six months before."""
    if dose is None or change is None:
        return ""
    whole = change.quantize(Decimal(1), ROUND_HALF_UP)
    if not whole:
        return "no change"
    before = (dose - change).quantize(Decimal(1), ROUND_HALF_UP)
    return f"{'up' if whole > 0 else 'down'} {abs(whole)} from {before}"


def _run(months: int, is_censored: bool) -> str:
    if not months:
        return "none at present"
    return f"at least {months}" if is_censored else str(months)


def _month(month: date) -> str:
    names = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
    return f"{names[month.month - 1]} {month.year}"


def _safe(text: str | None) -> str:
    """Text that a spreadsheet does not take for a formula."""
    if not text:
        return ""
    return f"'{text}" if text.startswith(_STARTS_A_FORMULA) else text


def _csv(rows: Sequence[Sequence[str]]) -> bytes:
    """RFC 4180, with the mark by which spreadsheets know UTF-8."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(_HEADINGS)
    writer.writerows(rows)
    return text.getvalue().encode("utf-8-sig")


def _readme(practice: str, people: int, facts: _Facts, reminders: Sequence[str]) -> bytes:
    lines = [
        f"Case-finding list: {practice}, {people} people, as at {_month(facts.as_at)}",
        "",
        *(f"* {reminder}" for reminder in reminders),
        "",
        "Priority 1: a high dose together with a gabapentinoid, benzodiazepine or z-drug, with dependence treatment or",
        "   at an older age; a very high dose; a high dose that rises fast.",
        "Priority 2: other high doses; a dose that rises fast; methadone; immediate-release fentanyl; opioids beside",
        "   dependence treatment; a dose that is not fully known.",
        "Priority 3: more than three months of opioids, with a gabapentinoid, benzodiazepine or z-drug.",
        "Priority 4: long term, or about to be.",
        "Last: people who are likely near the end of life, each with the number of the priority.",
        "Ages, doses and months of these rules are those of the definitions named above (configs/cohorts.toml).",
        "",
        "Dose: OME dispensed in the last three months, divided by their days; injections are not in it. A month is a",
        "   coarse ruler: a steady dose on long scripts may read a quarter too high or too low, and change its band.",
    ]
    return ("\n".join(lines) + "\n").encode("utf-8")


def _make_folder(folder: Path) -> None:
    """The folder and those above it that are missing, closed to others."""
    with said_in_words(folder):
        for missing in reversed([each for each in (folder, *folder.parents) if not each.exists()]):
            missing.mkdir(mode=0o700)


def _write_closed(file: Path, content: bytes) -> None:
    """Write whole, readable by its owner alone (DataFolder.prepare has closed new files to others)."""
    # A part left by somebody else would keep its own mode.
    file.with_name(f"{file.name}.part").unlink(missing_ok=True)
    write_whole(file, content)
