"""How many small faults the tests notice, in the SQL of doses and cohorts and in the Python beside it.

`python bench/mutants.py sql` puts mutants in place of their models and shows each to the hand-worked patients and to
patients of the naive twin; it ends with 1 where one survives that tests/equivalence/equivalent_mutants.toml does not
explain. `--most 40` takes that many of each model, the same for the same `--seed`. `python bench/mutants.py python`
shows the mutants that mutmut has written to mutants/ to the tests of their modules, each in a process of its own:
forked, as mutmut does it, many never ended. `make test-mutants` and `make test-mutants-python` call them.
"""

import argparse
import functools
import itertools
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests"), str(ROOT / "tests" / "equivalence")]

from golden_reader import golden_files, read_golden
from mutant_worlds import HandWorked, Verdict, World, generated_worlds, models_of_patients, verdict_of
from sql_mutants import Mutant, explained, known_equivalent, mutants, sample

from pipelines import assets, models

GENERATED_WORLDS = 4
# What neither the hand-worked patients nor the twin say of a month stands in these, by hand.
TESTS_OF_PATIENTS = tuple(
    f"tests/sql/test_{name}.py"
    for name in ("item_sources", "item_quantities", "months", "practices_unknown", "patient_month_cautions")
)
# Models after the months of patients: what counts them is shown to tests alone.
TESTS_OF_COUNTS = {
    "intermediate.int_patient_months__memberships": (
        "tests/sql/test_memberships.py",
        "tests/sql/test_reviews.py",
        "tests/sql/test_balancing.py",
        "tests/equivalence/test_trends_equal_naive.py",
    ),
    "intermediate.int_trends__counts": (
        "tests/sql/test_trend_counts.py",
        "tests/sql/test_trend_items.py",
        "tests/sql/test_flows.py",
        "tests/equivalence/test_trends_equal_naive.py",
    ),
    "intermediate.int_equity__counts": ("tests/sql/test_equity_counts.py",),
}
SHIPPED = dict(models.discover(assets.SQL_DIR))
RUN_WITH = """
import sys
from pathlib import Path
import pytest
from pipelines import assets
assets.SQL_DIR = Path(sys.argv[1])
sys.exit(pytest.main(["-x", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", *sys.argv[2:]]))
"""
# What these modules make is read by SQL.
TESTS_OF_TABLES = (
    *(f"tests/sql/test_{name}.py" for name in ("flows", "superseded", "trends_as_was")),
    "tests/equivalence/test_trends_equal_naive.py",
)
# What is shown to the Python of a package, after the test file of the module itself.
TESTS_OF_PYTHON = {
    "pipelines/products": ("tests/unit/products", "--deselect=tests/unit/products/test_properties.py"),
    "pipelines/factor_sets": ("tests/unit/test_factor_sets.py",),
    "pipelines/statistics/aim_terms": TESTS_OF_TABLES,
    "pipelines/statistics/measures": TESTS_OF_TABLES,
    "pipelines/statistics/tables": TESTS_OF_TABLES,
    "pipelines/statistics": ("tests/unit/statistics",),
    "pipelines/disclosure": (
        *(f"tests/unit/{file.name}" for file in sorted((ROOT / "tests" / "unit").glob("test_disclosure*.py"))),
        "tests/unit/report/test_disclosure_in_reports.py",
    ),
}
_MUTANT = re.compile(r"^\s*def (x\S*__mutmut_\d+)\(", re.MULTILINE)
LONGEST_SECONDS = 600


def judge_sql(most: int, seed: int, chosen: Iterable[str]) -> int:
    """Judge mutants of the models of patients and of what counts them; the number that survive unexplained."""
    wanted, unexplained, total = tuple(chosen), 0, Counter[str]()
    with tempfile.TemporaryDirectory() as folder:
        asked = [
            model
            for model in (*models_of_patients(), *(SHIPPED[name] for name in TESTS_OF_COUNTS))
            if not wanted or model.name.partition(".")[2] in wanted
        ]
        worlds: list[World] = []
        if any(model.name not in TESTS_OF_COUNTS for model in asked):
            worlds += [HandWorked(path, read_golden(path), Path(folder)) for path in golden_files()]
            worlds += generated_worlds(GENERATED_WORLDS, Path(folder))
        for model in asked:
            every = mutants(model)
            fates = Counter[str]()
            verdict: str
            shown_to = [] if model.name in TESTS_OF_COUNTS else worlds
            for mutant, verdict in _judged(shown_to, sample(every, most, seed) if every else []):
                if verdict == "survived" and explained(mutant):
                    verdict = "equivalent"
                elif verdict == "survived" and _is_killed_by_tests(mutant, Path(folder)):
                    verdict = "killed"
                fates[verdict] += 1
                if verdict == "survived":
                    print(f"  survived: {mutant.change}")
            stale = known_equivalent().get(model.name, {}).keys() - {mutant.change for mutant in every}
            for change in stale:
                print(f"  explained, but made no more: {change}")
            print(f"{model.name}: {_score(fates)}, of {len(every)} mutants", flush=True)
            unexplained += fates["survived"] + len(stale)
            total.update(fates)
    print(f"in all: {_score(total)}")
    return unexplained


