import numpy as np
import pytest

from pipelines.statistics import intervals


def test_limits_of_zero_events_start_at_zero_and_end_at_minus_log_of_the_tail() -> None:
    # exact: P(0 events | upper) = exp(−upper) = 0.025, so upper = −ln 0.025 = 3.6889
    lower, upper = intervals.exact_poisson_limits([0])
    assert lower[0] == 0
    assert upper[0] == pytest.approx(-np.log(0.025))


def test_byar_limits_of_100_events_follow_the_formula_by_hand() -> None:
    # lower: 100 (1 − 1/900 − 1.959964/30)³ = 100 × 0.933557³ = 81.36
    # upper: 101 (1 − 1/909 + 1.959964/(3 √101))³ = 101 × 1.063909³ = 121.63
    lower, upper = intervals.byar_limits(100)
    assert lower == pytest.approx(81.36, abs=0.01)
    assert upper == pytest.approx(121.63, abs=0.01)


def test_a_lower_limit_that_would_fall_below_zero_is_zero() -> None:
    lower, upper = intervals.byar_limits([1], confidence=0.998)
    assert lower[0] == 0
    assert upper[0] == pytest.approx(9.362180217908362)


def test_a_rate_uses_exact_limits_below_ten_events_and_byars_from_ten() -> None:
    lower, upper = intervals.rate_limits([9, 10], [1000, 1000])
    assert (lower[0], upper[0]) == pytest.approx([v[0] for v in intervals.exact_poisson_limits([9])])
    assert (lower[1], upper[1]) == pytest.approx([v[0] for v in intervals.byar_limits([10])])


@pytest.mark.parametrize("denominator", [None, 0, -5, float("nan"), float("inf")])
def test_without_a_usable_denominator_rate_and_limits_are_missing_never_infinite(
    denominator: float | None,
) -> None:
    assert np.isnan(intervals.rate([5], [denominator]))
    assert np.isnan(intervals.rate_limits([5], [denominator])).all()
    assert np.isnan(intervals.wilson_limits([5], [denominator])).all()


def test_a_negative_net_change_has_no_rate_and_no_limits() -> None:
    assert np.isnan(intervals.rate([-3], [1000]))
    assert np.isnan(intervals.rate_limits([-3], [1000])).all()


def test_a_missing_count_gives_missing_limits_and_leaves_its_neighbours_alone() -> None:
    lower, upper = intervals.count_limits([None, 5])
    assert np.isnan(lower[0])
    assert np.isnan(upper[0])
    assert upper[1] == pytest.approx(11.668332, abs=1e-6)


def test_single_numbers_give_single_limits() -> None:
    lower, upper = intervals.rate_limits(20, 100, multiplier=100)
    assert (lower.shape, upper.shape) == ((), ())
    assert float(lower) == pytest.approx(12.211428834875937)


def test_clopper_pearson_of_none_and_of_all_is_one_sided() -> None:
    # 0 of 10: (1 − upper)^10 = 0.025, upper = 1 − 0.025^(1/10) = 0.30850; all of 10 mirrors it
    lower, upper = intervals.clopper_pearson_limits([0, 10], [10, 10])
    assert lower == pytest.approx([0, 1 - 0.3084971], abs=1e-6)
    assert upper == pytest.approx([0.3084971, 1], abs=1e-6)


def test_more_events_than_people_is_no_proportion() -> None:
    assert np.isnan(intervals.wilson_limits([11], [10])).all()


@pytest.mark.parametrize("confidence", [0, 1, 95])
def test_a_confidence_that_is_no_share_is_refused(confidence: float) -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        intervals.byar_limits([10], confidence)


def test_exact_funnel_limits_leave_a_fortieth_on_each_side() -> None:
    # the interpolated quantile y lies between the counts round which the cumulative probability passes 0.975
    lower, upper = intervals.rate_funnel_limits([10_000], centre=2.0)
    expected = 20
    assert lower[0] * 10 < expected < upper[0] * 10
    # Poisson(20): F(28) = 0.9657, F(29) = 0.9782 → y = 29 − (0.9782 − 0.975)/(0.9782 − 0.9657) = 28.74
    assert upper[0] * 10 == pytest.approx(28.74, abs=0.02)
    # F(11) = 0.0214, F(12) = 0.0390 → y = 12 − (0.0390 − 0.025)/(0.0390 − 0.0214) = 11.20
    assert lower[0] * 10 == pytest.approx(11.20, abs=0.02)


def test_over_dispersion_widens_the_funnel_by_its_root() -> None:
    plain = intervals.rate_funnel_limits([10_000], centre=2.0)
    wide = intervals.rate_funnel_limits([10_000], centre=2.0, dispersion=4.0)
    assert wide[1] - 2 == pytest.approx(2 * (plain[1] - 2))
    assert wide[0] - 2 == pytest.approx(2 * (plain[0] - 2))


def test_practices_that_vary_by_chance_are_not_over_dispersed() -> None:
    rng = np.random.default_rng(4)
    by_chance = rng.poisson(20, 500)
    assert intervals.over_dispersion(by_chance, np.full(500, 1000)) == 1.0


def test_practices_that_differ_among_themselves_are_over_dispersed() -> None:
    # rates of 10 and 40 per 1,000 by halves, centre 25: z = 2 (√10 − 5) = −3.68 and 2 (√40 − 5) = 2.65;
    # φ = (13.52 + 7.02)/2 = 10.27
    count = np.array([10] * 20 + [40] * 20)
    assert intervals.over_dispersion(count, np.full(40, 1000)) == pytest.approx(10.26, abs=0.02)


def test_a_funnel_round_one_practice_assumes_no_over_dispersion() -> None:
    assert intervals.over_dispersion([5], [1000]) == 1.0
    assert np.isnan(intervals.pooled_rate([None], [1000]))


def test_proportion_funnel_stays_within_nought_and_one_hundred() -> None:
    # centre 80.642448 %, n = 2: 0.80642 − 1.959964 √(0.80642 × 0.19358 / 2) = 0.25885
    lower, upper = intervals.proportion_funnel_limits([2], centre=80.642448, multiplier=100)
    assert lower[0] == pytest.approx(25.885383, abs=1e-6)
    assert upper[0] == 100
