"""A published warehouse that holds what a list needs, made from a few people."""

import json
from collections.abc import Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pyarrow as pa

from pipelines import assets
from pipelines.engine.duckdb import DuckDBEngine
from pipelines.folders import DataFolder
from pipelines.release import Asked, ListRequest
from pipelines.release.rows import RULES

MONTH = date(2024, 11, 1)
PASSWORD = "heron cobalt ladder"
_MONEY = pa.decimal128(18, 4)
_FLAGS = (
    "high_dose",
    "high_dose_possible",
    "high_dose_recent",
    "high_dose_new",
    "rapid_escalation",
    "methadone_3m",
    "dose_is_lower_bound",
    "in_dependence_treatment",
    "immediate_release_fentanyl_3m",
    "long_term_3m",
    "opioid_gabapentinoid_3m",
    "opioid_benzodiazepine_3m",
    "opioid_z_drug_3m",
    "at_risk_3_to_6m",
    "long_term",
)
_OTHER_COHORTS = ("high_dose_ge120", "high_dose_gt90", "high_dose_ge90", "opioid_gabapentinoid")
LIST = pa.schema(
    [
        ("priority", pa.int32()),
        ("priority_text", pa.string()),
        ("patient_key", pa.string()),
        ("age", pa.int32()),
        ("sex", pa.string()),
        ("practice_code", pa.string()),
        ("practice_name", pa.string()),
        ("pcn_code", pa.string()),
        ("ome_mg_per_day_3m", _MONEY),
        ("band", pa.string()),
        ("change_vs_6_months_before", _MONEY),
        ("opioid_run_months", pa.int32()),
        ("left_censored", pa.bool_()),
        ("opioids", pa.string()),
        ("gabapentinoids", pa.string()),
        ("other_sedatives", pa.string()),
        ("last_dispensed_month", pa.date32()),
        ("why_listed", pa.string()),
        ("cautions", pa.string()),
        ("change_since_last_month", pa.string()),
        ("palliative_proxy", pa.string()),
        ("as_at_month", pa.date32()),
    ]
)
_EXCLUDED = pa.schema(
    [
        *(LIST.field(name) for name in ("patient_key", "priority", "age", "sex", "practice_code", "practice_name")),
        *(LIST.field(name) for name in ("pcn_code", "ome_mg_per_day_3m", "band")),
        ("exclusion", pa.string()),
        ("excluded_on", pa.date32()),
        ("as_at_month", pa.date32()),
    ]
)
_MONTHS = pa.schema(
    [
        ("patient_key", pa.string()),
        ("month", pa.date32()),
        ("practice_code", pa.string()),
        ("age", pa.int32()),
        ("sex", pa.string()),
        ("is_adult", pa.bool_()),
        ("excluded", pa.bool_()),
        ("ome_mg_per_day_3m", _MONEY),
        ("ome_mg_per_day_6m", _MONEY),
        ("opioid_run_months", pa.int32()),
        ("high_dose_status", pa.string()),
        ("palliative_proxy", pa.string()),
        ("null_reason", pa.string()),
        *((name, pa.bool_()) for name in (*_FLAGS, *_OTHER_COHORTS)),
    ]
)
_UNCONVERTED = pa.schema([("source", pa.string()), ("items", pa.int64()), ("counts_towards_gate", pa.bool_())])
_RUNS = pa.schema(
    [("snapshot_id", pa.string()), ("outcome", pa.string()), ("finished_at", pa.timestamp("us", tz="UTC"))]
)
_PRODUCTS = pa.schema(
    [
        ("bnf_code", pa.string()),
        ("bnf_description", pa.string()),
        ("in_scope", pa.bool_()),
        ("ome_mg_per_unit", pa.decimal128(18, 6)),
    ]
)
LINES = {
    "high_dose_ome_mg_per_day": "130",
    "case_list_older_age_years": "80",
    "case_list_very_high_ome_mg_per_day": "220",
    "case_list_rapid_escalation_ome_mg_per_day": "95",
}
"""None of them the shipped one."""
CAVEATS = [
    {"caveat_number": 1, "kind": "reference", "subject": "list sizes", "sentence": "Missing: list sizes.", "detail": ""}
]
_CAVEATS = pa.schema(
    [("caveat_number", pa.int32()), *((name, pa.string()) for name in ("kind", "subject", "sentence", "detail"))]
)
_ITEMS = pa.schema(
    [("source", pa.string()), ("patient_key", pa.string()), ("bnf_code", pa.string()), ("month", pa.date32())]
)
PRACTICES = {
    "A81001": ("THE SURGERY", "U00001"),
    "A81002": ("OTHER SURGERY", "U00001"),
    "A81003": (None, "U00002"),
}


