"""Small worlds whose answers are known, in which a mutant is built in place of its model and must give itself away.

The answers are the hand-worked ones, or those of the naive twin. A world is built once, as it is; for a mutant only
its model and what reads it are built again, and undone. A world of the twin keeps the cells in which SQL and twin
agreed, so that each mutant is compared with the twin's answers without the twin running again.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from datetime import date
from functools import cache
from pathlib import Path
from typing import Literal

from boundary_patients import GP_PRACTICES, LOADED_MONTHS, Course, items_of, patients
from comparison import differences_in, wrong_by_hand
from given import tables_of
from golden_reader import Golden
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from naive import patient_months
from sql_mutants import Mutant
from support import build_from, parameters

from pipelines import assets, models
from pipelines.engine.dialect import tables_named_in
from pipelines.errors import ModelError

PATIENT_MONTHS = "marts.patient_month"
ITEMS = "intermediate.int_items__ome"
Verdict = Literal["killed", "survived", "does not build"]


class World(ABC):
    """Items, the tables that are built from them, and what those must say."""

    def __init__(self, name: str, items: list[dict], loaded: list[date], practices: set[str], spill: Path) -> None:
        self.name = name
        given = tables_of(items, loaded, practices)
        self._engine = build_from(given, PATIENT_MONTHS, spill, threads=1)
        needed = models.needed_for([PATIENT_MONTHS], {k: v for k, v in _reads().items() if k not in given})
        self._order = list(models.in_build_order(needed))

    def verdict(self, name: str, select: str) -> Verdict:
        """What becomes of a SELECT in the place of a model."""
        connection = self._engine.connection
        connection.execute("BEGIN")
        try:
            self._build_again(name, select)
            return "killed" if self._is_wrong() else "survived"
        except ModelError:
            return "does not build"
        finally:
            connection.execute("ROLLBACK")

    def close(self) -> None:
        self._engine.close()

    def _build_again(self, changed: str, select: str) -> None:
        stale = {changed}
        for name in self._order:
            if name != changed and stale.isdisjoint(_reads()[name]):
                continue
            stale.add(name)
            model = _models()[name]
            self._engine.connection.execute(f"DROP {model.kind} {name}")
            self._engine.create(name, select if name == changed else model.select, parameters(), model.kind)

    @abstractmethod
    def _is_wrong(self) -> bool:
        """Whether its patients come out other than they should."""


class HandWorked(World):
    """One file of golden patients."""

    def __init__(self, path: Path, golden: Golden, spill: Path) -> None:
        super().__init__(path.stem, golden.items, golden.loaded_months, golden.gp_practices, spill)
        self._golden = golden
        assert not self._is_wrong(), path

    def _is_wrong(self) -> bool:
        return bool(wrong_by_hand(self._golden, self._engine))


class OfTheTwin(World):
    """Items of any kind, with the answers of the naive twin."""

    def __init__(self, name: str, items: list[dict], loaded: list[date], practices: set[str], spill: Path) -> None:
        super().__init__(name, items, loaded, practices, spill)
        answers = patient_months(items, loaded, practices)
        wrong = list(differences_in(self._engine, items, answers))
        assert wrong == [], wrong[:3]
        row = next(iter(answers.values()))
        self._compared = {
            PATIENT_MONTHS: ["patient_key", "month", *sorted(row.keys() - {"patient_key", "month"})],
            ITEMS: ["item_id", "ome_mg", "ome_status"],
        }
        self._engine.connection.execute("CREATE SCHEMA twin")
        for table, columns in self._compared.items():
            copied = f"CREATE TABLE twin.{_plain(table)} AS SELECT {', '.join(columns)} FROM {table}"
            self._engine.connection.execute(copied)

    def _is_wrong(self) -> bool:
        return any(self._differs(table, columns) for table, columns in self._compared.items())

    def _differs(self, table: str, columns: Iterable[str]) -> bool:
        chosen, expected = f"SELECT {', '.join(columns)} FROM {table}", f"SELECT * FROM twin.{_plain(table)}"
        either = f"({chosen} EXCEPT ALL {expected}) UNION ALL ({expected} EXCEPT ALL {chosen})"
        return self._engine.connection.execute(f"SELECT count(*) FROM ({either})").fetchall() != [(0,)]


def verdict_of(mutant: Mutant, worlds: Iterable[World]) -> tuple[Verdict, World | None]:
    """The first world that a mutant does not survive, and how; else it survives them all."""
    for world in worlds:
        verdict = world.verdict(mutant.model, mutant.select)
        if verdict != "survived":
            return verdict, world
    return "survived", None


def models_of_patients() -> list[models.SqlModel]:
    """The models between classified items and the months of patients, in the order of the build."""
    needed = models.needed_for([PATIENT_MONTHS], _reads())
    patients = ("int_items__", "int_opioid_months__", "int_patient_", "int_patients__", "int_months__patient")
    names = [name for name in models.in_build_order(needed) if name.partition(".")[2].startswith(patients)]
    return [_models()[name] for name in names if name != "intermediate.int_items__described"]


def generated_worlds(number: int, spill: Path) -> Iterator[OfTheTwin]:
    """Worlds of patients on the boundaries of the rules, always the same."""
    drawn: list[tuple[list[list[Course]], list[date]]] = []

    @settings(
        max_examples=number,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(people=st.lists(patients, min_size=100, max_size=160), loaded=st.sampled_from(LOADED_MONTHS))
    def draw(people: list[list[Course]], loaded: list[date]) -> None:
        drawn.append((people, loaded))

    draw()
    for place, (people, loaded) in enumerate(drawn[-number:], start=1):
        yield OfTheTwin(f"generated {place}", items_of(people, loaded), loaded, GP_PRACTICES, spill)


@cache
def _models() -> dict[str, models.SqlModel]:
    return dict(models.discover(assets.SQL_DIR))


@cache
def _reads() -> dict[str, frozenset[str]]:
    return {name: tables_named_in(model.select) for name, model in _models().items()}


def _plain(table: str) -> str:
    return table.replace(".", "__")
