"""The files as a whole: which are written, repeatability, what is refused."""

import datetime as dt
from pathlib import Path

import polars as pl
import pytest
from synthetic_extracts import MONTHS, PATIENTS, REFERENCE_DIR, read_text

from pipelines.errors import StorageError, UsageError
from pipelines.synthetic import write_extract

FILES = [
    "epcn.xlsx",
    "epd.csv",
    "epraccur.csv",
    "list_sizes.csv",
    "patient_items.csv",
    "practice_map.csv",
    "sub_icb_icb.csv",
]


def test_one_file_of_each_layout_is_written_and_nothing_is_left_half_written(clean: Path) -> None:
    assert sorted(path.name for path in clean.iterdir()) == FILES


def test_the_paths_returned_are_the_files_written(tmp_path: Path) -> None:
    paths = write_extract(tmp_path / "new", patients=30, months=1, seed=1, reference_dir=REFERENCE_DIR)
    assert sorted(path.name for path in paths) == FILES
    assert all(path.is_file() for path in paths)


@pytest.mark.parametrize("dirty", [False, True])
def test_same_arguments_give_the_same_bytes(tmp_path: Path, dirty: bool) -> None:
    for name in ("one", "two"):
        write_extract(tmp_path / name, patients=800, months=2, seed=3, dirty=dirty, reference_dir=REFERENCE_DIR)
    for name in FILES:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes(), name


def test_another_seed_gives_other_people(clean: Path, tmp_path: Path) -> None:
    write_extract(tmp_path, patients=PATIENTS, months=1, seed=8, reference_dir=REFERENCE_DIR)
    assert (tmp_path / "patient_items.csv").read_bytes()[:5000] != (clean / "patient_items.csv").read_bytes()[:5000]


@pytest.mark.parametrize("name", ["patient_items.csv", "epd.csv", "list_sizes.csv"])
def test_a_longer_run_begins_with_the_bytes_of_a_shorter_one(clean: Path, shorter: Path, name: str) -> None:
    short = (shorter / name).read_bytes()
    assert len(short) > 500
    assert (clean / name).read_bytes().startswith(short)


@pytest.mark.parametrize("name", ["epcn.xlsx", "epraccur.csv", "sub_icb_icb.csv"])
def test_organisations_do_not_depend_on_the_number_of_months(clean: Path, shorter: Path, name: str) -> None:
    assert (clean / name).read_bytes() == (shorter / name).read_bytes()


def test_the_practice_map_of_a_longer_run_differs_in_its_date_alone(clean: Path, shorter: Path) -> None:
    one, other = (read_text(folder / "practice_map.csv").drop("EXTRACT_DATE") for folder in (clean, shorter))
    assert one.height > 10
    assert one.equals(other)


def test_a_longer_dirty_run_begins_with_a_shorter_one_too(dirty: Path, tmp_path: Path) -> None:
    write_extract(tmp_path, patients=PATIENTS, months=2, seed=7, dirty=True, reference_dir=REFERENCE_DIR)
    for name in ("patient_items.csv", "epd.csv"):
        assert (dirty / name).read_bytes().startswith((tmp_path / name).read_bytes())


@pytest.mark.parametrize("months", [1, 13, 26])
def test_first_month_is_the_same_however_many_follow(tmp_path: Path, months: int) -> None:
    for name, count in (("first", 1), ("longer", months)):
        write_extract(tmp_path / name, patients=300, months=count, seed=5, reference_dir=REFERENCE_DIR)
    longer = read_text(tmp_path / "longer" / "patient_items.csv")
    assert longer.filter(pl.col("Year Month") == "202401").equals(read_text(tmp_path / "first" / "patient_items.csv"))


def test_months_follow_the_start_over_the_turn_of_a_year(tmp_path: Path) -> None:
    start = dt.date(2023, 11, 17)
    write_extract(tmp_path, patients=300, months=3, seed=1, start=start, reference_dir=REFERENCE_DIR)
    months = read_text(tmp_path / "patient_items.csv")["Year Month"].unique().sort().to_list()
    assert months == ["202311", "202312", "202401"]
    lists = read_text(tmp_path / "list_sizes.csv")["EXTRACT_DATE"].unique(maintain_order=True).to_list()
    assert lists == ["01OCT2023", "01JAN2024"]


def test_every_month_stands_in_both_monthly_files(items: pl.DataFrame, epd: pl.DataFrame) -> None:
    expected = [f"2024{month:02d}" for month in range(1, MONTHS + 1)]
    assert items["Year Month"].unique(maintain_order=True).to_list() == expected
    assert epd["YEAR_MONTH"].unique(maintain_order=True).to_list() == expected


@pytest.mark.parametrize(
    ("patients", "months", "option"), [(909_091, 1, "--patients"), (0, 1, "--patients"), (1, 0, "--months")]
)
def test_what_cannot_be_written_is_refused_with_a_remedy(
    tmp_path: Path, patients: int, months: int, option: str
) -> None:
    with pytest.raises(UsageError) as refused:
        write_extract(tmp_path, patients=patients, months=months, seed=1, reference_dir=REFERENCE_DIR)
    assert option in refused.value.where
    assert refused.value.remedy
    assert not list(tmp_path.iterdir())


def test_a_folder_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("")
    with pytest.raises(StorageError, match="could not be written"):
        write_extract(tmp_path / "taken", patients=30, months=1, seed=1, reference_dir=REFERENCE_DIR)


def test_made_up_people_of_real_practices_come_without_made_up_references(tmp_path: Path) -> None:
    given = tmp_path / "practices.csv"
    given.write_text("\ufeffPRACTICE_CODE,PRACTICE_NAME\nP82001,ONE\nP82002,TWO\nP82001,ONE AGAIN\n", encoding="utf-8")
    files = write_extract(
        tmp_path / "made",
        patients=40,
        months=2,
        seed=1,
        start=dt.date(2024, 1, 1),
        reference_dir=REFERENCE_DIR,
        practices=given,
    )
    assert [file.name for file in files] == ["patient_items.csv", "epd.csv"]
    rows = pl.read_csv(files[0], infer_schema=False)
    # Services near a practice, such as out of hours, stay made up.
    assert {code for code in rows["Practice Code"] if not code.startswith(("Z8", "-"))} == {"P82001", "P82002"}


@pytest.mark.parametrize(("content", "said"), [("CODE\nP82001\n", "no column"), ("PRACTICE_CODE\n\n", "empty")])
def test_a_list_of_practices_that_will_not_do_is_refused(tmp_path: Path, content: str, said: str) -> None:
    given = tmp_path / "practices.csv"
    given.write_text(content)
    with pytest.raises(UsageError, match=said):
        write_extract(tmp_path, patients=4, months=1, seed=1, reference_dir=REFERENCE_DIR, practices=given)
