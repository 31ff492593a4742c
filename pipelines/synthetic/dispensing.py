"""From courses to scripts: refills early or late, scripts missed or stockpiled, holidays, gaps, late claims.

One month at a time, so that memory stays small and months never depend on later ones.
"""

from dataclasses import dataclass, fields

import numpy as np

from pipelines.synthetic import mix
from pipelines.synthetic.courses import AS_NEEDED, DEPENDENCE, JUST_IN_CASE, LONG_TERM, SHORT_COURSE, Segments
from pipelines.synthetic.draws import Bools, Draws, Floats, Ints, keys, sixteenths
from pipelines.synthetic.organisations import Organisations
from pipelines.synthetic.people import People
from pipelines.synthetic.products import Products, ShortCourses

_SPREAD_DAYS = max(mix.EARLIEST_REFILL_DAYS, mix.LATEST_REFILL_DAYS, mix.AS_NEEDED_SPREAD_DAYS)
_SPREAD_DAYS += mix.LATE_CLAIM_DAYS + 1
YEAR_DAYS = 365


@dataclass(frozen=True)
class Items:
    """Dispensed items of one month: one row an item line.

    `person`: a row of `People`; `prescriber`: a number of `Organisations`; `quantity` is per item, so that
    quantity x items is the total; `nic_pence` is of the total.
    """

    person: Ints
    prescriber: Ints
    product: Ints
    quantity: Ints
    items: Ints
    nic_pence: Ints
    identified: Bools
    electronic: Bools

    def of(self, rows: Ints | Bools) -> "Items":
        """A choice of the rows."""
        return Items(*(getattr(self, each.name)[rows] for each in fields(Items)))

    @classmethod
    def joined(cls, parts: "list[Items]") -> "Items":
        """Several lots of items, one after the other."""
        return cls(*(np.concatenate([getattr(part, each.name) for part in parts]) for each in fields(cls)))


def _stockpilers(segments: Segments, share: float) -> Bools:
    """Whose scripts are fetched early again and again, until one can be left out."""
    uniform = Draws(segments.key).uniform("stockpiling")
    return np.asarray((uniform < share) & (segments.setting == LONG_TERM))


def _script_numbers(
    segments: Segments, fetched_every_days: Floats, first_day: float, end_day: float
) -> tuple[Ints, Ints]:
    """Row of the segment and number of the script, for each script that may fall between the two days."""
    interval, start = fetched_every_days, segments.start_day
    lowest = np.maximum(np.ceil((first_day - _SPREAD_DAYS - start) / interval), 0).astype(np.int64)
    last_possible = np.minimum(end_day + _SPREAD_DAYS, segments.stop_day - 1e-6)
    highest = np.floor((last_possible - start) / interval).astype(np.int64)
    count = np.maximum(highest - lowest + 1, 0)
    row = np.repeat(np.arange(len(count)), count)
    before = np.cumsum(count) - count
    return row, lowest[row] + np.arange(len(row)) - before[row]


def _script_days(segments: Segments, fetched_every_days: Floats, row: Ints, number: Ints, chance: Floats) -> Floats:
    """The day of each script: the first on its day, later ones a few days early or late."""
    regular = chance * (mix.EARLIEST_REFILL_DAYS + mix.LATEST_REFILL_DAYS) - mix.EARLIEST_REFILL_DAYS
    widest = np.minimum(mix.AS_NEEDED_SPREAD_DAYS, 0.4 * segments.interval_days[row])
    as_needed = (2.0 * chance - 1.0) * widest
    offset = np.where(segments.setting[row] == AS_NEEDED, as_needed, regular)
    # A weekly or fortnightly script cannot be collected a week early.
    offset = np.clip(offset, -0.4 * segments.interval_days[row], 0.4 * segments.interval_days[row])
    nominal = segments.start_day[row] + number * fetched_every_days[row]
    return np.floor(nominal + np.where(number == 0, 0.0, offset))


def _in_gap(people: People, person: Ints, day: Floats) -> Bools:
    """Whether the person is away that day: in some years there is one gap of one to three months."""
    draws = people.draws.only(person)
    year = np.floor(day / YEAR_DAYS).astype(np.int64)
    shortest, longest = mix.GAP_DAYS
    length = shortest + (longest - shortest) * draws.uniform("gap length", year)
    starts = draws.uniform("gap start", year) * (YEAR_DAYS - longest)
    into_year = day - year * YEAR_DAYS
    away = (draws.uniform("gap", year) < people.mix.gap_share_a_year) & (into_year >= starts)
    return away & (into_year < starts + length)


