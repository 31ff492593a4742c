"""What a list asks of the published warehouse: people, those excluded, counts, and what the cover must say."""

import difflib
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipelines import assets
from pipelines.engine.published import read_only, rows_of
from pipelines.errors import ContractError, NothingPublished, UsageError

if TYPE_CHECKING:
    from pipelines.release.asking import Asked

Row = dict[str, Any]
Ask = Callable[..., list[Row]]

# The rules that put a person on the list, in the order in which they are counted on the cover.
RULES = {
    "high_dose": "High dose, confirmed over three and six months",
    "high_dose_possible": "High dose over three months, not yet over six",
    "high_dose_recent": "High dose over six months, not over the latest three",
    "high_dose_new": "High dose with too little history",
    "rapid_escalation": "Dose rising fast",
    "methadone_3m": "Methadone in the last three months",
    "dose_unknown": "An opioid item without a known dose",
    "in_dependence_treatment": "Opioid beside dependence treatment",
    "immediate_release_fentanyl_3m": "Immediate-release fentanyl in the last three months",
    "long_term_3m_with_sedative": "Over three months of opioids, with a gabapentinoid, benzodiazepine or z-drug",
    "at_risk_3_to_6m": "Opioids for four to six months",
    "long_term": "Opioids for more than six months",
}


@dataclass(frozen=True)
class Scope:
    """Whose patients a list is about, as the warehouse spells it."""

    org_level: str
    org_code: str
    title: str
    is_everyone: bool = False
    is_unallocated: bool = False

    @property
    def parameters(self) -> dict[str, object]:
        return {
            "org_level": self.org_level,
            "org_code": self.org_code,
            "practice_code": self.org_code if self.org_level == "practice" else None,
            "pcn_code": self.org_code if self.org_level == "pcn" else None,
            "is_everyone": self.is_everyone,
            "is_unallocated": self.is_unallocated,
        }


@dataclass(frozen=True)
class Facts:
    """What the cover of a list says about the data it is made from."""

    as_at_month: date
    is_provisional: bool
    definition: str
    capture_rate: float | None
    can_see_palliative_signs: bool
    null_reason: str | None
    people_in_no_practice: int
    unconverted_items: int


@contextmanager
def asking(file: Path, spill_folder: Path) -> Iterator[Ask]:
    """A way to ask the queries of sql/queries/ by name, rows as dictionaries."""
    with closing(read_only(file, spill_folder)) as connection:

        def ask(name: str, **parameters: object) -> list[Row]:
            return rows_of(connection, assets.query(name), parameters)

        yield ask


def refuse_without_patients(ask: Ask) -> None:
    """Raise NothingPublished where the warehouse cannot make a list."""
    tables = {row["table_name"] for row in ask("case_list_tables")}
    if tables != {"case_list", "case_list_excluded"}:
        raise NothingPublished(
            "The published warehouse holds no case list of this version of the tool.",
            "",
            "Run 'opioids refresh', then ask again.",
        )
    if not ask("any_patient"):
        raise NothingPublished(
            "The published warehouse holds no patients: a list needs a patient-level extract.",
            "",
            "Add one with 'opioids add FILE', then run 'opioids refresh'.",
        )


def scope_of(asked: "Asked", ask: Ask) -> Scope:
    """The practice or PCN asked for. Raises UsageError with the codes that look alike."""
    if asked.everyone:
        return Scope("all", "all", "everyone in the data", is_everyone=True)
    if asked.unallocated:
        return Scope("none", "-", "people in no practice", is_unallocated=True)
    level, given = ("practice", asked.practice) if asked.practice is not None else ("pcn", asked.pcn)
    names = {row["org_code"]: row["org_name"] for row in ask("case_list_organisations") if row["org_level"] == level}
    code = str(given).strip().upper()
    if code in names:
        return Scope(level, code, f"{names[code]} ({code})" if names[code] else code)
    near = difflib.get_close_matches(code, names, n=3, cutoff=0.6)
    word = "practice" if level == "practice" else "PCN"
    raise UsageError(
        f"No {word} '{str(given)[:20]}' prescribes in the published data.",
        "Codes like it: " + "; ".join(f"{each} {names[each] or ''}".strip() for each in near) if near else "",
        f'List them: opioids query "SELECT DISTINCT org_code, org_name FROM marts.{level}_trends ORDER BY ALL"',
    )


def facts_of(scope: Scope, ask: Ask) -> Facts:
    """What the data of a list are."""
    row = ask("case_list_facts", **scope.parameters)[0]
    return Facts(**{**row, "is_provisional": bool(row["is_provisional"]), "definition": str(row["definition"])})


def counts_of(scope: Scope, facts: Facts, ask: Ask) -> list[Row]:
    """Each rule counted: on the list + excluded + under 18 = cohort = trend. Raises ContractError where not so."""
    counts = {row["rule"]: row for row in ask("case_list_counts", **scope.parameters, as_at_month=facts.as_at_month)}
    for rule, row in counts.items():
        adds_up = row["listed"] + row["excluded"] + row["under_18"] == row["patients"]
        if not adds_up or (row["in_trends"] is not None and row["in_trends"] != row["patients"]):
            raise ContractError(
                f"The list does not agree with the cohort {rule}: nothing was released.",
                "On the list, excluded and under 18 must add up to the cohort, and the cohort to its trend.",
                "Run 'opioids refresh', then ask again; if it stays so, report this with the name of the cohort.",
            )
    nobody = {"patients": 0, "listed": 0, "excluded": 0, "under_18": 0, "in_trends": None}
    return [counts.get(rule, {"rule": rule, **nobody}) for rule in RULES]
