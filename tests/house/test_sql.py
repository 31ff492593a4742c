"""SQL keeps the house's conventions: one SELECT a file, a promise at its head, layers read downwards."""

import re
from pathlib import Path

import pytest

from pipelines import assets, models
from pipelines.engine.duckdb import DuckDBEngine

MODELS = models.discover(assets.SQL_DIR)
QUERIES = sorted((assets.SQL_DIR / "queries").glob("*.sql"))
# Rooms that hold a database of their own: the engine, and the small SQLite stores.
DATABASE_ROOMS = ("engine/", "ingest/register.py", "identity/")
CHECKS = sorted((assets.SQL_DIR / "checks").glob("*.sql"))
MAY_READ = {
    "staging": {"raw", "reference"},
    "intermediate": {"staging", "reference", "intermediate"},
    "marts": {"intermediate", "marts", "reference"},
    "checks": {"intermediate", "marts", "reference"},
}
CLINICAL = re.compile(r"int_(items|patient_months|opioid_months|patient_practices|case_list__found)")


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> DuckDBEngine:
    return DuckDBEngine(None, tmp_path_factory.mktemp("spill"))


def code_of(text: str) -> str:
    """SQL without its comments."""
    return re.sub(r"--[^\n]*", "", text)


@pytest.mark.parametrize("name", MODELS)
def test_a_model_reads_only_lower_layers(name: str, engine: DuckDBEngine) -> None:
    schema = name.split(".")[0]
    for table in engine.tables_named_in(MODELS[name].select):
        assert table.split(".")[0] in MAY_READ[schema], f"{name} reads {table}"


@pytest.mark.parametrize("file", CHECKS, ids=lambda file: file.stem)
def test_a_check_is_one_select_over_what_is_built(file: Path, engine: DuckDBEngine) -> None:
    for table in engine.tables_named_in(file.read_text(encoding="utf-8")):
        assert table.split(".")[0] in MAY_READ["checks"]


@pytest.mark.parametrize("file", QUERIES, ids=lambda file: file.stem)
def test_a_query_says_what_it_answers_and_somebody_asks_it(file: Path, engine: DuckDBEngine) -> None:
    text = file.read_text(encoding="utf-8")
    assert text.startswith("-- ")
    assert ";" not in code_of(text)
    assert all(table.split(".")[0] in MAY_READ["checks"] for table in engine.tables_named_in(text))
    assert any(f'"{file.stem}"' in code.read_text(encoding="utf-8") for code in assets.CODE_DIR.rglob("*.py"))


def test_select_statements_stand_in_sql_or_where_a_database_lives() -> None:
    for code in assets.CODE_DIR.rglob("*.py"):
        room = code.relative_to(assets.CODE_DIR).as_posix()
        text = code.read_text(encoding="utf-8")
        if room.startswith(DATABASE_ROOMS) or "import sqlite3" in text:
            continue
        found = [line for line in text.splitlines() if re.search(r"""["'\s(]SELECT( [^*].* FROM |$)""", line)]
        assert all("opioids query" in line or "typer.Argument" in line for line in found), f"{room}: {found}"


@pytest.mark.parametrize("name", MODELS)
def test_a_model_is_one_select_without_statements_around_it(name: str) -> None:
    code = code_of(MODELS[name].select)
    assert ";" not in re.sub(r"'[^']*'", "''", code)
    assert not re.search(r"\b(CREATE|INSERT|UPDATE|DELETE|DROP|ATTACH|COPY)\b", code)


@pytest.mark.parametrize("name", MODELS)
def test_a_model_says_what_it_is_its_grain_and_its_key(name: str) -> None:
    model = MODELS[name]
    assert model.description.split("\n")[0].endswith((".", ":"))
    assert model.grain.startswith("one row per")
    assert model.key


@pytest.mark.parametrize("name", MODELS)
def test_no_star_past_staging_but_in_views(name: str) -> None:
    if MODELS[name].kind == "table":
        assert not re.search(r"SELECT\s+\*|\b\w+\.\*", code_of(MODELS[name].select))


@pytest.mark.parametrize("name", [name for name in MODELS if CLINICAL.search(name)])
def test_a_case_over_clinical_facts_has_no_default_branch(name: str) -> None:
    """ELSE may fill in what is not there, never decide a status, a route, a dose or a cohort."""
    for branch in re.findall(r"\bELSE\s+([^\s,)]+)", code_of(MODELS[name].select)):
        assert branch in {"0", "FALSE", "items.bnf_description"}, f"{name}: ELSE {branch}"


def test_every_line_of_sql_is_at_most_130_characters_long() -> None:
    for file in assets.SQL_DIR.rglob("*.sql"):
        for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1):
            assert len(line) <= 130, f"{file.name}:{number}"
