"""Counts and flows of the trend table against loops over patient-months, on synthetic people."""

from datetime import date
from pathlib import Path

import naive
import pyarrow as pa
from extract_items import items_of_extract
from given import tables_of
from naive import months_after, patient_months, trend_counts
from support import SETTINGS, build_from

from pipelines import assets
from pipelines.statistics.aim_terms import aim_measures_table
from pipelines.statistics.measures import counted_measures, measures_table

COHORTS = tuple(
    counted.cohort
    for counted in counted_measures(SETTINGS)
    if counted.unit == "people" and counted.measure == counted.cohort and counted.cohort in naive.COHORTS
)
WITH_FLOWS = tuple(counted.cohort for counted in counted_measures(SETTINGS) if counted.flow == "joined")
EMPTY = {
    "intermediate.int_items__capture": "practice_code month:d identified_items:i items:i",
    "intermediate.int_list_sizes__monthly": "practice_code list_month:d next_list_month:d registered_patients:i",
    "intermediate.int_practice_months__items": "practice_code month:d measure numerator:i long_acting_items:i people:i",
    "intermediate.int_register__file_months": "source month:d is_current:b rows_read:i rows_quarantined:i",
    "intermediate.int_reviews__memberships": "patient_number:i month:d practice_code is_without:b cohort",
}
TYPES = {"d": pa.date32(), "i": pa.int64(), "b": pa.bool_(), "": pa.string()}


def empty(columns: str) -> pa.Table:
    names = [column.partition(":")[::2] for column in columns.split()]
    return pa.schema([(name, TYPES[kind]) for name, kind in names]).empty_table()


def levels(practice_pcn: dict[str, str | None]) -> pa.Table:
    rows = [("-", "all", "all")]
    for practice, pcn in practice_pcn.items():
        rows += [(practice, "practice", practice), (practice, "all", "all")]
        rows += [(practice, "pcn", pcn)] if pcn else []
    return pa.Table.from_pylist(
        [dict(zip(("practice_code", "org_level", "org_code"), row, strict=True)) for row in rows]
    )


def naive_flows(
    rows: dict[tuple[str, date], dict], practice_pcn: dict[str, str | None], loaded: list[date]
) -> dict[tuple[str, str, date, str], int]:
    """Who is in a cohort in a place this month and was not the month before, and the other way round."""

    def places(row: dict | None, cohort: str) -> set[tuple[str, str]]:
        if row is None or not row[cohort]:
            return set()
        practice = row["practice_code"]
        own = {("all", "all")} | ({("practice", practice)} if practice else set())
        pcn = practice_pcn.get(practice)
        return own | ({("pcn", pcn)} if pcn else set())

    flows: dict[tuple[str, str, date, str], int] = {}
    people = sorted({key for key, _ in rows})
    for month in loaded:
        before = months_after(month, -1)
        if before not in loaded:
            continue
        for cohort in WITH_FLOWS:
            for key in people:
                now, then = (places(rows.get((key, at)), cohort) for at in (month, before))
                for flow, moved in (("joined", now - then), ("left", then - now)):
                    for level, code in moved:
                        at = (level, code, month, f"{cohort}_{flow}")
                        flows[at] = flows.get(at, 0) + 1
    return flows


def test_counts_and_flows_equal_those_of_loops(tmp_path: Path) -> None:
    extract = items_of_extract(tmp_path, patients=350, months=16, seed=5, dirty=True, reference=assets.REFERENCE_DIR)
    given = tables_of(extract.items, extract.loaded_months, extract.gp_practices)
    practices = given["intermediate.int_organisations__practices"].column("practice_code").to_pylist()
    # Three practices to a PCN; every seventh in none.
    practice_pcn = {code: None if number % 7 == 6 else f"U{number // 3}" for number, code in enumerate(practices)}
    given |= {name: empty(columns) for name, columns in EMPTY.items()}
    given |= {
        "intermediate.int_organisations__levels": levels(practice_pcn),
        "reference.measures": measures_table(SETTINGS),
        "reference.aim_measures": aim_measures_table(SETTINGS),
    }
    engine = build_from(given, "intermediate.int_trends__counts", tmp_path)
    found = engine.fetch("SELECT * FROM intermediate.int_trends__counts").to_pylist()
    engine.close()
    counts = {(r["org_level"], r["org_code"], r["month"], r["measure"]): r["numerator"] for r in found}

    rows = patient_months(extract.items, extract.loaded_months, extract.gp_practices)
    adults_only = tuple(name for name in COHORTS if not name.startswith(("balance_", "not_seen")))
    expected = trend_counts(rows, practice_pcn, adults_only)
    assert len(expected) > 5_000
    assert [(at, counts[at], n) for at, n in expected.items() if counts[at] != n] == []

    flows = naive_flows(rows, practice_pcn, extract.loaded_months)
    assert sum(n for (level, *_, measure), n in flows.items() if level == "all" and measure == "high_dose_joined") > 5
    # A cohort that cannot be judged the month before has no flow yet; else every flow is there, and no other.
    judged = {at: n for at, n in counts.items() if at[3].endswith(("_joined", "_left")) and n is not None}
    assert {at: n for at, n in judged.items() if n} == {at: n for at, n in flows.items() if at in judged}
    missing = {
        month for (_, _, month, _) in flows if ("all", "all", month, "opioid_gabapentinoid_joined") not in judged
    }
    assert missing == set()
