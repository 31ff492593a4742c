"""The truth kept beside an extract, worked by hand; and what a mix changes about scripts."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from synthetic_extracts import REFERENCE_DIR, read_text

from pipelines.synthetic import mix, write_extract
from pipelines.synthetic.courses import LONG_TERM, Catalogue, Segments, course_segments, true_ome_mg_per_day
from pipelines.synthetic.dispensing import month_items
from pipelines.synthetic.mix import Mix
from pipelines.synthetic.organisations import first_practices, organisations, practice_count
from pipelines.synthetic.people import People, patient_nhs_numbers, people
from pipelines.synthetic.products import Products, Regimens, ShortCourses
from pipelines.synthetic.truth import Courses, Month, mean_ome_mg_per_day, taken_days, truth_frame

PATIENTS, DAYS = 3000, 420
TABLET, INJECTION, CAPSULE = range(3)
PRODUCTS = Products(
    pl.DataFrame({"kind": ["opioid", "opioid", "gabapentinoid"], "form": ["tablet", "injection", "capsule"]}),
    np.array([10.0, 20.0, 0.0]),
    np.array([28, 5, 56]),
    np.array([1.0, 1.0, 1.0]),
)
"""A 10 mg tablet, a 20 mg ampoule, a capsule that is no opioid."""


def segments_of(*rows: tuple[int, int, int, float, float]) -> Segments:
    """Segments from (person, product, units a day, first day, end day)."""
    person, product, units, start, stop = (np.array(column) for column in zip(*rows, strict=True))
    count = len(person)
    return Segments(
        person,
        product,
        np.full(count, LONG_TERM),
        units * 28,
        np.full(count, 28.0),
        start.astype(np.float64),
        stop.astype(np.float64),
        np.arange(count, dtype=np.uint64),
    )


def population_of(drawn_from: Mix) -> People:
    numbers = np.arange(PATIENTS)
    practice = first_practices(1, PATIENTS)
    return people(1, numbers, patient_nhs_numbers(PATIENTS), practice, practice_count(PATIENTS), drawn_from=drawn_from)


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    products = Products.read(REFERENCE_DIR)
    return Catalogue(products, Regimens.read(REFERENCE_DIR, products), ShortCourses.read(REFERENCE_DIR, products))


def test_the_mean_dose_of_a_month_weighs_days_and_leaves_injections_out() -> None:
    segments = segments_of(
        (0, TABLET, 6, 0, 31),  # 60 mg a day all month
        (1, TABLET, 12, 0, 15.5),  # 120 mg a day for half of 31 days: 60
        (1, TABLET, 2, 15.5, 40),  # 20 mg a day for the other half: 10
        (2, INJECTION, 1, 0, 31),
        (3, CAPSULE, 3, 0, 31),
        (4, TABLET, 6, 31, 60),  # begins the month after
    )
    assert mean_ome_mg_per_day(segments, PRODUCTS, 5, 0, 31).tolist() == pytest.approx([60, 70, 0, 0, 0])


def test_a_day_is_taken_when_a_course_runs_at_its_noon() -> None:
    segments = segments_of((0, TABLET, 1, 1.4, 3.6), (1, TABLET, 1, 1.6, 3.4), (1, TABLET, 1, 2.0, 3.0))
    assert np.flatnonzero(taken_days(segments, 2, 0, 5)[0]).tolist() == [1, 2, 3]
    assert np.flatnonzero(taken_days(segments, 2, 0, 5)[1]).tolist() == [2]


@pytest.mark.parametrize(("break_days", "course_days"), [(28, 50), (29, 12)])
def test_a_course_goes_on_through_28_days_without_an_opioid_and_no_more(break_days: int, course_days: int) -> None:
    """10 days, a break, 12 days: one course of 10 + 28 + 12 days, or a new one of 12."""
    taken = np.array([[True] * 10 + [False] * break_days + [True] * 12])
    assert Courses(1).follow(taken, 0).tolist() == [course_days]


def test_a_course_is_over_after_28_days_without_an_opioid() -> None:
    courses = Courses(1)
    assert courses.follow(np.array([[True] * 10 + [False] * 28]), 0).tolist() == [10]
    assert courses.follow(np.array([[False]]), 38).tolist() == [0]


def test_the_truth_of_three_people_by_hand() -> None:
    members = population_of(mix.DEMO)
    trio = replace(members, number=np.arange(3), nhs_number=members.nhs_number[:3])
    segments = segments_of(
        (0, TABLET, 6, -5, 31),  # January and not later
        (1, TABLET, 12, 0, 91),  # with capsules from the 20th of February
        (1, CAPSULE, 3, 50, 91),
        (2, CAPSULE, 3, 0, 91),  # never an opioid: no row
    )
    months = [Month("202401", 0, 31), Month("202402", 31, 60), Month("202403", 60, 91), Month("202404", 91, 121)]
    first, second = (str(number) for number in trio.nhs_number[:2])
    rows = truth_frame(trio, segments, PRODUCTS, months).with_columns(pl.col("Patient ID").cast(pl.String))
    assert rows.sort("Patient ID", "Year Month").rows() == sorted(
        [
            (first, "202401", 60.0, 60.0, 31, 0, 31),
            (first, "202402", 0.0, 31.0, 0, 0, 0),  # 60 x 31 / 60; the 29 days of February end the course
            (first, "202403", 0.0, 20.4396, 0, 0, 0),  # 60 x 31 / 91
            (second, "202401", 120.0, 120.0, 31, 0, 31),
            (second, "202402", 120.0, 120.0, 29, 10, 60),
            (second, "202403", 120.0, 120.0, 31, 31, 91),
            (second, "202404", 0.0, 80.0, 0, 0, 0),  # 120 x 60 / 90
        ]
    )


def test_the_mean_of_a_month_is_the_mean_of_its_days(catalogue: Catalogue) -> None:
    members = population_of(mix.DEMO)
    segments = course_segments(catalogue, members, DAYS)
    oral = segments.of(np.flatnonzero(~catalogue.products.is_parenteral[segments.product]))
    hours = np.arange(300, 330, 1 / 24) + 1 / 48
    by_hour = sum(true_ome_mg_per_day(oral, catalogue.products, PATIENTS, hour) for hour in hours) / len(hours)
    by_month = mean_ome_mg_per_day(segments, catalogue.products, PATIENTS, 300, 330)
    assert (by_month > 0).sum() > 500
    assert np.abs(by_month - by_hour).max() < 0.2  # within minutes of the beginning and end of a course


def test_a_truth_file_is_written_when_asked_and_only_then(tmp_path: Path) -> None:
    asked = {"patients": 300, "months": 3, "seed": 1, "reference_dir": REFERENCE_DIR}
    plain = write_extract(tmp_path / "plain", **asked)  # type: ignore[arg-type]
    for name in ("one", "two"):
        write_extract(tmp_path / name, **asked, truth=tmp_path / f"{name}.csv")  # type: ignore[arg-type]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["one", "one.csv", "plain", "two", "two.csv"]
    assert (tmp_path / "one.csv").read_bytes() == (tmp_path / "two.csv").read_bytes()
    for path in plain:
        assert path.read_bytes() == (tmp_path / "one" / path.name).read_bytes()
    truth = read_text(tmp_path / "one.csv")
    assert truth.select("Patient ID", "Year Month").is_unique().all()
    assert truth["Year Month"].unique().sort().to_list() == ["202401", "202402", "202403"]


def handed_out(catalogue: Catalogue, drawn_from: Mix, days: list[tuple[float, float]]) -> pl.DataFrame:
    """Scripts of lasting opioid courses: person, product, the month they are claimed in."""
    members = population_of(drawn_from)
    segments = course_segments(catalogue, members, DAYS)
    opioid = catalogue.products.is_opioid[segments.product] & (segments.setting == LONG_TERM)
    places = organisations(1, members.practice, practice_count(PATIENTS))
    lasting = segments.of(np.flatnonzero(opioid))
    months = [month_items(lasting, members, catalogue.products, places, each) for each in days]
    return pl.concat(
        pl.DataFrame({"month": month, "person": items.person, "product": items.product, "items": items.items})
        for month, items in enumerate(months)
    )


MONTHS = [(month * 30.0, (month + 1) * 30.0) for month in range(13)]
FAULTLESS = replace(mix.DEMO, missed_script_share=0.0, holiday_share=0.0, gap_share_a_year=0.0, unidentified_share=0.0)


def test_late_claims_move_scripts_and_lose_none(catalogue: Catalogue) -> None:
    """When every claim is late, a month holds what was handed out from five days before it to five before its end."""
    plain = handed_out(catalogue, FAULTLESS, MONTHS)
    late = handed_out(catalogue, replace(FAULTLESS, late_claim_share=1.0), MONTHS)
    later = handed_out(catalogue, FAULTLESS, [(first - 5, end - 5) for first, end in MONTHS])
    assert late.equals(later)
    counts = [frame.group_by("month").len().sort("month")["len"].to_list() for frame in (plain, late)]
    assert counts[0] != counts[1]


def test_who_stockpiles_fetches_nine_scripts_early_and_leaves_the_tenth_out() -> None:
    """Every 25.2 days: nine until day 201.6, none at 226.8, the next at 252, as without hoarding."""
    one = segments_of((0, TABLET, 6, 0, 560))

    def fetched(share: float, first_day: float, end_day: float) -> int:
        members = population_of(replace(FAULTLESS, stockpiling_share=share))
        places = organisations(1, members.practice, practice_count(PATIENTS))
        return len(month_items(one, members, PRODUCTS, places, (first_day, end_day)).person)

    assert [fetched(1.0, *days) for days in ((0, 207), (207, 242), (242, 270))] == [9, 0, 1]
    assert [fetched(0.0, *days) for days in ((0, 207), (207, 242), (242, 270))] == [8, 1, 1]


def test_every_lasting_script_is_of_the_length_asked_and_synchronised_ones_to_the_day(catalogue: Catalogue) -> None:
    members = population_of(replace(mix.DEMO, script_days=56, synchronised_share=1.0))
    segments = course_segments(catalogue, members, DAYS)
    lasting = segments.of(np.flatnonzero(segments.setting == LONG_TERM))
    exact = np.abs(lasting.interval_days - 56) < 1
    assert len(lasting.person) > 800
    assert exact.mean() > 0.95  # but for patches and half tablets, which come in whole units
    running = lasting.of(np.flatnonzero(exact & (lasting.start_day < 0)))
    first_days = pl.DataFrame({"person": running.person, "day": np.round(running.start_day)}).group_by("person")
    of_two = first_days.agg(pl.len(), spread=pl.col("day").max() - pl.col("day").min()).filter(pl.col("len") > 1)
    assert of_two.height > 50
    assert of_two.filter(pl.col("spread") > 1).height < 0.1 * of_two.height


def test_changes_in_the_middle_of_a_script_waste_the_rest_of_it(catalogue: Catalogue) -> None:
    def handed_out_for_each_taken(share: float) -> float:
        members = population_of(replace(FAULTLESS, script_days=84, mid_script_change_share=share))
        segments = course_segments(catalogue, members, DAYS)
        places = organisations(1, members.practice, practice_count(PATIENTS))
        out = 0.0
        for days in MONTHS:
            items = month_items(segments, members, catalogue.products, places, days)
            out += float((catalogue.products.ome_mg_per_unit[items.product] * items.quantity * items.items).sum())
        running = np.maximum(np.minimum(segments.stop_day, 390.0) - np.maximum(segments.start_day, 0.0), 0)
        return out / float((running * segments.ome_mg_per_day(catalogue.products)).sum())

    at_run_out, mid_script = handed_out_for_each_taken(0.0), handed_out_for_each_taken(1.0)
    assert mid_script > at_run_out + 0.01
