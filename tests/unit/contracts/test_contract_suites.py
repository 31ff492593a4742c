"""Every shipped expectation can fail: healthy metrics pass all of a suite, and each check finds what breaks it."""

from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest

from pipelines import assets, models
from pipelines.config import load_settings
from pipelines.contracts import ContractReport, check_contracts
from pipelines.contracts.suites import Check, Suite, read_suites
from pipelines.engine.duckdb import DuckDBEngine

FILES = {file.stem: file for file in load_settings().expectation_files}
SUITES = {suite.suite: suite for suite in read_suites(list(FILES.values()))}
ITEMS = {
    "rows_loaded": 20_000, "patients": 9_000, "practices": 40, "share_without_product_code": 0.0,
    "share_without_practice": 0.01, "share_without_quantity": 0.0, "share_reversed": 0.001,
    "share_items_not_positive": 0.001, "share_unidentified": 0.03, "share_quarantined": 0.0,
    "items_per_practice_p50": 500.0, "items_per_practice_p90": 1500.0, "rows_month_before": 21_000.0,
    "rows_change": 0.95,
}  # fmt: skip
# What a usual month of an ICB looks like; one row, or several, of each suite's metrics.
HEALTHY: dict[str, list[dict[str, Any]]] = {
    "patient_items": [ITEMS],
    "epd_items": [ITEMS],
    "quantities": [
        {"source": "epd", "product_class": name, "items": 5_000, "quantity_per_item_p50": p50,
         "quantity_per_item_p95": 240.0}
        for name, p50 in (("opioid", 100.0), ("gabapentinoid", 56.0), ("benzodiazepine", 28.0), ("z_drug", 14.0))
    ],
    "item_ome": [{
        "source": "epd", "items": 22_000, "rows_with_negative_dose": 0, "rows_against_their_status": 0,
        "share_unconverted": 0.0, "share_implausible_quantity": 0.002, "ome_mg_per_item_p50": 300.0,
        "ome_mg_per_item_p95": 1680.0, "ome_mg_per_item_p99": 3600.0,
    }],
    "patient_month": [{
        "patients": 12_000, "opioid_patients": 9_000, "share_without_practice": 0.01, "share_without_age": 0.0,
        "patients_of_impossible_age": 0, "patients_with_negative_dose": 0, "share_high_dose": 0.03,
        "ome_mg_per_day_3m_p50": 10, "ome_mg_per_day_3m_p99": 190, "opioid_patients_change": 0.98,
    }],
    "patient_continuity": [{"months_before": 3, "patients": 9_000, "share_seen_before": 0.9}],
    "trends": [{
        "org_level": "icb", "organisations": 1, "rows_of_trends": 90, "rows_below_zero": 0,
        "rows_with_more_people_than_registered": 0, "rows_with_an_infinite_rate": 0, "rows_without_rate_or_reason": 0,
    }],
    "list_sizes": [{
        "practices": 150, "registered_patients": 1_200_000, "practices_below_zero": 0, "share_of_empty_lists": 0.0,
        "patients_per_practice_p50": 7930.0, "patients_per_practice_p99": 30210.0, "registered_patients_change": 1.003,
    }],
    "organisations": [{
        "source": "epd", "items": 40_000, "practices": 57, "practices_unknown": 0, "share_in_unknown_practices": 0.0,
        "share_without_icb": 0.0, "share_in_gp_practices": 0.94, "references_loaded": 57,
    }],
    "organisation_orphans": [{
        "counted": "people", "weight": 100_000, "practices_in_pcns": 57, "share_outside_england": 0.0,
        "share_unallocated_code": 0.001, "share_no_pcn": 0.01, "share_two_current_pcns": 0.0,
        "share_two_icbs_in_look_up": 0.0, "share_icb_closed": 0.0, "share_icb_not_in_look_up": 0.0,
        "share_closed_without_successor": 0.004, "share_several_successors": 0.0,
    }],
    "products": [{
        "product_class": "opioid", "products": 234, "products_in_scope": 234, "products_converted": 230,
        "products_against_their_status": 0, "products_without_a_positive_dose": 0, "ome_mg_per_unit_max": 720.0,
        "products_without_reason": 0,
    }],
    "code_changes": [{
        "table_name": "bnf_code_changes", "replacements": 81, "replacements_by_itself": 0,
        "most_old_codes_of_one_new": 2, "codes_not_whole": 0,
    }],
}  # fmt: skip


