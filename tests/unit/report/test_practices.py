"""The page of a practice: what it is compared with, what it suggests and why, and that it hides what is hidden."""

import math
import re
from dataclasses import replace
from pathlib import Path
from statistics import pstdev

import polars as pl
import pytest
from pydantic import ValidationError

from pipelines.action_settings import ActionSettings
from pipelines.report import frame_of
from pipelines.report.figures import Figures, figures_of
from pipelines.report.figures_compare import Similar, similar_practices, standing_of
from pipelines.report.practices import suggestions
from pipelines.report.read import read
from pipelines.report.views import Standing
from tests.unit.report.made import SCORES, SETTINGS, SNAPSHOT, Series, Warehouse, network
from tests.unit.report.reading import table, words


@pytest.fixture(scope="module")
def root(network_site: Path) -> Path:
    return network_site.parent


@pytest.fixture(scope="module")
def figures(root: Path) -> Figures:
    leaving = read(root / "warehouse.duckdb", SNAPSHOT, SETTINGS, root)
    return figures_of(frame_of(leaving, SETTINGS, static=False))


def text_of(root: Path, code: str) -> str:
    return (root / "reports" / f"practice-{code}.html").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def similar(figures: Figures) -> dict[str, Similar]:
    return {name: similar_practices(figures, name) for name in SETTINGS.actions.measures}


def standings(figures: Figures, similar: dict[str, Similar], code: str) -> dict[str, Standing]:
    measures = [name for name in SETTINGS.actions.measures if figures.has(("practice", code), name)]
    return {name: standing_of(figures, code, name, similar[name]) for name in measures}


def alike(own: str) -> list[str]:
    """The ten nearest in size and deprivation: distances in standard deviations of ln(size) and of the score."""
    known = {code: (math.log(2_000 + 400 * int(code[3:])), score) for code, score in SCORES.items()}
    spread = [pstdev(values) for values in zip(*known.values(), strict=True)]
    distance = {
        code: sum(((one - other) / by) ** 2 for one, other, by in zip(places, known[own], spread, strict=True))
        for code, places in known.items()
        if code != own
    }
    return sorted(distance, key=distance.__getitem__)[:10]


def test_the_sentence_compares_with_the_median_of_the_ten_nearest_in_size_and_deprivation(
    root: Path, figures: Figures
) -> None:
    """List sizes rise by 400 from 2,000. The median of ten is the mean of the 5th and 6th."""
    month = figures.facts.as_at
    rate = {
        one.code: figures.rows(("practice", one.code))["high_dose"][month]["rate_per_1000"]
        for one in figures.of_level("practice")
    }
    own = "A81012"
    nearest = alike(own)
    # Of the ten nearest in size alone, 7 to 17, those of the other half of the scores are not among them.
    assert set(nearest) != {f"A81{n:03d}" for n in range(7, 18) if n != 12}
    ordered = sorted(rate[code] for code in nearest)
    median = (ordered[4] + ordered[5]) / 2
    text = words(text_of(root, own))
    gap = 100 * (rate[own] / median - 1)
    said = f"{abs(gap):.0f}% {'more' if gap > 0 else 'less'} than"
    assert f"{said} in the middle of practices of similar size and deprivation" in text
    assert abs(gap) >= 1
    assert f"({median:.2f})" in text
    assert "the ten nearest in list size and deprivation (its published score)" in text


def test_a_practice_of_unknown_deprivation_is_compared_by_size_and_its_page_says_so(
    root: Path, figures: Figures
) -> None:
    unknown = "A81023"
    assert unknown not in SCORES
    text = words(text_of(root, unknown))
    assert "the ten with the nearest list size; how deprived this practice is, is not known" in text
    assert "size and deprivation" not in text
    row = figures.frame.leaving.similar.row(by_predicate=pl.col("practice_code") == unknown, named=True)
    assert set(row["similar_practices"].split(", ")) == {f"A81{n:03d}" for n in range(13, 23)}


def test_three_actions_of_three_topics_each_with_its_reason_and_source(root: Path) -> None:
    text = text_of(root, "A81020")
    items = re.findall(r"<li><p class=\"do\">.*?</li>", text, flags=re.S)
    assert len(items) == 3
    assert all("Why here:" in item and 'class="source"' in item for item in items)


def test_the_action_plan_has_a_row_for_each_action_and_room_for_lead_and_date(root: Path) -> None:
    rows = table(text_of(root, "A81000"), "To fill in").rows
    assert rows[0] == ["Action", "Lead", "By when", "Done"]
    assert [row[0] for row in rows[1:]] == ["1.", "2.", "3."]


def test_the_page_says_how_to_get_the_list_and_the_command_is_understood(root: Path) -> None:
    import html
    import shlex

    from typer.main import get_command

    from pipelines.cli.main import app

    command = re.search(r"<p class=\"command\"><code>(.*?)</code>", text_of(root, "A81007"))
    assert command
    typed = shlex.split(html.unescape(re.sub(r"</?span>", "", command[1])))
    assert typed[:4] == ["opioids", "case-list", "--practice", "A81007"]
    get_command(app).commands["case-list"].make_context("case-list", typed[2:])  # type: ignore[attr-defined]


