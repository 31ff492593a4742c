"""measures.html and improvement.html: every figure is the protected one, and what people typed stays text."""

import csv
from pathlib import Path

import pytest
from returns.filled import HOSPITAL_COSTS, HOSPITAL_VALUES

from pipelines.report.wording import readable_name
from tests.unit.report.made import MISSION, NAMES, SETTINGS, Warehouse, network
from tests.unit.report.reading import alternatives, table, tables, words
from tests.unit.report.returned import WithReturns, returned, row

MONTHS = [f"{2024 + (5 + n) // 12}-{(5 + n) % 12 + 1:02d}" for n in range(19)]
ICB_NAME = readable_name(NAMES["QZA"])


def made() -> list:  # type: ignore[type-arg]
    """PCN U1 refers 40, 42, …; U2 brings 3 cases to a meeting, U3 30; the ICB returns hours and an audit."""
    rows = []
    for number, month in enumerate(MONTHS):
        rows += [
            returned("U1", month, "referrals_personalised_care", 40 + 2 * number),
            returned("U2", month, "mdt_cases", 3),
            returned("U3", month, "mdt_cases", 30),
            returned("QZA", month, "hours_reviews", 50.5 + number % 2),
        ]
    rows += [returned("QZA", month, "discharge_letters_with_plan", part, 80) for month, part in
             ((MONTHS[0], 40), (MONTHS[-1], 60))]  # fmt: skip
    cells = {"date": "2025-03-10", "organisation": "QZA", "prediction": "<script>alert('x')</script> fewer"}
    rows.append(row("pdsa", id="P1", **cells, change="Pharmacist reviews & a café", result=None))
    rows.append(
        row("pdsa", id="P2", **{**cells, "organisation": "U1"}, change="Posters", measure="referrals_personalised_care")
    )
    pilot = {"month": "2025-03-01", "organisation": "QZA", "n": 46}
    other = {**pilot, "instrument": "PAM"}
    scores = (
        {**pilot, "instrument": "MSK-HQ", "mean_before": 15.75, "mean_after": 19.875},
        {**other, "mean_before": 48.37, "mean_after": 52.93},
        {**other, "organisation": "U1", "n": 25, "mean_before": 40, "mean_after": 45, "sd_change": 10},
        {**other, "organisation": "U2", "n": 5, "mean_before": 31.25, "mean_after": 33.5},
    )
    rows += [row("patient_reported_scores", **cells) for cells in scores]
    rows += [row("unit_costs", **cells) for cells in HOSPITAL_COSTS]
    return rows


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return WithReturns(network(practices=9, months=20), returns=made()).write(tmp_path_factory.mktemp("measures"))


def text_of(folder: Path, name: str) -> str:
    return (folder / name).read_text(encoding="utf-8")


def lines(folder: Path) -> dict[str, list[str]]:
    """Rows of the three tables by the title of the measure."""
    found = {}
    for kind in ("Outcome", "Process", "Balancing"):
        for cells in table(text_of(folder, "measures.html"), f"{kind} measures, {ICB_NAME}").rows[1:]:
            found[cells[0]] = [kind, *cells[1:]]
    return found


def line(folder: Path, title: str) -> list[str]:
    (cells,) = [cells for name, cells in lines(folder).items() if name.startswith(title)]
    return cells


def is_rounded(printed: str, figure: float) -> bool:
    """Whether a printed figure is this one, to its own decimals."""
    digits = len(printed.partition(".")[2])
    return abs(float(printed.replace(",", "")) - figure) <= 0.5 * 10**-digits + 0.0005


# --- the measures page ------------------------------------------------------------------------------


def test_every_figure_of_prescribing_data_is_that_of_the_protected_table(folder: Path) -> None:
    with (folder / "trends_icb.csv").open(encoding="utf-8", newline="") as handle:
        protected = [one for one in csv.DictReader(handle) if one["month"] == "2025-12-01"]
    compared = 0
    for one in protected:
        if one["measure"] in (*MISSION, "balance_abrupt_stop", "not_seen"):
            kind, baseline, latest, change, _ = line(folder, one["title"])
            assert kind == ("Outcome" if one["measure"] in MISSION else "Balancing")
            rate, beside = latest.split(" ", 1)
            assert is_rounded(rate, float(one["rate_per_1000"]))
            assert beside == f"(about {float(one['shown']):,.0f}) December 2025"
            assert is_rounded(baseline.split()[0], float(one["baseline"]))
            assert f"{abs(float(one['change_pct'])):,.0f}% lower" in change or "no clear change" in change
            for limit in ("change_low", "change_high"):
                assert f"{abs(float(one[limit])):,.0f}%" in change
            compared += 1
    assert compared == 5


