"""Statistical process control: the XmR chart of NHS England's Making Data Count.

Mean ± 2.66 times the mean moving range; four rules; variation and assurance in the programme's words. Valid
only where neighbouring months are independent: not for a stock of patients who are the same from month to
month.

Sources: NHS England, Making Data Count, "Strengthening your decisions" (2019) and its Excel tool; the rules
in detail as in the R package NHSRplotthedots; 2.66 = 3/1.128 and 3.267 from Shewhart's tables (n = 2).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from pipelines.statistics.intervals import FloatArray, Numbers, as_floats

TextArray = npt.NDArray[np.object_]
IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]
Improvement: TypeAlias = Literal["decrease", "increase", "neutral"]
IMPROVEMENT_OF_DIRECTION: dict[str, Improvement] = {"lower": "decrease", "higher": "increase", "none": "neutral"}
"""Which way is better, in the words of measures.toml and in those of Making Data Count."""

LIMIT_FACTOR = 2.66
NEAR_LIMIT_FACTOR = LIMIT_FACTOR * 2 / 3
SCREEN_FACTOR = 3.267
RUN_LENGTH = 7
POINTS_FOR_SIGNALS = 12
POINTS_FOR_FIRM_LIMITS = 20

TOO_FEW_POINTS = "fewer_than_12_points"
TRIAL_LIMITS = "trial_limits"
SAME_PATIENTS = "same_patients_in_neighbouring_months"

ABOVE, BELOW = "above the upper limit", "below the lower limit"
RISING, FALLING = "7 rising", "7 falling"
NEAR_UPPER, NEAR_LOWER = "2 of 3 near the upper limit", "2 of 3 near the lower limit"
HIGH_RUN, LOW_RUN = "7 above the mean", "7 below the mean"
UPWARD_SIGNALS = frozenset({ABOVE, RISING, NEAR_UPPER, HIGH_RUN})
DOWNWARD_SIGNALS = frozenset({BELOW, FALLING, NEAR_LOWER, LOW_RUN})

COMMON_CAUSE = "common cause – no significant change"
IMPROVING_HIGH = "special cause of improving nature or lower pressure due to higher values"
IMPROVING_LOW = "special cause of improving nature or lower pressure due to lower values"
CONCERNING_HIGH = "special cause of concerning nature or higher pressure due to higher values"
CONCERNING_LOW = "special cause of concerning nature or higher pressure due to lower values"
NEUTRAL_HIGH = "special cause variation: higher values, neither improving nor concerning"
NEUTRAL_LOW = "special cause variation: lower values, neither improving nor concerning"

CONSISTENT_PASS = "variation indicates consistently passing the target"
CONSISTENT_FAIL = "variation indicates consistently falling short of the target"
INCONSISTENT = "variation indicates inconsistently passing and falling short of the target"

_VARIATION: dict[tuple[str, bool], str] = {
    ("increase", True): IMPROVING_HIGH,
    ("increase", False): CONCERNING_LOW,
    ("decrease", True): CONCERNING_HIGH,
    ("decrease", False): IMPROVING_LOW,
    ("neutral", True): NEUTRAL_HIGH,
    ("neutral", False): NEUTRAL_LOW,
}


@dataclass(frozen=True)
class XmrChart:
    """An XmR chart, point by point; mean and limits NaN in a phase with fewer than 12 points."""

    mean: FloatArray
    lower: FloatArray
    upper: FloatArray
    signal: TextArray
    """The first rule that holds, in the order of precedence; None for common cause."""
    reason: TextArray
    """`fewer_than_12_points`, `trial_limits` (12 to 19), else None."""
    phase: IntArray
    """0 for the first phase, then 1 for each rebasing."""


def xmr_limits(values: Numbers, screen_outliers: bool = False) -> tuple[float, float, float]:
    """Mean, lower and upper process limit: mean ∓ 2.66 mean moving range.

    All moving ranges count, as in the Excel tool; `screen_outliers` leaves out those of 3.267 times their
    mean and more, once. A month without a value has no moving range on either side.
    """
    points = as_floats(values)
    if not np.isfinite(points).any():
        return float("nan"), float("nan"), float("nan")
    mean = float(np.mean(points[np.isfinite(points)]))
    ranges = np.abs(np.diff(points))
    ranges = ranges[np.isfinite(ranges)]
    if screen_outliers and ranges.size and ranges.mean() > 0:
        ranges = ranges[ranges < SCREEN_FACTOR * ranges.mean()]
    if not ranges.size:
        return mean, float("nan"), float("nan")
    distance = LIMIT_FACTOR * float(ranges.mean())
    return mean, mean - distance, mean + distance


def xmr(values: Numbers, rebase_at: Sequence[int] = (), screen_outliers: bool = False) -> XmrChart:
    """The XmR chart of a monthly series, in order of month.

    `rebase_at` holds the position of the first point of each further phase: a recorded step only. Limits
    and rules start afresh in each phase. Fewer than 12 points: no limits, no signals; 12 to 19: trial limits.
    """
    points = as_floats(values)
    chart = XmrChart(
        mean=np.full(points.size, np.nan),
        lower=np.full(points.size, np.nan),
        upper=np.full(points.size, np.nan),
        signal=np.full(points.size, None, dtype=object),
        reason=np.full(points.size, None, dtype=object),
        phase=np.zeros(points.size, dtype=np.int64),
    )
    starts = sorted({0, *(int(start) for start in rebase_at if 0 < start < points.size)})
    for phase, (start, stop) in enumerate(zip(starts, [*starts[1:], points.size], strict=True)):
        here = slice(start, stop)
        chart.phase[here] = phase
        known = int(np.isfinite(points[here]).sum())
        if known < POINTS_FOR_SIGNALS:
            chart.reason[here] = TOO_FEW_POINTS
            continue
        if known < POINTS_FOR_FIRM_LIMITS:
            chart.reason[here] = TRIAL_LIMITS
        mean, lower, upper = xmr_limits(points[here], screen_outliers)
        chart.mean[here], chart.lower[here], chart.upper[here] = mean, lower, upper
        chart.signal[here] = special_causes(points[here], mean, lower, upper)
    return chart


def special_causes(values: Numbers, mean: float, lower: float, upper: float) -> TextArray:
    """The rule each point breaks, None for common cause.

    Precedence: outside a limit, 7 rising or falling, 2 of 3 beyond two thirds of the limit on one side,
    7 on one side of the mean. Every point of a run of 7 is marked; of 2 in 3, those beyond two thirds.
    A point outside a limit is not also near it.
    """
    points = as_floats(values)
    with np.errstate(invalid="ignore"):
        side = np.nan_to_num(np.sign(points - mean)).astype(np.int64)
        above, below = points > upper, points < lower
        near = np.abs(points - mean) > (upper - mean) * NEAR_LIMIT_FACTOR / LIMIT_FACTOR
    near = near & ~above & ~below
    two_in_three = part_of_two_in_three(near, side) & near
    runs, trends = part_of_run(seven_on_one_side(side)), part_of_run(seven_point_trend(points))
    signal = np.full(points.size, None, dtype=object)
    for holds, text in (
        (runs > 0, HIGH_RUN),
        (runs < 0, LOW_RUN),
        (two_in_three & (side > 0), NEAR_UPPER),
        (two_in_three & (side < 0), NEAR_LOWER),
        (trends > 0, RISING),
        (trends < 0, FALLING),
        (above, ABOVE),
        (below, BELOW),
    ):
        signal[holds] = text
    return signal


def seven_on_one_side(side: npt.ArrayLike) -> IntArray:
    """1 or −1 at a point that ends 7 in a row above or below the mean; a point on the mean ends a run."""
    return _ends_of_runs(np.asarray(side, dtype=np.int64), RUN_LENGTH)


def seven_point_trend(values: Numbers) -> IntArray:
    """1 at a point that ends 7 rising in a row, −1 falling; a tie or a missing month breaks the trend."""
    steps = np.nan_to_num(np.sign(np.diff(as_floats(values)))).astype(np.int64)
    return np.concatenate([np.zeros(1, dtype=np.int64), _ends_of_runs(steps, RUN_LENGTH - 1)])


def part_of_run(ends: npt.ArrayLike) -> IntArray:
    """The sign of a run on each of its 7 points, from the flags at its ends (the latest run wins)."""
    flags = np.asarray(ends, dtype=np.int64)
    part = np.zeros_like(flags)
    for end in np.flatnonzero(flags):
        part[max(end - RUN_LENGTH + 1, 0) : end + 1] = flags[end]
    return part


def part_of_two_in_three(near_limit: npt.ArrayLike, side: npt.ArrayLike) -> BoolArray:
    """Points within three neighbours on one side of the mean of which at least two are near the limit."""
    near, sides = np.asarray(near_limit, dtype=np.int64), np.asarray(side, dtype=np.int64)
    part = np.zeros(near.size, dtype=np.bool_)
    for start in range(near.size - 2):
        three = slice(start, start + 3)
        if near[three].sum() >= 2 and abs(int(sides[three].sum())) == 3:
            part[three] = True
    return part


def variation(signal: str | None, improvement: Improvement = "decrease") -> str:
    """The Making Data Count icon of a point, in words; `improvement` says which way is better."""
    if signal is None:
        return COMMON_CAUSE
    if signal not in UPWARD_SIGNALS | DOWNWARD_SIGNALS:
        raise ValueError(f"unknown signal {signal!r}")
    return _VARIATION[improvement, signal in UPWARD_SIGNALS]


def assurance(lower: float, upper: float, target: float, improvement: Improvement = "decrease") -> str | None:
    """Whether the last phase's limits keep clear of the target; None without limits, target or direction."""
    if improvement == "neutral" or not np.isfinite([lower, upper, target]).all():
        return None
    if lower <= target <= upper:
        return INCONSISTENT
    return CONSISTENT_PASS if (target > upper) == (improvement == "decrease") else CONSISTENT_FAIL


def _ends_of_runs(signs: IntArray, length: int) -> IntArray:
    """The sign at every position that ends `length` equal signs in a row, 0 elsewhere."""
    ends = np.zeros(signs.size, dtype=np.int64)
    run = 0
    for position, sign in enumerate(signs):
        run = run + 1 if position and sign == signs[position - 1] else 1
        if sign and run >= length:
            ends[position] = sign
    return ends
