"""Everything in the built files against the hidden counts: what can be read back from them recovers none exactly."""

import csv
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from disclosure_attack import Attack
from disclosure_rows import DEFAULT

from pipelines.report.wording import readable_name
from tests.unit.report.made import ICB, NAMES, SETTINGS, Series, Warehouse
from tests.unit.report.reading import tables

HIERARCHIES = min(30, int(os.environ.get("OPIOIDS_DISCLOSURE_HIERARCHIES", "3")))
MEASURE, OTHER = "high_dose", "long_term"
MONTHS = 3
_MONTHS = ("June", "July", "August")
MARKS = {"[c]", "[x]", ""}


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


def told(folder: Path) -> dict[tuple[str, str, int, str], set[float]]:
    """Every count that the site gives of an organisation, month and measure, by its own figure or its rate."""
    found: dict[tuple[str, str, int, str], set[float]] = {}
    for level in ("practice", "pcn", "icb"):
        with (folder / f"trends_{level}.csv").open(encoding="utf-8", newline="") as handle:
            for row in csv.DictReader(handle):
                month = int(row["month"][5:7]) - 6
                counts = {row["shown"]} - MARKS
                rate = row["rate_per_1000"]
                values = {float(count) for count in counts} | ({float(rate) * 9} if rate else set())
                found.setdefault((level, row["org_code"], month, row["measure"]), set()).update(values)
    for name, value in in_pages(folder):
        found.setdefault(name, set()).add(value)
    return found


def in_pages(folder: Path) -> Iterator[tuple[tuple[str, str, int, str], float]]:
    """The counts and rates in the tables by month of the pages."""
    titles = {measure.title: measure.id for measure in SETTINGS.measures.measures}
    names = {readable_name(name).casefold(): code for code, name in NAMES.items()}
    for page in folder.glob("*.html"):
        for table in tables(page.read_text(encoding="utf-8")):
            title, _, organisation = table.caption.rpartition(", ")
            if title not in titles or table.rows[0][0] != "Month":
                continue
            code = names.get(organisation.casefold(), organisation)
            level = "icb" if code == ICB else "pcn" if code.startswith("U") else "practice"
            rates = table.rows[0].index("Per 1,000") if "Per 1,000" in table.rows[0] else None
            for row in table.rows[1:]:
                name = (level, code, _MONTHS.index(row[0].split()[0]), titles[title])
                if row[1] not in ("[c]", "–"):
                    yield name, float(row[1].replace(",", ""))
                if rates and row[rates] not in ("–", ""):
                    yield name, float(row[rates]) * 9


@pytest.mark.parametrize("seed", range(HIERARCHIES))
def test_the_numbers_of_the_built_site_recover_no_hidden_count(tmp_path: Path, seed: int) -> None:
    made = Made(seed)
    folder = Warehouse(made.series(), newest_is_provisional=False).write(tmp_path)
    assert len(list(in_pages(folder))) > 20
    said = told(folder)
    attack = Attack(DEFAULT)
    for level, code, _ in made.organisations():
        for measure in (MEASURE, OTHER):
            for month, count in enumerate(made.of(level, code, measure)):
                name = (level, code, month, measure)
                values = {round(value) for value in said.get(name, set())}
                # A figure and its rate tell one and the same count.
                assert len(values) <= 1, (name, values)
                attack.true[name], attack.shown[name] = count, next(iter(values), None)
                if level == "practice" and attack.shown[name] is None:
                    attack.known[name] = (0, 7 if count <= 7 else None)
    for code in {pcn for _, pcn in made.practices}:
        for measure in (MEASURE, OTHER):
            for month in range(MONTHS):
                below: list[Any] = [("practice", name, month, measure) for name, pcn in made.practices if pcn == code]
                attack.add_sum(("pcn", code, month, measure), below)
                hidden = attack.shown["pcn", code, month, measure] is None
                attack.known.update({name: (0, None) for name in below if hidden and attack.shown[name] is None})
    for measure in (MEASURE, OTHER):
        for month in range(MONTHS):
            pcns: list[Any] = [("pcn", code, month, measure) for code in sorted({pcn for _, pcn in made.practices})]
            attack.add_sum(("icb", ICB, month, measure), pcns)
    attacked, found = attack.recovered()
    assert attacked
    assert not found


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
