"""All that leaves of one ICB at once: nobody works out a small count from the whole of it by linear programming."""

import os
from collections.abc import Iterator
from typing import Any

import numpy as np
import polars as pl
import pytest
from disclosure_attack import Attack, Cell
from disclosure_rows import DEFAULT, POLICIES, frame, month, trend_row

from pipelines.disclosure import protect_trends
from pipelines.disclosure.parts import AT_BASELINE, COMPONENTS, OVERLAPPING, Parts, protect_parts
from pipelines.disclosure.policy import protect_counts
from pipelines.disclosure.system import possible_counts

HIERARCHIES = int(os.environ.get("OPIOIDS_DISCLOSURE_HIERARCHIES", "25"))
BEFORE, NOW = month(0), month(3)
LINES = (90.0, 120.0)
EDGES = (0.0, 25.0, 50.0, 90.0, 120.0, 200.0)
FATES = ("never", "new", "member", "lower_still_on_opioid", "no_opioid_still_seen", "not_seen", "excluded_or_redefined")
Flags = np.ndarray[Any, np.dtype[np.bool_]]


class Place:
    """An ICB with PCNs and practices, its people one by one, and every table that leaves of it."""

    def __init__(self, seed: int) -> None:
        rng = np.random.default_rng(seed)
        self.icb = f"Q{seed}"
        size = int(rng.choice([15, 60, 80, 120, 200]))
        practices = [
            f"A{pcn}{number}-{self.icb}" for pcn in range(rng.integers(2, 5)) for number in range(rng.integers(2, 5))
        ]
        self.practice = rng.choice(practices, size)
        self.fate = rng.choice(FATES, size, p=[0.45, 0.15, 0.2, 0.08, 0.05, 0.04, 0.03])
        over = (self.fate == "member") | (self.fate == "new")
        self.doses = self._doses(rng, over)
        covered = rng.random(size) < 0.9
        self.cohorts = self._cohorts(rng, over, covered)
        self.groups = {
            "imd_quintile": np.array([f"quintile {1 + int(5 * one**1.5)}" for one in rng.random(size)]),
            "sex": rng.choice(["F", "M"], size, p=[0.7, 0.3]),
        }
        self.sets = {
            "other": self.doses["confirmed"] * rng.choice([1.0, 1.1], size),
            "less": self.doses["confirmed"] * 0.95,
        }

    @staticmethod
    def _doses(rng: np.random.Generator, over: Flags) -> dict[str, Any]:
        """OME mg a day by window; `confirmed` is the least of three and six months."""
        base = np.where(
            over, 121 + rng.exponential(60, over.size), rng.choice([10, 30, 70, 90, 100, 119, 120], over.size)
        )
        windows = {name: base * rng.choice([0.9, 1, 1, 1.1], over.size) for name in ("1m", "12m")}
        rises = ~over & (rng.random(over.size) < 0.15)
        windows["3m"] = np.where(rises, 130, base)
        windows["6m"] = np.where(~over & ~rises & (rng.random(over.size) < 0.1), 125, base)
        return {**windows, "confirmed": np.minimum(windows["3m"], windows["6m"])}

    def _cohorts(self, rng: np.random.Generator, over: Flags, covered: Flags) -> dict[str, Flags]:
        three, six, both = self.doses["3m"], self.doses["6m"], self.doses["confirmed"]
        # Of those over the line by the baseline's rule all are covered.
        covered = covered | over
        long_term, gabapentinoid = rng.random(over.size) < 0.6, rng.random(over.size) < 0.3
        found = {
            "any_opioid": rng.random(over.size) < 0.95,
            "high_dose": covered & (both > 120),
            "high_dose_possible": covered & (three > 120) & (six <= 120),
            "high_dose_recent": covered & (three <= 120) & (six > 120),
            "high_dose_new": ~covered & (three > 120),
            "high_dose_ge120": covered & (both >= 120),
            "high_dose_gt90": covered & (both > 90),
            "high_dose_ge90": covered & (both >= 90),
            "long_term": long_term,
            "opioid_gabapentinoid": gabapentinoid,
        }
        high = found["high_dose"]
        return found | {
            "high_dose_long_term": high & long_term,
            "high_dose_gabapentinoid": high & gabapentinoid,
            "all_three": high & long_term & gabapentinoid,
        }

    def before(self) -> Flags:
        return np.asarray(~np.isin(self.fate, ["never", "new"]))

    def members(self) -> Iterator[tuple[Any, str, Flags]]:
        for measure, flags in self.cohorts.items():
            yield NOW, measure, flags
        yield BEFORE, "high_dose", self.before()

    def trends(self) -> list[dict[str, Any]]:
        rows = []
        for when, measure, flags in self.members():
            parents = {"icb_code": self.icb, "month": when}
            rows.append(trend_row("icb", self.icb, measure, int(flags.sum()), **parents))
            for code in np.unique(self.practice):
                pcn, here = f"U{code[1]}-{self.icb}", flags & (self.practice == code)
                if measure in OVERLAPPING:
                    rows.append(trend_row("practice", code, measure, int(here.sum()), pcn_code=pcn, **parents))
            for pcn in sorted({code[1] for code in self.practice}):
                here = flags & np.array([code[1] == pcn for code in self.practice])
                name = f"U{pcn}-{self.icb}"
                rows.append(trend_row("pcn", name, measure, int(here.sum()), pcn_code=name, **parents))
        return rows

    def parts(self) -> dict[str, list[dict[str, Any]]]:
        place = {
            "org_level": "icb",
            "org_code": self.icb,
            "measure": "high_dose",
            "month": NOW,
            "baseline_month": BEFORE,
        }
        place |= {"provisional": False}
        fates = {name: int((self.fate == ("member" if name == "stayed" else name)).sum()) for name in COMPONENTS}
        now, then = self.cohorts["high_dose"], self.before()
        counts = {**fates, "stayed": int((now & then).sum()), "joined": int((now & ~then).sum())}
        # Who stays on a high dose by the shown rule, whatever the fate drawn first.
        counts["excluded_or_redefined"] = int(then.sum()) - sum(counts[name] for name in AT_BASELINE[:-1])
        equity = [
            {
                **place, "dimension": dimension, "dimension_value": value,
                "people": int((now & (values == value)).sum()),
                "baseline_people": int((then & (values == value)).sum()),
            }
            for dimension, values in self.groups.items() for value in np.unique(values).tolist()
        ]  # fmt: skip
        return {
            "components": [{**place, **counts, "people": int(now.sum()), "baseline_people": int(then.sum())}],
            "equity": equity,
            "dose_bands": self._bands(),
            "overlap": self._overlap(),
            "sensitivity": self._definitions(),
        }

    def _bands(self) -> list[dict[str, Any]]:
        dose = self.doses["3m"]
        number = 1 + sum((dose > edge if edge == 120 else dose >= edge).astype(int) for edge in EDGES[1:])
        edges: tuple[float | None, ...] = (*EDGES, None)
        return [
            {"org_code": self.icb, "month": NOW, "band_number": band, "from_ome_mg_per_day": edge,
             "people": int((number == band).sum())}
            for band, edge in enumerate(edges, 1)
        ]  # fmt: skip

    def _overlap(self) -> list[dict[str, Any]]:
        flags = np.array([self.cohorts[name] for name in OVERLAPPING])
        combinations = [(a, b, c) for a in (True, False) for b in (True, False) for c in (True, False)]
        return [
            {"org_code": self.icb, "month": NOW, **dict(zip(OVERLAPPING, one, strict=True)),
             "people": int((flags == np.array(one)[:, None]).all(axis=0).sum())}
            for one in combinations if any(one)
        ]  # fmt: skip

    def _definitions(self) -> list[dict[str, Any]]:
        def row(dimension: str, people: int, **other: Any) -> dict[str, Any]:
            usual = {"dose_window": "confirmed", "preset": "gt120", "factor_set": "uk", "parenteral": "without"}
            head = {"org_code": self.icb, "as_at_month": NOW, "dimension": dimension, **usual}
            return {**head, **other, "is_headline": dimension == "headline", "people": people}

        measures = {"ge120": "high_dose_ge120", "gt90": "high_dose_gt90", "ge90": "high_dose_ge90"}
        high = self.cohorts["high_dose"]
        return [
            row("headline", int(high.sum())),
            *(row("line", int(self.cohorts[name].sum()), preset=preset) for preset, name in measures.items()),
            *(
                row("window", int((self.doses[name] > 120).sum()), dose_window=name)
                for name in ("1m", "3m", "6m", "12m")
            ),
            *(row("factor_set", int((doses > 120).sum()), factor_set=name) for name, doses in self.sets.items()),
            row("route", int(high.sum()) + 2, parenteral="with"),
        ]


