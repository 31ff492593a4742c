"""Everything in the built files against the hidden counts: what can be read back from them recovers none exactly."""

import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from disclosure_attack import Attack
from disclosure_rows import DEFAULT

from pipelines import assets
from pipelines.report.read import read
from pipelines.report.views import months_after
from tests.unit.report.made import FIRST, ICB, SETTINGS, SNAPSHOT, Series, Warehouse
from tests.unit.report.reading import Table, alternatives, tables, words, written_in_charts
from tests.unit.report.told import Name, Site, numbers, values

HIERARCHIES = min(30, int(os.environ.get("OPIOIDS_DISCLOSURE_HIERARCHIES", "3")))
MEASURE, OTHER = "high_dose", "long_term"
MONTHS = 3
PAGES_OF_NO_PLACE = ("equity.html", "improvement.html", "measures.html", "methods.html", "organisations.html")
OF_THE_BASELINE = ("baseline", "trajectory", "change_pct")


class Made:
    """An ICB of PCNs with practices: counts by organisation and month, and the warehouse that holds them."""

    def __init__(self, seed: int) -> None:
        rng = np.random.default_rng(seed)
        self.practices = [(f"A8100{u}{k}", f"U{u}") for u in range(3) for k in range(int(rng.integers(2, 5)))]
        mean = rng.choice([2, 5, 9, 20])
        self.counts = {
            (code, measure): rng.poisson(mean * rng.gamma(4, 0.25), MONTHS)
            for code, _ in self.practices
            for measure in (MEASURE, OTHER)
        }

    def of(self, level: str, code: str, measure: str) -> list[float]:
        mine = [name for name, pcn in self.practices if level == "icb" or code in (name, pcn)]
        return [float(sum(self.counts[name, measure][month] for name in mine)) for month in range(MONTHS)]

    def organisations(self) -> list[tuple[str, str, str | None]]:
        """Level, code and PCN."""
        pcns = [("pcn", code, None) for code in sorted({pcn for _, pcn in self.practices})]
        return [*(("practice", name, pcn) for name, pcn in self.practices), *pcns, ("icb", ICB, None)]

    def series(self) -> list[Series]:
        return [
            Series(level, code, measure, self.of(level, code, measure), 9_000, pcn=pcn)
            for level, code, pcn in self.organisations()
            for measure in (MEASURE, OTHER)
        ]


def protected_trends(reports: Path) -> pl.DataFrame:
    return read(reports.parent / "warehouse.duckdb", SNAPSHOT, SETTINGS, reports.parent).trends


def told(site: Site, protected: dict[Name, dict[str, Any]]) -> dict[Name, float]:
    """The count that the files tell of an organisation, month and measure: by itself, a rate, a limit, a dot, a change.

    Each is held against the protected table: what stands in a file is what is there, or the test fails.
    """
    found: dict[Name, float] = {}
    for one in site.everything():
        row = protected[one.name]
        assert row[one.column] is not None, one
        assert abs(float(row[one.column]) - one.value) <= one.slack + 1e-9, (one, row[one.column])
        names = [one.name]
        if one.column in OF_THE_BASELINE:
            names = [(*one.name[:2], row["baseline_month"], one.name[3])]
        for name in names:
            count = protected[name]["numerator"]
            assert count is not None, f"{one} tells of a hidden month"
            found[name] = float(count)
    return found


