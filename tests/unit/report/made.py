"""A small published warehouse, made by hand: counts in, the marts that the report reads out."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
from trend_inputs import count, inputs

from pipelines import assets
from pipelines.config import Settings, load_settings
from pipelines.report import write_reports
from pipelines.report.views import months_after
from pipelines.statistics.aim_terms import AimTerms
from pipelines.statistics.comparison import decile_lines, practice_comparison
from pipelines.statistics.trends import TrendInputs, trend_table
from tests.unit.report.empty_marts import make_empty

SETTINGS = load_settings()
FIRST = date(2024, 6, 1)
SNAPSHOT = "0123456789abcdef"
ICB, PCNS = "QZA", ("U1", "U2", "U3")
SUB_ICB, REGION = "60Z", "Y90"
NAMES = {
    ICB: "NHS NORTH SHIRE INTEGRATED CARE BOARD",
    "U1": "FIRST PCN",
    "U2": "SECOND PCN",
    "U3": "THIRD PCN",
    "A81001": "THE SURGERY",
    "all": "All loaded data",
}


@dataclass
class Series:
    """Counts of one measure in one organisation, month after month."""

    level: str
    code: str
    measure: str
    counts: Sequence[float | None]
    list_size: int | None = 200_000
    people_in_both: int = 40
    icb: str | None = ICB
    name: str | None = None
    pcn: str | None = None


@dataclass
class Warehouse:
    """What is loaded; the newest month is provisional for patients' measures."""

    series: list[Series] = field(default_factory=list)
    has_patients: bool = True
    allowed_unconverted: str | None = None
    unconverted_people: int = 0
    newest_is_provisional: bool = True
    caveats: list[str] = field(default_factory=list)
    deprivation: dict[str, float] = field(default_factory=dict)
    """Published scores of practices; the higher, the more deprived."""
    identified_at_first: int = 990
    """Of 1,000 opioid items of the first month, those linked to a person; 990 of every later one."""

    def write(self, folder: Path, settings: Settings = SETTINGS) -> Path:
        """Publish and report; returns the folder of the reports."""
        folder.mkdir(parents=True, exist_ok=True)
        file = folder / "warehouse.duckdb"
        connection = duckdb.connect(str(file))
        self._fill(connection)
        connection.close()
        write_reports(file, SNAPSHOT, folder / "reports", settings, folder)
        return folder / "reports"

    def _fill(self, connection: duckdb.DuckDBPyConnection) -> None:
        connection.execute("CREATE SCHEMA marts; CREATE SCHEMA reference")
        aim = AimTerms("halve_high_dose", {"high_dose": 0.5}, "rate", 36)
        trends = trend_table(self._inputs(), aim, "cohorts test")
        connection.register("made", trends)
        connection.execute(
            "CREATE TABLE marts.trends AS SELECT * FROM made WHERE $has_rows", {"has_rows": bool(self.series)}
        )
        connection.execute(
            "CREATE TABLE marts.patient_month AS SELECT 'p' AS patient_key, NULL::VARCHAR AS practice_code, "
            "NULL::DATE AS month, NULL::DOUBLE AS ome_mg_per_day_3m, FALSE AS dose_is_lower_bound, TRUE AS any_opioid, "
            "FALSE AS high_dose, FALSE AS long_term, FALSE AS opioid_gabapentinoid WHERE $has",
            {"has": self.has_patients},
        )
        connection.execute("CREATE TABLE marts.trend_variants AS SELECT * FROM marts.trends WHERE FALSE")
        self._compare(connection)
        connection.execute(
            "CREATE TABLE marts.load_manifest AS SELECT * FROM (VALUES "
            "('a1', 'patient_items', 'epact2_items', DATE '2024-06-01', 1000, 3, TRUE), "
            "('b2', 'list_sizes', 'list_sizes', DATE '2024-06-01', 8, 0, TRUE)) "
            "AS t (sha256, source, layout, month, rows_read, rows_quarantined, is_current)"
        )
        connection.execute(
            "CREATE TABLE marts.item_ome AS "
            "SELECT 'patient' AS source, 'c' AS bnf_code, 'Odd powder' AS bnf_description, "
            "'unit_ambiguous' AS ome_status, 2 AS items, 'p' || i AS patient_key FROM range($people) AS t (i) "
            "UNION ALL SELECT 'patient', 'd', 'Known tablet', 'converted', 500, 'q' || i FROM range(50) AS t (i)",
            {"people": self.unconverted_people},
        )
        connection.execute(
            "CREATE TABLE marts.unconverted_items AS SELECT DISTINCT source, bnf_code, bnf_description, ome_status, "
            "TRUE AS counts_towards_gate FROM marts.item_ome WHERE ome_status <> 'converted'"
        )
        connection.execute(
            "CREATE TABLE marts.runs AS SELECT 'r' AS run_id, $snapshot AS snapshot_id, 'published' AS outcome, "
            "TIMESTAMPTZ '2026-01-01 00:00:00+00' AS started_at, TIMESTAMPTZ '2026-01-01 00:01:00+00' AS finished_at, "
            "$reason::VARCHAR AS allow_unconverted, NULL::VARCHAR AS as_at_month, 'test' AS cohort_version, "
            "'uk_2026' AS factor_set, 'nhsbsa_dfm' AS scope",
            {"snapshot": SNAPSHOT, "reason": self.allowed_unconverted},
        )
        connection.execute(
            "CREATE TABLE marts.caveats AS SELECT 1 AS caveat_number, 'reference' AS kind, 'list_sizes' AS subject, "
            "unnest($sentences::VARCHAR[]) AS sentence, '' AS detail",
            {"sentences": self.caveats},
        )
        connection.execute(
            "CREATE TABLE reference.factor_sets AS SELECT 'uk_2026' AS factor_set, 'UK factors, 2026' AS title, "
            "'A Pharmacist' AS checked_by, '2026-01-01' AS valid_from"
        )
        make_empty(connection)

    def _compare(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Practices beside one another, by the functions that every refresh uses."""
        newest, rates = (
            connection.sql(assets.query(f"statistics_{which}_rates")).to_arrow_table()
            for which in ("newest_practice", "practice")
        )
        basis = "published score of the practice"
        scores = [
            {"practice_code": code, "deprivation_basis": basis, "deprivation": score, "people": None}
            for code, score in self.deprivation.items()
        ]
        compared = practice_comparison(newest, pa.Table.from_pylist(scores) if scores else None)
        for name, rows in (("practice_comparison", compared), ("decile_lines", decile_lines(rates))):
            connection.register(f"made_{name}", rows)
            connection.execute(f"CREATE TABLE marts.{name} AS SELECT * FROM made_{name}")

    def _kept(self) -> list[Series]:
        """The series, or one that only gives an empty table its columns."""
        return self.series or [Series("all", "all", "high_dose", [0.0])]

    def _inputs(self) -> TrendInputs:
        """Every series has as many people in both months in all of its own months."""
        counts = [row for series in self._kept() for row in self._series_rows(series)]
        made = inputs(counts, (FIRST, FIRST), organisations=self._organisations())
        both = {(series.level, series.code, series.measure): series.people_in_both for series in self._kept()}
        overlap = [
            {**row, "people_in_both": both[row["org_level"], row["org_code"], row["measure"]]}
            for row in made.overlap.to_pylist()
        ]
        return made._replace(overlap=pa.Table.from_pylist(overlap, schema=made.overlap.schema))

    def _series_rows(self, series: Series) -> Iterable[dict[str, Any]]:
        for number, numerator in enumerate(series.counts):
            last = number == len(series.counts) - 1
            yield count(
                months_after(FIRST, number),
                numerator,
                org_level=series.level,
                org_code=series.code,
                measure=series.measure,
                provisional=last and self.newest_is_provisional and not series.measure.startswith("epd_"),
                people=int(numerator or 0),
                missing_reason="history_too_short" if numerator is None else None,
                registered_patients=series.list_size,
                oldest_list_month=FIRST if series.list_size else None,
                identified_items=self.identified_at_first if number == 0 else 990,
                opioid_items=1000,
            )

    def _organisations(self) -> list[dict[str, Any]]:
        found = {(series.level, series.code): series for series in self._kept()}
        return [
            {
                "org_level": level,
                "org_code": code,
                "org_name": series.name or NAMES.get(code, code),
                "is_gp_practice": True if level == "practice" else None,
                "pcn_code": code if level == "pcn" else series.pcn,
                "pcn_name": None,
                "sub_icb_code": SUB_ICB if level in ("practice", "pcn", "sub_icb") else None,
                "icb_code": None if level == "all" else series.icb,
                "region_code": None if level == "all" else REGION,
                "icb_name": None,
            }
            for (level, code), series in found.items()
        ]


MISSION = ("high_dose", "long_term", "opioid_gabapentinoid")
OPEN_DATA = ("epd_ome_total", "epd_opioid_items", "epd_high_strength_120_items", "epd_gabapentinoid_ddd")
BALANCING = ("balance_abrupt_stop", "balance_fast_fall", "not_seen")
_LEVEL_OF = {"high_dose": 9.0, "long_term": 60.0, "opioid_gabapentinoid": 15.0, "epd_ome_total": 90_000.0}


SCORES = {f"A81{n:03d}": 45.0 - n if n % 2 else 10.0 + n / 4 for n in range(23)}
"""Deprivation of the practices of the network, every other one high; of the last one nothing is published."""


def network(practices: int = 24, pcns: int = 3, months: int = 14) -> list[Series]:
    """One ICB with PCNs and practices of different size: people, balancing measures, open data.

    Practice n has a list of 2,000 + 400 n. Its figure in month m is its level, a little more with n, less with m.
    """
    made: list[Series] = []
    for measure in (*MISSION, *OPEN_DATA, *BALANCING):
        level = _LEVEL_OF.get(measure, 30.0)
        counts = [
            [float(round(level * (1 + 0.06 * n) * (1 - 0.02 * m))) + (n * m) % 3 for m in range(months)]
            for n in range(practices)
        ]
        sizes = [2_000 + 400 * n for n in range(practices)]
        own = [n * pcns // practices for n in range(practices)]
        for n in range(practices):
            code, pcn = f"A81{n:03d}", f"U{own[n] + 1}"
            made.append(Series("practice", code, measure, counts[n], sizes[n], 2, name=f"SURGERY {n + 1}", pcn=pcn))
        for number in range(pcns):
            inside = [n for n in range(practices) if own[n] == number]
            whole = [sum(column) for column in zip(*(counts[n] for n in inside), strict=True)]
            made.append(Series("pcn", f"U{number + 1}", measure, whole, sum(sizes[n] for n in inside), 20))
        total = [sum(column) for column in zip(*counts, strict=True)]
        made += [Series(level, code, measure, total, sum(sizes)) for level, code in (("icb", ICB), ("all", "all"))]
    return made


def one_icb(pcns: Sequence[Sequence[float]], measure: str = "high_dose", **other: Any) -> list[Series]:
    """PCNs of one ICB and their sums at ICB and all."""
    total = [sum(counts) for counts in zip(*pcns, strict=True)]
    return [
        *(Series("pcn", code, measure, counts, 50_000, **other) for code, counts in zip(PCNS, pcns, strict=False)),
        Series("icb", ICB, measure, total, **other),
        Series("all", "all", measure, total, **other),
    ]
