"""The trend table: from counts to rates, change and aim, with the reason wherever there is no figure."""

from datetime import date
from typing import Any

import pytest
from trend_inputs import count, inputs

from pipelines.statistics.aim_terms import AimTerms
from pipelines.statistics.spc import SAME_PATIENTS
from pipelines.statistics.trends import OldDefinition, trend_table, variant_table

JUNE, JULY, DECEMBER = date(2024, 6, 1), date(2024, 7, 1), date(2024, 12, 1)
HALVE = AimTerms("halve_high_dose", {"high_dose": 0.5}, "rate", 36)


def rows(
    *counts: dict[str, Any], baseline: tuple[date, date] = (JUNE, JUNE), aim: AimTerms = HALVE, in_both: int = 30
) -> list[dict[str, Any]]:
    table: list[dict[str, Any]] = trend_table(inputs(counts, baseline, in_both, [aim.name]), aim, "v1").to_pylist()
    return table


def months(number: int) -> list[date]:
    return [date(2023 + n // 12, n % 12 + 1, 1) for n in range(number)]


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
    later = rows(count(JUNE, 90), count(JULY, 110), count(DECEMBER, 40), baseline=(JUNE, JULY))[-1]
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
    row = rows(count(JUNE, None, missing_reason="history_too_short"))[0]
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
    stock = rows(*(count(month, 100 + n % 3) for n, month in enumerate(months(24))))
    assert {row["spc_reason"] for row in stock} == {SAME_PATIENTS}
    assert {row["spc_mean"] for row in stock} == {None}
    flow = rows(*(count(month, 100 + n % 3, measure="new_user") for n, month in enumerate(months(24))))
    # 100, 101, 102 over and over: mean 101 per 10,000 people, 10.1 per 1,000.
    assert flow[0]["spc_mean"] == pytest.approx(10.1)
    assert flow[0]["spc_upper"] > 10.2


def test_no_counts_make_an_empty_table_with_all_its_columns() -> None:
    nothing = inputs([], None)
    empty = trend_table(nothing, HALVE, "v1")
    assert variant_table(nothing, HALVE, [HALVE], [], "v1").schema == empty.schema
    assert empty.num_rows == 0
    assert {"rate_per_1000", "aim_status", "spc_signal"} <= set(empty.column_names)


def by_month(measure: str, table: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [row for row in table if row["measure"] == measure]


def flows_of(joined: list[float], left: list[float]) -> list[dict[str, Any]]:
    calendar = months(len(joined))
    return [
        row
        for month, come, go, stock in zip(calendar, joined, left, range(500, 500 + len(joined)), strict=True)
        for row in (
            count(month, stock),
            count(month, come, measure="high_dose_joined"),
            count(month, go, measure="high_dose_left"),
            count(month, come - go, measure="high_dose_net_change"),
        )
    ]


def test_a_net_change_has_no_rate_and_a_flow_no_baseline() -> None:
    table = rows(*flows_of([10.0, 30.0], [12.0, 8.0]), baseline=(months(1)[0],) * 2)
    net = by_month("high_dose_net_change", table)
    assert [row["numerator"] for row in net] == [-2.0, 22.0]
    assert {row["rate_per_1000"] for row in net} == {row["ci_low"] for row in net} == {None}
    assert {row["rate_reason"] for row in net} == {"net_change_has_no_rate"}
    joined = by_month("high_dose_joined", table)
    assert [row["rate_per_1000"] for row in joined] == [1.0, 3.0]
    assert {row["baseline"] for row in joined} == {row["change_pct"] for row in joined} == {None}


def test_the_icon_of_a_stock_is_that_of_its_net_change() -> None:
    # 24 months of 10 in, 5 and 15 out in turn; in the last month 60 leave.
    left = [5.0 + 10 * (n % 2) for n in range(23)] + [60.0]
    table = rows(*flows_of([10.0] * 24, left))
    net, stock = by_month("high_dose_net_change", table), by_month("high_dose", table)
    assert net[-1]["spc_signal"] == "below the lower limit"
    assert net[-1]["spc_variation"] == "special cause of improving nature or lower pressure due to lower values"
    assert stock[-1]["spc_variation"] == net[-1]["spc_variation"]
    assert stock[-1]["spc_signal"] is None
    assert stock[0]["spc_variation"] == "common cause – no significant change"
    # To leave is neither good nor bad of itself.
    assert by_month("high_dose_left", table)[-1]["spc_variation"] == (
        "special cause variation: higher values, neither improving nor concerning"
    )


def test_few_a_month_are_charted_by_quarter() -> None:
    # 1, 2, 3 in and 2 out, again and again: mean 2 a month, 6 in and 6 out a quarter; 60 months are 20 quarters.
    table = rows(*flows_of([1.0, 2.0, 3.0] * 20, [2.0] * 60))
    joined = by_month("high_dose_joined", table)
    assert {row["spc_period"] for row in joined} == {"quarter"}
    assert [row["spc_value"] for row in joined[:6]] == [None, None, 6.0, None, None, 6.0]
    assert [row["spc_mean"] for row in joined[:3]] == [None, None, 6.0]
    assert [row["spc_reason"] for row in joined[:3]] == ["charted_by_quarter", "charted_by_quarter", None]
    assert [row["spc_value"] for row in by_month("high_dose_net_change", table)[:3]] == [None, None, 0.0]


def test_from_five_a_month_flows_are_charted_by_month() -> None:
    table = rows(*flows_of([4.0] * 24, [6.0] * 24))
    assert {row["spc_period"] for row in by_month("high_dose_joined", table)} == {"month"}
    assert {row["spc_value"] for row in by_month("high_dose_net_change", table)} == {-2.0}


def test_a_provisional_month_of_people_is_no_point_of_a_chart() -> None:
    counts = [count(month, 10 + n % 2, measure="new_user") for n, month in enumerate(months(23))]
    last = count(months(24)[-1], 1, measure="new_user", provisional=True)
    table = rows(*counts, last)
    assert table[-1]["spc_signal"] is None
    assert table[-1]["spc_value"] is None
    assert table[-1]["spc_reason"] == "provisional"
    # (12 x 10 + 11 x 11) / 23 people in 10,000
    assert table[-1]["spc_mean"] == pytest.approx(241 / 23 / 10)


def test_limits_begin_afresh_at_a_recorded_step_alone() -> None:
    counts = [count(month, 10 + n % 2 + 20 * (n >= 12), measure="new_user") for n, month in enumerate(months(24))]
    made = inputs(counts, None)
    at_once = trend_table(made, HALVE, "v1").to_pylist()
    stepped = trend_table(made, HALVE, "v1", steps={"new_user": [date(2024, 1, 1)]}).to_pylist()
    assert [at_once[0]["spc_mean"], at_once[-1]["spc_mean"]] == [pytest.approx(2.05)] * 2
    assert [stepped[0]["spc_mean"], stepped[-1]["spc_mean"]] == [pytest.approx(1.05), pytest.approx(3.05)]
    assert at_once[-1]["spc_signal"] is not None
    assert {row["spc_signal"] for row in stepped} == {None}


def test_assurance_is_said_of_independent_measures_with_an_aim_alone() -> None:
    halve_new = AimTerms("fewer", {"new_user": 0.5, "high_dose": 0.5}, "rate", 12)
    counts = [
        count(m, 100 + n % 3, measure=name) for n, m in enumerate(months(24)) for name in ("new_user", "high_dose")
    ]
    table = rows(*counts, baseline=(months(1)[0],) * 2, aim=halve_new)
    # The aim, 5 per 1,000, lies below the lower limit: the process falls short of it month after month.
    assert {row["spc_assurance"] for row in by_month("new_user", table)} == {
        "variation indicates consistently falling short of the target"
    }
    assert {row["spc_assurance"] for row in by_month("high_dose", table)} == {None}


def test_527_people_to_295_are_232_fewer_and_44_per_cent() -> None:
    # 46 practices, August 2017 to September 2021; against the aim of half the people.
    then, now = date(2017, 8, 1), date(2021, 9, 1)
    share = AimTerms("medsip_2024", {"high_dose": 0.5}, "share", end=date(2024, 3, 1))
    baseline, later = rows(count(then, 527), count(now, 295), baseline=(then, then), aim=share, in_both=200)
    assert baseline["baseline_numerator"] - later["numerator"] == 232
    assert round(later["change_count_pct"]) == -44
    assert later["aim_target"] == 263.5
    # 79 months to March 2024, 49 of them gone: 527 x (1 - 0.5 x 49/79).
    assert later["aim_months"] == 79
    assert later["trajectory"] == pytest.approx(527 * (1 - 0.5 * 49 / 79))
    assert later["aim_status"] == "on course"


def test_a_number_of_people_is_shared_out_by_baseline() -> None:
    # 4,500 fewer of 9,000: half. An ICB with 900 of them is to have 450 fewer.
    fewer = AimTerms("medsip_2025", {"high_dose": 4500}, "count", end=date(2025, 6, 1))
    table = rows(
        count(JUNE, 9000, org_level="all", org_code="all"),
        count(DECEMBER, 6000, org_level="all", org_code="all"),
        count(JUNE, 900),
        count(DECEMBER, 650),
        aim=fewer,
    )
    whole, icb = table[1], table[3]
    assert (whole["aim_target"], whole["aim_pct"], whole["trajectory"]) == (4500, -50, 6750)
    assert (icb["aim_target"], icb["trajectory"], icb["aim_months"]) == (450, 675, 12)


def test_an_aim_that_cannot_be_says_why() -> None:
    everyone = AimTerms("too many", {"high_dose": 4500}, "count", 12)
    row = rows(count(JUNE, 900, org_level="all", org_code="all"), aim=everyone)[0]
    assert (row["aim_reason"], row["aim_target"], row["trajectory"]) == ("aim_exceeds_baseline", None, None)
    past = AimTerms("past", {"high_dose": 0.5}, "rate", end=JUNE)
    assert rows(count(JUNE, 900), aim=past)[0]["aim_reason"] == "aim_not_after_baseline"
    assert rows(count(JUNE, 0))[0]["aim_reason"] == "baseline_zero"
    assert rows(count(JUNE, 5, registered_patients=None))[0]["aim_reason"] == "denominator_missing"


def test_a_change_no_larger_than_that_in_identification_is_marked() -> None:
    # Identification fell from 98 to 93 in 100: ln = -0.0524; 2.2 times: -0.115. 100 to 90 is -0.105, to 89 -0.117.
    def judged(people: int, identified: int, measure: str = "high_dose") -> bool | None:
        named = {"measure": measure}
        later = rows(count(JUNE, 100, **named), count(DECEMBER, people, identified_items=identified, **named))[-1]
        answer: bool | None = later["change_within_capture"]
        return answer

    assert judged(90, 93) is True
    assert judged(89, 93) is False
    assert judged(110, 93) is False  # the other way
    assert judged(90, 98) is False  # identification did not change
    assert judged(0, 93) is None
    # Presence in a month: no more than identification itself, -0.0524. 95 in 100 is -0.0513, 94 is -0.0619.
    assert judged(95, 93, "any_opioid") is True
    assert judged(94, 93, "any_opioid") is False


def test_a_further_aim_stands_beside_the_default_with_its_own_baseline() -> None:
    made = inputs([count(JUNE, 100), count(JULY, 80), count(DECEMBER, 40)], (JUNE, JUNE), 40)
    later = inputs([count(JULY, 80)], (JULY, JULY), aims=["other"])
    both = made._replace(baselines=later.baselines)
    other = AimTerms("other", {"high_dose": 0.25}, "share", 12)
    table = variant_table(both, HALVE, [other], [], "v1").to_pylist()
    assert {(row["aim"], row["baseline_month"]) for row in table} == {("other", JULY)}
    assert table[-1]["change_pct"] == pytest.approx(-50)
    assert table[-1]["aim_target"] == 60


def test_a_superseded_definition_keeps_its_whole_series_under_its_own_name() -> None:
    # Until October the headline was 90 mg or more; the measure is now above 120 mg.
    counts = [count(JUNE, 100), count(DECEMBER, 40)]
    counts += [count(JUNE, 200, measure="high_dose_ge90"), count(DECEMBER, 150, measure="high_dose_ge90")]
    made = inputs(counts, (JUNE, JUNE))
    old = OldDefinition("high_dose", "high_dose_ge90", "cohorts old")
    before = variant_table(made, HALVE, [], [old], "cohorts new").to_pylist()
    assert [(row["measure"], row["definition"], row["numerator"]) for row in before] == [
        ("high_dose", "cohorts old", 200),
        ("high_dose", "cohorts old", 150),
    ]
    # Its baseline is its own, 20 per 1,000, never that of the new definition.
    assert [row["baseline"] for row in before] == [20.0, 20.0]
    assert before[0]["aim_target"] == 10.0
    now = trend_table(made, HALVE, "cohorts new", {"high_dose": DECEMBER}).to_pylist()
    assert [row["definition_since"] for row in now if row["measure"] == "high_dose"] == [DECEMBER, DECEMBER]
    assert {row["baseline"] for row in now if row["measure"] == "high_dose"} == {10.0}


def test_a_share_of_long_acting_items_has_limits_of_a_proportion() -> None:
    # 20 of 100: Wilson (20 + 1.92 -+ 1.96 root(16 + 0.96)) / (100 + 3.84) = 13.3 to 28.9 per 100.
    share = {"measure": "epd_high_strength_120_items", "long_acting_items": 100}
    row = rows(count(JUNE, 20, **share))[0]
    assert row["rate_per_1000"] == 200
    assert (round(row["ci_low"]), round(row["ci_high"])) == (133, 289)
    assert row["denominator_basis"] == "long-acting opioid items"
    none = rows(count(JUNE, 0, measure="epd_high_strength_120_items"))[0]
    assert (none["rate_per_1000"], none["rate_reason"]) == (None, "no_long_acting_items")