@pytest.mark.parametrize("seed", range(HIERARCHIES))
def test_the_numbers_of_the_built_site_recover_no_hidden_count(tmp_path: Path, seed: int) -> None:
    made = Made(seed)
    folder = Warehouse(made.series(), newest_is_provisional=False).write(tmp_path)
    trends = protected_trends(folder)
    protected = values(trends)
    said = told(Site(folder, trends), protected)
    # Nothing that leaves stands in no file, so the attack lacks nothing.
    assert {name for name, row in protected.items() if row["numerator"] is not None} == set(said)
    attack = Attack(DEFAULT)
    months = [months_after(FIRST, number) for number in range(MONTHS)]
    for level, code, _ in made.organisations():
        for measure in (MEASURE, OTHER):
            for month, count in zip(months, made.of(level, code, measure), strict=True):
                name = (level, code, month, measure)
                attack.true[name], attack.shown[name] = count, said.get(name)
                if level == "practice" and attack.shown[name] is None:
                    attack.known[name] = (0, 7 if count <= 7 else None)
    codes = sorted({pcn for _, pcn in made.practices})
    for measure in (MEASURE, OTHER):
        for month in months:
            for code in codes:
                below: list[Any] = [("practice", name, month, measure) for name, pcn in made.practices if pcn == code]
                attack.add_sum(("pcn", code, month, measure), below)
                hidden = attack.shown["pcn", code, month, measure] is None
                attack.known.update({name: (0, None) for name in below if hidden and attack.shown[name] is None})
            attack.add_sum(("icb", ICB, month, measure), [("pcn", code, month, measure) for code in codes])
    attacked, found = attack.recovered()
    assert attacked
    assert not found


def test_every_figure_in_every_file_is_that_of_the_protected_table(network_site: Path) -> None:
    trends = protected_trends(network_site)
    site = Site(network_site, trends)
    assert len(told(site, values(trends))) > 3_000
    # Each kind of table was there and was read; another one would not have been.
    assert site.kinds == {
        "Measure Baseline", "Measure Number", "Measure People", "Month Figure", "Month People", "Month This icb",
        "Month This pcn", "Month This practice", "Name Code", "Practice Above 120 mg a day, people",
        "Practice Registered patients", "Primary care network People",
    }  # fmt: skip


def test_a_false_figure_anywhere_would_be_noticed(network_site: Path) -> None:
    """One cell, one word for a chart, one dot: each changed by itself is found."""
    trends = protected_trends(network_site)
    protected, text = values(trends), (network_site / "index.html").read_text(encoding="utf-8")
    cell = re.search(r'<th scope="row">August 2024</th><td class="number">(\d+)</td>', text)
    said = re.search(r"Latest, July 2025: (\d+\.\d+) per 1,000", text)
    dot = re.search(r'fill="#005eb8"[^>]*/>|<path [^>]*translate\(([\d.]+),([\d.]+)\)[^>]*fill="#005eb8"', text)
    assert cell
    assert said
    assert dot
    for place in (cell, said):
        changed = text[: place.start(1)] + str(float(place[1]) + 5) + text[place.end(1) :]
        with pytest.raises(AssertionError):
            told(OnePage(network_site, trends, changed), protected)
    moved = re.sub(r'translate\(([\d.]+),([\d.]+)\)(?=[^>]*fill="#005eb8")', r"translate(\1,1\2)", text, count=1)
    assert moved != text
    with pytest.raises(AssertionError):
        told(OnePage(network_site, trends, moved), protected)
    assert told(OnePage(network_site, trends, text), protected)


def without_names(text: str, site: Site) -> str:
    for name in sorted(site.places, key=len, reverse=True):
        text = re.sub(re.escape(name), " ", text, flags=re.I)
    return text


def worked_out(site: Site, page: str, rows: list[dict[str, Any]]) -> set[str]:
    """What sentences say beside the tables: limits, changes and aims of the page's own protected rows, list sizes."""
    place = None if page in PAGES_OF_NO_PLACE else site.place_of(page)
    said: set[str] = set()
    for row in rows:
        if (row["org_level"], row["org_code"]) != place:
            continue
        said |= {
            f"{abs(row[name]):.0f}" for name in ("change_pct", "change_low", "change_high") if row[name] is not None
        }
        said |= {f"{row['denominator']:,.0f}"} if row["denominator"] else set()
        figures = [row[name] for name in ("rate_per_1000", "ci_low", "ci_high", "baseline", "trajectory")]
        if row["baseline"] is not None and row["aim_pct"] is not None:
            figures.append(row["baseline"] * (1 + row["aim_pct"] / 100))
        said |= {f"{figure:,.{digits}f}" for figure in figures if figure is not None for digits in (0, 1, 2)}
        # Charts of process control are in grams.
        limits = [row[name] for name in ("numerator", "spc_mean", "spc_lower", "spc_upper") if row[name] is not None]
        said |= {f"{float(limit) / scale:,.0f}" for limit in limits for scale in (1, 1000)}
    return said


