import logging
import re
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from disclosure_rows import DEFAULT, POLICIES, frame, month, one, trend_row

from pipelines.disclosure import (
    MAGNITUDES,
    load_policies,
    outside_grain,
    protect_counts,
    protect_trends,
)
from pipelines.disclosure.tables import protect_deciles
from pipelines.errors import ConfigError
from pipelines.statistics import intervals

# --- policies and counts -------------------------------------------------------------------------


def test_the_default_policy_comes_first() -> None:
    assert next(iter(POLICIES)) == "hes_1to7_round5"
    assert set(POLICIES) == {"hes_1to7_round5", "nhsbsa_lt5", "opensafely_le7_round5", "midpoint6", "none"}


@pytest.mark.parametrize(
    ("policy", "shown"),
    [
        #                 0  1   4   5   7   8   12  13  98
        ("hes_1to7_round5", [0, None, None, None, None, 10, 10, 15, 100]),
        ("opensafely_le7_round5", [0, None, None, None, None, 10, 10, 15, 100]),
        ("nhsbsa_lt5", [0, None, None, 5, 7, 8, 12, 13, 98]),
        ("midpoint6", [0, 3, 3, 3, 9, 9, 9, 15, 99]),
        ("none", [0, 1, 4, 5, 7, 8, 12, 13, 98]),
    ],
)
def test_each_policy_shows_counts_as_its_source_says(policy: str, shown: list[float | None]) -> None:
    protected = protect_counts(np.array([0, 1, 4, 5, 7, 8, 12, 13, 98]), POLICIES[policy])
    expected = np.array(shown, dtype=float)
    assert protected.value == pytest.approx(expected, nan_ok=True)
    assert protected.suppressed.tolist() == np.isnan(expected).tolist()


def test_an_unknown_count_is_unknown_not_suppressed() -> None:
    protected = protect_counts([np.nan], DEFAULT)
    assert np.isnan(protected.value[0])
    assert not protected.suppressed[0]


def test_a_mean_of_months_is_suppressed_until_eight() -> None:
    protected = protect_counts([7.33, 7.99, 8.0], DEFAULT)
    assert protected.suppressed.tolist() == [True, True, False]


def test_a_policy_file_that_cannot_be_used_says_so(tmp_path: Path) -> None:
    shipped = (Path(__file__).parents[2] / "configs" / "disclosure.toml").read_text(encoding="utf-8")
    assert 'practice_measures = ["high_dose", ' in shipped
    practices = [
        shipped.replace('practice_measures = ["high_dose", ', f"practice_measures = {text}")
        for text in (
            '["high_dose", "high_dose_ge90", ',  # holds high_dose by way of _ge120 and _gt90
            '["long_term_adult_no_palliative", ',
            '["high_dose_joined", ',
            '"high_dose" #',
        )
    ]
    for text in ("default = ", 'default = "x"', '[policies.x]\nrounding = "up"', *practices):
        path = tmp_path / "disclosure.toml"
        path.write_text(text, encoding="utf-8")
        with pytest.raises(ConfigError, match=r"disclosure\.toml"):
            load_policies(path)


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("rounding", '"up"', "rounding is none, nearest or midpoint, not 'up'"),
        ("suppress_to", "-1", "suppress_to is 0 or more"),
        ("rounding_base", "0", "rounding_base 1 or more"),
    ],
)
def test_a_policy_that_would_hide_or_round_wrongly_is_refused(key: str, value: str, said: str, tmp_path: Path) -> None:
    shipped = (Path(__file__).parents[2] / "configs" / "disclosure.toml").read_text(encoding="utf-8")
    changed = re.sub(rf"^{key} = .*$", f"{key} = {value}", shipped, count=1, flags=re.MULTILINE)
    assert changed != shipped
    path = tmp_path / "disclosure.toml"
    path.write_text(changed, encoding="utf-8")
    with pytest.raises(ConfigError, match=said):
        load_policies(path)


# --- rows ----------------------------------------------------------------------------------------


def test_a_small_count_takes_everything_derived_from_it_along() -> None:
    row = one(DEFAULT, trend_row("pcn", "U1", "high_dose", 6, baseline_count=40))
    assert row["suppressed"]
    assert row["shown"] == "[c]"
    for name in ("numerator", "rate_per_1000", "ci_low", "ci_high", "change_pct", "probability_aim_met"):
        assert row[name] is None, name
    assert row["capture_rate"] is None
    assert row["rate_reason"] == "suppressed"
    assert row["aim_status"].startswith("too few to tell")


