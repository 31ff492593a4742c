"""What changed on a list since the publication before: who joined, who left, whose band changed, and why.

A reason is looked for in this order: a review, another practice, another definition, another factor, data of the same
month that were delivered anew, and only then the dose and the time themselves.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date

from pipelines.errors import NothingPublished, QueryError
from pipelines.folders import DataFolder
from pipelines.release.rows import Ask, Facts, Row, Scope, asking, facts_of, refuse_without_patients
from pipelines.release.wording import Cell, month_in_words, shown_dose
from pipelines.snapshots import Snapshot, snapshot_file

_MONTHS_OF_THE_DOSE = 3


@dataclass(frozen=True)
class Comparison:
    """By person what changed and why; who left (key, priority and band then, why); one sentence for the cover."""

    sentence: str = ""
    by_person: dict[str, str] = field(default_factory=dict)
    left: tuple[tuple[str, Cell, Cell, Cell], ...] = ()


@dataclass(frozen=True)
class _Then:
    """The publication before: its facts and its list; and what both say of the people whose place changed."""

    facts: Facts
    listed: dict[str, Row]
    elsewhere: dict[str, Row]
    people: dict[str, Row]
    same_month_now: dict[str, Row]
    people_now: dict[str, Row]
    with_changed_factor: frozenset[str]


def compare(
    scope: Scope, people: Sequence[Row], facts: Facts, snapshot: Snapshot, data: DataFolder, ask: Ask
) -> Comparison:
    """Compare the list with that of the publication before, where that is still kept."""
    before = ask("changes_previous", snapshot_id=snapshot.snapshot_id)
    if not before:
        return Comparison("This is the first publication here: there is no list to compare with.")
    file = snapshot_file(data, before[0]["snapshot_id"])
    name = f"the publication before ({before[0]['snapshot_id']}, {before[0]['published_at']:%Y-%m-%d})"
    if not file.exists():
        return Comparison(f"What changed since cannot be said: {name} is no longer kept.")
    listed = {row["patient_key"]: row for row in people}
    with asking(file, data.tmp) as ask_then:
        try:
            refuse_without_patients(ask_then)
            then = _then(scope, listed, facts, ask, ask_then)
        except (NothingPublished, QueryError):
            return Comparison(f"What changed since cannot be said: {name} holds no list of this form.")
    by_person = {key: _change_of(key, row, facts, then) for key, row in listed.items()}
    left = tuple(
        (key, row["priority"], row["band"] or "", _why_left(key, facts, then))
        for key, row in sorted(then.listed.items(), key=lambda item: (item[1]["priority"], item[0]))
        if key not in listed
    )
    joined = sum(said.startswith("joined") for said in by_person.values())
    return Comparison(f"Since {name}: {joined} joined this list, {len(left)} left it.", by_person, left)


def _then(scope: Scope, listed: dict[str, Row], facts: Facts, ask: Ask, ask_then: Ask) -> _Then:
    facts_then = facts_of(scope, ask_then)
    rows = ask_then("changes_listed", **scope.parameters, patient_keys=sorted(listed))
    here = {row["patient_key"]: row for row in rows if row["is_here"]}
    keys = sorted(listed.keys() | here.keys())
    month = facts_then.as_at_month
    return _Then(
        facts_then,
        here,
        {row["patient_key"]: row for row in rows if not row["is_here"]},
        _by_key(ask_then("changes_people", patient_keys=keys, month=month)),
        _by_key(ask("changes_people", patient_keys=keys, month=month)),
        _by_key(ask("changes_people", patient_keys=keys, month=facts.as_at_month)),
        _with_changed_factor(keys, facts, ask, ask_then),
    )


def _by_key(rows: Iterable[Row]) -> dict[str, Row]:
    return {row["patient_key"]: row for row in rows}


def _with_changed_factor(keys: list[str], facts: Facts, ask: Ask, ask_then: Ask) -> frozenset[str]:
    """The people with an item, in the months of the dose, of a product whose OME per unit is not what it was."""
    now, then = (
        {(row["bnf_code"], row["bnf_description"]): row["ome_mg_per_unit"] for row in asked("changes_products")}
        for asked in (ask, ask_then)
    )
    changed = sorted({code for code, name in now.keys() & then.keys() if now[code, name] != then[code, name]})
    if not changed:
        return frozenset()
    month = facts.as_at_month
    index = month.year * 12 + month.month - 1 - _MONTHS_OF_THE_DOSE
    before = date(index // 12, index % 12 + 1, 1)
    rows = ask("changes_items", patient_keys=keys, bnf_codes=changed, as_at_month=month, before_month=before)
    return frozenset(row["patient_key"] for row in rows)


def _change_of(key: str, row: Row, facts: Facts, then: _Then) -> str:
    if key in then.listed:
        if row["band"] == then.listed[key]["band"]:
            return "stayed"
        return f"band changed, was {then.listed[key]['band']}: {_reason(key, facts, then)}"
    if key in then.elsewhere:
        return f"joined: moved here from practice {then.elsewhere[key]['practice_code'] or 'none'}"
    was_excluded = key in then.people and then.people[key]["excluded"]
    return f"joined: {'an exclusion ended' if was_excluded else _reason(key, facts, then)}"


def _why_left(key: str, facts: Facts, then: _Then) -> str:
    now = then.people_now.get(key)
    if now is None:
        return f"no item in the six months to {month_in_words(facts.as_at_month)}"
    if now["excluded"]:
        return "excluded by review"
    if now["practice_code"] != then.listed[key]["practice_code"]:
        return f"moved to practice {now['practice_code'] or 'none'}"
    return f"no rule finds them now: {_reason(key, facts, then)}"


def _reason(key: str, facts: Facts, then: _Then) -> str:
    """Why a person's place changed, when neither a review nor a move explains it."""
    old, again, now = then.people.get(key), then.same_month_now.get(key), then.people_now.get(key)
    if facts.definition != then.facts.definition:
        return f"the definitions changed (were: {then.facts.definition})"
    if key in then.with_changed_factor:
        return "the factor of a product changed"
    if not _same(old, again):
        month = month_in_words(then.facts.as_at_month)
        return f"data of {month} were delivered anew ({_dose_of(old)} mg a day then, {_dose_of(again)} now)"
    if _dose_of(old) != _dose_of(now):
        return f"dose {_dose_of(old)} → {_dose_of(now)} mg a day"
    return "time on opioids, or another medicine" if now else "no item"


def _same(one: Row | None, other: Row | None) -> bool:
    names = ("ome_mg_per_day_3m", "ome_mg_per_day_6m", "opioid_run_months")
    if one is None or other is None:
        return one is other
    return all(one[name] == other[name] for name in names)


def _dose_of(row: Row | None) -> str:
    return "none" if row is None else str(shown_dose(row["ome_mg_per_day_3m"], False))