def _prescribers(
    people: People, organisations: Organisations, person: Ints, setting: Ints, day: Floats, chance: Floats
) -> Ints:
    """The cost centre of each script: the practice of the day, or now and then a service of its area."""
    practice = np.where(day >= people.move_day[person], people.next_practice[person], people.practice[person])
    out_of_hours = (setting == SHORT_COURSE) & (chance < mix.OUT_OF_HOURS_SHARE)
    hospice = (setting == JUST_IN_CASE) & (chance < mix.HOSPICE_SHARE)
    return np.select(
        [out_of_hours, hospice, setting == DEPENDENCE],
        [
            organisations.out_of_hours_of[practice],
            organisations.hospice_of[practice],
            organisations.substance_misuse_of[practice],
        ],
        practice,
    )


def month_items(
    segments: Segments,
    people: People,
    products: Products,
    organisations: Organisations,
    days: tuple[float, float],
) -> Items:
    """The items claimed from the first day (included) to the second (excluded)."""
    first_day, end_day = days
    habits = people.mix
    near = (segments.start_day < end_day + _SPREAD_DAYS) & (segments.stop_day > first_day - _SPREAD_DAYS)
    near_rows = np.flatnonzero(near)
    running = segments.of(near_rows)
    stockpiler = _stockpilers(running, habits.stockpiling_share)
    fetched_every_days = running.interval_days * np.where(stockpiler, mix.STOCKPILING_PACE, 1.0)
    row, number = _script_numbers(running, fetched_every_days, first_day, end_day)
    draws = Draws(running.key[row])
    chances, more_chances = draws.bits("script", number), draws.bits("script handling", number)
    day = _script_days(running, fetched_every_days, row, number, sixteenths(chances, 0))
    before = draws.bits("script", np.maximum(number - 1, 0))
    repeated = running.setting[row] != SHORT_COURSE
    holiday = repeated & (sixteenths(chances, 1) < habits.holiday_share)
    after_holiday = repeated & (number > 0) & (sixteenths(before, 1) < habits.holiday_share)
    missed = repeated & (number > 0) & (sixteenths(chances, 2) < habits.missed_script_share)
    left_out = stockpiler[row] & (number % mix.STOCKPILING_SCRIPTS == mix.STOCKPILING_SCRIPTS - 1)
    late = sixteenths(more_chances, 2) < habits.late_claim_share
    claimed = day + np.where(late, mix.LATE_CLAIM_DAYS, 0)
    kept = (claimed >= first_day) & (claimed < end_day) & ~after_holiday & ~missed & ~left_out
    kept[kept] &= ~_in_gap(people, running.person[row[kept]] - people.number[0], day[kept])

    row, day, chances, more_chances = row[kept], day[kept], chances[kept], more_chances[kept]
    person = running.person[row] - people.number[0]
    product, quantity = running.product[row], running.quantity[row]
    items = np.where(holiday[kept], 2, 1).astype(np.int64)
    return Items(
        person,
        _prescribers(people, organisations, person, running.setting[row], day, sixteenths(chances, 3)),
        product,
        quantity,
        items,
        products.nic_pence(product, quantity * items),
        sixteenths(more_chances, 0) >= habits.unidentified_share,
        sixteenths(more_chances, 1) < mix.EPS_SHARE,
    )


def background_items(
    seed: int, organisations: Organisations, rates: ShortCourses, products: Products, month: int
) -> Items:
    """Items of products that nobody follows (statins and the like), by practice, without any patient.

    `items` may be many: the `share` of a row of `rates` is items a month for each registered person.
    """
    practice, option = np.divmod(np.arange(organisations.gp_practices * len(rates.product)), len(rates.product))
    draws = Draws(keys(seed, "background", np.arange(len(practice))))
    expected = organisations.list_size[practice] * rates.share[option]
    items = np.rint(expected + np.sqrt(expected) * draws.normal("items", month)).astype(np.int64)
    some = items > 0
    practice, option, items = practice[some], option[some], items[some]
    product, quantity = rates.product[option], rates.quantity[option]
    nobody = np.full(len(items), -1, dtype=np.int64)
    unknown = np.zeros(len(items), dtype=bool)
    pence = products.nic_pence(product, quantity * items)
    return Items(nobody, practice, product, quantity, items, pence, unknown, unknown)
