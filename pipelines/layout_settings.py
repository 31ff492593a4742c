"""sources/NAME.toml: what a file of one source looks like, and whether one's own layout fits the table it fills."""

import difflib
from collections.abc import Iterator, Sequence
from typing import Literal

from pydantic import Field

from pipelines.measure_settings import Frozen


class LayoutColumn(Frozen):
    """One field of a source: the header names it may have, and what its text must look like.

    A bad value of a critical field quarantines its row; of another field it is blanked and counted, so that
    an odd age never costs a patient their dose.
    """

    names: tuple[str, ...] = ()
    position: int | None = None
    required: bool = True
    critical: bool = True
    kind: Literal[
        "text",
        "month",
        "date",
        "number",
        "count",
        "money",
        "integer",
        "code",
        "bnf_code",
        "practice_code",
        "patient",
        "flag",
    ] = "text"


class Layout(Frozen):
    """configs/sources/NAME.toml: what a file of one source looks like. Recognised by its header."""

    name: str
    title: str
    source: str = Field(pattern=r"^[a-z_]+$")
    content: Literal["patient_items", "practice_items", "reference", "nhs_numbers"]
    month_from: Literal["column", "option", "none"] = "column"
    header: bool = True
    column_count: int | None = None
    sheet: str | None = None
    rows_are_unique: bool = False
    footer: str | None = None
    # A file with any further column is not of this layout.
    only_these_columns: bool = False
    # What every row holds although the file has no column for it.
    constants: dict[str, str] = Field(default_factory=dict)
    # Fields by whose values a file is one part of its month: a later delivery replaces the same part, no other.
    parts: tuple[str, ...] = ()
    columns: dict[str, LayoutColumn]

    @property
    def is_patient_level(self) -> bool:
        return self.content in ("patient_items", "nhs_numbers")


def problems_of(layout: Layout, known: Sequence[Layout]) -> Iterator[str]:
    """What is wrong with a layout beside the known ones of the same table, in words.

    A field by another name would be landed and read by nobody; a patient by another kind would be landed in clear.
    """
    if layout.content not in (contents := sorted({each.content for each in known})):
        yield f"its content is {' or '.join(contents)}, not {layout.content}"
    yield from _strange_fields(layout, known)
    # What every known one must find in a file.
    wanted = [{field for field, column in each.columns.items() if column.required} for each in known]
    elsewhere = {*layout.constants, *(("month",) if layout.month_from == "option" else ())}
    for field in sorted(set.intersection(*wanted) - elsewhere):
        if field not in layout.columns:
            yield f"the field '{field}' is missing"
        elif not layout.columns[field].required:
            yield f"the field '{field}' may not be absent"


def _strange_fields(layout: Layout, known: Sequence[Layout]) -> Iterator[str]:
    kinds: dict[str, set[str]] = {}
    for each in known:
        for field, column in each.columns.items():
            kinds.setdefault(field, set()).add(column.kind)
    fields = {*kinds, *(field for each in known for field in each.constants)}
    for field in {**layout.columns, **layout.constants}:
        if field not in fields:
            near = difflib.get_close_matches(field, fields, n=1)
            yield f"there is no field '{field}'" + (f" (nearest: {near[0]})" if near else "")
    for field, column in layout.columns.items():
        if column.kind not in kinds.get(field, {column.kind}):
            yield f"'{field}' is of kind {' or '.join(sorted(kinds[field]))}, not {column.kind}"
