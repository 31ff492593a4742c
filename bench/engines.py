"""One build on DuckDB and on Spark: wall time and processor time, and whether every published table is the same.

In the environment that has both (`make install-spark`): `.venv-spark/bin/python bench/engines.py --people 9400 94000`.
Some 10.6 items a person in 24 months. Each build is a process of its own: raw views, models, keys, checks, the file
that is published. Processor time is user and system, of Python and of the Java machine together (Linux alone).
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "bench"), str(ROOT / "tests" / "spark")]
PEOPLE, MONTHS = (9_400, 94_000), 24
ENGINES = ("duckdb", "spark")


def build_on(engine_name: str, data_dir: Path, published: Path) -> dict[str, Any]:
    """Build and publish from what is landed, and say what it cost."""
    from pipelines.build import build, present_inputs, run_checks
    from pipelines.config import load_settings
    from pipelines.dictionary import descriptions
    from pipelines.engine.opening import open_engine
    from pipelines.folders import DataFolder

    data, settings = DataFolder(data_dir), load_settings().on_engine(engine_name)  # type: ignore[arg-type]
    inputs = present_inputs(data, settings, None)
    started = time.perf_counter()
    engine = open_engine(settings.pipeline, data.tmp, f"bench-{engine_name}")
    opened = time.perf_counter()
    models = build(inputs, engine)
    run_checks(inputs, engine)
    built = time.perf_counter()
    published.unlink(missing_ok=True)
    told, keys = descriptions(models), {name: model.key for name, model in models.items()}
    engine.copy_published(published, told.tables, keys, told.columns)
    ended = time.perf_counter()
    cost = {
        "start_seconds": opened - started,
        "build_seconds": built - opened,
        "publish_seconds": ended - built,
        "cpu_seconds": sum(_cpu_seconds(process) for process in (os.getpid(), *_children())),
        "items": engine.count("intermediate.int_items__classified"),
        "patient_months": engine.count("marts.patient_month"),
        "published_mb": published.stat().st_size / 1e6,
        "build_mb": sum(file.stat().st_size for file in data.tmp.rglob("*") if file.is_file()) / 1e6,
        "landed_mb": sum(file.stat().st_size for file in data.landed.iterdir()) / 1e6,
    }
    engine.close()
    return cost


def _children() -> list[int]:
    listed = Path(f"/proc/{os.getpid()}/task").glob("*/children")
    return [int(process) for task in listed for process in task.read_text().split()]


def _cpu_seconds(process: int) -> float:
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def measured(people: int, folder: Path, compare: bool) -> dict[str, Any]:
    from patients import generate

    generate(folder, people, MONTHS)
    found: dict[str, Any] = {"people": people}
    for engine in ENGINES:
        load_before = os.getloadavg()[0]
        arguments = ["--build-on", engine, str(folder / "data"), str(folder / f"{engine}.duckdb")]
        answer = subprocess.run([sys.executable, __file__, *arguments], check=True, capture_output=True, text=True)
        found[engine] = {**json.loads(answer.stdout.splitlines()[-1]), "load_before": load_before}
    if compare:
        from same_tables import differences, tables_of

        found["differences"] = differences(*(tables_of(folder / f"{engine}.duckdb") for engine in ENGINES))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--people", type=int, nargs="+", default=PEOPLE)
    parser.add_argument("--no-compare", action="store_true", help="leave out the comparison, which holds all in memory")
    parser.add_argument("--build-on", nargs=3, metavar=("ENGINE", "DATA", "PUBLISHED"), help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.build_on:
        engine, data, published = given.build_on
        print(json.dumps(build_on(engine, Path(data), Path(published))))
        return
    for people in given.people:
        with tempfile.TemporaryDirectory() as folder:
            os.environ["OPIOIDS_KEY_FILE"] = f"{folder}/key"
            print(json.dumps(measured(people, Path(folder), not given.no_compare)), flush=True)


if __name__ == "__main__":
    main()
