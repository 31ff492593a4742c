"""Which layout a file has and why, in words: for people who write a layout of their own."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from pipelines.config import Layout, LayoutColumn, Settings, normalise_header
from pipelines.errors import UnknownLayout
from pipelines.folders import DataFolder
from pipelines.ingest.layouts import Recognised, header_of, nearest_name, recognise
from pipelines.ingest.unpacking import unpacked

KINDS = {
    "text": "any text",
    "month": "a month: 202401, 2024-01, Jan-24, 01/01/2024, 2024-01-01",
    "date": "a date: 20240131 or 2024-01-31",
    "number": "a number: 56, 10.5, 1,000",
    "count": "a whole number, also negative",
    "money": "an amount, also with £",
    "integer": "a whole number",
    "code": "letters and digits",
    "bnf_code": "a BNF code of 15 or 11 characters",
    "practice_code": "a practice code such as A81001",
    "patient": "an NHS number or a pseudonym",
    "flag": "Y or N, True or False, 1 or 0",
}
_SHOWN_NEAREST = 2
_LONG_NUMBER = re.compile(r"[0-9]{5}|[0-9]{3} [0-9]{3}")


@dataclass(frozen=True)
class Explained:
    """One file under one layout: field, sign, column and form of each field."""

    file_name: str
    title: str
    is_recognised: bool
    fields: tuple[tuple[str, str, str, str], ...]
    unused: tuple[str, ...] = ()
    sentences: tuple[str, ...] = ()


def needs_of(layout: Layout) -> str:
    """The columns that a file of a layout must have, by their first name."""
    if not layout.header:
        return f"{layout.column_count} columns without a header"
    needs = ", ".join(column.names[0] for column in layout.columns.values() if column.required and column.names)
    sheet = " in one sheet of a workbook" if layout.sheet else ""
    month = "; the month is given with --month" if layout.month_from == "option" else ""
    return f"{needs}{sheet}{month}"


def explain(file: Path, data: DataFolder, settings: Settings, layout_name: str | None = None) -> list[Explained]:
    """The layout a file has, or the nearest ones and what they lack; of a zip, each file in it. Keeps nothing."""
    with unpacked([file], data) as arrived:
        return [said for member in arrived for said in _explained(member.path, member.file_name, settings, layout_name)]


def _explained(file: Path, file_name: str, settings: Settings, layout_name: str | None) -> list[Explained]:
    try:
        return [_recognised(file_name, recognise(file, settings, layout_name))]
    except UnknownLayout as error:
        known = [layout for layout in settings.layouts if not layout.only_these_columns]
        layouts = [settings.layout(layout_name)] if layout_name else known
        header = header_of(file)
        scored = sorted(layouts, key=lambda layout: (-_share_found(layout, header), layout.name))
        nearest = [layout for layout in scored if layout_name or _share_found(layout, header) > 0][:_SHOWN_NEAREST]
        if not nearest:
            raise
        if all(_share_found(layout, header) == 1 for layout in nearest):
            # Nothing is lacking: why it was not taken all the same is said by the error.
            raise
        return [_not_recognised(file_name, layout, header, error.what) for layout in nearest]


def _recognised(file_name: str, match: Recognised) -> Explained:
    layout = match.layout
    fields = []
    for field, column in layout.columns.items():
        position = match.columns.get(field)
        if position is None:
            where = ("absent", f"not in the file; would be: {', '.join(column.names)}")
        elif match.header:
            where = ("←", f"'{' '.join(match.header[position].split())}'")
        else:
            where = ("←", f"column {position + 1}")
        fields.append((field, *where, _form_of(column)))
    fields += [(field, "=", f"'{text}' in every row", "") for field, text in layout.constants.items()]
    where_read = f", sheet '{match.sheet}'" if match.sheet else ""
    return Explained(
        file_name,
        f"would be taken in as {layout.name} ({layout.title}){where_read}",
        True,
        tuple(fields),
        tuple(" ".join(name.split()) for name in match.extra_columns),
        (f"Data begin at line {match.lines_before_data + 1}.", *_without_a_dose(match)),
    )


def _without_a_dose(match: Recognised) -> Iterator[str]:
    if match.layout.content == "patient_items" and not {"quantity", "total_quantity"} & match.columns.keys():
        yield (
            "NO QUANTITY: neither quantity nor total_quantity has a column, so nobody would have a dose and no refresh "
            "would publish. Add the file's own name to one of their lists."
        )


def _not_recognised(file_name: str, layout: Layout, header: Sequence[str], why: str) -> Explained:
    present = {normalise_header(cell): cell for cell in header if cell.strip()}
    fields = []
    for field, column in layout.columns.items():
        found = next((present[name] for name in map(normalise_header, column.names) if name in present), None)
        if found is not None:
            where = ("←", f"'{' '.join(found.split())}'")
        else:
            near = nearest_name(field, column, list(present))
            nearest = f"; nearest: '{' '.join(present[near].split())}'" if near else ""
            where = ("MISSING" if column.required else "absent", f"any of: {', '.join(column.names)}{nearest}")
        fields.append((field, *where, _form_of(column)))
    named = {name for column in layout.columns.values() for name in map(normalise_header, column.names)}
    unmatched = [" ".join(cell.split()) for name, cell in present.items() if name not in named]
    sentences = (
        f"Columns of the file that no field names: {', '.join(map(_shown, unmatched)) or 'none'}.",
        f"Copy configs/sources/{layout.name}.toml to settings/sources/ of the data folder under a name of its own, and "
        "put the file's own names into its lists: docs/layouts.md.",
    )
    return Explained(file_name, f"is not {layout.name}. {why}", False, tuple(fields), (), sentences)


def _shown(cell: str) -> str:
    """A name of a column; where a line of data was taken for the header, what may be an identifier is not repeated."""
    return "(a number)" if _LONG_NUMBER.search(cell) else f"'{cell}'"


def _form_of(column: LayoutColumn) -> str:
    needed = "" if column.required else " (may be absent)"
    return f"{KINDS[column.kind]}{needed}"


def _share_found(layout: Layout, header: Sequence[str]) -> float:
    present = {normalise_header(cell) for cell in header}
    required = [column for column in layout.columns.values() if column.required]
    found = sum(bool(present & set(map(normalise_header, column.names))) for column in required)
    return found / max(len(required), 1)
