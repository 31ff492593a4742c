import numpy as np
import pytest

from pipelines.statistics import deciles


def test_deciles_of_nought_to_one_hundred_are_the_tens() -> None:
    assert deciles.deciles(np.arange(101)) == pytest.approx(np.arange(10, 100, 10))


def test_fewer_than_twenty_practices_have_no_deciles() -> None:
    assert np.isnan(deciles.deciles([*range(19), np.nan])).all()
    assert np.isfinite(deciles.deciles(np.arange(20))).all()


def test_each_month_has_its_own_deciles() -> None:
    month = np.repeat(np.array(["2025-01", "2025-02"], dtype="datetime64[M]"), 101)
    rates = np.concatenate([np.arange(101), np.arange(101) * 2])
    months, lines = deciles.monthly_deciles(month, rates)
    assert [str(m) for m in months] == ["2025-01", "2025-02"]
    assert lines[:, 4] == pytest.approx([50, 100])


def test_no_months_have_no_deciles() -> None:
    assert deciles.monthly_deciles(np.array([], dtype="datetime64[M]"), [])[1].shape == (0, 9)


def test_the_lowest_practice_is_in_the_first_tenth_and_the_highest_in_the_last() -> None:
    tenth = deciles.decile_of([*range(30), np.nan])
    assert (tenth[0], tenth[29]) == (1, 10)
    assert np.isnan(tenth[30])


def test_small_lists_do_not_enter_a_comparison() -> None:
    assert list(deciles.comparable([1.0, 1.0, np.nan], [999, 1000, 5000])) == [False, True, False]


def test_similar_practices_are_near_in_size_and_deprivation() -> None:
    #        0: small, poor   1: like 0   2: large, rich   3: like 2   4: no list
    size = [2000, 2100, 12_000, 12_500, None]
    score = [40, 41, 10, 11, 20]
    similar = deciles.similar_organisations(size, score, how_many=1)
    assert similar[:, 0].tolist() == [1, 0, 3, 2, -1]


def test_an_unknown_deprivation_leaves_the_list_size() -> None:
    similar = deciles.similar_organisations([2000, 12_000, 2100], [None, 40, 10], how_many=2)
    assert similar[0].tolist() == [2, 1]


def test_whose_deprivation_is_unknown_is_no_neighbour_of_one_whose_is_known() -> None:
    #        0 and 1 are alike; 2 has the very size of 0, and nobody knows how deprived it is
    similar = deciles.similar_organisations([2000, 2500, 2000], [40, 10, None], how_many=2)
    assert similar[0].tolist() == [1, -1]


def test_the_comparator_is_the_median_of_the_similar_ones() -> None:
    similar = np.array([[1, 2, 3], [0, -1, -1], [-1, -1, -1], [0, 1, 2]])
    medians = deciles.median_of_similar([4.0, 1.0, 2.0, 6.0], similar)
    assert medians[[0, 1, 3]] == pytest.approx([2, 4, 2])
    assert np.isnan(medians[2])
