import numpy as np
import pytest

from pipelines.statistics import aim


def test_forty_against_a_hundred_with_thirty_in_both_is_sixty_percent_fewer() -> None:
    # SE² = 1/40 + 1/100 − 60/4000 = 0.02; RR = 0.4 exp(±1.96 × 0.141421) = 0.3032 to 0.5278
    # P = Φ((ln 0.5 − ln 0.4)/0.141421) = Φ(1.578) = 0.943
    change = aim.change_since_baseline([40], [10_000], [100], [10_000], in_both=[30])
    assert change.change_pct[0] == pytest.approx(-60)
    assert change.change_low[0] == pytest.approx(-69.7, abs=0.05)
    assert change.change_high[0] == pytest.approx(-47.2, abs=0.05)
    assert change.probability_aim_met[0] == pytest.approx(0.943, abs=0.0005)
    assert change.method[0] == "paired"


def test_the_same_counts_without_links_have_a_wider_interval() -> None:
    # SE² = 1/40 + 1/100 = 0.035; RR = 0.4 exp(±1.96 × 0.187083) = 0.2772 to 0.5772
    change = aim.change_since_baseline([40], [10_000], [100], [10_000])
    assert change.change_low[0] == pytest.approx(-72.3, abs=0.05)
    assert change.change_high[0] == pytest.approx(-42.3, abs=0.05)
    assert change.probability_aim_met[0] == pytest.approx(0.885, abs=0.0005)
    assert change.method[0] == "independent, conservative"


def test_527_patients_to_295_is_44_percent_fewer() -> None:
    # 46 practices, August 2017 to September 2021: (295 − 527)/527 = −44.02 %
    assert aim.change_pct(295, 1, 527, 1) == pytest.approx(-44.02, abs=0.005)


def test_a_growing_list_makes_the_fall_of_a_rate_larger_than_that_of_the_count() -> None:
    # 50/12,500 = 4 against 100/10,000 = 10 per 1,000: −60 %; the count −50 %
    change = aim.change_since_baseline([50], [12_500], [100], [10_000])
    assert change.change_pct[0] == pytest.approx(-60)
    assert change.change_count_pct[0] == pytest.approx(-50)


@pytest.mark.parametrize(
    ("x1", "x0", "in_both", "paired"),
    [
        (40, 100, 30, True),
        (9, 100, 5, False),  # fewer than 10 now
        (100, 9, 5, False),  # fewer than 10 at the baseline
        (20, 20, 15, True),  # 20 + 20 − 30 = 10 changed
        (20, 19, 15, False),  # 9 changed
        (20, 40, 21, False),  # more in both than there are now: not a count of the same people
        (40, 100, None, False),  # people cannot be linked
    ],
)
def test_paired_needs_ten_in_both_months_and_ten_who_changed(
    x1: float, x0: float, in_both: float | None, paired: bool
) -> None:
    change = aim.change_since_baseline([x1], [1000], [x0], [1000], in_both=[in_both])
    assert (change.method[0] == "paired") is paired


def test_small_counts_use_the_exact_interval() -> None:
    # 5 of 15: Clopper–Pearson 0.11824 to 0.61620; RR = 0.1341 to 1.6055
    change = aim.change_since_baseline([5], [10_000], [10], [10_000])
    assert change.change_low[0] == pytest.approx(-86.59, abs=0.01)
    assert change.change_high[0] == pytest.approx(60.55, abs=0.01)


def test_nobody_left_is_a_hundred_percent_fewer_with_a_finite_interval() -> None:
    # 0 of 8: upper 1 − 0.025^(1/8) = 0.36942; RR = 0.5858
    change = aim.change_since_baseline([0], [10_000], [8], [10_000])
    assert change.change_pct[0] == -100
    assert change.change_low[0] == -100
    assert change.change_high[0] == pytest.approx(-41.4, abs=0.05)


