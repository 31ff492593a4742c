"""The whole refresh by stage beside the bare read, the patient models beside pandas and polars: docs/performance.md.

`python bench/refresh.py` makes about 2 million patient items and as many rows of EPD as their practices have, publishes
them without reports, and publishes again after one more month was delivered. The bare read is DuckDB's own: the same
CSV into tables of text, nothing checked. Each run is a process of its own; the two sides take turns. Then the patient
models alone, as bench/patients.py has them. `--large` adds one refresh of ten times as many items, whole (half an hour
and 30 GB of disk).
"""

import argparse
import csv
import json
import os
import platform
import shutil
import statistics
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import patients
from costs import Cost, cost_of

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "performance.md"
PEOPLE, MONTHS, REPEATS = 188_500, 24, 3
LARGE_PEOPLE, LARGE_MONTHS = 900_000, 48
MODELS_MEMORY = "2GB"
STAGES = ("sweep", "land", "build", "check", "publish")
BARE_READ = """
import sys, duckdb
con = duckdb.connect(sys.argv[1])
for number, file in enumerate(sys.argv[2:]):
    con.execute(f"CREATE TABLE t{number} AS SELECT * FROM read_csv('{file}', all_varchar = true)")
con.execute("CHECKPOINT")
"""


@dataclass(frozen=True)
class Refresh(Cost):
    """A refresh, with what each stage took."""

    stages: Mapping[str, float]


def refresh(data: Path, env: Mapping[str, str]) -> Refresh:
    """Refresh a folder without reports; the stages are those of its log."""
    log = data / "state" / "logs" / "refresh.jsonl"
    before = len(log.read_text().splitlines()) if log.exists() else 0
    cost = cost_of(["-m", "pipelines", "refresh", "--no-report", "--data-dir", str(data)], env)
    lines = map(json.loads, log.read_text().splitlines()[before:])
    return Refresh(**vars(cost), stages={line["step"]: line["seconds"] for line in lines if "step" in line})


def generate(folder: Path, people: int, months: int) -> tuple[list[Path], Path, int]:
    """Made-up files; the last month of the patients' items in a file of its own. The rows of items, too."""
    from pipelines import assets
    from pipelines.synthetic import write_extract

    write_extract(
        folder, patients=people, months=months, seed=1, start=date(2024, 1, 1), reference_dir=assets.REFERENCE_DIR
    )
    whole, before, last = (folder / name for name in ("patient_items.csv", "items_before.csv", "items_last.csv"))
    with whole.open(newline="", encoding="utf-8") as handle:
        rows = csv.reader(handle)
        header = next(rows)
        newest = max(row[0] for row in rows)
    items = 0
    with (
        whole.open(newline="", encoding="utf-8") as handle,
        before.open("w", newline="", encoding="utf-8") as old,
        last.open("w", newline="", encoding="utf-8") as new,
    ):
        rows = csv.reader(handle)
        writers = {False: csv.writer(old), True: csv.writer(new)}
        for writer in writers.values():
            writer.writerow(header)
        next(rows)
        for row in rows:
            items += 1
            writers[row[0] == newest].writerow(row)
    whole.unlink()
    return sorted(file for file in folder.iterdir() if file != last), last, items


def measure(folder: Path, people: int, months: int, repeats: int, *, with_month: bool = True) -> dict[str, Any]:
    """Bare read, whole refresh, and where it is asked for a refresh after one month more, in turn."""
    files, last, items = generate(folder / "extract", people, months)
    env = {**os.environ, "OPIOIDS_KEY_FILE": str(folder / "key")}
    tables = [str(file) for file in (*files, last) if file.suffix == ".csv"]
    found: dict[str, list[Any]] = {"bare": [], "whole": [], "month": []}
    for number in range(repeats):
        data = folder / f"data{number}"
        found["bare"].append(cost_of(["-c", BARE_READ, str(folder / "bare.duckdb"), *tables], env))
        (folder / "bare.duckdb").unlink()
        cost_of(["-m", "pipelines", "add", *map(str, files), "--data-dir", str(data)], env)
        found["whole"].append(refresh(data, env))
        if with_month:
            cost_of(["-m", "pipelines", "add", str(last), "--data-dir", str(data)], env)
            found["month"].append(refresh(data, env))
        shutil.rmtree(data)
        print({name: round(costs[-1].seconds, 1) for name, costs in found.items() if costs}, flush=True)
    size = sum(file.stat().st_size for file in (*files, last)) / 1e6
    return {"costs": found, "items": items, "megabytes": size, "people": people, "months": months}


def middle(costs: Sequence[Cost], what: str) -> float:
    return statistics.median(getattr(cost, what) for cost in costs)


