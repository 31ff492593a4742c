"""One call that writes a whole set of synthetic extracts."""

import datetime as dt
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import numpy as np

from pipelines.errors import StorageError, UsageError
from pipelines.synthetic import faults, organisation_files
from pipelines.synthetic.courses import Catalogue, Segments, course_segments
from pipelines.synthetic.dispensing import Items, background_items, month_items
from pipelines.synthetic.files import append_csv, epd_frame, patient_frame
from pipelines.synthetic.mix import DEMO, Mix
from pipelines.synthetic.organisations import (
    Organisations,
    first_practices,
    organisations,
    practice_count,
    read_practices,
)
from pipelines.synthetic.people import People, patient_nhs_numbers, people
from pipelines.synthetic.products import Products, Regimens, ShortCourses
from pipelines.synthetic.truth import Month, truth_frame

PEOPLE_PER_BLOCK = 50_000
DAYS_BEYOND_THE_END = 30
FIRST_YEAR, LAST_YEAR = 1990, 2099


def _first_day(start: dt.date, month: int) -> dt.date:
    """The first day of a month counted from the month of `start`."""
    number = start.year * 12 + start.month - 1 + month
    return dt.date(number // 12, number % 12 + 1, 1)


def _checked(patients: int, months: int, start: dt.date) -> None:
    """Refuse what cannot be written, saying which option to change."""
    if patients < 1:
        raise UsageError(f"{patients} patients cannot be written.", "--patients", "Ask for at least 1.")
    if months < 1:
        raise UsageError(f"{months} months cannot be written.", "--months", "Ask for at least 1.")
    last_year = (start.year * 12 + start.month + months - 2) // 12
    if start.year < FIRST_YEAR or last_year > LAST_YEAR:
        raise UsageError(
            f"{months} months from {start:%Y-%m} leave the years {FIRST_YEAR} to {LAST_YEAR}.",
            "--start and --months",
            "Start later, or ask for fewer months.",
        )


class _Population:
    """Everybody and everything they take, in blocks of people; and where they are registered."""

    def __init__(
        self,
        drawn_from: Mix,
        seed: int,
        patients: int,
        last_day: float,
        catalogue: Catalogue,
        children: bool,
        given: Sequence[tuple[str, str]],
    ) -> None:
        nhs_numbers = patient_nhs_numbers(patients)
        practices = len(given) or practice_count(patients)
        practice = first_practices(seed, patients, practices)
        self.seed, self.catalogue = seed, catalogue
        self.organisations: Organisations = organisations(seed, practice, practices, given)
        self.blocks: list[tuple[People, Segments]] = []
        for first in range(0, patients, PEOPLE_PER_BLOCK):
            block = slice(first, min(first + PEOPLE_PER_BLOCK, patients))
            numbers = np.arange(block.start, block.stop, dtype=np.int64)
            members = people(
                seed,
                numbers,
                nhs_numbers[block],
                practice[block],
                practices,
                children=children,
                drawn_from=drawn_from,
            )
            self.blocks.append((members, course_segments(catalogue, members, last_day)))


def _calendar(start: dt.date, months: int) -> list[Month]:
    """The months to write."""
    first_days = [_first_day(start, month) for month in range(months + 1)]
    days = [(first_day - first_days[0]).days for first_day in first_days]
    return [Month(f"{first_days[n]:%Y%m}", days[n], days[n + 1]) for n in range(months)]


def _write_truth(population: _Population, calendar: list[Month], path: Path) -> None:
    """The truth of everybody, a block of people after the other."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.partial")
    with partial.open("wb") as file:
        for members, segments in population.blocks:
            append_csv(file, truth_frame(members, segments, population.catalogue.products, calendar))
    partial.replace(path)


def _write_months(
    population: _Population, calendar: list[Month], dirty: bool, patient_path: Path, epd_path: Path
) -> None:
    """Both monthly files, a month at a time, so that a longer run begins with the bytes of a shorter one."""
    products, centres = population.catalogue.products, population.organisations
    rates = population.catalogue.short_courses["not_followed"]
    with ExitStack() as files:
        patient_file = files.enter_context(patient_path.open("wb"))
        epd_file = files.enter_context(epd_path.open("wb"))
        for month, written in enumerate(calendar):
            days = (float(written.first_day), float(written.end_day))
            prescribed: list[Items] = [background_items(population.seed, centres, rates, products, month)]
            for number, (members, segments) in enumerate(population.blocks):
                items = month_items(segments, members, products, centres, days)
                draws = faults.month_draws(population.seed, month, number)
                if dirty:
                    items = faults.with_item_faults(items, draws, centres, products, month)
                rows = patient_frame(items, members, centres, products, written.year_month, days[0])
                append_csv(patient_file, faults.with_text_faults(rows, draws, month) if dirty else rows)
                prescribed.append(items)
            append_csv(epd_file, epd_frame(Items.joined(prescribed), centres, products, written.year_month))


def write_extract(
    out_dir: Path,
    *,
    patients: int,
    months: int,
    seed: int,
    start: dt.date = dt.date(2024, 1, 1),
    dirty: bool = False,
    reference_dir: Path,
    drawn_from: Mix = DEMO,
    truth: Path | None = None,
    practices: Path | None = None,
) -> list[Path]:
    """Write seven files of invented prescribing into a folder; the same arguments give the same bytes.

    `patients` is the number of people who may take a followed medicine: about one in twelve of those
    registered. Some join after the last month and are not seen. With `dirty`, faults of real extracts are
    added (see `faults`). `truth` names a further file, of what is true of each person and month (see
    `truth_frame`). `practices` names a CSV of real practices: the invented people are theirs, and the two files of
    items are all that is written, since what is true of real organisations comes from real files. Files are written
    under another name first, then renamed.
    """
    start = start.replace(day=1)
    _checked(patients, months, start)
    products = Products.read(reference_dir)
    catalogue = Catalogue(products, Regimens.read(reference_dir, products), ShortCourses.read(reference_dir, products))
    calendar = _calendar(start, months)
    last_day = float(calendar[-1].end_day + DAYS_BEYOND_THE_END)
    given = read_practices(practices) if practices else []
    population = _Population(drawn_from, seed, patients, last_day, catalogue, dirty, given)
    centres = population.organisations
    of_organisations = ("epraccur.csv", "epcn.xlsx", "practice_map.csv", "list_sizes.csv", "sub_icb_icb.csv")
    names = ("patient_items.csv", "epd.csv", *(() if given else of_organisations))
    try:
        out_dir.mkdir(parents=True, exist_ok=True)
        partial = {name: out_dir / f".{name}.partial" for name in names}
        _write_months(population, calendar, dirty, partial["patient_items.csv"], partial["epd.csv"])
        if not given:
            organisation_files.write_epraccur(partial["epraccur.csv"], centres)
            organisation_files.write_epcn(partial["epcn.xlsx"], centres)
            organisation_files.write_practice_map(partial["practice_map.csv"], centres, start, months)
            organisation_files.write_list_sizes(partial["list_sizes.csv"], centres, start, months, seed)
            organisation_files.write_sub_icb_icb(partial["sub_icb_icb.csv"], centres)
        for name in names:
            partial[name].replace(out_dir / name)
        if truth:
            _write_truth(population, calendar, truth)
    except OSError as problem:
        raise StorageError(
            "The synthetic files could not be written.",
            f"{out_dir}: {problem.strerror}",
            "Choose a folder you may write to, on a disk with room.",
        ) from problem
    return [out_dir / name for name in names]
