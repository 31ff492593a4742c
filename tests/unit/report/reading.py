"""Read a built page back: its words, its tables, the marks of its charts as values, its links."""

import html
import re
from dataclasses import dataclass, field
from html.parser import HTMLParser
from xml.etree import ElementTree

_VOID = {"meta", "input", "br", "hr", "link", "img"}


def words(text: str) -> str:
    """The page as it is read: no styles, no scripts, no tags, single spaces."""
    text = re.sub(r"<style>.*?</style>|<svg.*?</svg>|<script.*?</script>", " ", text, flags=re.S)
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", " ", text)))


@dataclass
class Table:
    """One table as text."""

    caption: str = ""
    rows: list[list[str]] = field(default_factory=list)


class _Tables(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tables: list[Table] = []
        self.into: list[str] | None = None
        self.in_caption = False

    def handle_starttag(self, tag: str, _attrs: list[tuple[str, str | None]]) -> None:
        if tag == "table":
            self.tables.append(Table())
        elif tag == "tr":
            self.tables[-1].rows.append([])
        elif tag in ("td", "th"):
            self.into = self.tables[-1].rows[-1]
            self.into.append("")
        elif tag == "caption":
            self.in_caption = True

    def handle_endtag(self, tag: str) -> None:
        if tag in ("td", "th"):
            self.into = None
        elif tag == "caption":
            self.in_caption = False

    def handle_data(self, data: str) -> None:
        if self.in_caption:
            self.tables[-1].caption += data
        elif self.into is not None:
            self.into[-1] += data


def tables(text: str) -> list[Table]:
    """Every table of a page; cells stripped, the head among the rows."""
    reader = _Tables()
    reader.feed(re.sub(r"<svg.*?</svg>", "", text, flags=re.S))
    for table in reader.tables:
        table.caption = " ".join(table.caption.split())
        table.rows = [[" ".join(cell.split()) for cell in row] for row in table.rows]
    return reader.tables


def table(text: str, caption: str) -> Table:
    """The one table whose caption begins so."""
    (found,) = [one for one in tables(text) if one.caption.startswith(caption)]
    return found


def links(text: str) -> list[str]:
    """Where links and the script lead."""
    return re.findall(r'(?:href|src)="([^"]*)"', text)


def alternatives(text: str) -> list[str]:
    """The words for each picture."""
    return [html.unescape(found) for found in re.findall(r'role="img" aria-label="([^"]*)"', text)]


def charts(text: str) -> list[str]:
    """The wide drawing of each chart, as SVG."""
    return re.findall(r'<div class="wide">\s*(<svg.*?</svg>)', text, flags=re.S)


def figures(text: str) -> list[tuple[str, list[str], Table | None]]:
    """Each figure: the words for it, its drawings, and the first table between it and the next one."""
    found = []
    for part in re.split(r"<figure>", text)[1:]:
        said = re.search(r'role="img" aria-label="([^"]*)"', part)
        assert said, "every figure has words"
        below = tables(part)
        found.append(
            (
                html.unescape(said[1]),
                re.findall(r"<svg.*?</svg>", part.split("</figure>")[0], flags=re.S),
                below[0] if below else None,
            )
        )
    return found


_SVG = "{http://www.w3.org/2000/svg}"


def written_in_charts(text: str) -> list[str]:
    """What is written in the drawings, but for their axes."""
    found = []
    for svg in re.findall(r"<svg.*?</svg>", text, flags=re.S):
        for group in ElementTree.fromstring(svg).iter(f"{_SVG}g"):
            if "mark-text" in group.get("class", "") and "role-axis" not in group.get("class", ""):
                found += ["".join(one.itertext()) for one in group.iter(f"{_SVG}text")]
    return found


def marks(svg: str, colour: str) -> list[float]:
    """The values of the dots of one colour, from where they stand and what the axis of values says, left to right."""
    root = ElementTree.fromstring(svg)
    to_value = _axis_of_values(root)
    found = []
    for group in root.iter(f"{_SVG}g"):
        if "mark-symbol" not in group.get("class", ""):
            continue
        for path in group.iter(f"{_SVG}path"):
            if path.get("fill", "").lower() == colour.lower():
                across, down = _translated(path)
                found.append((across, to_value(down)))
    return [value for _, value in sorted(found)]


def _translated(element: ElementTree.Element) -> tuple[float, float]:
    moved = re.search(r"translate\(([-\d.]+),([-\d.]+)\)", element.get("transform", ""))
    assert moved, "every mark has its place"
    return float(moved[1]), float(moved[2])


def _axis_of_values(root: ElementTree.Element):  # type: ignore[no-untyped-def]
    """From pixels down to a value, by two labels of the upright axis: those whose places differ in height alone."""
    named = []
    for group in root.iter(f"{_SVG}g"):
        if "role-axis-label" not in group.get("class", ""):
            continue
        places = [(_translated(text), "".join(text.itertext())) for text in group.iter(f"{_SVG}text")]
        if len({place[0] for place, _ in places}) == 1 and len(places) > 1:
            # The label stands a little below its tick, all by as much: the ticks say where.
            named = [(place[1], float(said.replace(",", "").replace("−", "-"))) for place, said in places]
    ticks = []
    for group in root.iter(f"{_SVG}g"):
        if "role-axis-tick" in group.get("class", ""):
            places = [_translated(line) for line in group.iter(f"{_SVG}line")]
            if len({place[0] for place in places}) == 1 and len(places) > 1:
                ticks = sorted(place[1] for place in places)
    named.sort()
    assert len(named) == len(ticks) > 1
    top, bottom = (ticks[0], named[0][1]), (ticks[-1], named[-1][1])
    return lambda down: top[1] + (down - top[0]) * (bottom[1] - top[1]) / (bottom[0] - top[0])
