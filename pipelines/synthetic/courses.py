"""The truth: what each person really takes a day, and from when to when.

A course is a list of segments with a steady daily dose. Days count from the first day of the first month.
Nothing here depends on how many months are written beyond the last day simulated.
"""

from dataclasses import dataclass, fields
from itertools import pairwise

import numpy as np

from pipelines.synthetic import mix
from pipelines.synthetic.draws import Bools, Draws, Floats, Ints, UInt64s
from pipelines.synthetic.people import People
from pipelines.synthetic.products import COMPONENTS, NONE, Products, Regimens, ShortCourses

OFF = -1
LONG_TERM, AS_NEEDED, SHORT_COURSE, JUST_IN_CASE, DEPENDENCE = range(5)


@dataclass(frozen=True)
class Segments:
    """Steady stretches of one product: `quantity` units are handed out every `interval_days`.

    `person` is a person's number; `setting` one of LONG_TERM … DEPENDENCE; `key` seeds what happens to
    the scripts of the segment.
    """

    person: Ints
    product: Ints
    setting: Ints
    quantity: Ints
    interval_days: Floats
    start_day: Floats
    stop_day: Floats
    key: UInt64s

    @classmethod
    def joined(cls, parts: "list[Segments]") -> "Segments":
        """Several lots of segments as one, by person, then in the order given."""
        order = np.argsort(np.concatenate([part.person for part in parts]), kind="stable")
        return cls(*(np.concatenate([getattr(part, each.name) for part in parts])[order] for each in fields(cls)))

    def of(self, rows: Ints) -> "Segments":
        """A choice of the segments."""
        return Segments(*(getattr(self, each.name)[rows] for each in fields(Segments)))

    def ome_mg_per_day(self, products: Products) -> Floats:
        """The true daily dose of each segment."""
        return products.ome_mg_per_unit[self.product] * self.quantity / self.interval_days


def true_ome_mg_per_day(segments: Segments, products: Products, people_count: int, day: float) -> Floats:
    """What every person (by number) truly takes on a day, all routes, in mg of OME."""
    running = (segments.start_day <= day) & (day < segments.stop_day)
    dose = segments.ome_mg_per_day(products)[running]
    total = np.bincount(segments.person[running], weights=dose, minlength=people_count)
    return total.astype(np.float64)


@dataclass(frozen=True)
class Catalogue:
    """What can be taken: products, ladders of regimens, short courses."""

    products: Products
    regimens: Regimens
    short_courses: dict[str, ShortCourses]

    def pack(self, product: Ints, units: Floats, split_packs: Bools) -> Ints:
        """Units wanted, as whole packs, or where packs are split as whole units, at least one."""
        pack_units = np.where(split_packs, 1, self.products.pack_units[product])
        return np.maximum(1, np.rint(units / pack_units)).astype(np.int64) * pack_units

    def interval_days(self, regimen: Ints, script_days: Ints, split_packs: Bools) -> Floats:
        """How long a script of the regimen's first product really lasts, pack sizes considered."""
        product, units_per_day = self.regimens.product[regimen, 0], self.regimens.units_per_day[regimen, 0]
        lasts: Floats = self.pack(product, units_per_day * script_days, split_packs) / units_per_day
        return lasts


@dataclass(frozen=True)
class Start:
    """Who begins a line, and when; a negative day means that it was already running at the first day."""

    people: People
    chosen: Ints
    line: mix.Line
    day: Floats
    stop_day: Floats
    setting: int

    @property
    def draws(self) -> Draws:
        return self.people.draws.only(self.chosen)

    @property
    def synchronised(self) -> Bools:
        """Who fetches all lasting scripts on one day, packs split so that they run out together."""
        return np.asarray(self.draws.uniform("synchronised") < self.people.mix.synchronised_share)


@dataclass(frozen=True)
class Stretch:
    """Rows of a `Start` that took a regimen from a first to a last day; `opened` numbers its first review."""

    rows: Ints
    regimen: Ints
    script_days: Ints
    from_day: Floats
    to_day: Floats
    opened: Ints


