"""The machinery of `make test-mutants`: it makes the faults it names, kills what it should, and notices a survivor."""

import pytest
import sqlglot
from golden_reader import GOLDEN_FOLDER, read_golden
from mutant_worlds import HandWorked, models_of_patients, verdict_of
from sql_mutants import Mutant, explained, known_equivalent, mutants, sample, written

from pipelines import assets
from pipelines.models import SqlModel, discover

MODELS = {model.name: model for model in models_of_patients()}
THRESHOLDS = "intermediate.int_patient_months__thresholds"

PALLIATIVE = "intermediate.int_patient_months__palliative"


def model(select: str) -> SqlModel:
    return SqlModel("intermediate.int_made_up", "", "", ("a",), "table", select)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> HandWorked:
    path = GOLDEN_FOLDER / "dose.txt"
    return HandWorked(path, read_golden(path), tmp_path_factory.mktemp("world"))


@pytest.mark.parametrize(
    ("select", "faults"),
    [
        (
            "SELECT a FROM t WHERE a > 1 AND b",
            [
                "SELECT a FROM t",
                "SELECT a FROM t WHERE (a > 1 OR b)",
                "SELECT a FROM t WHERE a > 1",
                "SELECT a FROM t WHERE b",
                "SELECT a FROM t WHERE a >= 1 AND b",
                "SELECT a FROM t WHERE a > 2 AND b",
                "SELECT a FROM t WHERE a > 0 AND b",
            ],
        ),
        (
            "SELECT SUM(a) FILTER(WHERE b) FROM t",
            ["SELECT SUM(a) FROM t", "SELECT MAX(a) FILTER(WHERE b) FROM t"],
        ),
        (
            "SELECT LAG(a, 3) OVER (ORDER BY m) FROM t",
            [
                "SELECT LEAD(a, 3) OVER (ORDER BY m) FROM t",
                "SELECT LAG(a, 4) OVER (ORDER BY m) FROM t",
                "SELECT LAG(a, 2) OVER (ORDER BY m) FROM t",
                "SELECT LAG(a, 3) OVER (ORDER BY m DESC) FROM t",
            ],
        ),
        (
            "SELECT SUM(a) OVER (ORDER BY m RANGE BETWEEN 2 PRECEDING AND CURRENT ROW) FROM t",
            [
                "SELECT MAX(a) OVER (ORDER BY m RANGE BETWEEN 2 PRECEDING AND CURRENT ROW) FROM t",
                "SELECT SUM(a) OVER (ORDER BY m DESC RANGE BETWEEN 2 PRECEDING AND CURRENT ROW) FROM t",
                "SELECT SUM(a) OVER (ORDER BY m RANGE BETWEEN 3 PRECEDING AND CURRENT ROW) FROM t",
                "SELECT SUM(a) OVER (ORDER BY m RANGE BETWEEN 1 PRECEDING AND CURRENT ROW) FROM t",
            ],
        ),
        (
            "SELECT CASE WHEN a <= $line THEN TRUE END, CAST(b AS DECIMAL(18, 4)) FROM t",
            [
                "SELECT CASE WHEN a < $line THEN TRUE END, CAST(b AS DECIMAL(18, 4)) FROM t",
                "SELECT CASE WHEN a <= $line THEN FALSE END, CAST(b AS DECIMAL(18, 4)) FROM t",
            ],
        ),
    ],
)
def test_every_fault_is_made_once_and_no_other(select: str, faults: list[str]) -> None:
    # Compared as trees: how DuckDB's dialect spaces and orders words is not ours.
    assert {_plain(mutant.select) for mutant in mutants(model(select))} == {_plain(fault) for fault in faults}


def _plain(select: str) -> str:
    return written(sqlglot.parse_one(select, read="duckdb"))


def test_a_sample_is_the_same_for_the_same_seed() -> None:
    every = mutants(MODELS[THRESHOLDS])
    assert len(every) > 10
    assert sample(every, 5, 1) == sample(every, 5, 1) != sample(every, 5, 2)
    assert sample(every, 1_000, 1) == every


def test_a_line_of_120_that_takes_in_120_is_noticed_by_the_hand_worked_patients(world: HandWorked) -> None:
    exactly_120 = "ome_mg_3m [> -> >=] $high_dose_ome_mg_per_day * days_3m AS above_3m_gt120,"
    (fault,) = [mutant for mutant in mutants(MODELS[THRESHOLDS]) if exactly_120 in mutant.change]
    assert verdict_of(fault, [world]) == ("killed", world)


def test_a_model_written_back_from_its_tree_means_the_same(world: HandWorked) -> None:
    for name in (THRESHOLDS, "intermediate.int_items__ome", "intermediate.int_patient_months__cohorts"):
        select = written(sqlglot.parse_one(MODELS[name].select, read="duckdb"))
        assert world.verdict(name, select) == "survived", name


def test_a_mutant_that_survives_is_noticed_and_one_that_does_not_build_is_no_kill(world: HandWorked) -> None:
    # Nobody in this world is near the end of life.
    select = MODELS[PALLIATIVE].select
    harmless = select.replace("just_in_case_drugs >= ", "just_in_case_drugs > ")
    survivor = Mutant(PALLIATIVE, "made up", harmless)
    assert harmless != select
    assert verdict_of(survivor, [world]) == ("survived", None)
    assert explained(survivor) is None
    misspelt = Mutant(PALLIATIVE, "made up", select.replace("has_parenteral_opioid", "no_such_column"))
    assert verdict_of(misspelt, [world]) == ("does not build", world)
    # Whatever was tried is undone.
    assert world.verdict(PALLIATIVE, select) == "survived"


def test_every_mutant_that_is_called_equivalent_says_why() -> None:
    # Whether it is still made is asked by `make test-mutants`: to make them all takes a while.
    assert known_equivalent().keys() <= discover(assets.SQL_DIR).keys()
    assert all(len(why) > 20 for changes in known_equivalent().values() for why in changes.values())


def test_the_mutated_models_are_those_between_items_and_patient_months() -> None:
    assert {"intermediate.int_items__ome", THRESHOLDS, "intermediate.int_opioid_months__runs"} <= MODELS.keys()
    assert len(MODELS) > 15