def _judged(worlds: list[World], chosen: Iterable[Mutant]) -> Iterator[tuple[Mutant, Verdict]]:
    """Each mutant with what became of it; the world that killed the last is the first that the next is shown to."""
    for mutant in chosen:
        verdict, by = verdict_of(mutant, worlds)
        if by is not None:
            worlds.remove(by)
            worlds.insert(0, by)
        yield mutant, verdict


def _is_killed_by_tests(mutant: Mutant, folder: Path) -> bool:
    """Whether one of its tests fails with the mutant in place of its model, whose file keeps its header."""
    sql = folder / "sql"
    shutil.copytree(assets.SQL_DIR, sql, dirs_exist_ok=True)
    schema, _, table = mutant.model.partition(".")
    file = sql / schema / f"{table}.sql"
    header = itertools.takewhile(lambda line: line.startswith("--"), file.read_text(encoding="utf-8").splitlines())
    file.write_text("\n".join([*header, mutant.select]) + "\n", encoding="utf-8")
    tests = TESTS_OF_COUNTS.get(mutant.model, TESTS_OF_PATIENTS)
    done = subprocess.run(
        [sys.executable, "-c", RUN_WITH, str(sql), *tests], cwd=ROOT, capture_output=True, check=False
    )
    return done.returncode == 1


def judge_python(most: int, seed: int, chosen: Iterable[str]) -> None:
    """Judge mutants of each module that mutmut has mutated, two at a time."""
    wanted, total = tuple(chosen), Counter[str]()
    for file in sorted((ROOT / "mutants" / "pipelines").rglob("*.py")):
        module = file.relative_to(ROOT / "mutants").with_suffix("").as_posix()
        every = sorted(_MUTANT.findall(file.read_text(encoding="utf-8")))
        if not every or (wanted and file.stem not in wanted):
            continue
        some = random.Random(f"{seed} {module}").sample(every, min(most, len(every)))
        with ThreadPoolExecutor(2) as pool:
            unchanged, *verdicts = pool.map(functools.partial(_fate_of_python, module), ["none", *some])
        if unchanged != "survived":
            raise RuntimeError(f"{module}: its tests fail without a mutant")
        for name, verdict in zip(some, verdicts, strict=True):
            if verdict != "killed":
                print(f"  {verdict}: {name}")
        print(f"{module}: {_score(Counter(verdicts))}, of {len(every)} mutants", flush=True)
        total.update(verdicts)
    print(f"in all: {_score(total)}")


def _fate_of_python(module: str, mutant: str) -> str:
    """Whether a test of its module or of its package fails with one function changed."""
    package, _, name = module.removeprefix("pipelines/").rpartition("/")
    tests = next(tests for mutated, tests in TESTS_OF_PYTHON.items() if module.startswith(mutated))
    of_module = (f"tests/unit/{package}/test_{name}.py", f"tests/unit/test_{package}_{name}.py")
    for shown_to in ([file for file in of_module if (ROOT / file).exists()], tests):
        if not shown_to:
            continue
        try:
            done = subprocess.run(
                [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *shown_to],
                cwd=ROOT / "mutants",
                env={**os.environ, "MUTANT_UNDER_TEST": f"{module.replace('/', '.')}.{mutant}"},
                capture_output=True,
                check=False,
                timeout=LONGEST_SECONDS,
            )
        except subprocess.TimeoutExpired:
            return "took too long"
        if done.returncode:
            return "killed"
    return "survived"


def _score(fates: Counter[str]) -> str:
    told = fates["killed"] + fates["survived"]
    share = f"{100 * fates['killed'] / told:.0f} %" if told else "-"
    others = "".join(
        f", {fates[fate]} {fate}" for fate in ("equivalent", "does not build", "took too long") if fates[fate]
    )
    return f"{fates['killed']} of {told} killed ({share}){others}"


def main() -> int:
    parser = argparse.ArgumentParser(description="Whether the tests notice small faults.")
    parser.add_argument("what", choices=("sql", "python"))
    parser.add_argument("models", nargs="*", help="of these models or modules alone, such as int_items__ome or dose")
    parser.add_argument("--most", type=int, default=10_000, help="mutants of each model or module")
    parser.add_argument("--seed", type=int, default=1)
    told = parser.parse_intermixed_args()
    if told.what == "python":
        judge_python(told.most, told.seed, told.models)
        return 0
    return int(judge_sql(told.most, told.seed, told.models) > 0)


if __name__ == "__main__":
    sys.exit(main())