def test_local_returns_stand_beside_them_with_their_type_and_definition(folder: Path) -> None:
    kind, baseline, latest, change, _ = line(folder, "Referrals to personalised care")
    # 40 and 40 + 2 x 18 = 76, to the nearest 5; 100 x (75/40 − 1) = 87.5
    assert kind == "Outcome"
    assert baseline == "40 June 2024"
    assert latest == "75 December 2025; 1 organisation(s) returned"
    assert change.startswith("88% higher (95% interval ")
    title = next(name for name in lines(folder) if name.startswith("Referrals to personalised care"))
    assert "local return" in title
    assert "People referred in the month to personalised care" in title


def test_hours_are_shown_as_they_are_with_process_control(folder: Path) -> None:
    kind, baseline, latest, change, _ = line(folder, "Clinical time on reviews")
    assert (kind, baseline, latest) == ("Balancing", "50.5 June 2024", "50.5 December 2025")
    assert "less than 1%" in change
    assert "Process control: common cause – no significant change." in change


def test_a_share_shows_both_parts_and_changes_in_percentage_points(folder: Path) -> None:
    _, baseline, latest, change, _ = line(folder, "Discharge letters that say")
    assert baseline == "50% (about 40 of about 80) June 2024"
    assert latest == "75% (about 60 of about 80) December 2025"
    # Wilson: 60/80 from 0.6452 to 0.8319, 40/80 from 0.3930 to 0.6070. Newcombe:
    # 0.25 − √((0.75 − 0.6452)² + (0.6070 − 0.5)²) = 0.1002; 0.25 + √((0.8319 − 0.75)² + (0.5 − 0.3930)²) = 0.3848
    assert change == "25.0 percentage points higher (95% interval 10.0 to 38.5 higher)"


def test_small_counts_of_an_organisation_are_hidden_and_cannot_be_worked_out(folder: Path) -> None:
    found = table(text_of(folder, "measures.html"), "Cases brought to a multidisciplinary meeting")
    by_name = {cells[0]: cells for cells in found.rows[1:]}
    assert by_name["Second PCN"][2] == "[c]"
    # 3 + 30: the ICB shows 35 or nothing.
    assert by_name["Third PCN"][2] in ("30", "[c]")
    assert line(folder, "Cases brought")[2].split()[0] in ("35", "[c]")


def test_what_was_not_returned_is_named_and_has_no_figure(folder: Path) -> None:
    page = words(text_of(folder, "measures.html"))
    listed = page.split("Not returned yet")[1]
    assert "Referrals to alternative services (outcome)" in listed
    assert "Attendees of multidisciplinary meetings: pharmacist (process)" in listed
    assert not any(name.startswith("Referrals to alternative services") for name in lines(folder))


def test_every_small_chart_has_words_that_say_its_figures(folder: Path) -> None:
    said = alternatives(text_of(folder, "measures.html"))
    (one,) = [words for words in said if "Referrals to personalised care" in words]
    assert "June 2024 to December 2025; baseline 40; latest 75" in one
    assert len(said) == text_of(folder, "measures.html").count('class="small"><div')


# --- the improvement page --------------------------------------------------------------------------------


def test_the_study_of_a_cycle_is_measured_and_names_no_cause(folder: Path) -> None:
    page = words(text_of(folder, "improvement.html"))
    with (folder / "trends_icb.csv").open(encoding="utf-8", newline="") as handle:
        rows = {
            one["month"]: one
            for one in csv.DictReader(handle)
            if one["measure"] == "high_dose" and one["org_code"] == "QZA"
        }
    then, now = rows["2025-02-01"], rows["2025-12-01"]
    change = 100 * (float(now["rate_per_1000"]) / float(then["rate_per_1000"]) - 1)
    assert "From February 2025, the last month before, to December 2025 the rate" in page
    sentence = page.split("From February 2025, the last month before, to December 2025 the rate")[1][:90]
    assert f"{abs(change):.0f}%" in sentence or "no clear change" in sentence
    assert "It does not say that the change is the cause" in page
    for word in ("caused", "led to", "because of", "thanks to"):
        assert word not in page.split("What patients reported")[0]


def test_a_cycle_of_a_local_measure_is_studied_by_it(folder: Path) -> None:
    page = words(text_of(folder, "improvement.html"))
    # 40 + 2 x 8 = 56 → 55 in February 2025, 76 → 75: 100 x (75/55 − 1) = 36
    part = page.split("P2: Posters")[1][:700]
    assert "Measure: Referrals to personalised care" in part
    assert "the figure shows no clear change (95% interval" in part or "the figure is 36% higher" in part


