"""Comparison between organisations: deciles of each month, and practices like this one."""

import numpy as np
import numpy.typing as npt

from pipelines.statistics.intervals import FloatArray, Numbers, as_floats

IntArray = npt.NDArray[np.int64]

DECILES = np.arange(1, 10) / 10
MIN_ORGANISATIONS = 20
MIN_LIST_SIZE = 1000


def comparable(rates: Numbers, list_size: Numbers, min_list_size: float = MIN_LIST_SIZE) -> npt.NDArray[np.bool_]:
    """Organisations that enter deciles and funnels: a known rate and a list of at least 1,000."""
    values, size = np.broadcast_arrays(as_floats(rates), as_floats(list_size))
    return np.asarray(np.isfinite(values) & (size >= min_list_size), dtype=np.bool_)


def deciles(rates: Numbers, min_organisations: int = MIN_ORGANISATIONS) -> FloatArray:
    """The nine deciles of organisations' rates, by linear interpolation; NaN from fewer than 20.

    Missing rates are left out. Quantile type 7 of Hyndman & Fan, Am Stat 1996;50:361–5, as on
    OpenPrescribing's charts.
    """
    values = as_floats(rates)
    known = values[np.isfinite(values)]
    if known.size < min_organisations:
        return np.full(DECILES.size, np.nan)
    return np.asarray(np.quantile(known, DECILES), dtype=np.float64)


def monthly_deciles(
    month: npt.ArrayLike, rates: Numbers, min_organisations: int = MIN_ORGANISATIONS
) -> tuple[npt.NDArray[np.generic], FloatArray]:
    """The months in order, and the nine deciles of each: arrays of shape (months,) and (months, 9)."""
    months, position = np.unique(np.asarray(month), return_inverse=True)
    values = as_floats(rates)
    lines = [deciles(values[position == index], min_organisations) for index in range(months.size)]
    return months, np.array(lines, dtype=np.float64).reshape(months.size, DECILES.size)


def decile_of(rates: Numbers, min_organisations: int = MIN_ORGANISATIONS) -> FloatArray:
    """In which tenth of the organisations each lies, 1 = lowest rates; NaN where it cannot be told."""
    values = as_floats(rates)
    lines = deciles(values, min_organisations)
    tenth = np.searchsorted(lines, np.nan_to_num(values), side="left") + 1.0
    return np.where(np.isfinite(values) & np.isfinite(lines[0]), tenth, np.nan)


def similar_organisations(list_size: Numbers, imd_score: Numbers, how_many: int = 10) -> IntArray:
    """For each organisation the positions of the most similar others, nearest first: shape (n, how_many).

    Distance: Euclid over the standardised logarithm of the list size and the standardised deprivation
    score. Where its own deprivation is unknown, list size alone; where it is known, those whose
    deprivation is unknown are not compared with: of one dimension every distance looks shorter. −1 fills
    up where there are too few others; an organisation without a list size has none and is nobody's
    neighbour. Ties: the lower position first. Similarity of size and deprivation is a proposal of this
    project, not a published rule.
    """
    size, score = np.broadcast_arrays(as_floats(list_size), as_floats(imd_score))
    log_size = _standardised(np.log(np.where(size > 0, size, np.nan)))
    deprivation = _standardised(score)
    nearest = np.full((size.size, how_many), -1, dtype=np.int64)
    for own in np.flatnonzero(np.isfinite(log_size)):
        distance = (log_size - log_size[own]) ** 2
        if np.isfinite(deprivation[own]):
            distance = distance + (deprivation - deprivation[own]) ** 2
        distance[own] = np.nan
        order = np.argsort(distance, kind="stable")
        others = order[np.isfinite(distance[order])][:how_many]
        nearest[own, : others.size] = others
    return nearest


def median_of_similar(rates: Numbers, similar: IntArray) -> FloatArray:
    """The median rate among each organisation's similar ones; NaN where none of them has a rate."""
    values = np.append(as_floats(rates), np.nan)
    among = values[similar]
    medians = np.full(similar.shape[0], np.nan)
    some = np.isfinite(among).any(axis=1)
    medians[some] = np.nanmedian(among[some], axis=1)
    return medians


def _standardised(values: FloatArray) -> FloatArray:
    known = values[np.isfinite(values)]
    if not known.size:
        return values
    spread = float(known.std())
    standard: FloatArray = (values - known.mean()) / (spread if spread > 0 else 1.0)
    return standard
