"""What stands in the built pages is what the protected tables beside them say: words, tables, dots, alternatives."""

import csv
import math
import re
from collections.abc import Iterable
from pathlib import Path

import pytest

from pipelines.report.charts import BLUE, GREY
from tests.unit.report.reading import alternatives, charts, marks, table, words

MONTHS = [
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
]  # fmt: skip


@pytest.fixture(scope="module")
def folder(network_site: Path) -> Path:
    return network_site


def text_of(folder: Path, name: str) -> str:
    return (folder / name).read_text(encoding="utf-8")


def protected(folder: Path, level: str, code: str, measure: str) -> list[dict[str, str]]:
    with (folder / f"trends_{level}.csv").open(encoding="utf-8", newline="") as handle:
        rows = [row for row in csv.DictReader(handle) if row["org_code"] == code and row["measure"] == measure]
    return sorted(rows, key=lambda row: row["month"])


def month_words(month: str) -> str:
    return f"{MONTHS[int(month[5:7]) - 1]} {month[:4]}"


def grouped(shown: str) -> str:
    return shown if shown.startswith("[") else f"{float(shown):,.0f}"


def close(one: str, other: float, digits: int) -> bool:
    """Whether a printed figure is this one, rounded to its own decimals."""
    return math.isclose(float(one.replace(",", "")), other, abs_tol=0.5 * 10**-digits + 1e-9 + 0.0005)


@pytest.mark.parametrize(
    ("name", "level", "code", "measure", "caption"),
    [
        ("index.html", "icb", "QZA", "high_dose", "People on more than 120 mg OME a day, NHS North Shire"),
        ("index.html", "icb", "QZA", "long_term", "People on opioids for more than 6 months, NHS North Shire"),
        ("pcn-U1.html", "pcn", "U1", "high_dose", "People on more than 120 mg OME a day, First PCN"),
        (
            "pcn-U3.html",
            "pcn",
            "U3",
            "opioid_gabapentinoid",
            "People on an opioid and a gabapentinoid in the same month, T",
        ),
    ],
)
def test_the_table_below_a_chart_is_the_protected_series(
    folder: Path, name: str, level: str, code: str, measure: str, caption: str
) -> None:
    shown = table(text_of(folder, name), caption).rows
    wanted = protected(folder, level, code, measure)
    assert len(wanted) == 14
    assert [row[0] for row in shown[1:]] == [month_words(row["month"]) for row in wanted]
    for cells, row in zip(shown[1:], wanted, strict=True):
        assert cells[1] == grouped(row["shown"])
        assert close(cells[2], float(row["rate_per_1000"]), _digits(cells[2]))
        low, high = cells[3].split(" to ")
        assert close(low, float(row["ci_low"]), _digits(low))
        assert close(high, float(row["ci_high"]), _digits(high))


def _digits(text: str) -> int:
    return len(text.partition(".")[2])


def test_the_dots_of_the_run_chart_stand_at_the_protected_rates(folder: Path) -> None:
    text = text_of(folder, "index.html")
    wanted = [float(row["rate_per_1000"]) for row in protected(folder, "icb", "QZA", "high_dose")]
    drawn = marks(charts(text)[0], BLUE)
    # Every month once, and the latest a second time, larger.
    assert_values(drawn, [*wanted, wanted[-1]])


def test_the_dots_of_the_decile_chart_stand_at_the_organisation_s_own_rates(folder: Path) -> None:
    text = text_of(folder, "pcn-U2.html")
    drawn = next(
        svg
        for svg, said in zip(charts(text), alternatives(text), strict=True)
        if said.startswith("Decile chart by month of Oral morphine")
    )
    wanted = [float(row["rate_per_1000"]) for row in protected(folder, "pcn", "U2", "epd_ome_total")]
    assert_values(marks(drawn, BLUE), wanted)


