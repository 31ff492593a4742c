"""Hypothesis strategies for patients who stand on the boundaries of the rules.

A patient is a few courses; a course is one product, dispensed every one, two or three months for a while. Doses are
constant in mg a day over calendar months, so that windows come out at exactly a threshold, or 0.0001 mg beside it;
tablets and patches come in the numbers that just make, or just miss, a long script.
"""

from calendar import monthrange
from datetime import date
from decimal import Decimal
from typing import NamedTuple

from golden_reader import PRODUCTS
from hypothesis import strategies as st

GP_PRACTICES = {"A81001", "A81002", "A81003"}

# 0.0001 mg to either side of a threshold, of a ratio of two doses (1.2, 1.5, a half) or of the band near 120.
MG_PER_DAY = [
    *map(Decimal, ["10", "19.9999", "20", "30", "40", "45", "45.0001", "48", "49.9999", "50", "59.9999", "60"]),
    *map(Decimal, ["72", "72.0001", "89.9999", "90", "90.0001", "107.9999", "108", "119.9999", "120", "120.0001"]),
    *map(Decimal, ["132", "132.0001", "150", "180", "240", "400"]),
]
# Units that make up 55, 56 or 57 days of patches, 111 or 112 tablets; and the 28 days of an ordinary script.
COUNTS = [
    *map(Decimal, ["1", "7", "8", "18", "18.6667", "19", "28", "55.5", "56", "84", "111", "111.9999", "112", "168"]),
]

OME_PER_UNIT = {
    "morphine sachet 20mg": "1",
    "morphine tablet 10mg": "10",
    "morphine tablet 30mg": "30",
    "morphine tablet 60mg": "60",
    "morphine tablet 100mg": "100",
    "morphine capsule 10mg": "10",
    "co-codamol tablet 30/500": "3",
    "methadone tablet 5mg": "15",
    "fentanyl patch 25mcg": "180",
    "buprenorphine patch 10mcg": "168",
    "fentanyl buccal tablet 100mcg": "13",
    "morphine injection 10mg/ml": "20",
    "tramadol injection 100mg": "10",
    "morphine special liquid": "strength_unknown",
    "buprenorphine patch 25mcg": "wear_time_unknown",
    "fentanyl nasal spray 50mcg": "unit_ambiguous",
    "tramadol capsule 50mg": "excluded_by_factor_set",
}
DOSED = "morphine sachet 20mg"
JUST_IN_CASE = ["midazolam injection", "levomepromazine injection"]
BESIDE = ["morphine injection 10mg/ml", "fentanyl buccal tablet 100mcg"]
COUNTED = [name for name in OME_PER_UNIT if name != DOSED]
OTHERS = [name for name, product in PRODUCTS.items() if not product["in_scope"]]
ODDITIES = ["none"] * 8 + [
    "half_returned",
    "all_returned",
    "more_returned",
    "only_returned",
    "quantity_missing",
    "quantity_zero",
    "nobody",
]


class Course(NamedTuple):
    """One product for some months; start counts months from the first of the calendar."""

    product: str
    start: int
    months: int
    every: int
    mg_per_day: Decimal
    count: Decimal
    practice_code: str | None
    registered_practice_code: str | None
    age: int | None
    items: int
    oddity: str


