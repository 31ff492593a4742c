"""What is hidden leaves no trace in any file: the same bytes whatever the hidden figure is."""

import csv
import shutil
from pathlib import Path

import pytest

from pipelines.report.facts import protected_text
from pipelines.report.read import LEVELS
from tests.unit.report.made import SETTINGS, SUB_ICB, Series, Warehouse, one_icb

MONTHS = 14


def files(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in sorted(folder.iterdir())}


def months(count: float) -> list[float]:
    return [count] * MONTHS


def rows(folder: Path, level: str) -> list[dict[str, str]]:
    with (folder / f"trends_{level}.csv").open(encoding="utf-8", newline="") as handle:
        return list(csv.DictReader(handle))


@pytest.mark.parametrize("pair", [(3, 6), (1, 7)])
def test_two_hidden_counts_may_change_places_and_nobody_can_tell(tmp_path: Path, pair: tuple[int, int]) -> None:
    small, other = pair
    one = Warehouse(one_icb([months(small), months(other), months(60)])).write(tmp_path / "one")
    two = Warehouse(one_icb([months(other), months(small), months(60)])).write(tmp_path / "two")
    assert files(one) == files(two)
    assert {row["shown"] for row in rows(one, "pcn") if row["org_code"] in ("U1", "U2")} == {"[c]"}


def test_counts_that_round_alike_give_the_same_files(tmp_path: Path) -> None:
    one = Warehouse(one_icb([months(58), months(61), months(101)])).write(tmp_path / "one")
    two = Warehouse(one_icb([months(59), months(62), months(100)])).write(tmp_path / "two")
    assert files(one) == files(two)


def test_people_in_both_months_are_not_told(tmp_path: Path) -> None:
    fall = [[60.0 - n for n in range(MONTHS)]] * 3
    one = Warehouse(one_icb(fall, people_in_both=10)).write(tmp_path / "one")
    two = Warehouse(one_icb(fall, people_in_both=45)).write(tmp_path / "two")
    assert files(one) == files(two)
    assert {row["change_method"] for row in rows(one, "icb")} <= {"", "independent, conservative"}
    assert "people_in_both" not in rows(one, "icb")[0]


def test_no_patient_measure_of_a_practice_leaves(tmp_path: Path) -> None:
    practice = Series("practice", "A81001", "high_dose", months(50), 9_000)
    public = Series("practice", "A81001", "epd_opioid_items", months(3), 9_000)
    folder = Warehouse([*one_icb([months(50)]), practice, public]).write(tmp_path)
    assert {(row["measure"], row["shown"]) for row in rows(folder, "practice")} == {("epd_opioid_items", "3")}
    assert "The Surgery" not in (folder / "index.html").read_text(encoding="utf-8")


def test_everything_suppressed_still_makes_a_page_that_says_so(tmp_path: Path) -> None:
    folder = Warehouse(one_icb([months(2), months(1)])).write(tmp_path)
    page = (folder / "index.html").read_text(encoding="utf-8")
    assert "Too few people in June 2025 to show a figure" in page
    assert 'role="img"' not in page
    assert {row["shown"] for row in rows(folder, "icb")} == {"[c]"}
    assert {row["rate_per_1000"] for row in rows(folder, "icb")} == {""}


def test_a_sub_icb_does_not_betray_the_one_small_pcn_in_it(tmp_path: Path) -> None:
    # Rounded, 8 + 8 + 1 = 17 would leave as 10, 10, [c] and 15: 15 needs 8 + 8 at the least, so [c] could only be 1.
    pcns = [months(8), months(8), months(1)]
    series = [*one_icb(pcns), Series("sub_icb", SUB_ICB, "high_dose", months(17))]
    folder = Warehouse(series).write(tmp_path)
    above = [row for level in ("sub_icb", "icb", "all") for row in rows(folder, level)]
    for month in {row["month"] for row in above}:
        parts = [row["shown"] for row in rows(folder, "pcn") if row["month"] == month]
        sums = {row["shown"] for row in above if row["month"] == month}
        assert parts.count("[c]") >= 2 or sums == {"[c]"}, month


def test_a_policy_that_hides_nothing_is_said_at_the_head(tmp_path: Path) -> None:
    bare = tmp_path / "disclosure.toml"
    text = SETTINGS.disclosure_file.read_text(encoding="utf-8")
    bare.write_text(text.replace('default = "hes_1to7_round5"', 'default = "none"'), encoding="utf-8")
    settings = SETTINGS.model_copy(update={"disclosure_file": bare})
    page = (Warehouse(one_icb([months(50)])).write(tmp_path / "a", settings) / "index.html").read_text(encoding="utf-8")
    assert "These figures are not protected." in page


@pytest.mark.parametrize(
    ("items", "people", "shown"), [(40, 3, "[c]"), (5, 8, "[c]"), (42, 8, "40"), (0, 0, "0"), (3, None, "3")]
)
def test_items_are_hidden_where_few_people_stand_behind_them(items: int, people: int | None, shown: str) -> None:
    from pipelines.disclosure import load_policies

    policy = load_policies(SETTINGS.disclosure_file)["hes_1to7_round5"]
    assert protected_text(items, people, policy) == shown


def test_the_same_snapshot_gives_the_same_bytes(tmp_path: Path) -> None:
    warehouse = Warehouse(one_icb([months(50), months(80)]))
    first = files(warehouse.write(tmp_path / "a"))
    shutil.rmtree(tmp_path / "a")
    assert files(warehouse.write(tmp_path / "a")) == first
    assert {"index.html", "organisations.html", "site.js", *(f"trends_{level}.csv" for level in LEVELS)} <= set(first)