def key(row: dict[str, Any]) -> Cell:
    return row["org_level"], row["org_code"], row["month"], row["measure"]


def part_cells(tables: dict[str, list[dict[str, Any]]]) -> dict[Cell, float | None]:
    """Each count of the tables beside the trends, by its name."""
    found: dict[Cell, float | None] = {}
    for row in tables["components"]:
        found |= {("component", row["org_code"], name): row[name] for name in COMPONENTS}
    for row in tables["equity"]:
        for name in ("people", "baseline_people"):
            found[name, row["org_code"], row["dimension"], row["dimension_value"]] = row[name]
    for row in tables["dose_bands"]:
        found["band", row["org_code"], row["band_number"]] = row["people"]
    for row in tables["overlap"]:
        found["overlap", row["org_code"], *(row[name] for name in OVERLAPPING)] = row["people"]
    for row in tables["sensitivity"]:
        found[
            "definition", row["org_code"], row["dose_window"], row["preset"], row["factor_set"], row["parenteral"]
        ] = row["people"]
    return found


def attack_on(
    place: Place, rows: list[dict[str, Any]], shown: dict[Cell, float | None], parts: dict[Cell, float | None]
) -> Attack:
    """Every sum that an outsider may know of, between all that is shown."""
    attack = Attack(DEFAULT)
    for row in rows:
        attack.true[key(row)], attack.shown[key(row)] = row["numerator"], shown[key(row)]
    for name, count in part_cells(place.parts()).items():
        if name in parts:
            assert count is not None
            attack.true[name], attack.shown[name] = count, parts[name]
    q = place.icb
    for row in rows:
        if row["org_level"] == "practice" and shown[key(row)] is None:
            is_small = shown["pcn", row["pcn_code"], row["month"], row["measure"]] is not None and row["numerator"] <= 7
            attack.known[key(row)] = (0, 7 if is_small else None)
        below = {"pcn": ("practice", "pcn_code"), "icb": ("pcn", "icb_code")}.get(row["org_level"])
        if below:
            level, column = below
            parts_of = [
                key(one) for one in rows
                if one["org_level"] == level and one[column] == row["org_code"]
                and (one["month"], one["measure"]) == (row["month"], row["measure"])
            ]  # fmt: skip
            if parts_of:
                attack.add_sum(key(row), parts_of)
    for level, code in {(row["org_level"], row["org_code"]) for row in rows if row["org_level"] != "practice"}:
        for inside, outside in DEFAULT.nested:
            if {(level, code, NOW, inside), (level, code, NOW, outside)} <= attack.true.keys():
                attack.add_nested((level, code, NOW, outside), (level, code, NOW, inside))

    def trend(measure: str, when: Any = NOW) -> Cell:
        return "icb", q, when, measure

    attack.add_sum(trend("high_dose", BEFORE), [("component", q, name) for name in AT_BASELINE])
    attack.add_sum(trend("high_dose"), [("component", q, "stayed"), ("component", q, "joined")])
    for name, when in (("people", NOW), ("baseline_people", BEFORE)):
        for dimension, values in place.groups.items():
            attack.add_sum(trend("high_dose", when), [(name, q, dimension, one) for one in np.unique(values).tolist()])
    for measure, cohorts in (
        *((name, {name}) for name in OVERLAPPING),
        ("high_dose_long_term", {"high_dose", "long_term"}),
        ("high_dose_gabapentinoid", {"high_dose", "opioid_gabapentinoid"}),
        ("all_three", {*OVERLAPPING}),
    ):
        exclusive = [
            name for name in attack.true
            if name[0] == "overlap" and cohorts <= {c for c, is_in in zip(OVERLAPPING, name[2:], strict=True) if is_in}
        ]  # fmt: skip
        if exclusive:
            attack.add_sum(trend(measure), exclusive)
    bands = [("band", q, number) for number in range(1, 8)]
    three: Cell = ("definition", q, "3m", "gt120", "uk", "without")
    six: Cell = ("definition", q, "6m", "gt120", "uk", "without")
    over = [trend(name) for name in ("high_dose", "high_dose_possible", "high_dose_new")]
    for whole, of in (
        (bands, [trend("any_opioid")]),
        (bands[3:6], [trend("high_dose_ge90")]),
        (bands[4:6], [trend("high_dose")]),
        (bands[4:6], over),
        (bands[4:6], [three]),
        ([three], over),
        ([six], [trend(name) for name in ("high_dose", "high_dose_recent", "high_dose_new")]),
    ):
        if {*whole, *of} <= attack.true.keys():
            attack.add_difference(whole, of)
    headline: Cell = ("definition", q, "confirmed", "gt120", "uk", "without")
    if headline not in attack.true:
        return attack
    attack.equal.append({headline: 1, trend("high_dose"): -1})
    for preset, measure in (("ge120", "high_dose_ge120"), ("gt90", "high_dose_gt90"), ("ge90", "high_dose_ge90")):
        attack.equal.append({("definition", q, "confirmed", preset, "uk", "without"): 1, trend(measure): -1})
    for name in attack.true:
        if name[0] == "definition" and name[3] == "gt120" and name != headline:  # type: ignore[index]
            attack.add_difference([name], [headline])
            attack.add_difference([headline], [name])
    return attack