def test_rate_interval_and_change_come_from_the_rounded_counts() -> None:
    # 38 → 40, 101 → 100: 4 per 1,000; 60 % fewer, independent 42 to 72, P = 0.885
    row = one(DEFAULT, trend_row("pcn", "U1", "high_dose", 38, baseline_count=101))
    assert row["shown"] == "40"
    assert row["rate_per_1000"] == pytest.approx(4.0)
    low, high = intervals.rate_limits(40, 10_000)
    assert (row["ci_low"], row["ci_high"]) == pytest.approx((float(low), float(high)))
    assert row["baseline"] == pytest.approx(10.0)
    assert row["change_pct"] == pytest.approx(-60)
    assert (row["change_low"], row["change_high"]) == pytest.approx((-72.3, -42.3), abs=0.05)
    assert row["probability_aim_met"] == pytest.approx(0.885, abs=0.0005)
    # a third of the way: 10 − 10 × 0.5 × 12/36
    assert row["trajectory"] == pytest.approx(10 - 10 * 0.5 / 3)
    assert row["aim_status"] == "on course"


@pytest.mark.parametrize(("now", "then"), [(17, 100), (100, 17)])
def test_a_change_needs_twenty_on_both_sides(now: int, then: int) -> None:
    row = one(DEFAULT, trend_row("pcn", "U1", "high_dose", now, baseline_count=then))
    assert not row["suppressed"]
    assert row["change_pct"] is None
    assert row["probability_aim_met"] is None
    assert row["aim_status"] == "too few to tell; see the ICB"


@pytest.mark.parametrize(
    ("level", "words"), [("practice", "; see the PCN"), ("pcn", "; see the ICB"), ("icb", ""), ("all", "")]
)
def test_too_few_to_tell_points_one_level_up(level: str, words: str) -> None:
    row = one(DEFAULT, trend_row(level, "X", "high_dose", 12, baseline_count=12))
    assert row["aim_status"] == "too few to tell" + words


def test_what_was_missing_stays_missing() -> None:
    row = one(DEFAULT, trend_row("pcn", "U1", "high_dose", None))
    assert not row["suppressed"]
    assert row["shown"] == "[x]"
    assert row["aim_status"] is None
    assert row["numerator"] is None


def test_zero_stays_zero() -> None:
    row = one(DEFAULT, trend_row("pcn", "U1", "high_dose", 0, baseline_count=50))
    assert (row["numerator"], row["shown"], row["suppressed"]) == (0, "0", False)


def test_public_epd_figures_pass_unchanged() -> None:
    before = trend_row("practice", "A1", "epd_items", 3, baseline_count=4)
    row = one(DEFAULT, before)
    assert not row["suppressed"]
    assert row["shown"] == "3"
    for name in (
        "numerator",
        "rate_per_1000",
        "ci_low",
        "change_pct",
        "trajectory",
        "aim_status",
        "capture_rate",
    ):
        assert row[name] == before[name], name


def test_on_the_secure_side_nothing_changes_but_helper_columns_go() -> None:
    before = trend_row("practice", "A1", "high_dose", 3, baseline_count=4)
    row = one(POLICIES["none"], before)
    assert row["numerator"] == 3
    assert row["change_pct"] == before["change_pct"]
    assert not {"people", "baseline_numerator", "months_since_baseline", "aim_months"} & set(row)


