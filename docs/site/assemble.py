"""Put together what the site is built from: the pages people write, and those made from commands, settings and tables.

Pages link to each other as they lie in the checkout, so that they also work where only the checkout is read. Those from
outside docs/ move to another place in the site; their links, and the links to them, are rewritten here.
"""

import posixpath
import re
import shutil
from pathlib import Path

from docs.site import hazards, reference

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
SITE = DOCS / "site"
# Pages from outside docs/, and where the site has them.
FROM_OUTSIDE = {
    "README.md": "readme.md",
    "CHANGELOG.md": "changelog.md",
    "data/reference/README.md": "reference/clinical-tables.md",
}
# Pages made here, by their place in the site.
MADE = {
    "reference/commands.md": reference.commands_page,
    "reference/exit-codes.md": reference.exit_codes_page,
    "reference/settings.md": reference.settings_page,
    "reference/sources.md": reference.sources_page,
    "reference/measures.md": reference.measures_page,
    "reference/factors.md": reference.factors_page,
    "reference/bounds.md": reference.bounds_page,
    "hazards.md": hazards.page,
}
_LINK = re.compile(r"(\]\()([^)\s#]*)(#[^)\s]*)?(\))")


def written_pages() -> dict[str, Path]:
    """Every page that people (or a make target) wrote, by its place in the site."""
    own = {path.relative_to(DOCS).as_posix(): path for path in sorted(DOCS.rglob("*.md")) if SITE not in path.parents}
    return own | {place: ROOT / name for name, place in FROM_OUTSIDE.items()}


def pages() -> dict[str, str]:
    """The text of every page of the site by its place, links as the site needs them."""
    written = written_pages()
    places = {path.relative_to(ROOT).as_posix(): place for place, path in written.items()}
    places |= {f"docs/{place}": place for place in MADE}
    texts = {
        place: _with_links(path.read_text(encoding="utf-8"), path.relative_to(ROOT).as_posix(), place, places)
        for place, path in written.items()
    }
    return texts | {place: make() for place, make in MADE.items()}


def assemble(folder: Path) -> None:
    """Write pages, pictures, styles and settings below a folder, where zensical finds them."""
    shutil.rmtree(folder, ignore_errors=True)
    for place, text in pages().items():
        page = folder / "pages" / place
        page.parent.mkdir(parents=True, exist_ok=True)
        page.write_text(text, encoding="utf-8")
    for picture in DOCS.glob("*.svg"):
        shutil.copy(picture, folder / "pages")
    shutil.copytree(SITE / "assets", folder / "pages" / "assets")
    shutil.copy(SITE / "vendor" / "iframe-worker.js", folder / "pages" / "assets")
    shutil.copy(SITE / "zensical.toml", folder)


def _with_links(text: str, source: str, place: str, places: dict[str, str]) -> str:
    """Links between pages, from where they lie in the checkout to where they lie in the site."""

    def moved(link: re.Match[str]) -> str:
        before, target, anchor, after = link[1], link[2], link[3] or "", link[4]
        if not target or re.match(r"[a-z]+:", target):
            return link[0]
        found = places.get(posixpath.normpath(posixpath.join(posixpath.dirname(source), target)))
        if found is None:
            return link[0]
        return f"{before}{posixpath.relpath(found, posixpath.dirname(place) or '.')}{anchor}{after}"

    return _LINK.sub(moved, text)