def person(key: str, **facts: object) -> dict:
    """Somebody who is long term on opioids, but for what is said."""
    plain = {
        "priority": 4,
        "priority_text": "4 – review in turn",
        "patient_key": key,
        "age": 60,
        "sex": "F",
        "practice_code": "A81001",
        "practice_name": "THE SURGERY",
        "pcn_code": "U00001",
        "ome_mg_per_day_3m": Decimal("20.0000"),
        "band": "under 50",
        "opioid_run_months": 12,
        "left_censored": False,
        "opioids": "Codeine 30mg tablets: 56 a month (immediate-release)",
        "last_dispensed_month": MONTH,
        "why_listed": "Opioids for 12 months.",
        "change_since_last_month": "stayed",
        "palliative_proxy": "none",
        "as_at_month": MONTH,
        "long_term": True,
    }
    return plain | facts


PEOPLE = [
    person("dying", priority=1, priority_text="likely end of life (1): check", palliative_proxy="strong"),
    person("later"),
    person("b-lower", priority=2, ome_mg_per_day_3m=Decimal("130.0000"), high_dose=True),
    person("a-higher", priority=2, ome_mg_per_day_3m=Decimal("140.0000"), high_dose=True),
    person("first", priority=1, rapid_escalation=True),
    person("elsewhere", practice_code="A81002", practice_name="OTHER SURGERY"),
    person("nowhere", practice_code=None, practice_name=None, pcn_code=None),
]


def published(
    folder: Path,
    people: Sequence[dict],
    *,
    excluded: Sequence[dict] = (),
    children: Sequence[dict] = (),
    provisional: bool = False,
    null_reason: str | None = None,
    snapshot: str = "abc",
    month: date = MONTH,
    definition: str = "cohorts 2026-11; factors uk_2026",
    earlier_snapshots: Sequence[str] = (),
    ome_mg_per_unit: str = "60",
    further_months: Sequence[tuple[date, Sequence[dict]]] = (),
) -> DataFolder:
    """A data folder with such a warehouse, current."""
    data = DataFolder(folder)
    data.prepare()
    file = data.warehouse / f"opioids-{snapshot}.duckdb"
    file.unlink(missing_ok=True)
    engine = DuckDBEngine(file, data.tmp)
    listed = [{name: each.get(name) for name in LIST.names} | {"as_at_month": month} for each in people]
    engine.load("marts.case_list", pa.Table.from_pylist(listed, schema=LIST))
    left_out = [{name: each.get(name) for name in _EXCLUDED.names} | {"as_at_month": month} for each in excluded]
    engine.load("marts.case_list_excluded", pa.Table.from_pylist(left_out, schema=_EXCLUDED))
    nobody = person("not on the list", long_term=False)
    months = [_month_of(each, month, null_reason, adult=True, excluded=False) for each in (*people, nobody)] + [
        _month_of(each, month, null_reason, adult=True, excluded=True) for each in excluded
    ]
    months += [_month_of(each, month, null_reason, adult=False, excluded=False) for each in children]
    for other_month, others in further_months:
        months += [_month_of(each, other_month, None, adult=True, excluded=False) for each in others]
    runs = [
        {"snapshot_id": name, "outcome": "published", "finished_at": datetime(2024, 12, day, tzinfo=UTC)}
        for day, name in enumerate((*earlier_snapshots, snapshot), 1)
    ]
    engine.load("marts.runs", pa.Table.from_pylist(runs, schema=_RUNS))
    product = {"bnf_code": "0407020Q0AAAIAI", "bnf_description": "MST 60", "in_scope": True}
    products = [product | {"ome_mg_per_unit": Decimal(ome_mg_per_unit)}]
    engine.load("reference.products", pa.Table.from_pylist(products, schema=_PRODUCTS))
    items = [
        {"source": "patient", "patient_key": each["patient_key"], "bnf_code": product["bnf_code"], "month": month}
        for each in people
        if each.get("takes_mst")
    ]
    engine.load("marts.item_ome", pa.Table.from_pylist(items, schema=_ITEMS))
    engine.load("marts.patient_month", pa.Table.from_pylist(months, schema=_MONTHS))
    engine.load("intermediate.int_case_list__month", pa.table({"month": pa.array([month], pa.date32())}))
    rules = (assets.SQL_DIR / "marts" / "case_list_rules.sql").read_text(encoding="utf-8")
    engine.create("marts.case_list_rules", rules, {})
    engine.load("reference.cohort_settings", pa.table({"setting": list(LINES), "setting_value": list(LINES.values())}))
    engine.load("marts.unconverted_items", pa.Table.from_pylist([], schema=_UNCONVERTED))
    engine.load("marts.caveats", pa.Table.from_pylist(CAVEATS, schema=_CAVEATS))
    engine.load(
        "marts.trends", _trends([each for each in months if each["month"] == month], month, provisional, definition)
    )
    engine.close()
    pointer = {"file": file.name, "snapshot_id": snapshot, "sha256": ""}
    (data.warehouse / "current.json").write_text(json.dumps(pointer))
    return data


