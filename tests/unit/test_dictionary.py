"""What a table and its columns say: from the header of a model, from shared words, from the README of the tables."""

from pathlib import Path

import pytest

from pipelines import models
from pipelines.dictionary import Column, Table, as_markdown, clinical_tables, descriptions

HEAD = """-- What it is.
--
-- Grain: one row per thing.
-- Key: thing
--
-- More of it.
"""


def model_of(text: str, folder: Path, name: str = "thing") -> models.SqlModel:
    file = folder / f"{name}.sql"
    file.write_text(text, encoding="utf-8")
    return models.read_model(file, "marts")


def test_columns_are_described_at_the_end_of_a_header(tmp_path: Path) -> None:
    model = model_of(
        HEAD + "--\n-- Columns:\n--   dose: mg: a day,\n--     over three months.\n--   thing: Which.\nSELECT 1",
        tmp_path,
    )
    assert model.columns == {"dose": "mg: a day, over three months.", "thing": "Which."}
    assert model.columns_of is None
    assert model.description == "What it is.\n\nMore of it."
    assert model.key == ("thing",)


def test_a_model_without_columns_describes_none(tmp_path: Path) -> None:
    assert model_of(HEAD + "SELECT 1", tmp_path).columns == {}


@pytest.mark.parametrize(
    "part",
    ["--   dose: mg.\n--   dose: again.\n", "--     begins further in.\n", "--   dose: mg.\n-- Prose after it.\n"],
)
def test_a_part_that_is_no_list_of_columns_is_refused(part: str, tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match=r"marts\.thing"):
        model_of(f"{HEAD}--\n-- Columns:\n{part}SELECT 1", tmp_path)


def test_own_words_go_before_shared_ones_and_another_tables_are_taken_over(tmp_path: Path) -> None:
    known = {
        "marts.thing": model_of(HEAD + "--\n-- Columns:\n--   month: Of the thing.\nSELECT 1", tmp_path),
        "marts.other": model_of(HEAD + "--\n-- Columns: those of marts.thing\nSELECT 1", tmp_path, "other"),
    }
    written = descriptions(known)
    for table in known:
        assert written.columns[table]["month"] == "Of the thing."
        assert written.columns[table]["org_level"] == written.shared["org_level"]
    assert written.tables["marts.thing"] == "What it is.\n\nMore of it.\n\nGrain: one row per thing. Key: thing."


def test_clinical_tables_are_described_by_their_readme(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text(
        "# Tables\n\n| column | meaning |\n|---|---|\n| `source` | whence |\n| `valid_from`, `valid_to` | when |\n\n"
        "## drugs.csv\n\nWhat a\ncode is.\n\n| column | meaning |\n|---|---|\n| `code` | a `BNF` code |\n"
        "| `form` | as above |\n",
        encoding="utf-8",
    )
    (tmp_path / "drugs.csv").write_text("code,form,source\n1,tablet,me\n", encoding="utf-8")
    drugs = clinical_tables(tmp_path)["drugs"]
    assert drugs.description == "What a code is."
    # valid_from is no column of it, and 'as above' says nothing that shared words do not.
    assert drugs.columns == {"source": "whence", "code": "a `BNF` code"}


def test_the_page_says_equal_columns_once() -> None:
    columns = (Column("month", "DATE", "First | day."),)
    page = as_markdown(
        [
            Table("marts.icb_trends", "Of ICBs.", columns),
            Table("marts.trends", "All.", columns),
            Table("reference.months", "Calendar.\n\nGrain: one row per month.", columns),
        ]
    )
    assert page.count("First \\| day.") == 1
    assert "Columns: those of `marts.trends`." in page
    assert "| `reference.months` | Calendar. | `month` |" in page
