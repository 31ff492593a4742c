"""What pages are made from, and what a page is. Shapes only; site.py lists the pages."""

from dataclasses import dataclass
from datetime import date
from typing import NamedTuple

from pipelines.config import Settings
from pipelines.report.leaving import Leaving


class SitePage(NamedTuple):
    """One page: file name, what links say, the entry of the navigation it stands under, the whole HTML."""

    name: str
    title: str
    place: str
    html: str


class Annotation(NamedTuple):
    """Something that happened, to be marked on charts by month: `text` is short ("Pain clinic begins")."""

    month: date
    text: str
    org_code: str | None = None
    """Only on charts of this organisation; None: on all."""
    measures: tuple[str, ...] = ()
    """Only on charts of these measures; empty: on all."""


@dataclass(frozen=True)
class Frame:
    """What every page is made from."""

    leaving: Leaving
    settings: Settings
    static: bool = False
    """Without the script: no search, no sorting."""
    annotations: tuple[Annotation, ...] = ()
