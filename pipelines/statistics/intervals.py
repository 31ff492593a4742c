"""Confidence limits of counts, rates and proportions, and funnel limits round an average.

Every function takes arrays (or single numbers, or lists with None) and gives arrays of 64-bit floats.
What cannot be computed is NaN, never infinite: a missing count, a missing or zero denominator.
"""

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from scipy import stats

FloatArray: TypeAlias = npt.NDArray[np.float64]
IntArray: TypeAlias = npt.NDArray[np.int64]
Limits: TypeAlias = tuple[FloatArray, FloatArray]
Numbers: TypeAlias = npt.ArrayLike | Sequence[float | None]

BYAR_FROM_EVENTS = 10
"""From this many events on, Byar's approximation stands in for the exact Poisson limits."""


def as_floats(numbers: Numbers) -> FloatArray:
    """Numbers as 64-bit floats, None as NaN."""
    return np.asarray(numbers, dtype=np.float64)


def normal_quantile(confidence: float) -> float:
    """z of a two-sided interval: 1.959964 at 0.95."""
    if not 0 < confidence < 1:
        raise ValueError(f"confidence is a share between 0 and 1, not {confidence}")
    return float(stats.norm.ppf(0.5 + confidence / 2))


def byar_limits(count: Numbers, confidence: float = 0.95) -> Limits:
    """Byar's approximate limits of a Poisson count.

    lower = x (1 − 1/(9x) − z/(3√x))³, upper = (x+1) (1 − 1/(9(x+1)) + z/(3√(x+1)))³; the lower limit of 0
    is 0, and a lower limit that falls below 0 (tiny counts, high confidence) is 0.

    Source: Breslow & Day, Statistical Methods in Cancer Research II (IARC 1987), p. 69, as used by the
    Office for Health Improvement and Disparities (R package PHEindicatormethods).
    """
    x = _not_negative(as_floats(count))
    z = normal_quantile(confidence)
    at_least_one = np.maximum(x, np.finfo(float).tiny)
    with np.errstate(over="ignore"):
        root = 1 - 1 / (9 * at_least_one) - z / (3 * np.sqrt(at_least_one))
    lower = np.where(root > 0, x * np.maximum(root, 0) ** 3, 0.0)
    above = x + 1
    upper = above * (1 - 1 / (9 * above) + z / (3 * np.sqrt(above))) ** 3
    return np.where(np.isnan(x), np.nan, lower), upper


def exact_poisson_limits(count: Numbers, confidence: float = 0.95) -> Limits:
    """Exact limits of a Poisson count: χ²(α/2; 2x)/2 and χ²(1−α/2; 2x+2)/2; the lower limit of 0 is 0.

    Source: Garwood F, Biometrika 1936;28:437–42.
    """
    x = _not_negative(as_floats(count))
    normal_quantile(confidence)
    tail = (1 - confidence) / 2
    lower = np.where(x > 0, stats.chi2.ppf(tail, 2 * np.where(x > 0, x, 1.0)) / 2, 0.0)
    upper = as_floats(stats.chi2.isf(tail, 2 * x + 2)) / 2
    return np.where(np.isnan(x), np.nan, lower), upper


def count_limits(count: Numbers, confidence: float = 0.95) -> Limits:
    """Limits of a count: Byar's from 10 events, exact Poisson below."""
    counts = as_floats(count)
    x = counts.ravel()
    few = x < BYAR_FROM_EVENTS
    lower, upper = byar_limits(x, confidence)
    lower[few], upper[few] = exact_poisson_limits(x[few], confidence)
    return lower.reshape(counts.shape), upper.reshape(counts.shape)


def rate(count: Numbers, denominator: Numbers, multiplier: float = 1000) -> FloatArray:
    """Events per `multiplier` of the denominator; NaN without a positive one, and for a negative count."""
    per_one: FloatArray = _not_negative(as_floats(count)) / _positive(as_floats(denominator)) * multiplier
    return per_one


def rate_limits(count: Numbers, denominator: Numbers, multiplier: float = 1000, confidence: float = 0.95) -> Limits:
    """Limits of a rate: the limits of its count over the denominator. NaN, never infinite, without one."""
    lower, upper = count_limits(count, confidence)
    return rate(lower, denominator, multiplier), rate(upper, denominator, multiplier)


def wilson_limits(count: Numbers, denominator: Numbers, multiplier: float = 1, confidence: float = 0.95) -> Limits:
    """Wilson's score limits of a proportion.

    (2x + z² ∓ z √(z² + 4x(1 − x/n))) / (2(n + z²)). Source: Wilson EB, JASA 1927;22:209–12; Newcombe,
    Stat Med 1998;17:857–72.
    """
    x, n = _part_and_whole(count, denominator)
    z = normal_quantile(confidence)
    middle = 2 * x + z**2
    spread = z * np.sqrt(z**2 + 4 * x * (1 - x / n))
    lower = np.maximum((middle - spread) / (2 * (n + z**2)), 0.0)
    upper = np.minimum((middle + spread) / (2 * (n + z**2)), 1.0)
    return lower * multiplier, upper * multiplier