def test_the_dots_of_the_funnel_stand_at_the_rates_of_practices(folder: Path) -> None:
    text = text_of(folder, "index.html")
    funnel = next(svg for svg, said in zip(charts(text), alternatives(text), strict=True) if said.startswith("Funnel"))
    with (folder / "trends_practice.csv").open(encoding="utf-8", newline="") as handle:
        newest = [row for row in csv.DictReader(handle) if row["measure"] == "epd_opioid_items"]
    month = re.search(r"Funnel plot .*?, 24 GP practices, (\w+ \d{4})\.", " ".join(alternatives(text)))
    assert month
    wanted = [float(row["rate_per_1000"]) for row in newest if month_words(row["month"]) == month[1]]
    drawn = [value for colour in (GREY, "#b3500c", BLUE) for value in marks(funnel, colour)]
    assert_values(sorted(drawn), sorted(wanted))


def assert_values(drawn: Iterable[float], wanted: Iterable[float]) -> None:
    drawn, wanted = list(drawn), list(wanted)
    assert len(drawn) == len(wanted)
    assert drawn
    largest = max(wanted)
    # A chart is 250 pixels high, and the ticks that tell its scale lie on half pixels.
    for one, other in zip(sorted(drawn), sorted(wanted), strict=True):
        assert math.isclose(one, other, abs_tol=largest / 160), (one, other)


def test_the_words_for_a_chart_say_its_baseline_latest_figure_and_aim(folder: Path) -> None:
    said = alternatives(text_of(folder, "index.html"))[0]
    rows = protected(folder, "icb", "QZA", "high_dose")
    latest = rows[-1]
    assert f"Latest, {month_words(latest['month'])}: {float(latest['rate_per_1000']):.2f} per 1,000" in said
    assert f"Baseline {float(latest['baseline']):.2f} in {month_words(latest['baseline_month'])}" in said
    assert f"aim of {float(latest['baseline']) / 2:.2f}" in said
    assert f"{float(latest['ci_low']):.2f} to {float(latest['ci_high']):.2f}" in said


def test_the_headline_sentence_has_the_protected_counts_and_interval(folder: Path) -> None:
    text = words(text_of(folder, "index.html"))
    rows = protected(folder, "icb", "QZA", "high_dose")
    latest = rows[-1]
    low, high = sorted(abs(math.floor(float(latest[name]) + 0.5)) for name in ("change_low", "change_high"))
    assert f"About {grouped(latest['shown'])} people in {month_words(latest['month'])} against about" in text
    assert f"{low}% to {high}% lower" in text


def test_the_row_of_a_practice_shows_its_protected_counts_and_exact_open_data(folder: Path) -> None:
    shown = table(text_of(folder, "practice-A81012.html"), "Surgery 13").rows
    by_measure = {row[0]: row for row in shown[1:]}
    people = protected(folder, "practice", "A81012", "high_dose")[-1]
    items = protected(folder, "practice", "A81012", "epd_opioid_items")
    in_month = next(row for row in items if row["month"] == people["month"])
    assert by_measure["People on more than 120 mg OME a day"][1] == people["shown"]
    assert by_measure["Opioid items (open data)"][1] == grouped(in_month["shown"])
    assert close(by_measure["Opioid items (open data)"][2], float(in_month["rate_per_1000"]), 2)


def test_the_funnel_and_the_similar_practices_agree_with_the_published_comparison(folder: Path) -> None:
    """The same rows by the refresh's own function, whose result stands in marts.practice_comparison."""
    import duckdb

    with duckdb.connect(str(folder.parent / "warehouse.duckdb"), read_only=True) as connection:
        found = connection.execute(
            "SELECT practice_code, median_of_similar, tenth, pooled_rate_per_1000, over_dispersion "
            "FROM marts.practice_comparison WHERE measure = 'epd_opioid_items' AND month = DATE '2025-07-01'"
        ).fetchall()
    assert len(found) == 24
    for code, similar, tenth, _, _ in found:
        row = next(
            row
            for row in table(text_of(folder, f"practice-{code}.html"), "Surgery").rows
            if row[0].startswith("Opioid i")
        )
        assert close(row[3], similar, _digits(row[3]))
        assert row[4] == {1: "lowest tenth", 10: "highest tenth"}.get(tenth, f"{10 * (tenth - 1)}% are lower")
    said = next(one for one in alternatives(text_of(folder, "index.html")) if one.startswith("Funnel"))
    assert f"Pooled rate {found[0][3]:.1f} per 1,000" in said