def test_what_was_typed_is_text(folder: Path) -> None:
    page = text_of(folder, "improvement.html")
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt; fewer" in page
    assert "Pharmacist reviews &amp; a café" in page


def test_its_date_is_marked_on_the_charts_of_every_page_it_reaches(folder: Path) -> None:
    for name in ("improvement.html", "index.html", "pcn-U1.html"):
        assert "P1: Pharmacist reviews & a café" in words(text_of(folder, name)), name
    # Marked on the charts of its own measure alone.
    assert "P2: Posters" not in words(text_of(folder, "pcn-U1.html"))
    assert "P2: Posters" in words(text_of(folder, "improvement.html"))


def test_the_published_pilot_has_its_change_and_says_that_no_interval_can_be_given(folder: Path) -> None:
    found = table(text_of(folder, "improvement.html"), "Mean scores").rows[1:]
    why = "no interval can be given: the returns hold no standard deviation"
    assert [cells[2:] for cells in found if ICB_NAME in cells[1]] == [
        ["about 45", "15.75", "19.875", f"4.125 higher; {why}"],
        ["about 45", "48.37", "52.93", f"4.56 higher; {why}"],
    ]


def test_a_score_with_a_deviation_has_its_interval_and_one_of_few_people_nothing(folder: Path) -> None:
    rows = {cells[1]: cells for cells in table(text_of(folder, "improvement.html"), "Mean scores").rows[1:]}
    # 5 ± 2.0639 x 10 / √25
    assert rows["First PCN, to March 2025"][5] == (
        "5 higher, 95% interval 0.87 to 9.13 (standard deviation of the changes)"
    )
    assert rows["Second PCN, to March 2025"][2:] == ["[c]", "[c]", "[c]", "too few people to show"]
    assert "31.25" not in text_of(folder, "improvement.html")


def test_service_impact_is_the_published_table_and_said_to_be_as_entered(folder: Path) -> None:
    caption = "All loaded data: from local unit costs and reductions as entered"
    found = {cells[0]: cells[1:] for cells in table(text_of(folder, "improvement.html"), caption).rows[1:]}
    assert {service: cells[3] for service, cells in found.items()} == {
        **{service: f"£{value:,}" for service, value in HOSPITAL_VALUES.items()},
        "Together": "£777,660",
    }
    assert found["GP appointments"] == ["£50", "2.2", "130", "£14,300", "not said"]
    page = words(text_of(folder, "improvement.html"))
    assert "From local unit costs and reductions as entered. Nothing here was measured by this tool" in page


# --- nothing returned, and nothing betrayed -----------------------------------------------------------------


def test_without_returns_the_pages_say_so_and_assume_nothing(tmp_path: Path) -> None:
    folder = Warehouse(network(practices=6, pcns=2)).write(tmp_path)
    page = words(text_of(folder, "improvement.html"))
    assert "No cycle was returned yet." in page
    assert "No score was returned yet." in page
    assert "No unit cost was returned. Nothing is assumed" in page
    assert "£" not in page
    assert tables(text_of(folder, "improvement.html")) == []
    assert 'class="from"' not in text_of(folder, "measures.html")


def test_two_hidden_local_counts_may_change_places_and_no_page_or_workbook_tells(tmp_path: Path) -> None:
    written = []
    for name, (one, two) in {"a": (3, 6), "b": (6, 3)}.items():
        rows = [
            *(returned("U1", month, "mdt_cases", one) for month in MONTHS),
            *(returned("U2", month, "mdt_cases", two) for month in MONTHS),
            *(returned("U3", month, "mdt_cases", 60) for month in MONTHS),
        ]
        folder = WithReturns(network(practices=6), returns=rows).write(tmp_path / name)
        written.append({file.name: file.read_bytes() for file in sorted(folder.iterdir())})
    assert written[0] == written[1]
    assert {"measures.html", "improvement.html", "trends.xlsx"} <= set(written[0])


def test_every_measure_that_is_shown_has_a_type_of_the_programme(folder: Path) -> None:
    kinds = {measure.title: measure.kind for measure in SETTINGS.measures.measures}
    kinds |= {measure.title: measure.kind for measure in SETTINGS.local.returned}
    for title, cells in lines(folder).items():
        matching = [kind for name, kind in kinds.items() if title.startswith(name)]
        assert cells[0].casefold() in matching
