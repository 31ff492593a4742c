"""Change against a baseline, its uncertainty, and how it stands against the aim.

Written throughout: x1, n1 = count and denominator now, x0, n0 = at the baseline; a baseline *range* enters
as the mean of its months. RR = (x1/n1) / (x0/n0). An aim is a share of reduction: 0.5 halves the rate,
t = 1 − aim is the ratio to be reached; a negative share is an aim to rise.
"""

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from scipy import special, stats

from pipelines.statistics.intervals import (
    FloatArray,
    Limits,
    Numbers,
    as_floats,
    clopper_pearson_limits,
    normal_quantile,
)

TextArray = npt.NDArray[np.object_]
BoolArray = npt.NDArray[np.bool_]
_FourArrays: TypeAlias = tuple[FloatArray, FloatArray, FloatArray, FloatArray]

WALD_FROM_EVENTS = 10
REACHED_FROM_PROBABILITY = 0.9

PAIRED = "paired"
INDEPENDENT = "independent, conservative"
BASELINE_ZERO = "baseline_zero"
BASELINE_MISSING = "baseline_missing"
DENOMINATOR_MISSING = "denominator_missing"
COUNT_MISSING = "count_missing"
AIM_EXCEEDS_BASELINE = "aim_exceeds_baseline"
AIM_BEFORE_BASELINE = "aim_not_after_baseline"

CAPTURE_WEIGHT_OF_PRESENCE = 1.0
CAPTURE_WEIGHT_OF_DOSE = 2.2
"""How much more a change in identification weighs on a cohort judged on doses of several months; from simulations."""

REACHED = "reached"
ON_COURSE = "on course"
BEHIND = "behind"
TOO_FEW = "too few to tell"


@dataclass(frozen=True)
class Change:
    """Change of a rate since its baseline, element by element; NaN and None where there is none."""

    change_pct: FloatArray
    """100 (RR − 1): −60 is 60 % fewer."""
    change_low: FloatArray
    change_high: FloatArray
    change_count_pct: FloatArray
    """100 (x1/x0 − 1), whatever the denominators did."""
    probability_aim_met: FloatArray
    method: TextArray
    """`paired`, `independent, conservative`, or None."""
    reason: TextArray
    """Why there is no change: `baseline_zero`, `baseline_missing`, `denominator_missing`, `count_missing`."""


def rate_ratio(x1: Numbers, n1: Numbers, x0: Numbers, n0: Numbers) -> FloatArray:
    """(x1/n1) / (x0/n0); NaN where the baseline is 0 or anything is missing."""
    now, now_n, then, then_n = _counts(x1, n1, x0, n0)
    usable = (then > 0) & (now_n > 0) & (then_n > 0) & (now >= 0)
    safe = np.where(usable, then * now_n, 1.0)
    return np.where(usable, now * then_n / safe, np.nan)


def change_pct(x1: Numbers, n1: Numbers, x0: Numbers, n0: Numbers) -> FloatArray:
    """Percent change of a rate, 100 (x1/n1 ÷ x0/n0 − 1). With n1 = n0 = 1, of a count."""
    percent: FloatArray = 100 * (rate_ratio(x1, n1, x0, n0) - 1)
    return percent


def wald_log_limits(x1: Numbers, n1: Numbers, x0: Numbers, n0: Numbers, confidence: float = 0.95) -> Limits:
    """Limits of the rate ratio of two independent counts: RR exp(±z √(1/x1 + 1/x0)). NaN where a count is 0.

    Source: Rothman, Greenland & Lash, Modern Epidemiology, 3rd ed., ch. 14 (large-sample, person-time).
    """
    now, _, then, _ = _counts(x1, n1, x0, n0)
    return _log_normal_limits(rate_ratio(x1, n1, x0, n0), _reciprocal(now) + _reciprocal(then), confidence)


def paired_limits(
    x1: Numbers, n1: Numbers, x0: Numbers, n0: Numbers, in_both: Numbers, confidence: float = 0.95
) -> Limits:
    """Limits of the rate ratio when `in_both` people are in both counts: SE² = 1/x1 + 1/x0 − 2m/(x1 x0).

    The delta method for two overlapping counts: cov(ln x1, ln x0) = m/(x1 x0). Without the covariance the
    interval of the same people counted twice is far too wide.
    """
    now, _, then, _ = _counts(x1, n1, x0, n0)
    variance = _paired_variance(now, then, as_floats(in_both))
    return _log_normal_limits(rate_ratio(x1, n1, x0, n0), variance, confidence)


def exact_ratio_limits(x1: Numbers, n1: Numbers, x0: Numbers, n0: Numbers, confidence: float = 0.95) -> Limits:
    """Exact limits of the ratio of two independent Poisson rates, by conditioning on their sum.

    p = Clopper–Pearson of x1 out of x0 + x1; RR = p/(1 − p) · n0/n1. Source: Przyborowski & Wilenski,
    Biometrika 1940;31:313–23.
    """
    now, now_n, then, then_n = _counts(x1, n1, x0, n0)
    usable = (then > 0) & (now_n > 0) & (then_n > 0)
    relative = np.where(usable, then_n / np.where(usable, now_n, 1.0), np.nan)
    low, high = clopper_pearson_limits(now, now + then, confidence)
    with np.errstate(divide="ignore"):
        lower, upper = low / (1 - low) * relative, high / (1 - high) * relative
    return np.where(np.isfinite(lower), lower, np.nan), np.where(np.isfinite(upper), upper, np.nan)


