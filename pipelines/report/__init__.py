"""What may be shared: trend tables and a site of pages, from a published warehouse, after disclosure control.

read.py takes the marts through the disclosure door into leaving.py's shapes, figures.py and figures_compare.py turn
protected rows into what the pages say (in the shapes of views.py), charts*.py draw, render.py fills the templates.
organisations.py, practices.py and contents.py make the pages, site.py lists them, folder.py writes them; tables.py
writes CSV. Words live in reports/templates/.
"""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from pipelines.config import Settings
from pipelines.report import site
from pipelines.report.folder import replace_site
from pipelines.report.frame import Frame
from pipelines.report.improvement import annotations
from pipelines.report.leaving import Leaving
from pipelines.report.read import read
from pipelines.report.tables import trend_tables
from pipelines.report.workbook import WORKBOOK, trend_workbook

PAGE = "index.html"


def write_reports(
    warehouse_file: Path,
    snapshot_id: str,
    reports_dir: Path,
    settings: Settings,
    spill_folder: Path,
    *,
    whole: bool = True,
    static: bool = False,
) -> list[Path]:
    """Write trends_<level>.csv for every level and the pages: all with the workbook, or the overview alone.

    Returns the files, index.html first. The same snapshot gives the same bytes: no clock is asked. Pages that were
    written before and are of no organisation any more are removed.
    """
    leaving = read(warehouse_file, snapshot_id, settings, spill_folder)
    frame = frame_of(leaving, settings, static=static)
    with ThreadPoolExecutor(1) as beside:
        # While other processes draw, this one writes tables.
        tables = beside.submit(_tables, leaving, settings, whole=whole)
        pages = site.whole_site(frame) if whole else site.overview_alone(frame)
        files = replace_site({**tables.result(), **pages}, reports_dir, snapshot_id)
    return [reports_dir / PAGE, *(file for file in files if file.name != PAGE)]


def _tables(leaving: Leaving, settings: Settings, *, whole: bool) -> dict[str, bytes]:
    workbook = {WORKBOOK: trend_workbook(leaving, settings)} if whole else {}
    return trend_tables(leaving, settings) | workbook


def frame_of(leaving: Leaving, settings: Settings, *, static: bool) -> Frame:
    """What the pages are made from, with what was changed and when marked on the charts."""
    return Frame(leaving, settings, static=static, annotations=annotations(leaving))
