"""How long the whole site takes for 150 practices of 38 primary care networks: `make bench-report`.

The publication of 75,000 made-up people is made once, which takes some minutes, and kept in data/bench-report
(OPIOIDS_BENCH_FOLDER names another place). Then the site is written twice: as `opioids report` does it, and kind by
kind, so that the time of each can be told (a kind with few charts draws them in one process). Nothing is asserted.
"""

import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pipelines.report.frame import SitePage

ROOT = Path(__file__).parents[1]
PATIENTS, MONTHS = 75_000, 24
FOLDER = Path(os.environ.get("OPIOIDS_BENCH_FOLDER", ROOT / "data" / "bench-report"))


def processor_seconds() -> float:
    """User and system time of this process and of those it has waited for."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


@contextmanager
def measured(title: str) -> Iterator[list[str]]:
    """Print what the block took, with whatever it adds to the list."""
    more: list[str] = []
    wall, used = time.perf_counter(), processor_seconds()
    yield more
    wall, used = time.perf_counter() - wall, processor_seconds() - used
    print(f"{title:34} {wall:7.1f} s wall {used:7.1f} s processor  {' '.join(more)}", flush=True)


def opioids(*arguments: str | Path) -> None:
    command = [sys.executable, "-m", "pipelines", *map(str, arguments)]
    environment = os.environ | {"OPIOIDS_KEY_FILE": str(FOLDER / "key")}
    subprocess.run(command, check=True, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL)


def publish(data: Path) -> None:
    """Make the publication where it is not there yet."""
    if (data / "warehouse" / "current.json").is_file():
        return
    FOLDER.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=FOLDER) as extract:
        opioids("synth", "--patients", str(PATIENTS), "--months", str(MONTHS), "--out", extract)
        opioids("add", *sorted(Path(extract).iterdir()), "--data-dir", data)
    opioids("refresh", "--no-report", "--data-dir", data)


def by_kind(data: Path) -> None:
    """Every step of the site by itself: what it says, and separately what is drawn for it."""
    from pipelines.config import load_settings
    from pipelines.folders import DataFolder
    from pipelines.report import contents, frame_of, organisations, practices, site
    from pipelines.report.charts import with_drawings
    from pipelines.report.figures import figures_of
    from pipelines.report.links import links_of
    from pipelines.report.read import read
    from pipelines.report.tables import trend_tables
    from pipelines.report.workbook import trend_workbook
    from pipelines.snapshots import current_snapshot

    settings, folder = load_settings(), DataFolder(data)
    snapshot = current_snapshot(folder)
    with measured("reading and protecting"):
        leaving = read(snapshot.file, snapshot.snapshot_id, settings, folder.tmp)
    frame = frame_of(leaving, settings, static=False)
    figures = figures_of(frame)
    links = links_of(figures)
    kinds: dict[str, Callable[[], Sequence[SitePage]]] = {
        "overview and PCNs": lambda: organisations.pages(figures, links),
        **{module.__module__.rpartition(".")[2]: partial(module, frame) for module in site.MODULES},
        "contents": lambda: [contents.page(figures, links)],
        "practices": lambda: practices.pages(figures, links),
    }
    for title, make in kinds.items():
        with measured(f"{title}: words and tables") as more:
            pages = make()
            more.append(f"{len(pages)} pages")
        texts = [page.html for page in pages]
        charts = sum(text.count("<!-- chart ") for text in texts)
        if charts:
            with measured(f"{title}: drawing") as more:
                with_drawings(texts)
                more.append(f"{charts} charts")
    with measured("workbook"):
        trend_workbook(leaving, settings)
    with measured("trend tables"):
        trend_tables(leaving, settings)


def main() -> None:
    data = FOLDER / "data"
    publish(data)
    print(f"{os.cpu_count()} processors, load {os.getloadavg()[0]:.1f} before")
    with measured("opioids report, the whole site") as more:
        opioids("report", "--data-dir", data, "--reports-dir", FOLDER / "reports")
        pages = [*(FOLDER / "reports").glob("*.html")]
        more.append(f"{len(pages)} pages, {sum(page.stat().st_size for page in pages) / 1e6:.1f} MB")
    by_kind(data)


if __name__ == "__main__":
    main()