def independent_limits(x1: Numbers, n1: Numbers, x0: Numbers, n0: Numbers, confidence: float = 0.95) -> Limits:
    """Limits of the ratio of two independent rates: log-Wald from 10 events in both counts, else exact."""
    counts = _counts(x1, n1, x0, n0)
    now, now_n, then, then_n = (c.ravel() for c in counts)
    few = ~((now >= WALD_FROM_EVENTS) & (then >= WALD_FROM_EVENTS))
    lower, upper = wald_log_limits(now, now_n, then, then_n, confidence)
    lower[few], upper[few] = exact_ratio_limits(now[few], now_n[few], then[few], then_n[few], confidence)
    return lower.reshape(counts[0].shape), upper.reshape(counts[0].shape)


def probability_ratio_below_jeffreys(x1: Numbers, n1: Numbers, x0: Numbers, n0: Numbers, ratio: Numbers) -> FloatArray:
    """P(RR ≤ t) for independent counts: I_k(x1+½, x0+½), k = t n1/(t n1 + n0).

    Given x0 + x1, x1 is binomial with p = RR n1/(RR n1 + n0); Jeffreys prior on p. Source: Brown, Cai &
    DasGupta, Statist Sci 2001;16:101–33.
    """
    now, now_n, then, then_n = _counts(x1, n1, x0, n0)
    t = np.asarray(ratio, dtype=np.float64)
    usable = np.isfinite(rate_ratio(x1, n1, x0, n0)) & (t >= 0)
    k = np.where(usable, t * now_n, 0.5) / np.where(usable, t * now_n + then_n, 1.0)
    alpha, beta = np.where(usable, now, 1.0) + 0.5, np.where(usable, then, 1.0) + 0.5
    return np.where(usable, special.betainc(alpha, beta, k), np.nan)


def paired_applies(x1: Numbers, x0: Numbers, in_both: Numbers) -> BoolArray:
    """Both counts at least 10, and at least 10 people in one month only (x0 + x1 − 2m)."""
    now, then, both = np.broadcast_arrays(as_floats(x1), as_floats(x0), as_floats(in_both))
    possible = (both >= 0) & (both <= np.minimum(now, then))
    enough = (now >= WALD_FROM_EVENTS) & (then >= WALD_FROM_EVENTS)
    return np.asarray(possible & enough & (now + then - 2 * both >= WALD_FROM_EVENTS), dtype=np.bool_)


def change_since_baseline(
    x1: Numbers,
    n1: Numbers,
    x0: Numbers,
    n0: Numbers,
    in_both: Numbers | None = None,
    aim_share: Numbers = 0.5,
    confidence: float = 0.95,
) -> Change:
    """Change, interval and probability that the aim is met, each by the method its counts allow.

    Paired where `in_both` (people in both months) is given and `paired_applies`; otherwise independent:
    log-Wald from 10 events in both, else exact. P(aim): normal on the log scale where paired, Jeffreys
    otherwise. `in_both` may hold NaN where people cannot be linked.
    """
    both = np.nan if in_both is None else in_both
    now, now_n, then, then_n, m, share = np.broadcast_arrays(*(as_floats(v) for v in (x1, n1, x0, n0, both, aim_share)))
    counts = (now, now_n, then, then_n)
    ratio = rate_ratio(*counts)
    known = np.isfinite(ratio)
    paired = known & paired_applies(now, then, m)
    low, high = np.where(paired, paired_limits(*counts, m, confidence), independent_limits(*counts, confidence))
    probability = np.where(
        paired,
        _probability_paired(ratio, _paired_variance(now, then, m), 1 - share),
        probability_ratio_below_jeffreys(*counts, 1 - share),
    )
    return Change(
        change_pct=100 * (ratio - 1),
        change_low=np.where(known, 100 * (low - 1), np.nan),
        change_high=np.where(known, 100 * (high - 1), np.nan),
        change_count_pct=change_pct(now, 1, then, 1),
        probability_aim_met=np.where(known, np.where(share < 0, 1 - probability, probability), np.nan),
        method=_texts(ratio.shape, [(known, INDEPENDENT), (paired, PAIRED)]),
        reason=_why_no_change(*counts),
    )


