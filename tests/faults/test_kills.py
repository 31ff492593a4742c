"""Fault F31: a refresh is killed at every step, at changes of the file system and at random instants.

Over a folder that is published already, with a new delivery waiting: what is published stays, byte for byte, the old
or is the new; and the next refresh ends with exactly the content of a run that nobody disturbed.

OPIOIDS_KILLS=50 for that many random deaths beside those at every step and at every change that publishing makes: `make
test-faults`.
"""

import os
import random
from pathlib import Path
from typing import Any

import pytest
from commands import run_opioids
from faults.publications import Refresher, Undisturbed, converges, copy, published_in

from pipelines.folders import DataFolder
from pipelines.locking import holder_of_lock
from pipelines.refresh import Steps
from pipelines.upkeep.history import known_runs

pytestmark = pytest.mark.skipif(os.name != "posix", reason="processes are forked and killed")

KILLS = int(os.environ.get("OPIOIDS_KILLS", "0"))
# So many of them in a row before a folder may end its refresh.
GROUP = 5
STEPS = len(vars(Steps()))
Death = dict[str, Any]


def random_death(draw: random.Random, told: Undisturbed) -> Death:
    """Half the time before a change that Python makes, half the time at an instant of the run."""
    if draw.random() < 0.5:
        return {"effect": draw.randint(1, len(told.effects))}
    return {"cpu_seconds": draw.uniform(0.02, 0.98) * told.cpu_seconds}


def survive(data: Path, deaths: list[Death], told: Undisturbed, refresher: Refresher, **order: Any) -> int:
    """Die of each in turn, then be run to the end. How many deaths came before the run had ended."""
    died = 0
    known = {told.old.snapshot_id: told.old, told.new.snapshot_id: told.new}
    for death in deaths:
        before = published_in(data)
        died += refresher(data, die=death, **order)["killed"]
        found = published_in(data)
        # Byte for byte what it was; or the new one, whose record of runs alone may differ from that of another run.
        assert found == before or found.snapshot_id == told.new.snapshot_id, death
        assert found.content == known[found.snapshot_id].content, death
        folder = DataFolder(data)
        assert holder_of_lock(folder) is None, death
        assert all(run.outcome != "running" for run in known_runs(folder)), death
    converges(data, told, refresher, **order)
    return died


def test_f31_killed_again_and_again_it_publishes_what_an_undisturbed_run_does(
    undisturbed: Undisturbed, refresher: Refresher, tmp_path: Path
) -> None:
    """Six deaths on one folder: between taking in and landing, in mid-build, round the switch, after it."""
    new = undisturbed.new.snapshot_id
    deaths: list[Death] = [
        {"step": 2},
        {"cpu_seconds": 0.3 * undisturbed.cpu_seconds},
        {"cpu_seconds": 0.6 * undisturbed.cpu_seconds},
        {"effect": f"opioids-{new}.part.duckdb"},
        {"effect": "current.json.part"},
        {"step": STEPS},
    ]
    data = copy(undisturbed.folder, tmp_path / "data")
    assert survive(data, deaths, undisturbed, refresher) == len(deaths)
    looked = run_opioids("status", "--data-dir", data)
    assert looked.code == 0
    assert new in looked.out


@pytest.mark.skipif(not KILLS, reason="an hour: make test-faults")
@pytest.mark.parametrize("step", range(1, STEPS + 2))
def test_f31_killed_between_two_steps(
    step: int, undisturbed: Undisturbed, refresher: Refresher, tmp_path: Path
) -> None:
    data = copy(undisturbed.folder, tmp_path / "data")
    assert survive(data, [{"step": step}], undisturbed, refresher, with_report=True) == 1


@pytest.mark.skipif(not KILLS, reason="an hour: make test-faults")
@pytest.mark.parametrize("group", range(-(-KILLS // GROUP)))
def test_f31_killed_anywhere(group: int, undisturbed: Undisturbed, refresher: Refresher, tmp_path: Path) -> None:
    """A few deaths on one folder, then a run to the end."""
    numbers = range(group * GROUP, min((group + 1) * GROUP, KILLS))
    deaths = [random_death(random.Random(number), undisturbed) for number in numbers]
    survive(copy(undisturbed.folder, tmp_path / "data"), deaths, undisturbed, refresher)


@pytest.mark.skipif(not KILLS, reason="an hour: make test-faults")
def test_f31_killed_at_every_change_that_publishing_makes(
    undisturbed: Undisturbed, refresher: Refresher, tmp_path: Path
) -> None:
    """Once with new data, and once where the same snapshot is published again: each change once."""
    published = [
        number
        for number, effect in enumerate(undisturbed.effects, 1)
        if "/warehouse/" in effect or ".part.duckdb" in effect
    ]
    assert len(published) > 5
    data = copy(undisturbed.folder, tmp_path / "data")
    survive(data, [{"effect": number} for number in published], undisturbed, refresher)
