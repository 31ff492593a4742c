"""What the statistics promise, tried out on made-up truth: `make bench-statistics` writes it into docs/statistics.md.

Coverage of the interval of a change, calibration of its probability, false signals of process control, and the time of
the trend step. Fixed seeds: figures differ only where the code does, but for the seconds.
"""

import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import numpy as np
import polars as pl

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "tests" / "unit")]

from support import build_from
from trend_inputs import COUNTS, ORGANISATIONS

from pipelines.config import load_settings
from pipelines.statistics import aim, spc
from pipelines.statistics.aim_terms import aim_measures_table, terms_of
from pipelines.statistics.measures import counted_measures, measures_table
from pipelines.statistics.trends import TrendInputs, trend_table

DOC = ROOT / "docs" / "statistics.md"
BEGIN, END = "<!-- simulations: begin -->", "<!-- simulations: end -->"
DRAWS = 20_000
PRACTICES, PCNS = 150, 30
Table = list[list[str]]


def counts_in_two_months(
    people: np.ndarray, ratio: np.ndarray, share: float, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """x1, x0 and people in both: `people` expected at the baseline, `share` of those expected now in both months."""
    now = people * ratio
    both = share * np.minimum(now, people)
    m, only_now, only_then = rng.poisson(both), rng.poisson(now - both), rng.poisson(people - both)
    return (m + only_now).astype(float), (m + only_then).astype(float), m.astype(float)


def coverage() -> Table:
    rows = [["people at the baseline", "true change", "in both months", "paired interval", "independent interval"]]
    rng = np.random.default_rng(1)
    for people in (50, 200, 1000):
        for ratio in (0.6, 1.0):
            for share in (0.0, 0.5, 0.9):
                x1, x0, m = counts_in_two_months(np.full(DRAWS, float(people)), np.full(DRAWS, ratio), share, rng)
                ones = np.ones(DRAWS)
                holds = []
                for low, high in (aim.paired_limits(x1, ones, x0, ones, m), aim.independent_limits(x1, ones, x0, ones)):
                    known = np.isfinite(low)
                    holds.append(float(((low <= ratio) & (ratio <= high))[known].mean()))
                rows.append(
                    [
                        f"{people:,}",
                        f"{100 * (ratio - 1):.0f} %",
                        f"{share:.0%}",
                        *(f"{100 * one:.1f} %" for one in holds),
                    ]
                )
    return rows


def calibration() -> Table:
    """Truth drawn evenly on the logarithm between a quarter and the whole; the aim is half."""
    rows = [["in both months", "method", *(f"said {low}-{low + 20} %" for low in range(0, 100, 20))]]
    rng = np.random.default_rng(2)
    for share in (0.0, 0.5, 0.9):
        ratio = np.exp(rng.uniform(np.log(0.25), 0, 5 * DRAWS))
        x1, x0, m = counts_in_two_months(np.full(ratio.size, 200.0), ratio, share, rng)
        ones = np.ones(ratio.size)
        for method, both in (("paired", m), ("independent", None)):
            said = aim.change_since_baseline(x1, ones, x0, ones, both, 0.5).probability_aim_met
            tenth = np.clip((said * 5).astype(int), 0, 4)
            true = ratio <= 0.5
            rows.append([f"{share:.0%}", method, *(f"{100 * true[tenth == part].mean():.0f} %" for part in range(5))])
    return rows


def false_signals(charts: int = 2000, months: int = 24) -> Table:
    """A steady cohort: as many join as leave, each month 4 % of the people leave."""
    rows = [["people", "stock", "joined", "left", "net change", "unrelated Poisson counts"]]
    rng = np.random.default_rng(3)
    for people in (200, 500, 2000):
        signals = np.zeros(5)
        for _ in range(charts):
            stock, joined, left = _steady(people, months, rng)
            for at, series in enumerate((stock, joined, left, joined - left, rng.poisson(0.04 * people, months))):
                signals[at] += any(signal is not None for signal in spc.xmr(series).signal)
        rows.append([f"{people:,}", *(f"{100 * one / charts:.0f} %" for one in signals)])
    return rows


def _steady(people: int, months: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    now = rng.poisson(people)
    stock, joined, left = np.zeros(months), np.zeros(months), np.zeros(months)
    for month in range(months):
        joined[month], left[month] = rng.poisson(0.04 * people), rng.binomial(now, 0.04)
        now += int(joined[month] - left[month])
        stock[month] = now
    return stock, joined, left


def trend_step() -> Table:
    rows = [["months", "rows", "measures", "processor seconds of counting (SQL)", "of statistics", "rows a second"]]
    for months in (24, 60):
        inputs, measures = trend_inputs(months)
        settings = load_settings()
        terms = terms_of(settings.aims.default, settings.aims.default_aim)
        start = time.process_time()
        made = trend_table(inputs, terms, "bench")
        seconds = time.process_time() - start
        counting = counts_in_sql(months)
        rows.append(
            [
                str(months),
                f"{made.num_rows:,}",
                str(measures),
                f"{counting:.1f}",
                f"{seconds:.1f}",
                f"{made.num_rows / (seconds + counting):,.0f}",
            ]
        )
    return rows


def trend_inputs(months: int) -> tuple[TrendInputs, int]:
    """Made-up counts of 150 practices in 30 PCNs, 3 sub-ICBs and an ICB, every measure."""
    settings = load_settings()
    measures = pl.DataFrame(
        [
            {
                "measure": one.measure,
                "cohort": one.cohort,
                "flow": one.flow,
                "source": one.source,
                "unit": one.unit,
                "direction": one.direction,
                "is_dose_cohort": one.is_dose_cohort,
                "is_independent": one.is_independent,
                "denominator_kind": one.denominator,
            }
            for one in counted_measures(settings)
        ],
        infer_schema_length=None,
    )
    calendar = [date(2020 + n // 12, n % 12 + 1, 1) for n in range(months)]
    places = pl.DataFrame(list(_places()), schema=["org_level", "org_code", "registered_patients"], orient="row")
    frame = places.join(measures, how="cross").join(pl.DataFrame({"month": calendar}), how="cross")
    rng = np.random.default_rng(4)
    mean = frame["registered_patients"].to_numpy() * 0.004
    frame = frame.with_columns(
        pl.Series("numerator", rng.poisson(mean)).cast(pl.Decimal(24, 4)),
        pl.Series("people", rng.poisson(mean)).cast(pl.Int64),
        pl.lit(20).alias("data_month_number"),
        (pl.col("month") == calendar[-1]).alias("provisional"),
        pl.lit(None, pl.String).alias("missing_reason"),
        pl.col("month").alias("oldest_list_month"),
        pl.lit(0).alias("gp_practices_without_list"),
        pl.lit(100).alias("long_acting_items"),
        pl.lit(98).alias("identified_items"),
        pl.lit(100).alias("opioid_items"),
    ).select(pl.col(name).cast(kind) for name, kind in COUNTS.items())
    names = places.select(
        "org_level", "org_code", org_name="org_code", is_gp_practice=pl.col("org_level") == "practice"
    ).with_columns(pl.lit(None, pl.String).alias(name) for name in list(ORGANISATIONS)[4:])
    baselines = pl.DataFrame(pl.from_arrow(aim_measures_table(settings))).filter(aim=settings.aims.default)
    baselines = baselines.select(
        "aim", "measure", baseline_first_month=pl.lit(calendar[7]), baseline_last_month=pl.lit(calendar[7])
    )
    overlap = frame.filter(pl.col("unit") == "people").select(
        "org_level",
        "org_code",
        "month",
        "measure",
        baseline_month=pl.lit(calendar[7]),
        people_in_both=(pl.col("people") * 0.7).cast(pl.Int64),
    )
    whole = frame.filter(org_level="all").select("measure", "month", "numerator")
    tables = (one.to_arrow() for one in (frame, overlap, names, baselines, whole))
    return TrendInputs(*tables), measures.height


def counts_in_sql(months: int) -> float:
    """Processor seconds of int_trends__counts and the flows, from counts by practice and moves between practices."""
    calendar = pl.DataFrame(
        {
            "month": [date(2020 + n // 12, n % 12 + 1, 1) for n in range(months)],
            "month_index": [2020 * 12 + n + 1 for n in range(months)],
            "data_month_number": range(1, months + 1),
        }
    ).with_columns(is_loaded=pl.lit(True), is_provisional=pl.lit(False))
    practices = pl.DataFrame(
        {"practice_code": [f"A{number:05}" for number in range(PRACTICES)], "is_gp_practice": True}
    )
    levels = [
        practices.select("practice_code", org_level=pl.lit(level), org_code=code)
        for level, code in (
            ("practice", pl.col("practice_code")),
            ("pcn", "U" + (pl.int_range(pl.len()) // (PRACTICES // PCNS)).cast(pl.String)),
            ("sub_icb", "S" + (pl.int_range(pl.len()) // (PRACTICES // 3)).cast(pl.String)),
            *((level, pl.lit(level)) for level in ("icb", "region", "all")),
        )
    ]
    measures = counted_measures(load_settings())
    counted = practices.select("practice_code").join(calendar.select("month"), how="cross")
    of_people, of_items = (
        counted.join(pl.DataFrame({"measure": [one.measure for one in measures if is_kind(one)]}), how="cross")
        for is_kind in (
            lambda one: one.unit == "people" and one.flow is None,
            lambda one: one.unit != "people",
        )
    )
    moves = counted.join(pl.DataFrame({"measure": [m.cohort for m in measures if m.flow == "joined"]}), how="cross")
    given = {
        "intermediate.int_organisations__levels": pl.concat(levels),
        "intermediate.int_organisations__practices": practices,
        "intermediate.int_months__patient": calendar,
        "intermediate.int_practice_months__cohorts": of_people.with_columns(patients=pl.lit(40)),
        "intermediate.int_practice_months__items": of_items.with_columns(
            numerator=pl.lit(400).cast(pl.Decimal(24, 4)), long_acting_items=pl.lit(50), people=pl.lit(40)
        ),
        "intermediate.int_trends__moves": moves.select(
            "measure", "month", practice_before=pl.lit(None, pl.String), practice_now="practice_code", people=pl.lit(3)
        ),
        "intermediate.int_items__capture": counted.with_columns(identified_items=pl.lit(98), items=pl.lit(100)),
        "intermediate.int_list_sizes__monthly": practices.select(
            "practice_code",
            list_month=pl.lit(date(2019, 1, 1)),
            next_list_month=pl.lit(date(9999, 12, 31)),
            registered_patients=pl.lit(9_000),
        ),
        "intermediate.int_register__file_months": calendar.select(
            "month", source=pl.lit("epd"), is_current=pl.lit(True), rows_read=pl.lit(9), rows_quarantined=pl.lit(0)
        ),
    }
    tables = {name: table.to_arrow() for name, table in given.items()}
    start = time.process_time()
    with tempfile.TemporaryDirectory() as folder:
        settings_tables = {"reference.measures": measures_table(load_settings())}
        engine = build_from(tables | settings_tables, "intermediate.int_trends__counts", Path(folder))
        rows = engine.count("intermediate.int_trends__counts")
        engine.close()
    places = PRACTICES + PCNS + 3 + 3
    assert rows == places * months * len(measures), rows
    return time.process_time() - start


def _places() -> Iterator[tuple[str, str, int]]:
    for number in range(PRACTICES):
        yield "practice", f"A{number:05}", 9_000
    for number in range(PCNS):
        yield "pcn", f"U{number:05}", 45_000
    for number in range(3):
        yield "sub_icb", f"S{number}", 450_000
    for level in ("icb", "region", "all"):
        yield level, level, 1_350_000


def markdown(rows: Table) -> str:
    head, *body = rows
    return "\n".join(f"| {' | '.join(row)} |" for row in [head, ["---"] * len(head), *body])


def main() -> None:
    sections = {
        f"Coverage of the 95 % interval of a change ({DRAWS:,} draws each)": coverage(),
        "Of the cases with this probability, so many truly halved (200 people at the baseline)": calibration(),
        "24-month charts of a steady cohort with at least one signal (2,000 charts each)": false_signals(),
        f"The trend step for {PRACTICES} practices and {PCNS} PCNs, all measures": trend_step(),
    }
    made = "\n\n".join(f"**{title}**\n\n{markdown(rows)}" for title, rows in sections.items())
    text = DOC.read_text(encoding="utf-8")
    before, after = text.split(BEGIN)[0], text.split(END)[1]
    DOC.write_text(f"{before}{BEGIN}\n\n{made}\n\n{END}{after}", encoding="utf-8")
    print(made)


if __name__ == "__main__":
    main()