def _stretch_segments(catalogue: Catalogue, start: Start, stretch: Stretch) -> list[Segments]:
    """The segments of a stretch, one for each product of its regimen."""
    parts = []
    for component in range(COMPONENTS):
        product = catalogue.regimens.product[stretch.regimen, component]
        has = np.flatnonzero((product != NONE) & (stretch.to_day > stretch.from_day))
        if not len(has):
            continue
        units_per_day = catalogue.regimens.units_per_day[stretch.regimen[has], component]
        split_packs = start.synchronised[stretch.rows[has]]
        quantity = catalogue.pack(product[has], units_per_day * stretch.script_days[has], split_packs)
        parts.append(
            Segments(
                start.people.number[start.chosen[stretch.rows[has]]],
                product[has],
                np.full(len(has), start.setting, dtype=np.int64),
                quantity,
                quantity / units_per_day,
                stretch.from_day[has],
                stretch.to_day[has],
                start.draws.only(stretch.rows[has]).bits(f"{start.line.name} segment {component}", stretch.opened[has]),
            )
        )
    return parts


class _Reviews:
    """What happens at the reviews of one line: the tables, and the step from one regimen to the next."""

    def __init__(self, regimens: Regimens, line: mix.Line, first: Ints) -> None:
        self.regimens, self.line, self.first = regimens, line, first
        self.nearest = regimens.nearest_dose(line.families)
        self.family_shares = np.array(list(line.families.values()))
        self.stronger = regimens.nearest_dose(line.stronger)
        self.stronger_shares = np.array(list(line.stronger.values()))
        habits = line.habits
        self.edges = np.cumsum([habits.start_taper, habits.up, habits.up_two_steps, habits.switch, habits.stop])

    def after(self, draws: Draws, rows: Ints, regimen: Ints, tapering: Bools, review: int) -> tuple[Ints, Bools]:
        """The regimen (OFF: nothing) after a review, and whether a taper goes on."""
        name, regimens = self.line.name, self.regimens
        uniform = draws.uniform(f"{name} review", review)
        event = np.searchsorted(self.edges, uniform, side="right")
        on = regimen != OFF
        tapering = on & (tapering | (event == 0))
        up = regimens.up[regimen]
        if self.line.stronger:  # a weak opioid at the top of its ladder gives way to a strong one
            strong = self.stronger[regimen, draws.choice(f"{name} climb", self.stronger_shares, review)]
            up = np.where(up == regimen, strong, up)
        switched = self.nearest[regimen, draws.choice(f"{name} switch", self.family_shares, review)]
        after = np.select(
            [event == 1, event == 2, event == 3, event == 4],
            [up, regimens.up[up], switched, np.full_like(regimen, OFF)],
            regimen,
        )
        lower = np.where(regimens.down[regimen] == regimen, OFF, regimens.down[regimen])
        stepping = (event == 0) | (draws.uniform(f"{name} taper", review) < self.line.habits.taper_step)
        after = np.where(tapering, np.where(stepping, lower, regimen), after)
        restarting = uniform < self.line.habits.restart
        after = np.where(on, after, np.where(restarting, regimens.down[self.first[rows]], OFF))
        return after, tapering & (after != OFF)


def _opening(catalogue: Catalogue, start: Start) -> tuple[Ints, Ints, Floats]:
    """First regimen, days a script is written for, and first day of each person's line."""
    line, draws = start.line, start.draws
    shares = catalogue.regimens.starting_shares(line.families, line.from_ome_mg_per_day, line.to_ome_mg_per_day)
    first = draws.choice(f"{line.name} regimen", shares)
    fixed, population = start.setting != DEPENDENCE, start.people.mix
    days_shares = {population.script_days: 1.0} if fixed and population.script_days else line.script_days_shares
    options = np.array(list(days_shares), dtype=np.int64)
    script_days = options[draws.choice(f"{line.name} script days", np.array(list(days_shares.values())))]
    # Already running at the first day: somewhere within the script of that day.
    phase = np.where(start.synchronised, draws.uniform("phase"), draws.uniform(f"{line.name} phase"))
    lead = phase * catalogue.interval_days(first, script_days, start.synchronised)
    return first, script_days, np.where(start.day < 0, -lead, start.day)