def test_a_column_without_a_rule_does_not_leave(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        row = one(DEFAULT, trend_row("pcn", "U1", "high_dose", 30, reviewed=29))
    assert "reviewed" not in row
    assert "reviewed" in caplog.text


def test_rows_keep_their_order_and_types_and_an_empty_table_stays_empty() -> None:
    rows = [trend_row("pcn", code, "high_dose", 30) for code in ("U3", "U1", "U2")]
    integers = frame(rows).with_columns(pl.col("numerator").cast(pl.Int64))
    protected = protect_trends(integers, DEFAULT)
    assert protected["org_code"].to_list() == ["U3", "U1", "U2"]
    assert protected.schema["numerator"] == pl.Int64
    empty = protect_trends(integers.clear(), DEFAULT)
    assert empty.height == 0
    assert empty.columns == protected.columns


def test_a_hidden_baseline_month_hides_the_baseline_of_every_later_month() -> None:
    # U1 has 9 at the baseline; 9 is shown alone, but hidden beside U2's 2 (unrounded policy: 11 − 9 = 2)
    rows = [
        trend_row(*place, count, icb_code="Q1", month=month(m), months_since_baseline=m, baseline_count=before)
        for m, counts in ((0, (9, 2, 11)), (1, (30, 30, 60)))
        for place, count, before in zip(
            (("pcn", "U1", "high_dose"), ("pcn", "U2", "high_dose"), ("icb", "Q1", "high_dose")),
            counts,
            (9, 2, 11),
            strict=True,
        )
    ]
    protected = protect_trends(frame(rows), POLICIES["nhsbsa_lt5"])
    later = protected.filter(pl.col("month") == month(1), pl.col("org_code") == "U1").row(0, named=True)
    assert later["numerator"] == 30
    assert later["baseline"] is None
    assert later["trajectory"] is None


def test_outside_only_public_measures_go_down_to_practices() -> None:
    rows = [
        trend_row("practice", "A1", "high_dose", 30),
        trend_row("practice", "A1", "epd_items", 30),
        trend_row("pcn", "U1", "high_dose", 30),
        trend_row("icb", "Q1", "epd_items", 30),
    ]
    left = outside_grain(frame(rows))
    assert left.select("org_level", "measure").rows() == [
        ("practice", "epd_items"),
        ("pcn", "high_dose"),
        ("icb", "epd_items"),
    ]
    # Of a chosen measure GP practices in a PCN, no prison, and nothing of another measure.
    more = [
        trend_row("practice", "A2", "high_dose", 30, pcn_code="U1"),
        trend_row("practice", "Y1", "high_dose", 30, pcn_code="U1", is_gp_practice=False),
        trend_row("practice", "A2", "long_term", 30, pcn_code="U1"),
    ]
    chosen = outside_grain(frame([*rows, *more]), ("high_dose",)).filter(org_level="practice")
    assert chosen.select("org_code", "measure").rows() == [("A1", "epd_items"), ("A2", "high_dose")]


def test_decile_lines_leave_from_twenty_practices_on_to_one_decimal() -> None:
    lines = protect_deciles([[1.2345, 2.3456], [1.2345, 2.3456]], [19, 20], DEFAULT)
    assert np.isnan(lines[0]).all()
    assert lines[1].tolist() == [1.2, 2.3]


# --- items, cost and dose of patients ------------------------------------------------------------


@pytest.mark.parametrize("measure", sorted(MAGNITUDES))
@pytest.mark.parametrize(("people", "hidden"), [(1, True), (7, True), (8, False), (None, True)])
def test_dose_cost_and_items_are_hidden_by_the_people_behind_them(
    measure: str, people: int | None, hidden: bool
) -> None:
    row = one(DEFAULT, trend_row("pcn", "U1", measure, 123_456.7, people=people))
    assert row["suppressed"] is hidden
    assert row["shown"] == ("[c]" if hidden else "123455")


def test_without_a_people_column_the_people_on_any_opioid_decide() -> None:
    rows = [
        trend_row("pcn", "U1", "ome_total", 5000.0),
        trend_row("pcn", "U1", "any_opioid", 7),
        trend_row("pcn", "U2", "ome_total", 5000.0),
        trend_row("pcn", "U2", "any_opioid", 8),
    ]
    protected = protect_trends(frame(rows).drop("people"), DEFAULT)
    assert protected["suppressed"].to_list() == [True, True, False, False]


def test_a_single_hidden_dose_takes_a_sibling_with_it() -> None:
    # otherwise 90,000 − 50,000 − 35,000 = 5,000 mg of three people
    rows = [
        trend_row("pcn", "U1", "ome_total", 50_000.0, people=60, icb_code="Q1"),
        trend_row("pcn", "U2", "ome_total", 35_000.0, people=40, icb_code="Q1"),
        trend_row("pcn", "U3", "ome_total", 5_000.0, people=3, icb_code="Q1"),
        trend_row("icb", "Q1", "ome_total", 90_000.0, people=103, icb_code="Q1"),
    ]
    assert protect_trends(frame(rows), DEFAULT)["suppressed"].to_list() == [False, True, True, False]


# --- process control -----------------------------------------------------------------------------


def spc_series(counts: list[int]) -> pl.DataFrame:
    return frame(
        [
            trend_row("pcn", "U1", "new_user", count, month=month(m), spc_mean=1.0, spc_lower=0.5, spc_upper=1.5)
            for m, count in enumerate(counts)
        ]
    )


def test_process_control_is_drawn_again_from_rounded_counts() -> None:
    # 118 and 123 round to 120 and 125: rates 12 and 12.5, mean 12.25, moving ranges 0.5, limits ∓ 1.33
    protected = protect_trends(spc_series([118, 123] * 10), DEFAULT)
    assert protected["spc_mean"].unique().to_list() == pytest.approx([12.25])
    assert protected["spc_upper"][0] == pytest.approx(12.25 + 2.66 * 0.5)
    assert protected["spc_reason"].null_count() == 20


def test_process_control_of_items_is_drawn_on_the_items() -> None:
    series = spc_series([1180, 1230] * 10).with_columns(measure=pl.lit("opioid_items"), people=pl.lit(200.0))
    assert protect_trends(series, DEFAULT)["spc_mean"].unique().to_list() == pytest.approx([1205])


@pytest.mark.parametrize("counts", [[118, 123] * 9 + [118, 5], [90, 95] * 10])
def test_a_hidden_month_or_a_mean_below_one_hundred_leaves_no_process_control(counts: list[int]) -> None:
    protected = protect_trends(spc_series(counts), DEFAULT)
    assert protected["spc_mean"].null_count() == 20
    assert set(protected["spc_reason"]) == {"too_few_after_disclosure_control"}


def test_a_recorded_step_stays_a_step() -> None:
    series = spc_series([200, 210] * 6 + [100, 110] * 6).with_columns(
        spc_mean=pl.when(pl.int_range(pl.len()) < 12).then(20.5).otherwise(10.5)
    )
    protected = protect_trends(series, DEFAULT)
    assert protected["spc_mean"].unique().sort().to_list() == pytest.approx([10.5, 20.5])
    assert set(protected["spc_reason"]) == {"trial_limits"}


def test_why_there_is_no_process_control_is_kept() -> None:
    row = one(DEFAULT, trend_row("pcn", "U1", "high_dose", 500, spc_reason="same_patients_in_neighbouring_months"))
    assert row["spc_reason"] == "same_patients_in_neighbouring_months"


# --- aims by number, and what never leaves -------------------------------------------------------


def test_an_aim_by_number_is_worked_out_from_protected_counts() -> None:
    # 103 people at the baseline, shown as 105; half of them in 36 months, 12 gone: 105 x (1 - 0.5/3) = 87.5.
    row = trend_row("icb", "QZA", "high_dose", 88, baseline_count=103, aim_type="share", aim_target=51.5)
    shown = one(DEFAULT, row)
    assert shown["numerator"] == 90
    assert shown["aim_target"] == 52.5
    assert shown["trajectory"] == pytest.approx(87.5)
    by_rate = one(
        DEFAULT, trend_row("icb", "QZA", "high_dose", 88, baseline_count=103, aim_type="rate", aim_target=5.15)
    )
    assert by_rate["aim_target"] == 5.25


def test_an_aim_by_number_is_judged_on_numbers_however_the_lists_have_changed() -> None:
    # 38 → 40, 101 → 100 people, as above: 60 % fewer, P = 0.885; of 1,000 of half the list, 20 % fewer.
    row = trend_row("pcn", "U1", "high_dose", 38, baseline_count=101, denominator=5_000, baseline_denominator=10_000)
    by_number, by_rate = (one(DEFAULT, {**row, "aim_type": aim_type}) for aim_type in ("count", "rate"))
    assert by_number["change_pct"] == by_rate["change_pct"] == pytest.approx(-20)
    assert by_number["probability_aim_met"] == pytest.approx(0.885, abs=0.0005)
    assert by_number["aim_status"] == "on course"
    assert by_rate["probability_aim_met"] < 0.05


def test_a_number_shared_out_does_not_tell_the_sum_it_is_a_share_of() -> None:
    # 450 fewer of 1,237 people is 36.378 %: from the exact share the sum could be read back.
    row = trend_row("icb", "QZA", "high_dose", 88, baseline_count=103, aim_type="count", aim_pct=-36.37833)
    assert one(DEFAULT, row)["aim_pct"] == -36.4


def test_what_was_judged_on_true_counts_does_not_leave() -> None:
    judged = {
        "aim_reason": "baseline_zero",
        "change_within_capture": True,
        "spc_period": "quarter",
        "spc_value": 3.0,
        "spc_assurance": "never",
    }
    shown = one(DEFAULT, trend_row("pcn", "U1", "high_dose", 88, **judged))
    assert judged.keys().isdisjoint(shown)


def test_the_icon_of_a_chart_is_drawn_again_and_not_of_a_hidden_one() -> None:
    def chart(last: int) -> list[dict]:
        words = {
            "spc_mean": 10.0,
            "spc_lower": 9.0,
            "spc_upper": 11.0,
            "spc_variation": "as it was",
            "direction": "lower",
        }
        counts = [200 + 20 * (number % 2) for number in range(23)] + [last]
        return [trend_row("icb", "QZA", "new_user", n, month=month(at), **words) for at, n in enumerate(counts)]

    shown = protect_trends(frame(chart(400)), DEFAULT)
    assert shown["spc_variation"].to_list()[-1] == (
        "special cause of concerning nature or higher pressure due to higher values"
    )
    assert shown["spc_variation"][0] == "common cause – no significant change"
    assert protect_trends(frame(chart(3)), DEFAULT)["spc_variation"].to_list() == [None] * 24