def test_hidden_counts_are_marked_and_point_to_the_pcn(tmp_path: Path) -> None:
    few = [
        replace(one, counts=[3.0] * len(one.counts)) if one.code == "A81005" and one.measure == "high_dose" else one
        for one in network(practices=9, pcns=1)
    ]
    reports = Warehouse(few, newest_is_provisional=False).write(tmp_path)
    text = (reports / "practice-A81005.html").read_text(encoding="utf-8")
    assert "[c]: people on more than 120 mg OME a day" in words(text)
    assert 'See <a href="pcn-U1.html">First PCN</a> for figures that can be shown.' in text
    row = next(row for row in table(text, "Surgery 6").rows if row[0] == "People on more than 120 mg OME a day")
    assert row[1:] == ["[c]", "–", "–", "hidden"]
    assert "comes first on it" in words(text)


def test_a_practice_of_which_everything_is_hidden_is_told_so_and_gets_what_holds_for_all(tmp_path: Path) -> None:
    series = [
        Series("practice", "A81001", "high_dose", [2.0] * 14, 3_000, pcn="U1"),
        Series("pcn", "U1", "high_dose", [2.0] * 14, 3_000),
        Series("icb", "QZA", "high_dose", [2.0] * 14, 3_000),
        Series("all", "all", "high_dose", [2.0] * 14, 3_000),
    ]
    reports = Warehouse(series).write(tmp_path)
    text = words((reports / "practice-A81001.html").read_text(encoding="utf-8"))
    assert "No figure of this practice can be set beside similar practices: its number is hidden" in text
    assert "The figures of First PCN are the ones to judge by." in text
    assert text.count("Why here:") == 3
    assert text.count("Holds for every practice.") == 2


def test_a_practice_known_from_open_data_alone_has_exact_figures_and_no_aim(tmp_path: Path) -> None:
    series = [one for one in network(practices=9, pcns=1) if one.measure.startswith("epd_")]
    reports = Warehouse(series, has_patients=False).write(tmp_path)
    text = words((reports / "practice-A81003.html").read_text(encoding="utf-8"))
    assert "dispensed" in text
    assert "[c]:" not in text
    assert "120 mg OME a day" not in text.split("Three things")[0]


# --- which action is brought up ------------------------------------------------------------------


def test_a_shown_high_dose_comes_first_and_one_action_a_topic(figures: Figures, similar: dict[str, Similar]) -> None:
    found = suggestions(figures, standings(figures, similar, "A81023"))
    assert found[0].action.id == "review_high_dose"
    assert len({one.action.topic for one in found}) == len(found) == 3


def test_only_who_is_among_the_highest_is_told_to_review_the_highest(
    figures: Figures, similar: dict[str, Similar]
) -> None:
    """Rates fall with the list here: practice 0 has the highest, practice 23 the lowest."""
    told = {
        code: {one.action.id for one in suggestions(figures, standings(figures, similar, code))}
        for code in ("A81000", "A81023")
    }
    assert similar["opioid_gabapentinoid"].tenth["A81000"] >= 9 > similar["opioid_gabapentinoid"].tenth["A81023"]
    assert "combination_highest" in told["A81000"]
    assert "combination_highest" not in told["A81023"]


def test_a_rise_of_open_data_is_measured_on_three_months_a_year_apart(tmp_path: Path) -> None:
    """100, 100, 100, then a year later 120, 120, 120: 20 % more, at or above the 10 of the settings."""
    counts = [100_000.0] * 12 + [120_000.0] * 3
    series = [
        Series(level, code, "epd_ome_total", counts, 5_000, pcn="U1")
        for level, code in (("practice", "A81001"), ("pcn", "U1"), ("icb", "QZA"), ("all", "all"))
    ]
    folder = tmp_path
    Warehouse(series, has_patients=False).write(folder)
    leaving = read(folder / "warehouse.duckdb", SNAPSHOT, SETTINGS, folder)
    figures = figures_of(frame_of(leaving, SETTINGS, static=False))
    standing = standing_of(figures, "A81001", "epd_ome_total", similar_practices(figures, "epd_ome_total"))
    assert standing.year_change_pct == pytest.approx(20.0)
    assert suggestions(figures, {"epd_ome_total": standing})[0].action.id == "volume_rising"


def test_no_figure_brings_up_only_what_holds_for_all(figures: Figures) -> None:
    found = suggestions(figures, {})
    assert [one.action.when for one in found] == ["always"] * 3


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"actions": []}, "at least how_many different topics"),
        ({"how_many": 9}, "less than or equal to 5"),
        ({"rising_pct": 0}, "greater than or equal to 1"),
    ],
)
def test_settings_that_could_not_always_give_three_are_refused(change: dict[str, object], told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        ActionSettings.model_validate({**SETTINGS.actions.model_dump(), **change})


def test_an_action_without_its_measure_is_refused() -> None:
    bad = {**SETTINGS.actions.actions[0].model_dump(), "measure": None}
    with pytest.raises(ValidationError, match="names a measure"):
        ActionSettings.model_validate({**SETTINGS.actions.model_dump(), "actions": [bad]})


def test_every_action_names_a_measure_that_is_counted_and_warns_of_nothing_abrupt() -> None:
    from pipelines.statistics.measures import counted_measures

    counted = {one.measure for one in counted_measures(SETTINGS)}
    assert counted >= SETTINGS.actions.measures
    assert not [one.id for one in SETTINGS.actions.actions if re.search(r"\bstop (the|all|their)\b", one.do)]