def _month_of(each: dict, month: date, null_reason: str | None, *, adult: bool, excluded: bool) -> dict:
    return {
        "patient_key": each["patient_key"],
        "month": month,
        "practice_code": each["practice_code"],
        "age": each["age"],
        "sex": each["sex"],
        "is_adult": adult,
        "excluded": excluded,
        "ome_mg_per_day_3m": each["ome_mg_per_day_3m"],
        "ome_mg_per_day_6m": each.get("ome_mg_per_day_6m", each["ome_mg_per_day_3m"]),
        "opioid_run_months": each["opioid_run_months"],
        "high_dose_status": "confirmed" if each.get("high_dose") else "below",
        "palliative_proxy": each["palliative_proxy"],
        "null_reason": null_reason,
        **{flag: bool(each.get(flag, False)) for flag in (*_FLAGS, *_OTHER_COHORTS)},
    }


def _trends(months: Sequence[dict], month: date, provisional: bool, definition: str) -> pa.Table:
    """any_opioid of every organisation, and each rule that is a measure, counted here by hand."""
    places = [("all", "all", "All loaded data", None)]
    places += [("practice", code, name, pcn) for code, (name, pcn) in PRACTICES.items()]
    places += [("pcn", code, f"PCN {code}", code) for code in ("U00001", "U00002")]
    rows = []
    for level, code, name, pcn in places:
        here = [
            each
            for each in months
            if level == "all"
            or each["practice_code"] == code
            or (level == "pcn" and PRACTICES.get(each["practice_code"], ("", ""))[1] == code)
        ]
        for measure in ("any_opioid", *(rule for rule in RULES if rule in _FLAGS and not rule.endswith("_3m"))):
            number = len(here) if measure == "any_opioid" else sum(each[measure] for each in here)
            rows.append((level, code, name, pcn, month, measure, provisional, 0.97234, definition, float(number)))
    names = ("org_level", "org_code", "org_name", "pcn_code", "month", "measure", "provisional", "capture_rate")
    columns = dict(zip((*names, "definition", "numerator"), zip(*rows, strict=True), strict=True))
    return pa.table({name: pa.array(column) for name, column in columns.items()}).cast(
        pa.schema(
            [
                ("org_level", pa.string()),
                ("org_code", pa.string()),
                ("org_name", pa.string()),
                ("pcn_code", pa.string()),
                ("month", pa.date32()),
                ("measure", pa.string()),
                ("provisional", pa.bool_()),
                ("capture_rate", pa.float64()),
                ("definition", pa.string()),
                ("numerator", pa.float64()),
            ]
        )
    )


def request(out: Path, practice: str | None = "A81001", **options: object) -> ListRequest:
    """A request by a pharmacist, but for what is said."""
    plain: dict = {
        "kind": "case-list",
        "asked": Asked(practice),
        "out": out,
        "purpose": "structured medication reviews",
        "role": "direct care",
        "user": "p.macist",
        "password": lambda: PASSWORD,
    }
    return ListRequest(**{**plain, **options})