def against_similar(found: Iterable[Table]) -> set[str]:
    """By how many percent a practice differs from similar ones: from the rates of its table, as they are rounded."""
    said: set[str] = set()
    for table in found:
        if table.rows[0][2:4] == ["Rate", "Similar practices"]:
            for row in table.rows[1:]:
                if "–" not in row[2:4] and float(row[3].replace(",", "")):
                    gap = abs(100 * (float(row[2].replace(",", "")) / float(row[3].replace(",", "")) - 1))
                    said |= {f"{gap + off:.0f}" for off in (-0.5, 0, 0.5)}
    return said


def pooled(found: Iterable[Table]) -> set[str]:
    """The rate of all organisations of a funnel together."""
    said: set[str] = set()
    for table in found:
        if "Registered patients" in table.rows[0]:
            count, size = (sum(float(row[at].replace(",", "")) for row in table.rows[1:]) for at in (2, 1))
            said |= {f"{1000 * count / size:.{digits}f}" for digits in (1, 2)}
    return said


def test_no_sentence_title_or_label_has_a_number_that_the_protected_figures_do_not_give(network_site: Path) -> None:
    trends = protected_trends(network_site)
    site, rows = Site(network_site, trends), [*values(trends).values()]
    fixed = numbers("UK factors, 2026")
    for file in (*assets.TEMPLATE_DIR.glob("*.j2"), *assets.CONFIG_DIR.glob("*.toml")):
        fixed |= numbers(file.read_text(encoding="utf-8"))
    read_in_all = 0
    for page in sorted(network_site.glob("*.html")):
        text = page.read_text(encoding="utf-8")
        found = tables(text)
        allowed = fixed | worked_out(site, page.name, rows) | against_similar(found) | pooled(found)
        for table in found:
            for cell in (cell for row in table.rows for cell in row):
                allowed |= numbers(cell)
        said = [
            words(re.sub(r"<table.*?</table>", " ", text, flags=re.S)),
            *alternatives(text),
            *written_in_charts(text),
        ]
        in_words = re.sub(r"\(over-dispersion [\d.]+\)", " ", without_names(" | ".join(said), site))
        read_in_all += len(numbers(in_words))
        unknown = numbers(in_words) - allowed
        assert not unknown, (page.name, {one: in_words[in_words.find(one) - 60 :][:90] for one in unknown})
    assert read_in_all > 500


class OnePage(Site):
    """The overview alone, as it is given."""

    def __init__(self, folder: Path, trends: pl.DataFrame, text: str) -> None:
        super().__init__(folder, trends)
        self.text = text

    def everything(self) -> Iterable[Any]:  # type: ignore[override]
        return self.of_page("index.html", self.text)


def test_no_page_holds_a_count_that_the_tables_hide(tmp_path: Path) -> None:
    """Small practices: 1 to 7 people stand nowhere as a count of people, in no text, no label, no mark of a chart."""
    made = Made(0)
    made.counts = {key: np.full(MONTHS, 3) for key in made.counts}
    folder = Warehouse(made.series(), newest_is_provisional=False).write(tmp_path)
    small = re.compile(r"(?<!\bto )\b[1-7] people\b")
    for page in folder.glob("*.html"):
        text = re.sub(r"<style>.*?</style>", " ", page.read_text(encoding="utf-8"), flags=re.S)
        assert not small.findall(text), page.name
        if page.name.startswith("practice-"):
            assert "[c]" in text
