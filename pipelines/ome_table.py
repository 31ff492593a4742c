"""`opioids ome`: a table of products and quantities in, the same rows with their dose out."""

import csv
import io
import re
from collections import Counter
from decimal import Decimal
from pathlib import Path

import pyarrow as pa

from pipelines import assets
from pipelines.config import Settings
from pipelines.errors import UnreadableFile
from pipelines.folders import write_whole
from pipelines.products import ProductReference, resolve

_ASKED = ("bnf_code", "bnf_description", "total_quantity")
_ADDED = ("drug", "route", "form", "strength", "ome_mg_per_unit", "ome_mg", "ome_status", "reason")
_NUMBER = re.compile(r"-?([0-9]+|[0-9]{1,3}(,[0-9]{3})+)(\.[0-9]+)?")
_FOUR_DECIMALS = Decimal("0.0001")


def add_ome(file: Path, out: Path, settings: Settings) -> dict[str, int]:
    """Write `file` to `out` with drug, route, form, strength and dose added; return rows by status.

    Same rows, same order, all columns kept. ome_mg is blank unless ome_status is `converted`; reason says why.
    """
    columns, rows = _read(file)
    products = resolve(
        pa.table(
            {
                "bnf_code": pa.array([row["bnf_code"].strip() or None for row in rows], pa.string()),
                "bnf_description": pa.array([row["bnf_description"].strip() or None for row in rows], pa.string()),
            }
        ),
        ProductReference.load(assets.REFERENCE_DIR),
        settings.pipeline.factor_set,
        settings.pipeline.scope,
    )
    wanted = [
        "drug",
        "route",
        "form",
        "strength_value",
        "strength_unit",
        "ome_mg_per_unit",
        "ome_status",
        "reason",
    ]
    answers = products.select(wanted).to_pylist()
    # A line end inside quotes stays as it is: the text goes through csv alone.
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow([*columns, *_ADDED])
    statuses: Counter[str] = Counter()
    for row, product in zip(rows, answers, strict=True):
        added = _dose(row["total_quantity"].strip(), product)
        statuses[added[_ADDED.index("ome_status")]] += 1
        writer.writerow([*(row[column] for column in columns), *added])
    write_whole(out, text.getvalue().encode())
    return dict(sorted(statuses.items()))


def _read(file: Path) -> tuple[list[str], list[dict[str, str]]]:
    try:
        with file.open(encoding="utf-8-sig", newline="") as handle:
            reader = csv.DictReader(handle, restval="")
            rows = list(reader)
            columns = list(reader.fieldnames or [])
    except FileNotFoundError:
        raise UnreadableFile("The file does not exist.", f"File {file}.", "Check the path.") from None
    except (UnicodeDecodeError, csv.Error):
        raise UnreadableFile("The file is not UTF-8 text.", f"File {file}.", "Save it as 'CSV UTF-8'.") from None
    missing = [column for column in _ASKED if column not in columns]
    if missing:
        raise UnreadableFile(
            f"The file lacks the column(s) {', '.join(missing)}.",
            f"File {file}, line 1: {', '.join(columns) or 'empty'}.",
            "Give bnf_code, bnf_description and total_quantity; values of the first two may be blank.",
        )
    for line, row in enumerate(rows, 2):
        if None in row:
            raise UnreadableFile(
                "A line has more columns than the header.",
                f"File {file}, row {line}.",
                "Quote the text that holds a comma.",
            )
    return columns, rows


def _dose(quantity: str, product: dict[str, object]) -> list[str]:
    """The added columns of one row, as text."""
    status, reason = str(product["ome_status"]), product["reason"]
    ome_mg = ""
    if status == "converted":
        status, reason, ome_mg = _times_quantity(quantity, product["ome_mg_per_unit"])
    strength = " ".join(_plain(product[name]) for name in ("strength_value", "strength_unit")).strip()
    kept = [_plain(product[name]) for name in ("drug", "route", "form")]
    return [*kept, strength, _plain(product["ome_mg_per_unit"]), ome_mg, status, _plain(reason)]


def _times_quantity(quantity: str, ome_mg_per_unit: object) -> tuple[str, str | None, str]:
    assert isinstance(ome_mg_per_unit, Decimal)
    if not quantity:
        return "quantity_missing", "no quantity is given", ""
    if not _NUMBER.fullmatch(quantity):
        return "quantity_missing", f"the quantity '{quantity[:40]}' is not a number", ""
    units = Decimal(quantity.replace(",", ""))
    if units <= 0:
        return "quantity_not_positive", "the quantity is zero or negative", ""
    return "converted", None, _plain((units * ome_mg_per_unit).quantize(_FOUR_DECIMALS))


def _plain(item: object) -> str:
    """Text of a value; a decimal without exponent and without trailing zeros."""
    if item is None:
        return ""
    if isinstance(item, Decimal):
        shown = format(item, "f")
        return shown.rstrip("0").rstrip(".") if "." in shown else shown
    return str(item)