def test_a_table_that_tells_in_spite_of_all_is_left_out() -> None:
    """Place 265: of 13 people shown as 15, hidden parts of 1 to 7 are 6 and 7, by several sums at once."""
    place = Place(265)
    tables = {name: pl.DataFrame(rows, infer_schema_length=None) for name, rows in place.parts().items()}
    left = protect_parts(frame(place.trends()), Parts(**tables), DEFAULT, LINES)
    assert left.overlap.is_empty()
    assert not left.components.is_empty()


def test_no_small_count_is_recovered_from_all_that_leaves_of_an_icb() -> None:
    places = [Place(seed) for seed in sorted({*range(HIERARCHIES), 79, 265})]
    rows = [place.trends() for place in places]
    trends = frame([row for own in rows for row in own])
    tables = [place.parts() for place in places]
    together = {
        name: pl.DataFrame([row for own in tables for row in own[name]], infer_schema_length=None) for name in tables[0]
    }
    left = protect_parts(trends, Parts(**together), DEFAULT, LINES)
    shown = {key(row): row["numerator"] for row in protect_trends(trends, DEFAULT).iter_rows(named=True)}
    parts = part_cells({name: getattr(left, name).to_dicts() for name in together})
    attacked, found = 0, []
    for place, own in zip(places, rows, strict=True):
        tried, known = attack_on(place, own, shown, parts).recovered()
        attacked += tried
        found += [(place.icb, one) for one in known]
    assert not found
    assert attacked > 15 * HIERARCHIES
    for name in ("dose_bands", "overlap", "sensitivity"):
        counts = getattr(left, name)["people"]
        assert 0 < counts.len() < together[name].height, (
            f"{name} leaves where the cohorts are large enough, and there alone"
        )
        assert counts.drop_nulls().len() > counts.len() / 2, f"of {name} next to nothing is left to read"


@pytest.mark.parametrize("name", [name for name, policy in POLICIES.items() if not policy.hides_nothing])
def test_the_counts_behind_a_shown_one_are_those_that_look_alike(name: str) -> None:
    policy = POLICIES[name]
    counts = np.arange(200.0)
    seen = protect_counts(counts, policy)
    low, high = possible_counts(seen.value, seen.suppressed, policy)
    # The last few look like counts beyond 199, which are not tried here.
    for at in range(190):
        looks = np.where(seen.suppressed[at], seen.suppressed, ~seen.suppressed & (seen.value == seen.value[at]))
        assert (low[at], high[at]) == (counts[looks].min(), counts[looks].max()), at
