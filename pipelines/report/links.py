"""Which organisation has which page: file names that are safe everywhere, and what may be linked."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from pipelines.report.figures import Figures, Place

OVERVIEW, CONTENTS = "index.html", "organisations.html"


@dataclass(frozen=True)
class Links:
    """The file of each organisation that has a page in what is written."""

    files: dict[Place, str] = field(default_factory=dict)
    overview: str = OVERVIEW
    contents: str = CONTENTS
    is_whole: bool = True
    """Whether the whole site is written; else the pages asked for alone."""

    def __getitem__(self, place: Place) -> str:
        return self.files[place]

    def of_level(self, level: str) -> list[Place]:
        return [place for place in self.files if place[0] == level]

    def to(self, level: str, code: str | None) -> str | None:
        """The page of an organisation; None where there is none, so that nothing links to it."""
        return self.files.get((level, code)) if code else None


def links_of(figures: Figures) -> Links:
    """A page for everything, or for the one ICB; for each ICB where there are several; for each PCN and GP practice."""
    icbs = figures.of_level("icb")
    if len(icbs) == 1:
        files: dict[Place, str] = {("icb", icbs[0].code): OVERVIEW}
    else:
        files = {("all", one.code): OVERVIEW for one in figures.of_level("all")[:1]}
        files |= _named(("icb", one.code) for one in icbs)
    for level in ("pcn", "practice"):
        files |= _named((level, one.code) for one in figures.of_level(level))
    return Links(files)


def only(place: Place) -> Links:
    """One page alone, which links to no other."""
    return Links(_named([place]), is_whole=False)


def _named(places: Iterable[Place]) -> dict[Place, str]:
    return {place: file_name(*place) for place in places}


def file_name(level: str, code: str) -> str:
    """`pcn-U12345.html`; what some file system minds, or does not tell apart, is written by its number."""
    safe = re.sub(r"[^A-Z0-9]", lambda found: f"_{ord(found[0]):x}_", code)
    return f"{level}-{safe}.html"
