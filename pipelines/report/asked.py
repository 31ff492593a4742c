"""`opioids report`: what was asked for, written from the published snapshot without a refresh."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from pipelines.config import Settings
from pipelines.errors import UsageError
from pipelines.folders import DataFolder, said_in_words, write_whole
from pipelines.report import frame_of, pdf, site, write_reports
from pipelines.report.figures import Place
from pipelines.report.read import read
from pipelines.snapshots import current_snapshot

ALONE = "single"
"""The folder, beside the site, of pages that were asked for by themselves."""


@dataclass(frozen=True)
class Asked:
    """The options of the command."""

    icb: str | None = None
    pcn: str | None = None
    practice: str | None = None
    whole: bool = False
    static: bool = False
    pdf: bool = False

    @property
    def place(self) -> Place | None:
        """The one organisation asked for; None for the site. Raises UsageError where several are."""
        given = [(level, code) for level in ("icb", "pcn", "practice") if (code := getattr(self, level))]
        if len(given) + self.whole > 1:
            raise UsageError(
                "One organisation, or all, can be asked for at a time.",
                "Options --icb, --pcn, --practice and --all.",
                "Give one of them, or none for the site.",
            )
        return given[0] if given else None


@dataclass(frozen=True)
class Written:
    """What was written."""

    first: Path
    pages: tuple[Path, ...]
    pdfs: tuple[Path, ...]
    snapshot_id: str
    notices: tuple[str, ...] = ()


def write_asked(
    asked: Asked, data: DataFolder, reports_dir: Path, settings: Settings, step: Callable[[str], None]
) -> Written:
    """Write the site, or one page to `single/` beside it; PDFs where asked. Raises UsageError, NothingPublished."""
    place = asked.place
    browser = pdf.browser() if asked.pdf else None
    snapshot = current_snapshot(data)
    step("Writing the pages")
    if place is None:
        files = write_reports(
            snapshot.file,
            snapshot.snapshot_id,
            reports_dir,
            settings,
            data.tmp,
            whole=asked.whole or settings.pipeline.site,
            static=asked.static,
        )
        pages = [file for file in files if file.suffix == ".html"]
    else:
        leaving = read(snapshot.file, snapshot.snapshot_id, settings, data.tmp)
        name, content = site.one_page(frame_of(leaving, settings, static=True), place)
        pages = [reports_dir / ALONE / name]
        with said_in_words(reports_dir):
            pages[0].parent.mkdir(parents=True, exist_ok=True)
        write_whole(pages[0], content)
    step("Printing")
    pdfs = tuple(pdf.print_page(browser, page, data.tmp) for page in pages) if browser else ()
    return Written(pages[0], tuple(pages), pdfs, snapshot.snapshot_id)