def line_segments(catalogue: Catalogue, start: Start, last_day: float) -> tuple[list[Segments], Floats]:
    """Follow one line of each person from review to review; also the day on which they first stopped it.

    Changes fall on the day a script runs out, so that what is handed out adds up to what is taken; but for the
    mid-script ones of the mix, after which what is left of the script is thrown away.
    """
    draws, mid_script_share = start.draws, start.people.mix.mid_script_change_share
    first, script_days, day = _opening(catalogue, start)
    reviews = _Reviews(catalogue.regimens, start.line, first)
    rows, regimen, tapering = np.arange(len(day)), first, np.zeros(len(day), dtype=bool)
    synchronised = start.synchronised
    since, opened, first_off = day.copy(), np.zeros(len(day), dtype=np.int64), start.stop_day.copy()
    parts: list[Segments] = []
    review = 0
    while len(rows):
        interval = catalogue.interval_days(regimen, script_days[rows], synchronised[rows])
        interval = np.where(regimen == OFF, float(mix.REVIEW_DAYS), interval)
        day = day + interval * np.maximum(1, np.rint(mix.REVIEW_DAYS / interval))
        after, tapering = reviews.after(draws.only(rows), rows, regimen, tapering, review)
        mid_script = draws.only(rows).uniform(f"{start.line.name} mid-script", review) < mid_script_share
        before_run_out = interval * draws.only(rows).uniform(f"{start.line.name} run-out", review)
        day = np.where(mid_script & (after != regimen) & (regimen != OFF), day - before_run_out, day)
        stop_day = start.stop_day[rows]
        ends = (day >= stop_day) | (day >= last_day)
        changed = (after != regimen) | ends
        # Beyond the last day simulated a course goes on: later changes cannot reach the days written.
        until = np.where(day >= last_day, stop_day, np.minimum(day, stop_day))
        closing = np.flatnonzero(changed & (regimen != OFF))
        stretch = Stretch(
            rows[closing],
            regimen[closing],
            script_days[rows[closing]],
            since[closing],
            until[closing],
            opened[closing],
        )
        parts += _stretch_segments(catalogue, start, stretch)
        stopping = (after == OFF) & (regimen != OFF) & ~ends
        first_off[rows[stopping]] = np.minimum(first_off[rows[stopping]], day[stopping])
        review += 1
        since, opened = np.where(changed, day, since), np.where(changed, review, opened)
        going = ~ends
        rows, day, since, opened = rows[going], day[going], since[going], opened[going]
        regimen, tapering = after[going], tapering[going]
    return parts, first_off


def _from_short_course(
    people: People,
    chosen: Ints,
    course: ShortCourses,
    option: Ints,
    days: tuple[Floats, Floats],
    key: UInt64s,
    setting: int,
) -> Segments:
    """One script of a short course, not before the first day and not after the second."""
    duration = course.days[option].astype(np.float64)
    return Segments(
        people.number[chosen],
        course.product[option],
        np.full(len(chosen), setting, dtype=np.int64),
        course.quantity[option],
        duration,
        days[0],
        np.minimum(days[0] + duration, days[1]),
        key,
    )


def episode_segments(
    people: People, course: ShortCourses, name: str, gap_mean_days: Floats, last_day: float
) -> list[Segments]:
    """Short courses again and again, with a mean number of days between them (0: none ever)."""
    chosen = np.flatnonzero(gap_mean_days > 0)
    # Who is already taking them has a while behind them at the first day, so that month 1 is like any other.
    day = np.where(people.join_day[chosen] < 0, -gap_mean_days[chosen], people.join_day[chosen])
    day = day + people.draws.only(chosen).exponential(f"{name} gap", gap_mean_days[chosen])
    parts: list[Segments] = []
    episode = 0
    while True:
        going = (day < last_day) & (day < people.leave_day[chosen])
        chosen, day = chosen[going], day[going]
        if not len(chosen):
            return parts
        draws, mean = people.draws.only(chosen), gap_mean_days[chosen]
        option = draws.choice(f"{name} product", course.share, episode)
        key = draws.bits(f"{name} segment", episode)
        days = (day, people.leave_day[chosen])
        found = _from_short_course(people, chosen, course, option, days, key, SHORT_COURSE)
        parts.append(found.of(np.flatnonzero(found.stop_day > 0)))
        episode += 1
        # At least a third of the mean gap passes, the rest is chance.
        day = day + course.days[option] + mean / 3 + draws.exponential(f"{name} gap", mean * 2 / 3, episode)