def clopper_pearson_limits(count: Numbers, total: Numbers, confidence: float = 0.95) -> Limits:
    """Exact limits of a proportion: beta quantiles B(α/2; x, n−x+1) and B(1−α/2; x+1, n−x).

    Source: Clopper & Pearson, Biometrika 1934;26:404–13.
    """
    x, n = _part_and_whole(count, total)
    normal_quantile(confidence)
    tail = (1 - confidence) / 2
    lower = np.where(x > 0, stats.beta.ppf(tail, np.where(x > 0, x, 1.0), n - x + 1), 0.0)
    upper = np.where(x < n, stats.beta.isf(tail, x + 1, np.where(x < n, n - x, 1.0)), 1.0)
    missing = np.isnan(x) | np.isnan(n)
    return np.where(missing, np.nan, lower), np.where(missing, np.nan, upper)


def pooled_rate(count: Numbers, denominator: Numbers, multiplier: float = 1000) -> float:
    """Sum of counts over sum of denominators, of the organisations that have both: the centre of a funnel."""
    x, n = np.broadcast_arrays(_not_negative(as_floats(count)), _positive(as_floats(denominator)))
    known = np.isfinite(x) & np.isfinite(n)
    return float(x[known].sum() / n[known].sum() * multiplier) if known.any() else float("nan")


def over_dispersion(count: Numbers, denominator: Numbers, winsorised_share: float = 0.1) -> float:
    """How much more organisations vary than by chance: φ ≥ 1, the factor of the variance.

    z = 2 (√x − √E) with E the expected count at the pooled rate, its lowest and highest 10 % drawn in to
    the 10th and 90th percentile, φ = mean of z², never below 1.
    Source: Spiegelhalter DJ, Qual Saf Health Care 2005;14:347–51 (multiplicative model, winsorised).
    """
    x, n = np.broadcast_arrays(_not_negative(as_floats(count)), _positive(as_floats(denominator)))
    expected = n * pooled_rate(x, n, multiplier=1)
    known = np.isfinite(x) & np.isfinite(expected)
    if known.sum() < 2:
        return 1.0
    z = 2 * (np.sqrt(x[known]) - np.sqrt(expected[known]))
    low, high = np.quantile(z, [winsorised_share, 1 - winsorised_share])
    return max(1.0, float(np.mean(np.clip(z, low, high) ** 2)))


def rate_funnel_limits(
    denominator: Numbers,
    centre: float,
    multiplier: float = 1000,
    confidence: float = 0.95,
    dispersion: float = 1.0,
) -> Limits:
    """Control limits of a rate round a centre: exact Poisson, widened by √φ for over-dispersion.

    E = n · centre; r = the smallest count with F(r) ≥ p, interpolated: y = r − (F(r) − p)/(F(r) − F(r−1));
    limit = centre + (y − E)/n · √φ, not below 0. Both as rates per `multiplier`; `dispersion` is φ.
    Source: Spiegelhalter DJ, Stat Med 2005;24:1185–202, appendix A.1 (exact limits) and section 4 (φ).
    """
    n = _positive(as_floats(denominator))
    expected = n * centre / multiplier
    tail = (1 - confidence) / 2
    normal_quantile(confidence)

    def limit(share_below: float) -> FloatArray:
        distance = _poisson_quantile(expected, share_below) - expected
        widened: FloatArray = np.maximum((expected + distance * np.sqrt(dispersion)) / n * multiplier, 0.0)
        return widened

    return limit(tail), limit(1 - tail)


def proportion_funnel_limits(
    denominator: Numbers, centre: float, multiplier: float = 1, confidence: float = 0.95
) -> Limits:
    """Control limits of a proportion round a centre: p ∓ z √(p(1−p)/n), kept within 0 and 1.

    The observed proportions whose Wilson interval just touches the centre. Source: Office for Health
    Improvement and Disparities, Fingertips funnel plots (R package PHEindicatormethods).
    """
    n = _positive(as_floats(denominator))
    share = centre / multiplier
    spread = normal_quantile(confidence) * np.sqrt(share * (1 - share) / n)
    return np.maximum(share - spread, 0.0) * multiplier, np.minimum(share + spread, 1.0) * multiplier


def _poisson_quantile(expected: FloatArray, share_below: float) -> FloatArray:
    """Poisson quantile made continuous by interpolation; not below 0."""
    r = stats.poisson.ppf(share_below, expected)
    at, before = stats.poisson.cdf(r, expected), stats.poisson.cdf(r - 1, expected)
    quantile: FloatArray = np.maximum(r - (at - share_below) / (at - before), 0.0)
    return quantile


def _not_negative(x: FloatArray) -> FloatArray:
    return np.where(x >= 0, x, np.nan)


def _positive(n: FloatArray) -> FloatArray:
    return np.where((n > 0) & np.isfinite(n), n, np.nan)


def _part_and_whole(count: Numbers, denominator: Numbers) -> tuple[FloatArray, FloatArray]:
    x, n = np.broadcast_arrays(_not_negative(as_floats(count)), _positive(as_floats(denominator)))
    inside = x <= n
    return np.where(inside, x, np.nan), np.where(inside, n, np.nan)
