"""Make a list: ask, word, seal, enter in the audit, write. Nothing is written that the audit does not name."""

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from pipelines.audit import AuditTrail
from pipelines.folders import DataFolder
from pipelines.identity import open_door
from pipelines.identity.published import snapshot_of_people
from pipelines.release import clear, cover, places, sealing, wording, workbook
from pipelines.release.asking import ListRequest
from pipelines.release.comparing import Comparison, compare
from pipelines.release.rows import (
    Ask,
    Facts,
    Row,
    Scope,
    asking,
    counts_of,
    facts_of,
    refuse_without_patients,
    scope_of,
)
from pipelines.reviews import Outcome, Review, ReviewStore, load_outcomes
from pipelines.reviews.store import excluded_now, last_reviews
from pipelines.snapshots import Snapshot

# The pain-team rule: a high dose that is confirmed, possible or new, or one that rises fast.
_REFERRED = ("high_dose", "high_dose_possible", "high_dose_new", "rapid_escalation")
_TITLES = {"case-list": "Case-finding list", "referral-list": "Pain-team referral list"}


@dataclass(frozen=True)
class Released:
    """What was written: how many people, for whom, as at which month, and what a reader must bear in mind."""

    people: int
    title: str
    as_at: date
    reminders: tuple[str, ...]
    sha256: str
    audit_number: int


@dataclass(frozen=True)
class _Gathered:
    """A list before it is worded."""

    snapshot: Snapshot
    scope: Scope
    facts: Facts
    counts: Sequence[Row]
    lines: Mapping[str, str]
    people: Sequence[Row]
    excluded: Sequence[Row]
    found: int
    end_of_life_left_out: int
    caveats: tuple[str, ...]
    comparison: Comparison
    reviews: Mapping[str, str]
    reviewed_excluded: frozenset[str]
    do_not_invite: Mapping[str, str]


def release_list(request: ListRequest, data: DataFolder) -> Released:
    """Write the list that is asked for, sealed if it is a workbook, and enter it in the audit.

    Raises UsageError for a place, a practice, a role or a password that will not do; NothingPublished;
    ContractError where the list does not agree with the cohorts; AuditTampered.
    """
    data.prepare()
    target = places.place_for(request.out, data, may_be_clear=not request.with_nhs_numbers)
    password = ""
    if not places.is_clear(target):
        password = request.password()
        sealing.refuse_weak(password)
    snapshot = snapshot_of_people(data)
    with asking(snapshot.file, data.tmp) as ask:
        refuse_without_patients(ask)
        gathered = _gather(request, data, snapshot, ask)
    numbers: dict[str, str] = {}
    if request.with_nhs_numbers:
        numbers = open_door(data).nhs_numbers_of(row["patient_key"] for row in (*gathered.people, *gathered.excluded))
    front = _cover(request, gathered, numbers, is_clear=places.is_clear(target))
    content = _content(request, target, gathered, front, numbers, password)
    entry = enter_and_write(request, target, content, data, people=len(gathered.people), **_audited(gathered, numbers))
    if places.is_clear(target):
        places.write_closed(target.with_name(f"{target.name}.readme.txt"), cover.readme(front))
    return Released(
        len(gathered.people),
        gathered.scope.title,
        gathered.facts.as_at_month,
        front.reminders,
        entry["sha256"],
        entry["number"],
    )


def enter_and_write(
    request: ListRequest, target: Path, content: bytes, data: DataFolder, **facts: object
) -> dict[str, Any]:
    """Enter a release in the audit, then write it: a file that nobody knows of cannot come about."""
    places.make_folder(target.parent)
    trail = AuditTrail(data)
    entry = trail.append(
        request.kind,
        request.user,
        purpose=request.purpose.strip(),
        role=request.role,
        cohorts=list(request.cohorts),
        top=request.top,
        file=target.name,
        sha256=hashlib.sha256(content).hexdigest(),
        encrypted=not places.is_clear(target),
        **facts,
    )
    try:
        places.write_closed(target, content)
    except BaseException:
        trail.append("not written", request.user, about=entry["number"])
        raise
    return entry