def palliative_segments(catalogue: Catalogue, people: People, last_day: float) -> list[Segments]:
    """Rising oral doses over the last months of life, then just-in-case injectables, then nothing."""
    dying = people.mix.palliative(people.pathway) & (people.leave_day - mix.PALLIATIVE_STEP_DAYS[0] < last_day)
    chosen = np.flatnonzero(dying)
    death = people.leave_day[chosen]
    line = mix.Line("palliative opioid", {mix.PALLIATIVE_LADDER: 1.0}, mix.NO_CHANGES)
    start = Start(people, chosen, line, death, death, JUST_IN_CASE)
    shares = catalogue.regimens.starting_shares(line.families, 0.0, 60.0)
    regimen = start.draws.choice("palliative regimen", shares)
    rows, fortnight = np.arange(len(chosen)), np.full(len(chosen), 14, dtype=np.int64)
    parts: list[Segments] = []
    step_days = (*mix.PALLIATIVE_STEP_DAYS, 4)
    for step, (first, last) in enumerate(pairwise(step_days)):
        opened = np.full(len(chosen), step, dtype=np.int64)
        stretch = Stretch(rows, regimen, fortnight, death - first, death - last, opened)
        parts += _stretch_segments(catalogue, start, stretch)
        regimen = catalogue.regimens.up[regimen]
    box = catalogue.short_courses["just_in_case"]
    for supply, (days_before, keeping) in enumerate(((14.0, 1.0), (6.0, 0.35))):
        for item, share in enumerate(box.share):
            index = supply * 100 + item
            has = chosen[start.draws.uniform("just in case", index) < share * keeping]
            option = np.full(len(has), item, dtype=np.int64)
            key = people.draws.only(has).bits("just in case segment", index)
            days = (people.leave_day[has] - days_before, people.leave_day[has])
            parts.append(_from_short_course(people, has, box, option, days, key, JUST_IN_CASE))
    return parts


def _taking(people: People, probability: str, purpose: str, last_day: float) -> Ints:
    """The people (row numbers) who take a medicine with the probability their pathway gives."""
    takes = people.draws.uniform(purpose) < people.mix.of_each(probability)[people.pathway]
    return np.flatnonzero(takes & (people.join_day < last_day))


def _co_prescribed(people: People, chosen: Ints, line: mix.Line, setting: int) -> Start:
    """Four in ten of the lines beside another begin later than the person joins, within three years."""
    draws = people.draws.only(chosen)
    join_day = people.join_day[chosen]
    alone = np.array([kind.main_line is None for kind in people.mix.pathways])[people.pathway[chosen]]
    at_once = alone | (draws.uniform(f"{line.name} at once") < 0.6)
    later = np.maximum(join_day, 0.0) + draws.uniform(f"{line.name} later") * mix.JOINING_DAYS
    return Start(people, chosen, line, np.where(at_once, join_day, later), people.leave_day[chosen], setting)


def course_segments(catalogue: Catalogue, people: People, last_day: float) -> Segments:
    """Everything these people take from the first day to `last_day`; beyond it is no truth."""
    parts: list[Segments] = palliative_segments(catalogue, people, last_day)
    for number, kind in enumerate(people.mix.pathways):
        if kind.main_line is None:
            continue
        chosen = np.flatnonzero((people.pathway == number) & (people.join_day < last_day))
        main = Start(people, chosen, kind.main_line, people.join_day[chosen], people.leave_day[chosen], LONG_TERM)
        main_parts, first_off = line_segments(catalogue, main, last_day)
        parts += main_parts
        extra = main.draws.uniform("breakthrough") < kind.breakthrough
        beside = Start(people, chosen[extra], mix.BREAKTHROUGH_LINE, main.day[extra], first_off[extra], AS_NEEDED)
        parts += line_segments(catalogue, beside, last_day)[0]
    for probability, line, setting in (
        ("gabapentinoid", mix.GABAPENTINOID_LINE, LONG_TERM),
        ("benzodiazepine", mix.BENZODIAZEPINE_LINE, LONG_TERM),
        ("z_drug", mix.Z_DRUG_LINE, LONG_TERM),
        ("dependence", mix.DEPENDENCE_LINE, DEPENDENCE),
        ("patch_beside", mix.PATCH_BESIDE_LINE, LONG_TERM),
    ):
        chosen = _taking(people, probability, line.name, last_day)
        start = _co_prescribed(people, chosen, line, setting)
        parts += line_segments(catalogue, start, last_day)[0]
    for name in ("acute_opioid", "intermittent_opioid", "short_sedative", "cough", "antimotility"):
        gaps = people.mix.of_each(f"{name}_gap_days")
        parts += episode_segments(people, catalogue.short_courses[name], name, gaps[people.pathway], last_day)
    return Segments.joined(parts)