def months_from(year: int, month: int, number: int) -> list[date]:
    "That many calendar months"
    return [date(year + (month - 1 + ahead) // 12, (month - 1 + ahead) % 12 + 1, 1) for ahead in range(number)]


def without(months: list[date], *missing: int) -> list[date]:
    return [month for place, month in enumerate(months) if place not in missing]


# Whole, with a leap February in it; with months missing; too short for most rules.
LOADED_MONTHS = [
    months_from(2023, 1, 26),
    months_from(2022, 6, 30),
    without(months_from(2023, 1, 26), 6),
    without(months_from(2023, 1, 26), 9, 10),
    without(months_from(2023, 1, 26), 1, 5, 13),
    without(months_from(2022, 8, 27), 12, 13, 14, 15, 16, 17),
    months_from(2024, 1, 2),
    months_from(2023, 12, 7),
]

courses = st.builds(
    Course,
    product=st.one_of(st.just(DOSED), st.just(DOSED), st.sampled_from(COUNTED), st.sampled_from(OTHERS)),
    start=st.integers(0, 24),
    months=st.sampled_from([1, 2, 3, 3, 4, 5, 6, 6, 7, 7, 8, 9, 12, 13, 24]),
    every=st.sampled_from([1, 1, 1, 2, 3]),
    mg_per_day=st.sampled_from(MG_PER_DAY),
    count=st.sampled_from(COUNTS),
    practice_code=st.sampled_from(["A81001", "A81001", "A81002", "A81003", "H90001", None]),
    registered_practice_code=st.sampled_from([None, None, None, None, "A81002", "A81003"]),
    age=st.sampled_from([50, 50, 50, 17, 18, None]),
    items=st.sampled_from([1, 1, 2]),
    oddity=st.sampled_from(ODDITIES),
)


@st.composite
def patients_of_steps(draw: st.DrawFn) -> list[Course]:
    "One medicine whose dose changes from step to step, with gaps between, and whatever is taken beside it"
    start, steps = draw(st.integers(0, 8)), []
    for _ in range(draw(st.integers(1, 4))):
        step = draw(courses)._replace(product=DOSED, start=start, oddity="none", every=1)
        steps.append(step)
        # Gaps around those that break a run (1, 2), end an episode (5, 6) or make a restart (3).
        start += step.months + draw(st.sampled_from([0, 0, 0, 1, 2, 3, 4, 5, 6, 7]))
    return steps + draw(st.lists(courses, max_size=2))


@st.composite
def patients_of_classes(draw: st.DrawFn) -> list[Course]:
    "An opioid and two other medicines begun within three months of each other"
    start, others = draw(st.integers(0, 20)), []
    for _ in range(2):
        other = draw(courses)
        others.append(other._replace(product=draw(st.sampled_from(OTHERS)), start=start + draw(st.integers(0, 3))))
    return [draw(courses)._replace(start=start), *others]


@st.composite
def patients_near_the_end_of_life(draw: st.DrawFn) -> list[Course]:
    "Just-in-case injectables, one or two, and an opioid injection at most two months apart"
    start = draw(st.integers(2, 20))
    injectables = draw(st.lists(st.sampled_from(JUST_IN_CASE), min_size=1, max_size=2))
    injection = draw(st.sampled_from(["morphine injection 10mg/ml", "tramadol injection 100mg"]))
    return [
        draw(courses)._replace(product=injection, start=start + draw(st.integers(-2, 2)), oddity="none"),
        *(draw(courses)._replace(product=name, start=start, months=1, oddity="none") for name in injectables),
    ]


@st.composite
def patients_off_high_dose(draw: st.DrawFn) -> list[Course]:
    "A high dose, then a low one, and a medicine of another kind about the time of the change"
    high = draw(courses)._replace(product=DOSED, start=draw(st.integers(0, 9)), every=1, oddity="none")
    high = high._replace(months=draw(st.integers(3, 9)), mg_per_day=draw(st.sampled_from(MG_PER_DAY[-6:])))
    low = draw(courses)._replace(product=DOSED, start=high.start + high.months, every=1, oddity="none")
    other = draw(courses)._replace(product=draw(st.sampled_from([*BESIDE, *OTHERS])), oddity="none")
    return [high, low, other._replace(start=max(0, low.start + draw(st.integers(-6, 6))))]


patients = st.one_of(
    patients_of_steps(),
    patients_of_steps(),
    patients_of_classes(),
    patients_off_high_dose(),
    patients_near_the_end_of_life(),
    st.lists(courses, min_size=1, max_size=4),
)


def items_of(people: list[list[Course]], loaded_months: list[date]) -> list[dict]:
    """The items of all patients, patient 1 being `p0001`, in months that are loaded."""
    items = []
    for number, one in enumerate(people, start=1):
        for course in one:
            for place in range(course.start, course.start + course.months, course.every):
                month = months_from(loaded_months[0].year, loaded_months[0].month, place + 1)[-1]
                if month in loaded_months:
                    items += _items(f"p{number:04}", course, month)
    return [item | {"item_id": number} for number, item in enumerate(items, start=1)]


def _items(patient_key: str, course: Course, month: date) -> list[dict]:
    quantity = course.count
    if course.product == DOSED:
        days = sum(monthrange(m.year, m.month)[1] for m in months_from(month.year, month.month, course.every))
        quantity = course.mg_per_day * days
    quantities: list[Decimal | None] = {
        "half_returned": [quantity, (-quantity / 2).quantize(Decimal("0.0001"))],
        "all_returned": [quantity, -quantity],
        "more_returned": [-quantity - 1, quantity],
        "only_returned": [-quantity],
        "quantity_missing": [None],
        "quantity_zero": [Decimal(0)],
    }.get(course.oddity, [quantity])
    ome = OME_PER_UNIT.get(course.product)
    is_converted = ome is not None and ome.replace(".", "").isdigit()
    item = {
        "month": month,
        "practice_code": course.practice_code,
        "registered_practice_code": course.registered_practice_code,
        "patient_key": None if course.oddity == "nobody" else patient_key,
        "age": course.age,
        "sex": "F" if course.items == 1 else None,
        "imd_decile": course.items,
        "wear_hours": None,
        "is_immediate_release_fentanyl": False,
        "is_methadone": False,
        "is_strong_opioid": False,
        **PRODUCTS[course.product],
        "ome_mg_per_unit": Decimal(ome) if is_converted else None,
        "product_status": "converted" if is_converted else ome,
        "items": course.items,
    }
    return [item | {"total_quantity": each} for each in quantities]
