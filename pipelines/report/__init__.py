"""What may be shared: trend tables and one summary page, from a published warehouse, after disclosure control.

read.py takes the marts through the disclosure door, figures.py turns protected rows into what the page says
(in the shapes of views.py), charts.py draws, tables.py writes CSV, render.py fills the templates. Words live
in reports/templates/.
"""

from pathlib import Path

from pipelines.config import Settings
from pipelines.folders import said_in_words, write_whole
from pipelines.report.figures import page_of
from pipelines.report.read import read
from pipelines.report.render import page_html
from pipelines.report.tables import trend_tables

PAGE = "index.html"


def write_reports(
    warehouse_file: Path, snapshot_id: str, reports_dir: Path, settings: Settings, spill_folder: Path
) -> list[Path]:
    """Write trends_<level>.csv for every level, then index.html. Returns the files, the page first.

    The same snapshot gives the same bytes: no clock is asked.
    """
    leaving = read(warehouse_file, snapshot_id, settings, spill_folder)
    files = trend_tables(leaving, settings)
    files[PAGE] = page_html(page_of(leaving, settings)).encode()
    with said_in_words(reports_dir):
        reports_dir.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        write_whole(reports_dir / name, content)
    return [reports_dir / PAGE, *(reports_dir / name for name in files if name != PAGE)]