@pytest.mark.parametrize(
    ("x1", "n1", "x0", "n0", "reason"),
    [
        (5, 1000, 0, 1000, "baseline_zero"),
        (0, 1000, 0, 1000, "baseline_zero"),
        (5, 1000, None, 1000, "baseline_missing"),
        (5, 0, 10, 1000, "denominator_missing"),
        (5, 1000, 10, None, "denominator_missing"),
        (None, 1000, 10, 1000, "count_missing"),
        (5, 1000, 10, 1000, None),
    ],
)
def test_a_change_that_cannot_be_computed_says_why(
    x1: float | None, n1: float | None, x0: float | None, n0: float | None, reason: str | None
) -> None:
    change = aim.change_since_baseline([x1], [n1], [x0], [n0])
    assert change.reason[0] == reason
    assert bool(np.isnan(change.change_pct[0])) is (reason is not None)
    figures = [change.change_low, change.change_high, change.probability_aim_met]
    assert np.isfinite(figures).all() is np.bool_(reason is None)


def test_no_figure_is_ever_infinite() -> None:
    grid = np.array([np.nan, 0, 1, 5, 9, 10, 40, 1e6])
    x1, n1, x0, n0, m = (g.ravel() for g in np.meshgrid(grid, grid[:5], grid, grid[:5], grid[:6]))
    change = aim.change_since_baseline(x1, n1, x0, n0, in_both=m)
    for figures in (change.change_pct, change.change_low, change.change_high, change.probability_aim_met):
        assert not np.isinf(figures).any()
    known = np.isfinite(change.probability_aim_met)
    assert (change.probability_aim_met[known] >= 0).all()
    assert (change.probability_aim_met[known] <= 1).all()


def test_the_interval_always_holds_the_change() -> None:
    x1, x0 = (g.ravel().astype(float) for g in np.meshgrid(np.arange(60), np.arange(1, 60)))
    change = aim.change_since_baseline(x1, 5000, x0, 5000)
    assert (change.change_low <= change.change_pct + 1e-9).all()
    assert (change.change_high >= change.change_pct - 1e-9).all()


def test_an_aim_to_rise_is_met_by_a_rise() -> None:
    change = aim.change_since_baseline([200], [1000], [100], [1000], aim_share=-0.5)
    assert change.probability_aim_met[0] > 0.95
    assert aim.aim_status(200, 150, change, -0.5)[0] == "reached"


def test_the_trajectory_is_straight_to_the_aim_then_flat_and_absent_before_the_baseline() -> None:
    # from 10 per 1,000, −50 % in 36 months: 10 − 10 × 0.5 × 18/36 = 7.5 half way
    planned = aim.trajectory(10.0, [-1, 0, 18, 36, 48], 36, 0.5)
    assert np.isnan(planned[0])
    assert planned[1:] == pytest.approx([10, 7.5, 5, 5])


def test_a_trajectory_without_a_baseline_or_a_time_is_absent() -> None:
    assert np.isnan(aim.trajectory([np.nan, 10, 10], [5, 5, np.nan], [36, 0, 36], 0.5)).all()


@pytest.mark.parametrize(
    ("x1", "x0", "rate", "planned", "status"),
    [
        (30, 100, 3.0, 5.0, "reached"),  # P(at least halved) = 0.99
        (60, 100, 6.0, 7.5, "on course"),
        (60, 100, 7.5, 7.5, "on course"),  # exactly on the trajectory
        (60, 100, 8.0, 7.5, "behind"),
        (4, 8, 4.0, 5.0, "too few to tell"),  # interval −89 to +88 holds both 0 and −50
        (0, 4, 0.0, 5.0, "too few to tell"),  # P = 0.94, but the interval −100 to +51 holds both
    ],
)
def test_an_aim_status_says_reached_on_course_behind_or_too_few_to_tell(
    x1: float, x0: float, rate: float, planned: float, status: str
) -> None:
    change = aim.change_since_baseline([x1], [10_000], [x0], [10_000])
    assert aim.aim_status([rate], [planned], change)[0] == status


def test_before_the_baseline_there_is_no_status() -> None:
    change = aim.change_since_baseline([60], [10_000], [100], [10_000])
    assert aim.aim_status([6.0], [np.nan], change)[0] is None


def test_a_baseline_of_several_months_may_be_a_fraction() -> None:
    # mean of 7, 8 and 8 = 7.667 people; 4 now: −47.8 %
    change = aim.change_since_baseline([4], [10_000], [23 / 3], [10_000])
    assert change.change_pct[0] == pytest.approx(-47.83, abs=0.005)
    assert np.isfinite([change.change_low[0], change.change_high[0]]).all()
