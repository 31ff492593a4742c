"""The marts that a made-up publication leaves empty, with the columns that the report asks for."""

import duckdb

_ORGANISATION = "org_level VARCHAR, org_code VARCHAR, org_name VARCHAR"
_PLACE = f"{_ORGANISATION}, pcn_code VARCHAR, icb_code VARCHAR"

EMPTY = {
    "change_components": f"{_ORGANISATION}, month DATE, measure VARCHAR, baseline_month DATE, baseline_people BIGINT, "
    "stayed BIGINT, lower_still_on_opioid BIGINT, no_opioid_still_seen BIGINT, moved_away BIGINT, not_seen BIGINT, "
    "excluded_or_redefined BIGINT, joined BIGINT, people BIGINT, provisional BOOLEAN, definition VARCHAR",
    "equity": f"{_ORGANISATION}, month DATE, measure VARCHAR, dimension VARCHAR, dimension_value VARCHAR, "
    "imd_basis VARCHAR, people BIGINT, share_pct DOUBLE, baseline_month DATE, baseline_people BIGINT, "
    "people_in_both BIGINT, change_count_pct DOUBLE, change_low DOUBLE, change_high DOUBLE, change_method VARCHAR, "
    "gap_ratio DOUBLE, gap_low DOUBLE, gap_high DOUBLE, gap VARCHAR, provisional BOOLEAN, definition VARCHAR",
    "sensitivity": "as_at_month DATE, org_level VARCHAR, org_code VARCHAR, dose_window VARCHAR, preset VARCHAR, "
    "factor_set VARCHAR, parenteral VARCHAR, patients BIGINT, is_headline BOOLEAN",
    "reference_ages": "reference VARCHAR, title VARCHAR, status VARCHAR, newest_month DATE, age_months INTEGER, "
    "sentence VARCHAR",
    "local_returns": "org_level VARCHAR, org_code VARCHAR",
    "local_trends": f"{_PLACE}, month DATE, measure VARCHAR, region_code VARCHAR, kind VARCHAR, form VARCHAR, "
    "unit VARCHAR, direction VARCHAR, numerator DOUBLE, denominator DOUBLE, returned_by VARCHAR, "
    "returns_counted BIGINT, "
    "is_own BOOLEAN, "
    "value DOUBLE, baseline_month DATE, baseline DOUBLE, change DOUBLE, change_unit VARCHAR, change_low DOUBLE, "
    "change_high DOUBLE, change_reason VARCHAR, spc_mean DOUBLE, spc_lower DOUBLE, spc_upper DOUBLE, "
    "spc_signal VARCHAR, spc_reason VARCHAR, spc_variation VARCHAR",
    "patient_reported_scores": f"{_PLACE}, month DATE, instrument VARCHAR, title VARCHAR, direction VARCHAR, "
    "n BIGINT, "
    "mean_before DOUBLE, mean_after DOUBLE, sd_before DOUBLE, sd_after DOUBLE, sd_change DOUBLE, returned_low DOUBLE, "
    "returned_high DOUBLE, note VARCHAR, mean_change DOUBLE, change_low DOUBLE, change_high DOUBLE, "
    "interval_basis VARCHAR",
    "service_impact": f"{_PLACE}, service VARCHAR, unit_cost_gbp DECIMAL(18,6), reduction_per_patient DECIMAL(18,6), "
    "patients BIGINT, value_gbp_a_year DECIMAL(24,2), note VARCHAR",
    "pdsa": f"{_PLACE}, id VARCHAR, began_on DATE, measure VARCHAR, studied_measure VARCHAR, change VARCHAR, "
    'prediction VARCHAR, result VARCHAR, "next" VARCHAR',
}


def make_empty(connection: duckdb.DuckDBPyConnection) -> None:
    """Create the tables above, those that are there already left as they are."""
    for name, columns in EMPTY.items():
        connection.execute(f"CREATE TABLE IF NOT EXISTS marts.{name} ({columns})")