def _to_invite(gathered: _Gathered) -> list[str]:
    """Whose numbers may be pasted into a search: nobody of whom the list says 'do not invite'."""
    return [
        row["patient_key"]
        for row in gathered.people
        if not row["is_likely_end_of_life"] and row["patient_key"] not in gathered.do_not_invite
    ]


def _audited(gathered: _Gathered, numbers: Mapping[str, str]) -> dict[str, object]:
    return {
        "organisation_level": gathered.scope.org_level,
        "organisation": gathered.scope.org_code,
        "as_at_month": gathered.facts.as_at_month.isoformat(),
        "excluded_people": len(gathered.excluded),
        "nhs_numbers": len(numbers),
        "snapshot_id": gathered.snapshot.snapshot_id,
    }


def _gather(request: ListRequest, data: DataFolder, snapshot: Snapshot, ask: Ask) -> _Gathered:
    scope = scope_of(request.asked, ask)
    facts = facts_of(scope, ask)
    everyone = ask("case_list_people", **scope.parameters)
    excluded = ask("case_list_excluded", **scope.parameters)
    wanted = _REFERRED if request.kind == "referral-list" else request.cohorts
    found = [row for row in everyone if not wanted or not set(wanted).isdisjoint((row["rules"] or "").split())]
    work = [row for row in found if not row["is_likely_end_of_life"]]
    end_of_life = [row for row in found if row["is_likely_end_of_life"]]
    is_referral = request.kind == "referral-list"
    reviews = ReviewStore(data).reviews()
    outcomes = load_outcomes()
    standing = excluded_now(reviews, outcomes)
    people = [*work[: request.top], *([] if is_referral else end_of_life)]
    return _Gathered(
        snapshot,
        scope,
        facts,
        counts_of(scope, facts, ask),
        {row["setting"]: row["setting_value"] for row in ask("cohort_settings")},
        people,
        [] if is_referral else excluded,
        len(work),
        len(end_of_life) if is_referral else 0,
        tuple(row["sentence"] for row in ask("caveats")),
        compare(scope, everyone, facts, snapshot, data, ask),
        _reviews_in_words(reviews),
        frozenset(standing & {row["patient_key"] for row in people}),
        _do_not_invite(reviews, outcomes, standing),
    )


def _do_not_invite(
    reviews: Sequence[Review], outcomes: Mapping[str, Outcome], excluded: Collection[str]
) -> dict[str, str]:
    """The people whom the last review found gone, or whom one has excluded that the list does not know yet, and why."""
    said = dict.fromkeys(excluded, "do not invite: excluded by a review since")
    for key, latest in last_reviews(reviews).items():
        gone = [each for each in latest if each.outcome in outcomes and outcomes[each.outcome].is_gone]
        if gone:
            said[key] = (
                f"do not invite: {gone[0].outcome}, says the review of {wording.day_in_words(gone[0].reviewed_on)}"
            )
    return said


def _reviews_in_words(reviews: Sequence[Review]) -> dict[str, str]:
    """Of each person: `12 Sep 2024: dose reduced, naloxone supplied (AB)`."""
    said = {}
    for key, latest in last_reviews(reviews).items():
        outcomes = ", ".join(dict.fromkeys(review.outcome for review in latest))
        reviewers = ", ".join(sorted({review.reviewer for review in latest}))
        said[key] = f"{wording.day_in_words(latest[0].reviewed_on)}: {outcomes} ({reviewers})"
    return said


