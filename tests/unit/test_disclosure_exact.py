"""The last look: whether one value alone is possible for a count that must not be known, by hand-worked sums."""

import numpy as np
import pytest

from pipelines.disclosure.exact import gives_away
from pipelines.statistics.differencing import UNBOUNDED, Sums

# Two parts and their total: part + part − total = 0. The first part must not be known.
PARTS_AND_TOTAL = Sums(np.zeros(3, dtype=np.int64), np.array([0, 1, 2]), np.array([1, 1, -1]))
FIRST = np.array([True, False, False])


@pytest.mark.parametrize(
    ("parts", "least", "most", "told"),
    [
        # Both parts 1 to 7, their total known to be 2: 1 + 1 is the only way.
        ((1, 1), (1, 1, 2), (7, 7, 2), True),
        # Their total known to be 14: 7 + 7 is the only way.
        ((7, 7), (1, 1, 14), (7, 7, 14), True),
        # Total 10: 3 + 7, 4 + 6 … 7 + 3 are all possible.
        ((4, 6), (1, 1, 10), (7, 7, 10), False),
        # Total 10 and the other part known to be 6.
        ((4, 6), (1, 6, 10), (7, 6, 10), True),
        # A part between 3 and 3.9 is 3 people: nobody is half a person.
        ((3, 10), (3, 0, 13), (3.9, 100, 13), True),
        ((3, 10), (2.1, 0, 13), (3.9, 100, 13), True),
        ((3, 10), (2, 0, 13), (3.9, 100, 13), False),
        # Total 3: 1 + 2 and 2 + 1.
        ((1, 2), (1, 1, 3), (7, 7, 3), False),
        # Nothing is known of the total: whatever the part is, it is possible.
        ((4, 6), (1, 1, 0), (UNBOUNDED, 7, UNBOUNDED), False),
    ],
)
def test_a_part_is_given_away_where_only_one_value_makes_the_sums_come_out(
    parts: tuple[int, int], least: tuple[int, ...], most: tuple[float, ...], told: bool
) -> None:
    true = np.array([*parts, sum(parts)], dtype=float)
    lower, upper = np.array(least, dtype=float), np.array(most, dtype=float)
    assert gives_away(true, lower, upper, PARTS_AND_TOTAL, FIRST, np.array([0])) is told


def test_a_cell_in_no_sum_is_not_given_away_by_sums() -> None:
    none = Sums(*(np.array([], dtype=np.int64) for _ in range(3)))
    one = np.array([3.0])
    assert not gives_away(one, one - 2, one + 4, none, np.array([True]), np.array([0]))
