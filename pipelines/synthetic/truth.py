"""What is true of every person in every calendar month, to be kept beside an extract and never read by the product.

A day counts as taken when a course runs at its noon. Supplies from elsewhere (a stay in hospital) and what was left
over are taken too: the truth knows no gaps in dispensing, only beginnings and ends.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
import polars as pl

from pipelines.synthetic.courses import Segments
from pipelines.synthetic.draws import Bools, Floats, Ints
from pipelines.synthetic.people import People
from pipelines.synthetic.products import Products

LONGEST_BREAK_DAYS = 28
"""Opioid-free days in a row that a continuous course may have; one more, and the next opioid begins a new course."""


@dataclass(frozen=True)
class Month:
    """A calendar month as it is written, and its first and end day, counted from the first day of the first month."""

    year_month: str
    first_day: int
    end_day: int


def mean_ome_mg_per_day(
    segments: Segments, products: Products, people_count: int, first_day: int, end_day: int
) -> Floats:
    """What each person (by number) took a day, on average over these days, parenteral opioids left out."""
    overlap = np.minimum(segments.stop_day, end_day) - np.maximum(segments.start_day, first_day)
    rows = np.flatnonzero((overlap > 0) & ~products.is_parenteral[segments.product])
    ome_mg = overlap[rows] * segments.of(rows).ome_mg_per_day(products)
    total = np.bincount(segments.person[rows], weights=ome_mg, minlength=people_count)
    return np.asarray(total / (end_day - first_day), dtype=np.float64)


def taken_days(segments: Segments, people_count: int, first_day: int, end_day: int) -> Bools:
    """Whether each person (row) took any of the segments on each day (column), judged at noon."""
    days = end_day - first_day
    begins = np.clip(np.ceil(segments.start_day - 0.5) - first_day, 0, days).astype(np.int64)
    ends = np.clip(np.ceil(segments.stop_day - 0.5) - first_day, 0, days).astype(np.int64)
    change = np.zeros((people_count, days + 1), dtype=np.int32)
    np.add.at(change, (segments.person, begins), 1)
    np.add.at(change, (segments.person, ends), -1)
    return np.asarray(np.cumsum(change[:, :days], axis=1) > 0)


class Courses:
    """How long each person has been on opioids without a break, followed day after day."""

    def __init__(self, people_count: int) -> None:
        self.first_day = np.zeros(people_count, dtype=np.int64)
        self.latest_day = np.full(people_count, -(LONGEST_BREAK_DAYS + 2), dtype=np.int64)

    def follow(self, taken: Bools, first_day: int) -> Ints:
        """Days from the first to the latest day of the course of each person, 0 if it is over at the last day given."""
        for day, on in enumerate(taken.T, start=first_day):
            begins = on & (day - self.latest_day > LONGEST_BREAK_DAYS + 1)
            self.first_day = np.where(begins, day, self.first_day)
            self.latest_day = np.where(on, day, self.latest_day)
        is_open = first_day + taken.shape[1] - 1 - self.latest_day <= LONGEST_BREAK_DAYS
        return np.where(is_open, self.latest_day - self.first_day + 1, 0)


def truth_frame(people: People, segments: Segments, products: Products, months: Iterable[Month]) -> pl.DataFrame:
    """One row a person and month in which an opioid was taken, within three months before, or a course is open.

    `true_ome_mg_per_day` is the mean over the days of the month, `…_3m` over those of three calendar months (fewer at
    the beginning of the data); `opioid_course_days` reaches back to the first day of the data at most.
    """
    count = len(people.number)
    own = replace(segments, person=segments.person - people.number[0])
    opioids = own.of(np.flatnonzero(products.is_opioid[own.product]))
    gabapentinoids = own.of(np.flatnonzero(products.is_gabapentinoid[own.product]))
    courses, recent, frames = Courses(count), list[Month](), []
    for month in months:
        recent = [*recent, month][-3:]
        days = (month.first_day, month.end_day)
        opioid = taken_days(opioids, count, *days)
        both = opioid & taken_days(gabapentinoids, count, *days)
        frame = pl.DataFrame(
            {
                "Patient ID": people.nhs_number,
                "Year Month": pl.repeat(month.year_month, count, eager=True),
                "true_ome_mg_per_day": mean_ome_mg_per_day(opioids, products, count, *days).round(4),
                "true_ome_mg_per_day_3m": mean_ome_mg_per_day(
                    opioids, products, count, recent[0].first_day, month.end_day
                ).round(4),
                "opioid_days": opioid.sum(axis=1),
                "opioid_gabapentinoid_days": both.sum(axis=1),
                "opioid_course_days": courses.follow(opioid, month.first_day),
            }
        )
        frames.append(frame.filter(pl.any_horizontal(pl.col(frame.columns[2:]) > 0)))
    return pl.concat(frames)
