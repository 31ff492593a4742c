import datetime as dt
import logging
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from scipy.optimize import linprog

from pipelines.disclosure import (
    MAGNITUDES,
    Policy,
    load_policies,
    outside_grain,
    protect_counts,
    protect_deciles,
    protect_trends,
)
from pipelines.errors import ConfigError
from pipelines.statistics import intervals

POLICIES = load_policies(Path(__file__).parents[2] / "configs" / "disclosure.toml")
DEFAULT = POLICIES["hes_1to7_round5"]
HIDING = ("hes_1to7_round5", "nhsbsa_lt5", "opensafely_le7_round5")


def month(number: int) -> dt.date:
    return dt.date(2025 + number // 12, number % 12 + 1, 1)


def trend_row(level: str, code: str, measure: str, count: float | None, **other: Any) -> dict[str, Any]:
    """A row of the trend table as it stands before protection, derived columns from the true counts."""
    size = other.get("denominator", 10_000)
    before = other.pop("baseline_count", None)
    row: dict[str, Any] = {
        "org_level": level,
        "org_code": code,
        "month": month(12),
        "measure": measure,
        "org_name": code,
        "is_gp_practice": level == "practice",
        "pcn_code": None,
        "icb_code": None,
        "numerator": count,
        "denominator": size,
        "rate_per_1000": None if count is None else count / size * 1000,
        "rate_reason": None,
        "ci_low": 0.123,
        "ci_high": 4.567,
        "baseline": None if before is None else before / size * 1000,
        "change_pct": None if before is None else -12.3456,
        "change_low": None if before is None else -23.4567,
        "change_high": None if before is None else 3.45678,
        "aim_pct": -50.0,
        "trajectory": None if before is None else 1.234567,
        "probability_aim_met": None if before is None else 0.123456,
        "aim_status": None if before is None else "behind",
        "spc_mean": None,
        "spc_lower": None,
        "spc_upper": None,
        "spc_signal": None,
        "spc_reason": None,
        "provisional": False,
        "capture_rate": 0.98765,
        "definition": "test 1",
        "people": None,
        "baseline_numerator": before,
        "baseline_denominator": size,
        "months_since_baseline": 12,
        "aim_months": 36,
    }
    return {**row, **other}


TYPES: dict[str, Any] = {
    **dict.fromkeys(
        (
            "numerator",
            "rate_per_1000",
            "ci_low",
            "ci_high",
            "baseline",
            "change_pct",
            "change_low",
            "change_high",
        ),
        pl.Float64,
    ),
    **dict.fromkeys(
        ("trajectory", "people", "probability_aim_met", "spc_mean", "spc_lower", "spc_upper", "capture_rate"),
        pl.Float64,
    ),
    "baseline_numerator": pl.Float64,
}


def frame(rows: list[dict[str, Any]]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema_overrides=TYPES, infer_schema_length=None)


def one(policy: Policy, row: dict[str, Any]) -> dict[str, Any]:
    return protect_trends(frame([row]), policy).row(0, named=True)


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
    for text in ("default = ", 'default = "x"', '[policies.x]\nrounding = "up"'):
        path = tmp_path / "disclosure.toml"
        path.write_text(text, encoding="utf-8")
        with pytest.raises(ConfigError, match=r"disclosure\.toml"):
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
    row = one(DEFAULT, trend_row("practice", "A1", "high_dose", now, baseline_count=then))
    assert not row["suppressed"]
    assert row["change_pct"] is None
    assert row["probability_aim_met"] is None
    assert row["aim_status"] == "too few to tell; see the PCN"


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
        trend_row(
            *place, count, icb_code="Q1", month=month(m), months_since_baseline=m, baseline_count=before
        )
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
    assert outside_grain(frame(rows), practice_level=True).height == 4


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
            trend_row(
                "pcn", "U1", "new_user", count, month=month(m), spc_mean=1.0, spc_lower=0.5, spc_upper=1.5
            )
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
    row = one(
        DEFAULT, trend_row("pcn", "U1", "high_dose", 500, spc_reason="same_patients_in_neighbouring_months")
    )
    assert row["spc_reason"] == "same_patients_in_neighbouring_months"


# --- attacks -------------------------------------------------------------------------------------


def icb(
    counts: list[int], measure: str = "high_dose", code: str = "Q1", **other: Any
) -> list[dict[str, Any]]:
    children = [
        trend_row("pcn", f"U{i}-{code}", measure, c, icb_code=code, **other) for i, c in enumerate(counts)
    ]
    return [*children, trend_row("icb", code, measure, sum(counts), icb_code=code, **other)]


def test_total_minus_siblings_gives_nothing_away_without_rounding() -> None:
    # 60 − 40 − 17 would be 3
    hidden = protect_trends(frame(icb([40, 17, 3])), POLICIES["nhsbsa_lt5"])["suppressed"].to_list()
    assert hidden == [False, True, True, False]


def test_rounding_does_not_protect_where_all_remainders_add_up() -> None:
    # 8 + 8 + 1 = 17, shown 10, 10, [c], 15: 15 is at most 17, each 10 at least 8, so the hidden one is 1
    hidden = protect_trends(frame(icb([8, 8, 1])), DEFAULT)["suppressed"].to_list()
    assert hidden[2]
    assert hidden.count(True) == 2


def test_practices_of_a_pcn_are_guarded_like_pcns_of_an_icb() -> None:
    rows = [
        *(trend_row("practice", f"A{i}", "high_dose", c, pcn_code="U1") for i, c in enumerate((8, 8, 1))),
        trend_row("pcn", "U1", "high_dose", 17, pcn_code="U1"),
    ]
    hidden = protect_trends(frame(rows), DEFAULT)["suppressed"].to_list()
    assert hidden[2]
    assert hidden.count(True) == 2


def test_rounding_alone_protects_where_remainders_leave_room() -> None:
    assert protect_trends(frame(icb([40, 17, 3])), DEFAULT)["suppressed"].to_list() == [
        False,
        False,
        True,
        False,
    ]


def test_a_variant_without_exclusions_does_not_betray_one_excluded_patient() -> None:
    rows = [
        trend_row("pcn", "U1", "high_dose", 30),
        trend_row("pcn", "U1", "high_dose_adult_no_palliative", 29),
    ]
    exact = protect_trends(frame(rows), POLICIES["nhsbsa_lt5"])
    assert exact["suppressed"].to_list() == [False, True]
    rounded = protect_trends(frame(rows), DEFAULT)
    assert rounded["shown"].to_list() == ["30", "30"]


def test_net_change_tells_no_more_than_joined_and_left() -> None:
    rows = [
        trend_row("pcn", code, f"high_dose_{flow}", count)
        for code, counts in (("U1", (23, 17, 6)), ("U2", (3, 12, -9)), ("U3", (0, 0, 0)))
        for flow, count in zip(("joined", "left", "net_change"), counts, strict=True)
    ]
    shown = protect_trends(frame(rows), DEFAULT)["shown"].to_list()
    # 25 − 15 = 10, not 6; hidden joined hides the net; nothing happened stays nothing
    assert shown == ["25", "15", "10", "[c]", "10", "[c]", "0", "0", "0"]


def test_last_month_and_this_month_do_not_betray_who_joined() -> None:
    # 23 + 1 − 12 = 12, shown 25 + [c] − 10 = 10: joined = (8 to 12) − (23 to 27) + (8 to 12) is
    # at most 1, so it is 1: one more of the four has to be hidden
    rows = [
        trend_row("pcn", "U1", "high_dose", 23, month=month(0)),
        trend_row("pcn", "U1", "high_dose", 12, month=month(1)),
        trend_row("pcn", "U1", "high_dose_joined", 1, month=month(1)),
        trend_row("pcn", "U1", "high_dose_left", 12, month=month(1)),
    ]
    hidden = protect_trends(frame(rows), DEFAULT)["suppressed"].to_list()
    assert hidden[2]
    assert hidden.count(True) == 2


def test_without_rounding_flows_do_not_leave() -> None:
    # 50 + joined − 5 = 48 would make joined 3
    rows = [
        trend_row("pcn", "U1", "high_dose", 50, month=month(0)),
        trend_row("pcn", "U1", "high_dose", 48, month=month(1)),
        trend_row("pcn", "U1", "high_dose_joined", 3, month=month(1)),
        trend_row("pcn", "U1", "high_dose_left", 5, month=month(1)),
        trend_row("pcn", "U1", "high_dose_net_change", -2, month=month(1)),
    ]
    protected = protect_trends(frame(rows), POLICIES["nhsbsa_lt5"])
    assert protected["suppressed"].to_list() == [False, False, True, True, True]


@pytest.mark.parametrize("policy", HIDING)
def test_every_true_count_behind_one_shown_row_gives_the_same_row(policy: str) -> None:
    """Rate × list size, interval inversion, change and trajectory tell no more than the rounded count."""
    rows = [trend_row("pcn", f"U{c}", "high_dose", c, baseline_count=100) for c in range(1, 60)]
    protected = protect_trends(frame(rows), POLICIES[policy]).drop("org_name", "org_code")
    assert protected.unique().height == protected["numerator"].n_unique()


SEEDS = 200


def random_tables() -> list[list[dict[str, Any]]]:
    """ICBs with two to four PCNs: sparse counts, two months, flows, and the variant with exclusions."""
    tables = []
    for seed in range(SEEDS):
        rng = np.random.default_rng(seed)
        pcns = int(rng.integers(2, 5))
        stock = rng.poisson(rng.choice([3, 9, 20]), pcns)
        joined, left = rng.poisson(4, pcns), rng.binomial(stock, 0.2)
        measures = {
            ("high_dose", 0): stock,
            ("high_dose", 1): stock + joined - left,
            ("high_dose_joined", 1): joined,
            ("high_dose_left", 1): left,
            ("high_dose_adult_no_palliative", 0): stock - rng.binomial(stock, 0.1),
        }
        tables.append(
            [
                row
                for (measure, m), counts in measures.items()
                for row in icb(counts.tolist(), measure, code=f"Q{seed}", month=month(m))
            ]
        )
    return tables


def known_sums(rows: list[dict[str, Any]]) -> np.ndarray:
    """Each sum an outsider knows, as a row of signs over the cells: it is 0."""
    place = {(r["org_code"], r["month"], r["measure"]): i for i, r in enumerate(rows)}
    sums: list[dict[int, int]] = []
    for (code, when, measure), cell in place.items():
        if code.startswith("Q"):
            parts = [i for (c, w, m), i in place.items() if (w, m) == (when, measure) and c != code]
            sums.append({cell: 1, **dict.fromkeys(parts, -1)})
        flows = [(month(0), measure), (when, f"{measure}_joined"), (when, f"{measure}_left")]
        if when == month(1) and all((code, *flow) in place for flow in flows):
            before, joined, left = (place[code, *flow] for flow in flows)
            sums.append({cell: 1, before: -1, joined: -1, left: 1})
    signs = np.zeros((len(sums), len(rows)))
    for index, terms in enumerate(sums):
        signs[index, list(terms)] = list(terms.values())
    return signs


def without_flows(row: dict[str, Any], policy: Policy) -> bool:
    return policy.rounding == "none" and row["measure"].endswith(("_joined", "_left"))


def possible(row: dict[str, Any], shown: float | None, policy: Policy) -> tuple[float, float | None]:
    """What an outsider knows of a cell who has guessed right which are hidden for being small."""
    true = row["numerator"]
    if without_flows(row, policy):
        return 0, None
    if 1 <= true <= policy.suppress_to:
        return 1, policy.suppress_to
    if shown is None:
        return min(true, 1), None
    if shown == 0 or policy.rounding == "none":
        return shown, shown
    return max(policy.suppress_to + 1, shown - 2), shown + 2


@pytest.mark.parametrize("policy", ["hes_1to7_round5", "nhsbsa_lt5"])
def test_no_hidden_count_is_recovered_from_200_hierarchies_by_linear_programming(policy: str) -> None:
    tables = random_tables()
    protected = protect_trends(frame([row for rows in tables for row in rows]), POLICIES[policy])
    figures = iter(protected["numerator"].to_list())
    recovered, attacked = [], 0
    for seed, rows in enumerate(tables):
        bounds = [possible(row, next(figures), POLICIES[policy]) for row in rows]
        signs = known_sums(rows)
        limit = POLICIES[policy].suppress_to
        small = [i for i, row in enumerate(rows) if 1 <= row["numerator"] <= limit]
        for cell in (i for i in small if not without_flows(rows[i], POLICIES[policy])):
            goal = np.eye(len(rows))[cell]
            zero = np.zeros(len(signs))
            least = linprog(goal, A_eq=signs, b_eq=zero, bounds=bounds).fun
            most = -linprog(-goal, A_eq=signs, b_eq=zero, bounds=bounds).fun
            attacked += 1
            assert least - 1e-6 <= rows[cell]["numerator"] <= most + 1e-6
            if np.floor(most + 1e-6) <= np.ceil(least - 1e-6):
                recovered.append((seed, cell, least, most))
    assert attacked > 300
    assert not recovered
