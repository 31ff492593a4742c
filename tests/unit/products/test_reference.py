"""A reference table that cannot be trusted is refused, with file, line and value, all problems at once."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from pipelines.errors import ReferenceDataError
from pipelines.products import ProductReference

from .tables import REFERENCE, REFERENCE_DIR

Edit = Callable[[str, str, str], ReferenceDataError]


@pytest.fixture
def refused(tmp_path: Path) -> Edit:
    """Change one text of one file in a copy of the tables, load it, and give the error."""

    def edit(file_name: str, old: str, new: str) -> ReferenceDataError:
        folder = tmp_path / "reference"
        shutil.copytree(REFERENCE_DIR, folder)
        path = folder / file_name
        before = path.read_text(encoding="utf-8")
        assert old in before
        path.write_text(before.replace(old, new, 1), encoding="utf-8")
        with pytest.raises(ReferenceDataError) as error:
            ProductReference.load(folder)
        assert file_name in error.value.where
        assert error.value.remedy
        return error.value

    return edit


OPEN = ",2026-01-01,,pending: deploying pharmacist lead"
TRAMADOL = "uk_2026,tramadol,oral,,0.1,mg OME per mg,value,"
TRAMADOL_ROW = f'{TRAMADOL}"Faculty of Pain Medicine, Opioids Aware, dose equivalents (Aug 2020)"{OPEN}'


@pytest.mark.parametrize(
    ("what", "file_name", "old", "new", "said"),
    [
        (
            "scientific notation",
            "drugs.csv",
            "0407020Q0,",
            "4.07E+16,",
            "'4.07E+16' is a number in scientific",
        ),
        (
            "an unknown route",
            "ome_factors.csv",
            "morphine,oral,",
            "morphine,by mouth,",
            "'by mouth' is not one of",
        ),
        ("a missing source", "ddd.csv", "WHO ATC/DDD index N02BF01", "", "source '' is blank"),
        ("a duplicate key", "ddd.csv", "pregabalin,300", "gabapentin,300", "'gabapentin' overlaps line 2"),
        ("a negative factor", "ome_factors.csv", TRAMADOL, TRAMADOL.replace("0.1", "-0.1"), "not a positive"),
        ("a date in words", "ddd.csv", "2014-01-01", "last year", "'last year' is not a date"),
        (
            "a row that ends",
            "ome_factors.csv",
            TRAMADOL_ROW,
            TRAMADOL_ROW.replace(",,pend", ",2026-06-30,pend"),
            "ends and nothing",
        ),
        ("an unknown drug", "names.csv", "zomorph,morphine,", "zomorph,morphium,", "'morphium'"),
        ("a changed header", "forms.csv", "dose_rule", "rule", "line 1"),
        ("a short row", "cautions.csv", "methadone,,,methadone_present,", "methadone,", "cells, expected"),
    ],
    ids=lambda value: value if isinstance(value, str) and value.startswith(("a ", "an ", "sci")) else "",
)
def test_the_loader_refuses(refused: Edit, what: str, file_name: str, old: str, new: str, said: str) -> None:
    assert said in refused(file_name, old, new).where, what


@pytest.mark.parametrize(
    ("closed", "opened", "said"),
    [
        ("2026-06-30", "2026-08-01", "leaves a gap"),
        ("2026-06-30", "2026-06-15", "overlaps"),
    ],
)
def test_a_revised_factor_follows_the_old_one_to_the_day(refused: Edit, closed: str, opened: str, said: str) -> None:
    first = TRAMADOL_ROW.replace(",,pend", f",{closed},pend")
    second = TRAMADOL_ROW.replace("2026-01-01", opened)
    assert said in refused("ome_factors.csv", TRAMADOL_ROW, f"{first}\n{second}").where


def test_a_revised_factor_is_used_from_the_next_run_on(tmp_path: Path) -> None:
    folder = tmp_path / "reference"
    shutil.copytree(REFERENCE_DIR, folder)
    path = folder / "ome_factors.csv"
    first = TRAMADOL_ROW.replace(",,pend", ",2026-06-30,pend")
    second = TRAMADOL_ROW.replace("2026-01-01", "2026-07-01").replace("oral,,0.1", "oral,,0.2")
    before = path.read_text(encoding="utf-8")
    path.write_text(before.replace(TRAMADOL_ROW, f"{first}\n{second}"), encoding="utf-8")
    factor = ProductReference.load(folder).factors["uk_2026"]["tramadol", "oral", ""].factor
    assert str(factor) == "0.2"


def test_all_problems_of_a_file_are_reported_at_once(refused: Edit) -> None:
    error = refused("ddd.csv", "gabapentin,1800,WHO ATC/DDD index N02BF01", "gabapentin,lots,")
    assert "ddd_mg 'lots'" in error.where
    assert "source ''" in error.where
    assert "2 problems" in error.what


def test_codes_that_look_like_powers_of_ten_stay_text() -> None:
    assert {"0401020E0", "0407020E0", "0410030E0"} <= set(REFERENCE.drugs)


def test_every_row_says_truthfully_that_nobody_has_signed_it_yet() -> None:
    for name in ("drugs.csv", "ome_factors.csv", "patch_wear.csv", "presentations.csv"):
        lines = (REFERENCE_DIR / name).read_text(encoding="utf-8").splitlines()[1:]
        assert all(line.endswith("pending: deploying pharmacist lead") for line in lines)


def test_the_readme_explains_every_column_of_every_table() -> None:
    readme = (REFERENCE_DIR / "README.md").read_text(encoding="utf-8")
    for table in REFERENCE_TABLES:
        header = (REFERENCE_DIR / table).read_text(encoding="utf-8").splitlines()[0]
        section = readme.partition(f"## {table}")[2].partition("\n## ")[0]
        missing = [c for c in header.split(",")[:-4] if f"`{c}`" not in section]
        assert not missing, (table, missing)


REFERENCE_TABLES = (
    "bnf_code_changes.csv",
    "cautions.csv",
    "ddd.csv",
    "description_only_rules.csv",
    "drugs.csv",
    "factor_sets.csv",
    "forms.csv",
    "generic_products.csv",
    "names.csv",
    "ome_factors.csv",
    "patch_wear.csv",
    "plausible_limits.csv",
    "presentations.csv",
)
