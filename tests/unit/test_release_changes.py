"""What changed since the last publication: who joined, left or changed band, and the true reason of each."""

from datetime import date
from decimal import Decimal
from pathlib import Path

from release_rows import MONTH, person, published, request

from pipelines.folders import DataFolder
from pipelines.release import Asked, release_list
from pipelines.release.comparing import Comparison, compare
from pipelines.release.rows import asking, facts_of, scope_of
from pipelines.snapshots import current_snapshot

OCTOBER = date(2024, 10, 1)
LOW, HIGH = Decimal("60.0000"), Decimal("130.0000")


def compared(data: DataFolder, practice: str = "A81001") -> Comparison:
    snapshot = current_snapshot(data)
    with asking(snapshot.file, data.tmp) as ask:
        scope = scope_of(Asked(practice), ask)
        people = ask("case_list_people", **scope.parameters)
        return compare(scope, people, facts_of(scope, ask), snapshot, data, ask)


def two(folder: Path, then: list[dict], now: list[dict], **options: object) -> Comparison:
    """October published as `old`, then November, in which October reads as it did unless said otherwise."""
    again = options.pop("october_again", then)
    old_options = options.pop("old", {})
    published(folder, then, snapshot="old", month=OCTOBER, **old_options)  # type: ignore[arg-type]
    new = {"earlier_snapshots": ["old"], "further_months": [(OCTOBER, again)], **options}
    return compared(published(folder, now, snapshot="new", **new))  # type: ignore[arg-type]


def test_the_first_publication_has_nothing_to_compare_with(tmp_path: Path) -> None:
    assert compared(published(tmp_path, [person("a")])).sentence.startswith("This is the first publication")


def test_a_publication_that_is_gone_is_said_to_be_gone(tmp_path: Path) -> None:
    found = compared(published(tmp_path, [person("a")], earlier_snapshots=["gone"]))
    assert found.sentence == (
        "What changed since cannot be said: the publication before (gone, 2024-12-01) is no longer kept."
    )
    assert found.by_person == {}


def test_a_new_dose_and_longer_use_are_told_apart(tmp_path: Path) -> None:
    risen = person("risen", ome_mg_per_day_3m=HIGH, band="over 120 to under 200")
    found = two(
        tmp_path,
        [person("risen", ome_mg_per_day_3m=LOW, band="50 to under 90"), person("stays")],
        [risen, person("stays"), person("longer"), person("begins", ome_mg_per_day_3m=HIGH)],
        october_again=[
            person("risen", ome_mg_per_day_3m=LOW),
            person("stays"),
            person("begins", ome_mg_per_day_3m=HIGH),
        ],
    )
    assert found.by_person["risen"] == "band changed, was 50 to under 90: dose 60.0 → 130.0 mg a day"
    assert found.by_person["stays"] == "stayed"
    assert found.by_person["longer"] == "joined: dose none → 20.0 mg a day"
    assert found.sentence == "Since the publication before (old, 2024-12-01): 2 joined this list, 0 left it."


def test_data_delivered_anew_are_not_called_a_dose(tmp_path: Path) -> None:
    found = two(
        tmp_path,
        [person("a", ome_mg_per_day_3m=LOW, band="50 to under 90")],
        [person("a", ome_mg_per_day_3m=HIGH, band="over 120 to under 200")],
        october_again=[person("a", ome_mg_per_day_3m=HIGH)],
    )
    assert found.by_person["a"] == (
        "band changed, was 50 to under 90: data of Oct 2024 were delivered anew (60.0 mg a day then, 130.0 now)"
    )


def test_another_definition_and_another_factor_are_named(tmp_path: Path) -> None:
    then = [person("a", ome_mg_per_day_3m=LOW, band="50 to under 90")]
    now = [person("a", ome_mg_per_day_3m=HIGH, band="over 120 to under 200", takes_mst=True)]
    defined = two(tmp_path / "one", then, now, old={"definition": "cohorts 2025-01; factors uk_2026"})
    assert "the definitions changed (were: cohorts 2025-01; factors uk_2026)" in defined.by_person["a"]
    factor = two(tmp_path / "two", then, now, old={"ome_mg_per_unit": "50"})
    assert factor.by_person["a"].endswith("the factor of a product changed")
    untouched = [person("a", ome_mg_per_day_3m=HIGH, band="over 120 to under 200")]
    assert "dose 60.0" in two(tmp_path / "three", then, untouched, old={"ome_mg_per_unit": "50"}).by_person["a"]


def test_who_left_is_named_with_the_reason(tmp_path: Path) -> None:
    then = [person("gone"), person("moved"), person("excluded"), person("fallen", ome_mg_per_day_3m=HIGH)]
    fallen = person("fallen", ome_mg_per_day_3m=LOW)
    found = two(
        tmp_path,
        then,
        [person("moved", practice_code="A81002")],
        excluded=[person("excluded", exclusion="cancer", excluded_on=MONTH)],
        further_months=[(OCTOBER, then), (MONTH, [fallen])],
    )
    assert {key: why for key, _, _, why in found.left} == {
        "gone": "no item in the six months to Nov 2024",
        "moved": "moved to practice A81002",
        "excluded": "excluded by review",
        "fallen": "no rule finds them now: dose 130.0 → 60.0 mg a day",
    }


def test_who_moved_here_is_not_called_new(tmp_path: Path) -> None:
    found = two(tmp_path, [person("a", practice_code="A81002")], [person("a")])
    assert found.by_person["a"] == "joined: moved here from practice A81002"


def test_an_old_publication_of_another_form_is_said_not_guessed(tmp_path: Path) -> None:
    from pipelines.engine.duckdb import DuckDBEngine

    data = published(tmp_path, [person("a")], snapshot="old", month=OCTOBER)
    engine = DuckDBEngine(data.warehouse / "opioids-old.duckdb", data.tmp)
    engine.connection.execute("DROP TABLE marts.case_list_excluded")
    engine.close()
    found = compared(published(tmp_path, [person("a")], snapshot="new", earlier_snapshots=["old"]))
    assert "holds no list of this form" in found.sentence


def test_it_stands_on_the_list_and_the_cover(tmp_path: Path) -> None:
    published(tmp_path, [person("left"), person("a")], snapshot="old", month=OCTOBER)
    data = published(tmp_path, [person("a")], snapshot="new", earlier_snapshots=["old"])
    out = data.root / "lists" / "x.csv"
    done = release_list(request(out), data)
    assert any("0 joined this list, 1 left it" in line for line in done.reminders)
    assert ",stayed,stayed," in out.read_text(encoding="utf-8-sig")
