"""F31 for people: whatever a killed refresh leaves, in clear it lies only where patients' files may lie.

Over a folder that is published, with a new delivery waiting: in an archive, once in UTF-16, which has to be mended
before it is read, and once under headings that nobody knows, which is refused.

OPIOIDS_KILLS=1 for more deaths than every run needs: `make test-faults`.
"""

import csv
import io
import os
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from canary_scan import files_that_hold
from faults.publications import Refresher, Undisturbed, copy

pytestmark = pytest.mark.skipif(os.name != "posix", reason="processes are forked and killed")

MOST_CANARIES = 2
MANY = bool(int(os.environ.get("OPIOIDS_KILLS", "0")))


@pytest.fixture(scope="module")
def waiting(undisturbed: Undisturbed, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    """A data folder with three files of patients in incoming/, and numbers of people in them."""
    data = copy(undisturbed.folder, tmp_path_factory.mktemp("canaries") / "data")
    archive = data / "incoming" / "second.zip"
    with zipfile.ZipFile(archive) as packed:
        text = packed.read("second.csv").decode()
    header, *rows = csv.reader(io.StringIO(text))
    patient = header.index("Patient ID")
    numbers = sorted({row[patient].replace(" ", "") for row in rows if len(row[patient].replace(" ", "")) == 10})
    assert len(numbers) > MOST_CANARIES
    (data / "incoming" / "wide.csv").write_bytes(text.encode("utf-16"))
    unknown = "Colour,Person,Remark\n" + "".join(f"red,{number},x\n" for number in numbers[:MOST_CANARIES])
    (data / "incoming" / "unknown.csv").write_text(unknown)
    return data, numbers[:MOST_CANARIES]


def before_change(*wanted: tuple[str, str]) -> Callable[[list[str]], dict[str, Any]]:
    """To die before a change of the file system: the first of a kind and path, each after the one before it."""

    def death(effects: list[str]) -> dict[str, Any]:
        number = 0
        for kind, part in wanted:
            later = enumerate(effects[number:], number + 1)
            number = next(place for place, effect in later if effect.startswith(kind) and part in effect)
        return {"effect": number}

    return death


DEATHS = {
    "unpacked": before_change(("os.rename", "/.unpacked-")),
    "copied": before_change(("os.rename", "/originals/.")),
    "refused": before_change(("os.rename", "/unknown.csv")),
    "swept": before_change(("os.remove", "/incoming/")),
    "mended": before_change(("open", "/mended.csv"), ("os.rename", "/landed/")),
    "landed": before_change(("open", "/mended.csv"), ("os.remove", "/judged.parquet")),
    "published": before_change(("os.rename", ".part.duckdb")),
}


@pytest.fixture(scope="module")
def effects(waiting: tuple[Path, list[str]], refresher: Refresher, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """What a refresh of this folder that nobody disturbs does to the file system, and its processor time."""
    data = copy(waiting[0], tmp_path_factory.mktemp("whole") / "data")
    told = refresher(data)
    assert "snapshot_id" in told, told
    only_where_allowed(data, waiting[1])
    return told["effects"], told["cpu_seconds"], str(data)


def only_where_allowed(data: Path, canaries: list[str]) -> set[str]:
    """The folders, below the data folder, in which a number lies in clear; fails where another is among them."""
    found = files_that_hold(canaries, data)
    assert found, "the search found nothing: it looked for the wrong thing"
    places = {str(file.relative_to(data).parent) for file in found}
    outside = {place for place in places if place.split("/")[0] not in ("identifiable", "incoming")}
    assert outside == set()
    readable = {oct(path.stat().st_mode & 0o077) for path in data.iterdir() if path.is_dir()}
    assert readable == {"0o0"}
    return places


@pytest.mark.parametrize("name", DEATHS if MANY else ["unpacked", "refused", "mended"])
def test_f31_what_a_refresh_killed_in_mid_landing_leaves_in_clear_lies_only_where_it_may(
    name: str, waiting: tuple[Path, list[str]], effects: Any, refresher: Refresher, tmp_path: Path
) -> None:
    data = copy(waiting[0], tmp_path / "data")
    death = DEATHS[name](effects[0])
    assert refresher(data, die=death)["killed"]
    only_where_allowed(data, waiting[1])


@pytest.mark.parametrize("share", [0.25, 0.5, 0.75] if MANY else [0.5])
def test_f31_so_does_what_one_killed_in_mid_build_leaves(
    share: float, waiting: tuple[Path, list[str]], effects: Any, refresher: Refresher, tmp_path: Path
) -> None:
    data = copy(waiting[0], tmp_path / "data")
    assert refresher(data, die={"cpu_seconds": share * effects[1]})["killed"]
    assert "identifiable/originals" in only_where_allowed(data, waiting[1])


def test_f31_killed_and_run_again_nothing_is_left_but_originals_the_store_and_what_was_refused(
    waiting: tuple[Path, list[str]], effects: Any, refresher: Refresher, tmp_path: Path
) -> None:
    data = copy(waiting[0], tmp_path / "data")
    assert refresher(data, die=DEATHS["landed"](effects[0]))["killed"]
    left = only_where_allowed(data, waiting[1])
    assert any(".landing-" in place for place in left)
    assert "snapshot_id" in refresher(data)
    assert only_where_allowed(data, waiting[1]) == {"identifiable", "identifiable/originals", "identifiable/refused"}
    # Nothing of the user's is lost.
    assert (data / "identifiable" / "refused" / "unknown.csv").read_text().startswith("Colour,Person")