def within_capture(x1: Numbers, x0: Numbers, c1: Numbers, c0: Numbers, weight: Numbers) -> TextArray:
    """Whether a change is no larger than the change in identification could cause: True, False or None.

    |ln(x1/x0)| ≤ weight · |ln(c1/c0)| in the same direction; x are numbers of people, c the shares of items that
    could be told whose they are. None where a number is missing or 0. Nothing is corrected by it.
    """
    now, then, capture, before, k = np.broadcast_arrays(*(as_floats(v) for v in (x1, x0, c1, c0, weight)))
    known = (now > 0) & (then > 0) & (capture > 0) & (before > 0)
    change, caught = (
        np.log(np.where(known, top, 1.0) / np.where(known, below, 1.0))
        for top, below in ((now, then), (capture, before))
    )
    within = (np.abs(change) <= k * np.abs(caught)) & (change * caught >= 0) & (caught != 0)
    answers = np.full(known.shape, None, dtype=object)
    answers[known] = within[known]
    return answers


def trajectory(
    baseline_rate: Numbers, months_since_baseline: Numbers, aim_months: Numbers, aim_share: Numbers
) -> FloatArray:
    """Where the rate should be: straight from the last baseline month to the aim, flat after, NaN before.

    `months_since_baseline` counts calendar months from the last month of the baseline (negative before it);
    `aim_months` is the same count at the aim month. Same unit as `baseline_rate`.
    """
    rate, months, span, share = np.broadcast_arrays(
        *(as_floats(v) for v in (baseline_rate, months_since_baseline, aim_months, aim_share))
    )
    usable = (months >= 0) & (span > 0)
    way = np.minimum(np.where(usable, months, 0.0) / np.where(usable, span, 1.0), 1.0)
    return np.where(usable, rate * (1 - share * way), np.nan)


def aim_status(
    current_rate: Numbers,
    trajectory_rate: Numbers,
    change: Change,
    aim_share: Numbers = 0.5,
) -> TextArray:
    """`too few to tell`, `reached`, `on course`, `behind`, tested in this order; None without a trajectory.

    Too few to tell: the interval of the change holds both no change and the aim. Reached: P(aim) ≥ 0.9.
    On course: at or below the trajectory (at or above it, where the aim is to rise).
    """
    current, planned, share, percent, low, high, probability = np.broadcast_arrays(
        *(as_floats(v) for v in (current_rate, trajectory_rate, aim_share)),
        *(change.change_pct, change.change_low, change.change_high, change.probability_aim_met),
    )
    known = np.isfinite(current) & np.isfinite(planned) & np.isfinite(percent)
    aim_pct = -100 * share
    too_few = (
        ~np.isfinite(low) | ~np.isfinite(high) | ((low <= np.minimum(0, aim_pct)) & (high >= np.maximum(0, aim_pct)))
    )
    slack = 1e-9 * np.abs(planned)
    kept = np.where(share < 0, current >= planned - slack, current <= planned + slack)
    reached = probability >= REACHED_FROM_PROBABILITY
    return _texts(
        current.shape,
        [(known, BEHIND), (known & kept, ON_COURSE), (known & reached, REACHED), (known & too_few, TOO_FEW)],
    )


def _counts(x1: Numbers, n1: Numbers, x0: Numbers, n0: Numbers) -> _FourArrays:
    now, now_n, then, then_n = np.broadcast_arrays(as_floats(x1), as_floats(n1), as_floats(x0), as_floats(n0))
    return now, now_n, then, then_n


def _reciprocal(x: FloatArray) -> FloatArray:
    return np.where(x > 0, 1 / np.where(x > 0, x, 1.0), np.nan)


def _paired_variance(now: FloatArray, then: FloatArray, in_both: FloatArray) -> FloatArray:
    variance: FloatArray = _reciprocal(now) + _reciprocal(then) - 2 * in_both * _reciprocal(now) * _reciprocal(then)
    return np.where(variance >= 0, variance, np.nan)


def _log_normal_limits(ratio: FloatArray, variance: FloatArray, confidence: float) -> Limits:
    factor = np.exp(normal_quantile(confidence) * np.sqrt(variance))
    return ratio / factor, ratio * factor


def _probability_paired(ratio: FloatArray, variance: FloatArray, target: FloatArray) -> FloatArray:
    usable = (ratio > 0) & (variance > 0) & (target > 0)
    distance = np.log(np.where(usable, target, 1.0)) - np.log(np.where(usable, ratio, 1.0))
    certain = np.where(target > 0, np.nan, 0.0)
    return np.where(usable, stats.norm.cdf(distance / np.sqrt(np.where(usable, variance, 1.0))), certain)


def _why_no_change(now: FloatArray, now_n: FloatArray, then: FloatArray, then_n: FloatArray) -> TextArray:
    return _texts(
        now.shape,
        [
            (~(now >= 0), COUNT_MISSING),
            (~(now_n > 0) | ~(then_n > 0), DENOMINATOR_MISSING),
            (~(then >= 0), BASELINE_MISSING),
            (then == 0, BASELINE_ZERO),
        ],
    )


def _texts(shape: tuple[int, ...], choices: list[tuple[BoolArray, str]]) -> TextArray:
    """None, or the text of the last choice that holds."""
    texts = np.full(shape, None, dtype=object)
    for holds, text in choices:
        texts[holds] = text
    return texts
