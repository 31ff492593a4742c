"""Which source layout a file has: known by its header, or by column count and patterns where there is none."""

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pipelines.config import Layout, LayoutColumn, Settings, normalise_header
from pipelines.engine.landing_sql import PATTERNS
from pipelines.errors import UnknownLayout, UnreadableFile
from pipelines.ingest.opening import Encoding, is_workbook, open_text


@dataclass(frozen=True)
class Recognised:
    """A file, its layout, and which of its columns holds which field."""

    layout: Layout
    columns: Mapping[str, int]
    extra_columns: tuple[str, ...]
    lines_before_data: int
    column_count: int
    encoding: Encoding = "utf-8"
    delimiter: str = ","
    sheet: str | None = None


def recognise(file: Path, settings: Settings, layout_name: str | None = None) -> Recognised:
    """Find the one layout that a file has. Raises UnknownLayout with the nearest matches named."""
    if not file.is_file():
        raise UnreadableFile("The file does not exist.", f"File {file}.", "Check the path.")
    layouts = (settings.layout(layout_name),) if layout_name else settings.layouts
    if is_workbook(file):
        return _recognise_workbook(file, layouts, asked_for=layout_name is not None)
    opened = open_text(file)
    found = _matches(opened.head, (layout for layout in layouts if not layout.sheet), asked_for=layout_name is not None)
    if not found:
        raise _unknown(file.name, opened.head, layouts)
    best = _only_best(file.name, found)
    return Recognised(
        best.layout,
        best.columns,
        best.extra_columns,
        best.lines_before_data,
        best.column_count,
        encoding=opened.encoding,
        delimiter=opened.delimiter,
    )


def _recognise_workbook(file: Path, layouts: Iterable[Layout], *, asked_for: bool) -> Recognised:
    import fastexcel

    try:
        workbook = fastexcel.read_excel(file)
    except fastexcel.FastExcelError:
        raise UnreadableFile(
            "The workbook cannot be opened.",
            f"File {file.name}.",
            "Save it again as .xlsx without a password.",
        ) from None
    found: list[Recognised] = []
    heads: list[tuple[str, ...]] = []
    for sheet in workbook.sheet_names:
        table = workbook.load_sheet(sheet, header_row=None, n_rows=50, dtypes="string").to_polars()
        head = tuple(tuple(cell or "" for cell in row) for row in table.rows())
        heads.extend(head[:3])
        for layout in layouts:
            if layout.sheet and not re.search(layout.sheet, sheet, re.IGNORECASE):
                continue
            matched = _match(head, layout, asked_for=asked_for)
            if matched:
                found.append(
                    Recognised(
                        layout,
                        matched.columns,
                        matched.extra_columns,
                        matched.lines_before_data,
                        matched.column_count,
                        sheet=sheet,
                    )
                )
    if not found:
        raise _unknown(f"{file.name} (sheets: {', '.join(workbook.sheet_names)})", heads, layouts)
    return _only_best(file.name, found)


def _matches(head: Sequence[Sequence[str]], layouts: Iterable[Layout], *, asked_for: bool) -> list[Recognised]:
    return [matched for layout in layouts if (matched := _match(head, layout, asked_for=asked_for))]


def _match(head: Sequence[Sequence[str]], layout: Layout, *, asked_for: bool) -> Recognised | None:
    if not layout.header:
        return _match_without_header(head, layout)
    if layout.month_from == "option" and not asked_for:
        # Such a file says too little about itself to be taken for granted.
        return None
    for line, cells in enumerate(head):
        columns = _columns_named(cells, layout.columns)
        if columns is not None:
            used = set(columns.values())
            extra = tuple(cell for position, cell in enumerate(cells) if position not in used and cell.strip())
            return Recognised(layout, columns, extra, line + 1, len(cells))
    return None


def _columns_named(cells: Sequence[str], fields: Mapping[str, LayoutColumn]) -> dict[str, int] | None:
    """Position of each field in a header line, or None when a required one is not there."""
    positions: dict[str, int] = {}
    for position, cell in enumerate(cells):
        positions.setdefault(normalise_header(cell), position)
    columns: dict[str, int] = {}
    for field, column in fields.items():
        named = [positions[name] for name in map(normalise_header, column.names) if name in positions]
        if named:
            columns[field] = named[0]
        elif column.required:
            return None
    return columns


def _match_without_header(head: Sequence[Sequence[str]], layout: Layout) -> Recognised | None:
    rows = [cells for cells in head if any(cells)]
    if not rows or any(len(cells) != layout.column_count for cells in rows):
        return None
    columns = {field: column.position for field, column in layout.columns.items() if column.position is not None}
    for field, column in layout.columns.items():
        texts = [cells[columns[field]].strip() for cells in rows]
        fits = [bool(re.fullmatch(PATTERNS[column.kind], text)) for text in texts if text]
        if (column.required and not all(texts)) or not all(fits):
            return None
    return Recognised(layout, columns, (), 0, len(rows[0]))


def _only_best(file_name: str, found: list[Recognised]) -> Recognised:
    """The match that explains the most columns; two that explain as many are a question for the user."""
    found = sorted(found, key=lambda match: len(match.columns), reverse=True)
    if len(found) > 1 and len(found[0].columns) == len(found[1].columns):
        names = ", ".join(match.layout.name for match in found)
        raise UnknownLayout(
            "More than one layout fits this file.",
            f"File {file_name}: {names}.",
            "Say which with --layout NAME.",
        )
    return found[0]


def _unknown(file_name: str, head: Sequence[Sequence[str]], layouts: Iterable[Layout]) -> UnknownLayout:
    """Name the layout that came nearest and what it lacks, so that the user sees what to mend."""
    header = max(head, key=lambda cells: sum(bool(cell.strip()) for cell in cells), default=())
    present = [normalise_header(cell) for cell in header if cell.strip()]
    scored = []
    for layout in layouts:
        lacking = []
        for field, column in layout.columns.items():
            if column.required and not set(map(normalise_header, column.names)) & set(present):
                near = difflib.get_close_matches(normalise_header((column.names or (field,))[0]), present, n=1)
                lacking.append(f"{(column.names or (field,))[0]}" + (f" (nearest: '{near[0]}')" if near else ""))
        required = sum(column.required for column in layout.columns.values())
        scored.append((1 - len(lacking) / max(required, 1), layout.name, lacking))
    scored.sort(key=lambda entry: (-entry[0], entry[1]))
    nearest = "; ".join(f"{name} lacks {', '.join(lacking)}" for score, name, lacking in scored[:2] if score > 0)
    return UnknownLayout(
        "The header of this file matches no known layout.",
        f"File {file_name}. " + (f"Nearest: {nearest}." if nearest else "No layout comes near."),
        "Say which layout it is with --layout NAME, or describe it in configs/sources/ (see the README).",
    )
