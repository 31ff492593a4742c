"""The trend table: from counts to rates, change and aim, with the reason wherever there is no figure."""

from datetime import date
from typing import Any

import pyarrow as pa
import pytest

from pipelines.statistics.spc import SAME_PATIENTS
from pipelines.statistics.trends import AimTerms, trend_table

JUNE, JULY, DECEMBER = date(2024, 6, 1), date(2024, 7, 1), date(2024, 12, 1)
HALVE = AimTerms("halve_high_dose", frozenset({"high_dose"}), 0.5, 36)
ORGANISATIONS = pa.Table.from_pylist(
    [
        {
            "org_level": "icb",
            "org_code": "QZA",
            "org_name": "SHIRE",
            "is_gp_practice": None,
            "pcn_code": None,
            "pcn_name": None,
            "sub_icb_code": None,
            "icb_code": "QZA",
            "icb_name": "SHIRE",
            "region_code": "Y90",
        }
    ],
    schema=pa.schema(
        [
            *((name, pa.string()) for name in ("org_level", "org_code", "org_name")),
            ("is_gp_practice", pa.bool_()),
            *(
                (n, pa.string())
                for n in ("pcn_code", "pcn_name", "sub_icb_code", "icb_code", "icb_name", "region_code")
            ),
        ]
    ),
)


def count(month: date, numerator: float | None, **other: Any) -> dict[str, Any]:
    return {
        "org_level": "icb",
        "org_code": "QZA",
        "month": month,
        "measure": "high_dose",
        "unit": "people",
        "provisional": False,
        "numerator": numerator,
        "people": None if numerator is None else int(numerator),
        "history_too_short": False,
        "registered_patients": 10_000,
        "oldest_list_month": month,
        "gp_practices_without_list": 0,
        "people_in_both": 30,
        "identified_items": 98,
        "opioid_items": 100,
        "baseline_first_month": JUNE,
        "baseline_last_month": JUNE,
        **other,
    }


SCHEMA = pa.schema(
    [
        *((name, pa.string()) for name in ("org_level", "org_code")),
        ("month", pa.date32()),
        ("measure", pa.string()),
        ("unit", pa.string()),
        ("provisional", pa.bool_()),
        ("numerator", pa.float64()),
        ("people", pa.int64()),
        ("history_too_short", pa.bool_()),
        ("registered_patients", pa.int64()),
        ("oldest_list_month", pa.date32()),
        *((n, pa.int64()) for n in ("gp_practices_without_list", "people_in_both", "identified_items", "opioid_items")),
        *((n, pa.date32()) for n in ("baseline_first_month", "baseline_last_month")),
    ]
)


def rows(*counts: dict[str, Any]) -> list[dict[str, Any]]:
    return trend_table(pa.Table.from_pylist(list(counts), schema=SCHEMA), ORGANISATIONS, HALVE, "v1").to_pylist()


def test_sixty_per_cent_fewer_people_with_thirty_in_both_months() -> None:
    baseline, later = rows(count(JUNE, 100), count(DECEMBER, 40))
    assert baseline["rate_per_1000"] == 10.0
    assert baseline["change_pct"] is None
    assert later["rate_per_1000"] == 4.0
    # The published example: 60 % fewer (47 to 70), probability 0.94 that the half is reached.
    assert later["change_pct"] == pytest.approx(-60)
    assert (round(later["change_low"]), round(later["change_high"])) == (-70, -47)
    assert round(later["probability_aim_met"], 2) == 0.94
    assert later["change_method"] == "paired"
    assert later["aim_status"] == "reached"
    # Half in 36 months: after 6 the line stands at 10 x (1 - 0.5 x 6/36).
    assert later["trajectory"] == pytest.approx(10 * (1 - 0.5 * 6 / 36))
    assert later["months_since_baseline"] == 6
    assert later["capture_rate"] == 0.98


def test_without_a_link_between_people_the_interval_is_the_wide_one() -> None:
    # A baseline of two months has no set of people: 90 and 110 enter as their mean, 100.
    spread = {"baseline_first_month": JUNE, "baseline_last_month": JULY}
    later = rows(count(JUNE, 90, **spread), count(JULY, 110, **spread), count(DECEMBER, 40, **spread))[-1]
    assert later["baseline"] == 10.0
    assert later["change_method"] == "independent, conservative"
    assert (round(later["change_low"]), round(later["change_high"])) == (-72, -42)


def test_a_missing_list_size_leaves_no_rate_and_says_why() -> None:
    row = rows(count(JUNE, 100, registered_patients=None, oldest_list_month=None))[0]
    assert row["numerator"] == 100
    assert row["rate_per_1000"] is None
    assert row["ci_low"] is None
    assert row["rate_reason"] == "no_list_size"


def test_a_list_size_of_zero_makes_no_infinite_rate() -> None:
    row = rows(count(JUNE, 100, registered_patients=0))[0]
    assert row["rate_per_1000"] is None
    assert row["rate_reason"] == "no_list_size"


def test_an_older_list_and_practices_without_one_are_said() -> None:
    row = rows(count(JUNE, 100, oldest_list_month=date(2024, 1, 1), gp_practices_without_list=2))[0]
    assert row["denominator_basis"] == (
        "registered patients, all ages, latest list before, oldest 2024-01; 2 GP practice(s) without a list"
    )


def test_a_month_before_the_measure_exists_is_null_with_a_reason() -> None:
    row = rows(count(JUNE, None, history_too_short=True))[0]
    assert row["numerator"] is None
    assert row["rate_per_1000"] is None
    assert row["rate_reason"] == "history_too_short"


def test_a_baseline_of_zero_gives_no_change() -> None:
    later = rows(count(JUNE, 0), count(DECEMBER, 4))[-1]
    assert later["baseline"] == 0
    assert later["change_pct"] is None
    assert later["probability_aim_met"] is None


def test_a_measure_that_the_aim_does_not_name_is_not_judged_by_it() -> None:
    other = {"measure": "long_term"}
    later = rows(count(JUNE, 100, **other), count(DECEMBER, 40, **other))[-1]
    assert later["change_pct"] == pytest.approx(-60)
    assert [later[name] for name in ("aim", "aim_pct", "trajectory", "probability_aim_met", "aim_status")] == [None] * 5


def test_process_control_is_for_independent_months_alone() -> None:
    months = [date(2023 + n // 12, n % 12 + 1, 1) for n in range(24)]
    stock = rows(*(count(month, 100 + n % 3) for n, month in enumerate(months)))
    assert {row["spc_reason"] for row in stock} == {SAME_PATIENTS}
    assert {row["spc_mean"] for row in stock} == {None}
    flow = rows(*(count(month, 100 + n % 3, measure="new_user") for n, month in enumerate(months)))
    # 100, 101, 102 over and over: mean 101 per 10,000 people, 10.1 per 1,000.
    assert flow[0]["spc_mean"] == pytest.approx(10.1)
    assert flow[0]["spc_upper"] > 10.2


def test_no_counts_make_an_empty_table_with_all_its_columns() -> None:
    empty = trend_table(SCHEMA.empty_table(), ORGANISATIONS, HALVE, "v1")
    assert empty.num_rows == 0
    assert {"rate_per_1000", "aim_status", "spc_signal"} <= set(empty.column_names)