def paragraph_of(large: Mapping[str, Any], told: Mapping[str, Any]) -> str:
    """What became of ten times as many items, beside the smaller run."""
    whole, bare = large["costs"]["whole"][0], large["costs"]["bare"][0]
    a_million, before = (middle(each["costs"]["whole"], "seconds") / each["items"] * 1e6 for each in (large, told))
    stages = ", ".join(f"{stage} {whole.stages[stage]:.0f}" for stage in STAGES)
    return (
        f"{large['items']:,} patient items of {large['people']:,} people in {large['months']} months and their EPD,"
        f" {large['megabytes']:,.0f} MB, once: bare read {bare.seconds:.0f} s, first refresh {whole.seconds:.0f} s"
        f" ({stages}; {whole.cpu_seconds:.0f} s of processor), {whole.seconds / bare.seconds:.1f} times the bare read,"
        f" at most {whole.peak_gb:.1f} GB. That is {a_million:.1f} s a million items,"
        f" {a_million / before:.2f} times what it took above."
    )


def section_of(models: Mapping[str, Sequence[Mapping[str, Any]]]) -> list[str]:
    """The patient models beside pandas and polars."""
    return [
        "## The patient models alone",
        "",
        f"From the same {models['pandas'][0]['items']:,} classified items to doses, windows and cohorts, with"
        f" `memory_limit` {MODELS_MEMORY}; median of {len(models['ours'])}, in turn. pandas and polars work out three"
        " cohorts, ours every column of `marts.patient_month` and its keys. All three count the same people in every"
        " month.",
        "",
        *patients.lines_of(models),
        "",
    ]


def page_of(
    told: Mapping[str, Any],
    models: Mapping[str, Sequence[Mapping[str, Any]]],
    large: Mapping[str, Any] | None,
    load: float,
) -> str:
    import duckdb

    bare, whole, month = (told["costs"][name] for name in ("bare", "whole", "month"))
    stages = {
        stage: (statistics.median(c.stages[stage] for c in whole), statistics.median(c.stages[stage] for c in month))
        for stage in STAGES
    }
    seconds = {name: middle(costs, "seconds") for name, costs in told["costs"].items()}
    rows = [
        f"| {name} | {seconds[key]:.1f} | {middle(costs, 'cpu_seconds'):.1f} | {middle(costs, 'peak_gb'):.1f} |"
        for name, key, costs in (
            ("bare read of the CSV", "bare", bare),
            ("first refresh, all but the last month", "whole", whole),
            ("refresh after one month more", "month", month),
        )
    ]
    total = sum(first for first, _ in stages.values())
    by_stage = [
        f"| {stage} | {first:.1f} | {first / total:.0%} | {again:.1f} |" for stage, (first, again) in stages.items()
    ]
    a_million = seconds["month"] / told["items"] * 1e6
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return "\n".join(
        [
            "# Performance",
            "",
            "Written by `make bench-refresh`; do not edit. Seconds belong to the machine they were measured on,"
            " the ratios less so.",
            "",
            f"Made-up extracts of {told['people']:,} people in {told['months']} months: {told['items']:,} patient items"
            f" and their EPD, {told['megabytes']:,.0f} MB of files. {os.cpu_count()} processors,"
            f" {memory:.0f} GiB of memory, {platform.system()}, Python {platform.python_version()},"
            f" DuckDB {duckdb.__version__}; load at the end {load:.1f}; {datetime.now(UTC):%Y-%m-%d}."
            f" Median of {len(whole)}.",
            "",
            "| | seconds | of processor | GB at most |",
            "|---|---:|---:|---:|",
            *rows,
            "",
            f"The first refresh takes {seconds['whole'] / seconds['bare']:.1f} times as long as the bare read. After"
            f" one month more it takes {seconds['month'] / seconds['whole']:.0%} of that, {a_million:.1f} s a million"
            " patient items: nothing that is landed is read from CSV again, and the marts are built whole.",
            "",
            "A bare read judges nothing. A refresh judges every row, works out each person's dose and cohorts month by"
            " month, and each organisation's measures with their intervals and charts, which cost the same however few"
            " items there are.",
            "",
            "| stage | first, s | share | one month more, s |",
            "|---|---:|---:|---:|",
            *by_stage,
            "",
            *section_of(models),
            *(["## Ten times as many", "", paragraph_of(large, told), ""] if large else []),
        ]
    )


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--people", type=int, default=PEOPLE)
    arguments.add_argument("--months", type=int, default=MONTHS)
    arguments.add_argument("--repeats", type=int, default=REPEATS)
    arguments.add_argument("--out", type=Path, default=PAGE)
    arguments.add_argument("--large", action="store_true")
    given = arguments.parse_args()
    with tempfile.TemporaryDirectory() as name:
        told = measure(Path(name), given.people, given.months, given.repeats)
    with tempfile.TemporaryDirectory() as name:
        models = patients.bench_patients(Path(name), given.people, given.months, given.repeats, MODELS_MEMORY)
    load, large = os.getloadavg()[0], None
    if given.large:
        with tempfile.TemporaryDirectory() as name:
            large = measure(Path(name), LARGE_PEOPLE, LARGE_MONTHS, 1, with_month=False)
    given.out.write_text(page_of(told, models, large, load), encoding="utf-8")
    print(given.out.read_text(encoding="utf-8"))


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    main()
