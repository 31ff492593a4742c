"""The truth behind the items: doses, trends, and that what is handed out is what is taken."""

import math

import numpy as np
import pytest
from synthetic_extracts import REFERENCE_DIR

from pipelines.synthetic import mix
from pipelines.synthetic.courses import Catalogue, Segments, course_segments, true_ome_mg_per_day
from pipelines.synthetic.dispensing import Items, month_items
from pipelines.synthetic.draws import Draws, keys, sixteenths
from pipelines.synthetic.organisations import first_practices, organisations, practice_count
from pipelines.synthetic.people import _STRIDE, People, patient_nhs_numbers, people, test_range_nhs_numbers
from pipelines.synthetic.products import Products, Regimens, ShortCourses

PATIENTS, LAST_DAY = 20_000, 760.0
nhs_numbers_of_the_test_range = test_range_nhs_numbers
del test_range_nhs_numbers  # else it would be collected as a test


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    products = Products.read(REFERENCE_DIR)
    short_courses = ShortCourses.read(REFERENCE_DIR, products)
    return Catalogue(products, Regimens.read(REFERENCE_DIR, products), short_courses)


@pytest.fixture(scope="module")
def population() -> People:
    practice = first_practices(1, PATIENTS)
    practices = practice_count(PATIENTS)
    return people(1, np.arange(PATIENTS), patient_nhs_numbers(PATIENTS), practice, practices)


@pytest.fixture(scope="module")
def segments(catalogue: Catalogue, population: People) -> Segments:
    return course_segments(catalogue, population, LAST_DAY)


def doses(segments: Segments, catalogue: Catalogue, day: float) -> np.ndarray:
    return true_ome_mg_per_day(segments, catalogue.products, PATIENTS, day)


def test_two_to_four_in_a_hundred_opioid_patients_are_above_120_mg(segments: Segments, catalogue: Catalogue) -> None:
    for day in (30, 200, 400, 600):
        dose = doses(segments, catalogue, day)
        assert 0.02 < (dose > 120).sum() / (dose > 0).sum() < 0.045


def test_patients_above_120_mg_become_fewer_over_two_years(segments: Segments, catalogue: Catalogue) -> None:
    first, last = ((doses(segments, catalogue, day) > 120).sum() for day in (30, 720))
    assert 0.55 < last / first < 0.92


def test_some_patients_stand_on_120_mg_exactly(segments: Segments, catalogue: Catalogue) -> None:
    assert np.isclose(doses(segments, catalogue, 100), 120).sum() > 5


def test_most_opioid_patients_take_a_low_dose(segments: Segments, catalogue: Catalogue) -> None:
    dose = doses(segments, catalogue, 100)
    assert np.median(dose[dose > 0]) < 30


def test_nothing_is_taken_after_leaving(segments: Segments, population: People) -> None:
    assert (segments.stop_day <= population.leave_day[segments.person] + 1e-9).all()


def test_palliative_patients_have_just_in_case_medicines_and_then_nothing(
    segments: Segments, catalogue: Catalogue, population: People
) -> None:
    boxed = np.isin(segments.product, catalogue.products.of_kind("just_in_case"))
    dying = np.unique(segments.person[boxed])
    assert len(dying) > 20
    assert mix.DEMO.palliative(population.pathway[dying]).all()


def test_a_course_does_not_depend_on_who_else_is_there(catalogue: Catalogue, segments: Segments) -> None:
    few = people(1, np.arange(500), patient_nhs_numbers(500), first_practices(1, PATIENTS)[:500], 40)
    alone = course_segments(catalogue, few, LAST_DAY)
    same = segments.of(np.flatnonzero(segments.person < 500))
    assert (alone.key == same.key).all()
    assert (alone.start_day == same.start_day).all()


def test_what_is_handed_out_adds_up_to_what_is_taken(
    segments: Segments, catalogue: Catalogue, population: People
) -> None:
    """Less the scripts that were missed, within a few per cent over two years."""
    places = organisations(1, population.practice, practice_count(PATIENTS))
    handed_out = 0.0
    for month in range(24):
        days = (month * 30.0, (month + 1) * 30.0)
        items: Items = month_items(segments, population, catalogue.products, places, days)
        handed_out += float((catalogue.products.ome_mg_per_unit[items.product] * items.quantity * items.items).sum())
    running = np.minimum(segments.stop_day, 720.0) - np.maximum(segments.start_day, 0.0)
    taken = float((np.maximum(running, 0) * segments.ome_mg_per_day(catalogue.products)).sum())
    assert handed_out / taken == pytest.approx(0.98, abs=0.03)


def test_doses_go_up_and_down(segments: Segments, catalogue: Catalogue) -> None:
    before, after = doses(segments, catalogue, 100), doses(segments, catalogue, 400)
    both = (before > 0) & (after > 0)
    assert (after[both] > 1.2 * before[both]).sum() > 100
    assert (after[both] < 0.8 * before[both]).sum() > 100


def test_ladders_rise_from_step_to_step(catalogue: Catalogue) -> None:
    opioid = catalogue.regimens.ome_mg_per_day > 0
    up = catalogue.regimens.up
    rises = catalogue.regimens.ome_mg_per_day[up] >= catalogue.regimens.ome_mg_per_day
    assert rises[opioid].all()


def test_test_range_holds_909090_numbers() -> None:
    numbers = nhs_numbers_of_the_test_range()
    assert len(numbers) == 909_090
    assert numbers[:3].tolist() == [9990000018, 9990000026, 9990000034]
    assert 9990000140 not in numbers[:20]  # its check digit would be 10
    assert math.gcd(_STRIDE, len(numbers)) == 1


def test_all_numbers_of_the_range_can_be_given_out_once() -> None:
    assert len(np.unique(patient_nhs_numbers(909_090))) == 909_090


def test_draws_depend_on_key_purpose_and_index_only() -> None:
    draws = Draws(keys(1, "person", np.arange(5)))
    assert (draws.only(np.array([3])).uniform("age") == draws.uniform("age")[3]).all()
    assert (draws.uniform("age") != draws.uniform("sex")).all()
    assert (draws.uniform("age", 1) == draws.uniform("age", np.ones(5, dtype=np.int64))).all()


def test_draws_are_evenly_spread() -> None:
    draws = Draws(keys(1, "person", np.arange(100_000)))
    assert draws.uniform("x").mean() == pytest.approx(0.5, abs=0.005)
    assert draws.normal("x").std() == pytest.approx(1, abs=0.01)
    assert draws.exponential("x", 10.0).mean() == pytest.approx(10, abs=0.15)
    assert np.bincount(draws.choice("x", np.array([1.0, 3.0]))) / 1e5 == pytest.approx([0.25, 0.75], abs=0.01)
    assert sixteenths(draws.bits("x"), 2).mean() == pytest.approx(0.5, abs=0.005)


def test_reference_rows_name_their_source() -> None:
    frame = Products.read(REFERENCE_DIR).frame
    assert frame["bnf_code"].is_unique().all()
    assert frame["source"].is_not_null().all()
    assert frame["bnf_code"].str.contains(r"^[0-9A-Z]{15}$").all()