def judged(tmp_path: Path, name: str, rows: list[dict[str, Any]]) -> ContractReport:
    """The suite's own file over the given metrics, in place of its query's answer."""
    engine = DuckDBEngine(None, tmp_path)
    engine.load("marts.given", pa.Table.from_pylist(rows))
    suite = SUITES[name]
    key = ", ".join(key_of(name))
    (tmp_path / "checks").mkdir()
    (tmp_path / "checks" / f"{suite.metrics}.sql").write_text(
        f"-- Given.\n--\n-- Grain: one row.\n-- Key: {key}\nSELECT * FROM marts.given ORDER BY {key}"
    )
    if suite.rows:
        (tmp_path / "checks" / f"{suite.rows}.sql").write_text("SELECT 1 AS nothing WHERE FALSE")
    report = check_contracts(engine, [FILES[name]], tmp_path)
    engine.close()
    return report


def key_of(name: str) -> tuple[str, ...]:
    return models.read_model(assets.SQL_DIR / "checks" / f"{SUITES[name].metrics}.sql", "checks").key


def months_of(name: str, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows again, each with a month of its own where the metrics are by month."""
    if "month" not in key_of(name):
        return rows
    return [row | {"month": date(2015 + number // 12, number % 12 + 1, 1)} for number, row in enumerate(rows)]


def breaking(check: Check, healthy: list[dict[str, Any]]) -> dict[str, Any]:
    """A healthy row to which the check applies, with its one column out of bounds."""
    frame = pd.DataFrame(healthy)
    row = healthy[frame.query(check.where).index[0] if check.where else 0]
    low, high = check.arguments.get("min_value"), check.arguments.get("max_value")
    return row | {check.column: high * 2 + 1 if high is not None else low - 0.5}


def test_every_suite_has_metrics_it_is_tested_with() -> None:
    assert HEALTHY.keys() == SUITES.keys()


@pytest.mark.parametrize("name", SUITES)
def test_a_usual_month_passes_every_check(tmp_path: Path, name: str) -> None:
    report = judged(tmp_path, name, months_of(name, HEALTHY[name]))
    report.refuse_failures()
    assert report.warnings == ()


@pytest.mark.parametrize("name", SUITES)
def test_each_check_finds_what_breaks_it_and_says_so(tmp_path: Path, name: str) -> None:
    checks = [check for check in SUITES[name].expectations if check.column != "month"]
    rows = [breaking(check, HEALTHY[name]) for check in checks]
    if "month" not in key_of(name):  # one row of the key: the number makes it another
        rows = [row | {key_of(name)[0]: f"{number}"} for number, row in enumerate(rows)]
    report = judged(tmp_path, name, months_of(name, rows))
    assert report.suites[0].checks_run == len(SUITES[name].expectations) + 1
    sentences = [(finding.severity, finding.sentence) for finding in report.suites[0].findings]
    for check in checks:
        assert any(severity == check.severity and check.why in said for severity, said in sentences), check.what


@pytest.mark.parametrize("name", ["patient_items", "epd_items"])
def test_a_row_without_a_month_stops(tmp_path: Path, name: str) -> None:
    report = judged(tmp_path, name, [*months_of(name, HEALTHY[name]), ITEMS | {"month": None}])
    assert ["rows without a month" in found.sentence for found in report.suites[0].findings] == [True]


@pytest.mark.parametrize("suite", SUITES.values(), ids=lambda suite: suite.suite)
def test_every_suite_can_stop_or_says_that_it_only_warns(suite: Suite) -> None:
    severities = {check.severity for check in suite.expectations}
    assert "stop" in severities or suite.suite in ("organisations", "organisation_orphans")


def test_a_sentence_about_patients_holds_no_figure_of_theirs(tmp_path: Path) -> None:
    broken = ITEMS | {"share_unidentified": 0.123, "month": date(2024, 1, 1)}
    (finding,) = judged(tmp_path, "patient_items", [broken]).suites[0].findings
    assert "12.3" not in finding.sentence
    assert finding.detail == "share_unidentified: found 12.300%."
