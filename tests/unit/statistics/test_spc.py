import numpy as np
import pytest

from pipelines.statistics import spc

STEADY = [10.0, 12.0] * 10


def test_limits_are_mean_plus_and_minus_2_66_mean_moving_ranges() -> None:
    # mean 11, every moving range 2: 11 ∓ 5.32
    assert spc.xmr_limits(STEADY) == pytest.approx((11, 5.68, 16.32))


def test_all_moving_ranges_count_unless_screening_is_asked_for() -> None:
    # 1 2 1 2 10 1 2 …: the published example of the Excel tool and of screening
    values = [1, 2, 1, 2, 10, 1, 2, 1, 2, 1, 2, 1, 2, 1, 2, 1, 2, 1]
    assert spc.xmr_limits(values) == pytest.approx((1.94, -3.06, 6.95), abs=0.01)
    assert spc.xmr_limits(values, screen_outliers=True) == pytest.approx((1.94, -0.72, 4.6), abs=0.01)


def test_fewer_than_twelve_points_have_no_limits_and_no_signals() -> None:
    chart = spc.xmr([*range(11)])
    assert np.isnan(chart.upper).all()
    assert set(chart.signal) == {None}
    assert set(chart.reason) == {"fewer_than_12_points"}


@pytest.mark.parametrize(("points", "reason"), [(12, "trial_limits"), (19, "trial_limits"), (20, None)])
def test_twelve_to_nineteen_points_have_trial_limits(points: int, reason: str | None) -> None:
    chart = spc.xmr(STEADY[:points])
    assert set(chart.reason) == {reason}
    assert np.isfinite(chart.upper).all()


def test_a_point_outside_a_limit_is_a_signal() -> None:
    # mean 11.33, mean moving range 44/20 = 2.2: upper limit 11.33 + 5.85 = 17.19
    chart = spc.xmr([*STEADY, 18.0])
    assert chart.signal[-1] == "above the upper limit"
    assert set(chart.signal[:6]) == {None}


def test_seven_falling_is_named_before_seven_on_one_side() -> None:
    signal = spc.special_causes([9, 8, 7, 6, 5, 4, 3], mean=20, lower=-100, upper=140)
    assert list(signal) == ["7 falling"] * 7


def test_seven_below_the_mean_are_all_marked() -> None:
    signal = spc.special_causes([21, 9, 8, 9, 8, 9, 8, 9, 22], mean=20, lower=-100, upper=140)
    assert list(signal) == [None, *["7 below the mean"] * 7, None]


def test_a_series_that_never_changes_has_no_signal() -> None:
    assert set(spc.xmr([0.0] * 24).signal) == {None}


def test_two_of_three_near_a_limit_on_one_side_are_marked_but_not_the_third() -> None:
    # limits 0 to 30 round 15: two thirds of the way up is 25
    signal = spc.special_causes([26, 16, 27, 10], mean=15, lower=0, upper=30)
    assert list(signal) == ["2 of 3 near the upper limit", None, "2 of 3 near the upper limit", None]


def test_near_limits_on_opposite_sides_are_common_cause() -> None:
    values = [1, -1] * 7 + [5.5, -5.5]
    assert list(spc.xmr(values).signal[-2:]) == [None, None]


def test_a_missing_month_breaks_a_run_and_has_no_moving_range() -> None:
    values = [9.0, 8.0, 7.0, np.nan, 6.0, 5.0, 4.0]
    assert list(spc.seven_point_trend(values)) == [0] * 7
    assert set(spc.special_causes(values, 20, -100, 140)) == {None}
    assert spc.xmr_limits([1, np.nan, 5, 7]) == pytest.approx((13 / 3, 13 / 3 - 5.32, 13 / 3 + 5.32))


def test_rebasing_starts_limits_and_rules_afresh() -> None:
    lower_level = [5.0, 6.0] * 6
    chart = spc.xmr([*STEADY, *lower_level], rebase_at=[20])
    assert list(chart.phase) == [0] * 20 + [1] * 12
    assert chart.mean[0] == pytest.approx(11)
    assert chart.mean[-1] == pytest.approx(5.5)
    assert set(chart.signal) == {None}
    assert chart.reason[-1] == "trial_limits"


def test_without_rebasing_the_same_step_is_a_signal() -> None:
    chart = spc.xmr([*STEADY, *[5.0, 6.0] * 6])
    assert chart.signal[-1] == "7 below the mean"


def test_an_empty_series_has_an_empty_chart() -> None:
    assert spc.xmr([]).mean.size == 0


@pytest.mark.parametrize(
    ("signal", "improvement", "words"),
    [
        (None, "decrease", "common cause – no significant change"),
        ("7 falling", "decrease", "special cause of improving nature or lower pressure due to lower values"),
        (
            "7 rising",
            "decrease",
            "special cause of concerning nature or higher pressure due to higher values",
        ),
        ("7 rising", "increase", "special cause of improving nature or lower pressure due to higher values"),
        (
            "7 below the mean",
            "increase",
            "special cause of concerning nature or higher pressure due to lower values",
        ),
    ],
)
def test_variation_is_said_in_the_words_of_making_data_count(
    signal: str | None, improvement: spc.Improvement, words: str
) -> None:
    assert spc.variation(signal, improvement) == words


def test_an_unknown_signal_is_refused() -> None:
    with pytest.raises(ValueError, match="unknown signal"):
        spc.variation("odd")


@pytest.mark.parametrize(
    ("lower", "upper", "improvement", "words"),
    [
        (1, 3, "decrease", "consistently passing"),
        (5, 7, "decrease", "consistently falling short"),
        (1, 5, "decrease", "inconsistently"),
        (1, 3, "increase", "consistently falling short"),
    ],
)
def test_assurance_compares_the_limits_with_the_target_of_four(
    lower: float, upper: float, improvement: spc.Improvement, words: str
) -> None:
    said = spc.assurance(lower, upper, 4, improvement)
    assert said is not None
    assert f"indicates {words}" in said


def test_without_limits_or_direction_there_is_no_assurance() -> None:
    assert spc.assurance(float("nan"), 3, 4) is None
    assert spc.assurance(1, 3, 4, "neutral") is None
