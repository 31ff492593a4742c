"""Which source layout a file has: known by its header, or by column count and patterns where there is none."""

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pipelines.config import Layout, LayoutColumn, Settings, normalise_header
from pipelines.engine.landing_rules import PATTERNS
from pipelines.errors import UnknownLayout, UnreadableFile
from pipelines.ingest.opening import Encoding, FileKind, kind_of_file, open_text
from pipelines.spreadsheets import EXCEL_ROWS


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
    kind: FileKind = "text"
    header: tuple[str, ...] = ()


def recognise(file: Path, settings: Settings, layout_name: str | None = None) -> Recognised:
    """Find the one layout that a file has. Raises UnknownLayout with the nearest matches named."""
    if not file.is_file():
        raise UnreadableFile("The file does not exist.", f"File {file}.", "Check the path.")
    layouts = (settings.layout(layout_name),) if layout_name else settings.layouts
    asked_for = layout_name is not None
    kind = kind_of_file(file)
    heads: Sequence[Sequence[str]]
    if kind in ("zip", "gzip"):
        raise UnreadableFile("A packed file has to be unpacked first.", f"File {file.name}.", "Unpack it.")
    if kind == "workbook":
        found, heads, name = _matches_of_workbook(file, layouts, asked_for=asked_for)
    else:
        heads, dress = _head_of(file, kind)
        matches = _matches(heads, (layout for layout in layouts if not layout.sheet), asked_for=asked_for)
        found, name = [replace(match, **dress) for match in matches], file.name
    if not found:
        raise _unknown(name, heads, layouts)
    return _only_best(file.name, found)


def _head_of(file: Path, kind: FileKind) -> tuple[Sequence[Sequence[str]], dict[str, Any]]:
    """The first lines of a file of text or Parquet, and how it is to be read."""
    if kind == "text":
        opened = open_text(file)
        return opened.head, {"encoding": opened.encoding, "delimiter": opened.delimiter}
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        names = tuple(pq.read_schema(file).names)
    except pa.ArrowException:
        raise UnreadableFile(
            "The Parquet file cannot be read.", f"File {file.name}.", "Export or fetch it again."
        ) from None
    return (names,), {"kind": "parquet"}


def _matches_of_workbook(
    file: Path, layouts: Iterable[Layout], *, asked_for: bool
) -> tuple[list[Recognised], list[tuple[str, ...]], str]:
    """What fits each sheet, the first lines of all, and the file's name with its sheets."""
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
        loaded = workbook.load_sheet(sheet, header_row=None, skip_rows=0, n_rows=50, dtypes="string")
        head = tuple(tuple(cell or "" for cell in row) for row in loaded.to_polars().rows())
        heads.extend(head[:3])
        fitting = [layout for layout in layouts if not layout.sheet or re.search(layout.sheet, sheet, re.IGNORECASE)]
        matches = _matches(head, fitting, asked_for=asked_for)
        # What came after the last row that a sheet can hold is very likely lost.
        if matches and loaded.total_height >= EXCEL_ROWS:
            raise UnreadableFile(
                f"A sheet is full to its last row ({EXCEL_ROWS:,}), so rows are very likely missing.",
                f"File {file.name}, sheet '{sheet}'.",
                "Export it as csv, or in parts of fewer rows.",
            )
        found += [replace(match, sheet=sheet, kind="workbook") for match in matches]
    return found, heads, f"{file.name} (sheets: {', '.join(workbook.sheet_names)})"


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
            if extra and layout.only_these_columns:
                continue
            return Recognised(layout, columns, extra, line + 1, len(cells), header=tuple(cells))
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


def _fullest(head: Sequence[Sequence[str]]) -> Sequence[str]:
    """The line that is most likely the header: the first of those with the most cells filled."""
    return max(head, key=lambda cells: sum(bool(cell.strip()) for cell in cells), default=())


def header_of(file: Path) -> Sequence[str]:
    """The line of an unrecognised file that is most likely its header."""
    kind = kind_of_file(file)
    if kind == "workbook":
        return _fullest(_matches_of_workbook(file, (), asked_for=False)[1])
    return _fullest(_head_of(file, kind)[0])


def nearest_name(field: str, column: LayoutColumn, present: Sequence[str]) -> str | None:
    """The name in a header that is most like one of those a field may have."""
    near = [
        (difflib.SequenceMatcher(None, name, found).ratio(), found)
        for name in map(normalise_header, column.names or (field,))
        for found in difflib.get_close_matches(name, present, n=1)
    ]
    return max(near)[1] if near else None


def _unknown(file_name: str, head: Sequence[Sequence[str]], layouts: Iterable[Layout]) -> UnknownLayout:
    """Name the layout that came nearest and what it lacks, so that the user sees what to mend."""
    header = _fullest(head)
    present = [normalise_header(cell) for cell in header if cell.strip()]
    scored = []
    for layout in layouts:
        lacking = []
        for field, column in layout.columns.items():
            if column.required and not set(map(normalise_header, column.names)) & set(present):
                near = nearest_name(field, column, present)
                lacking.append(f"{(column.names or (field,))[0]}" + (f" (nearest: '{near}')" if near else ""))
        if not lacking and layout.only_these_columns:
            # It has all that such a list needs, and more: it is another kind of file.
            continue
        required = sum(column.required for column in layout.columns.values())
        scored.append((1 - len(lacking) / max(required, 1), layout.name, lacking))
    scored.sort(key=lambda entry: (-entry[0], entry[1]))
    nearest = "; ".join(
        f"{name} lacks {', '.join(lacking)}" if lacking else f"{name}, with --layout {name} --month YYYY-MM"
        for score, name, lacking in scored[:2]
        if score > 0
    )
    return UnknownLayout(
        "The header of this file matches no known layout.",
        f"File {file_name}. " + (f"Nearest: {nearest}." if nearest else "No layout comes near."),
        "A patient-level report of your own: 'opioids layouts test FILE --layout epact2_items' shows what it lacks, "
        "docs/layouts.md how to describe it. Any other: 'opioids layouts list'.",
    )