def _cover(request: ListRequest, gathered: _Gathered, numbers: Mapping[str, str], *, is_clear: bool) -> cover.Cover:
    facts = gathered.facts
    is_referral = request.kind == "referral-list"
    said = [*cover.facts_in_words(facts, gathered.snapshot.snapshot_id), *gathered.caveats]
    if facts.people_in_no_practice and not gathered.scope.is_unallocated and not gathered.scope.is_everyone:
        said.append(
            "Some people on the whole list belong to no practice (no GP practice prescribed to them lately); they are "
            "in no practice's list: ask for theirs with --unallocated."
        )
    if gathered.comparison.sentence:
        said.append(gathered.comparison.sentence)
    month = wording.month_in_words(facts.as_at_month)
    number = len(gathered.people)
    title = f"{_TITLES[request.kind]}: {gathered.scope.title}, as at {month}: {number} {_people(number)}"
    return cover.Cover(
        title,
        tuple(said),
        tuple(_selection(request, gathered, numbers)),
        () if is_referral else cover.counts_in_words(gathered.counts),
        cover.REFERRAL_RULE if is_referral else cover.priorities(gathered.lines),
        cover.confidential(with_nhs_numbers=request.with_nhs_numbers, is_clear=is_clear),
        gathered.snapshot.snapshot_id,
    )


def _selection(request: ListRequest, gathered: _Gathered, numbers: Mapping[str, str]) -> list[str]:
    """What of the whole list this file holds."""
    said = []
    if request.cohorts:
        said.append(f"Only people in: {', '.join(request.cohorts)}. The counts below are those of the whole list.")
    if request.top is not None and gathered.found > request.top:
        said.append(f"Only the first {request.top} of {gathered.found} people, in the order of the list.")
    if gathered.end_of_life_left_out:
        said.append(f"Likely near the end of life, and left out: {gathered.end_of_life_left_out}.")
    if gathered.excluded:
        said.append(
            f"{len(gathered.excluded)} {_people(len(gathered.excluded))} whom a review has excluded: at the end, with "
            "date and reason."
        )
    if gathered.reviewed_excluded:
        said.append(
            f"Excluded by a review that came after this publication (see 'Last review'): "
            f"{len(gathered.reviewed_excluded)}. They leave the list with the next refresh."
        )
    if request.with_nhs_numbers:
        left_out = len(gathered.people) - len(_to_invite(gathered))
        if left_out:
            said.append(
                f"The sheet 'Numbers to paste' leaves out {left_out} {_people(left_out)} of whom the list says 'do not "
                "invite': likely near the end of life, died, moved, or excluded since."
            )
        unknown = len(gathered.people) + len(gathered.excluded) - len(numbers)
        if unknown:
            said.append(
                f"The NHS number of {unknown} {_people(unknown)} is not known here: a pseudonym stands in its place."
            )
    return said


def _content(
    request: ListRequest,
    target: Path,
    gathered: _Gathered,
    front: cover.Cover,
    numbers: Mapping[str, str],
    password: str,
) -> bytes:
    shown_as = {key: wording.in_groups(number) for key, number in numbers.items()}
    since = gathered.comparison.by_person
    lines = [wording.line_of(row, shown_as, since, gathered.reviews, gathered.do_not_invite) for row in gathered.people]
    lines += [wording.excluded_line(row, shown_as, gathered.reviews) for row in gathered.excluded]
    if places.is_clear(target):
        return clear.csv_of(lines) if target.suffix.lower() == ".csv" else clear.parquet_of(lines)
    further = []
    if gathered.comparison.left:
        rows = tuple((shown_as.get(key, key), *cells) for key, *cells in gathered.comparison.left)
        further.append(
            workbook.Sheet(
                "Left since last publication",
                ("Patient", "Priority then", "Band then", "Why no longer on this list"),
                (36, 13, 22, 80),
                rows,
            )
        )
    if numbers:
        to_paste = tuple((numbers[key],) for key in _to_invite(gathered) if key in numbers)
        further.insert(0, workbook.Sheet("Numbers to paste", ("NHS number",), (18,), to_paste))
    clear_workbook = workbook.workbook_of(
        front, lines, further, tuple(load_outcomes().values()), with_nhs_numbers=request.with_nhs_numbers
    )
    return sealing.sealed(clear_workbook, password)


def _people(number: int) -> str:
    return "person" if number == 1 else "people"
