"""Fault F24: a reader that changes values without a word. Every landed field equals what plain csv and Decimal read."""

import csv
import io
import os
import random
import re
from decimal import Decimal

import pytest
from faults.desk import Desk

HEADER = ["Year Month", "Practice Code", "Patient ID", "BNF Code", "BNF Description", "Quantity", "Items", "NIC", "Age"]
FIELDS = ["practice_code", "bnf_code", "bnf_description", "quantity", "items", "nic", "age"]
# Readers that guess look at the first 20,480 rows: what is odd comes after.
CALM_ROWS = 25_000
ODD = [
    *("10.5", "012345", "1_000", "1e3", "0x10", "nan", "inf", "٣", "５６", "£5", "1,000", "1,00", "-56", "+56", "56-"),
    *(" 56 ", "\t56", "56\u00a0", "", '"', '""', "a\nb", "a\r\nb", "a,b", 'x"y', "'", "NULL", "None", "#N/A", "1."),
    *(".5", "-", ".", "true", "2024-01-01", "99999999999999999999", "0.1234567890123", "1e400", "0407020Q0AAAAAA"),
    *("4.07E+14", "\u200b56", "€", "=1+1", "\\N", "NaN", "5 6", "5;6", "5|6", "00", "-0", "56.0", "1,234,567.89"),
    *("12.3.4", "%", "\x00", "\ufeff5"),
]
PLAIN_NUMBER = re.compile(r"-?[0-9]{1,6}(\.[0-9]{1,4})?", re.ASCII)


def rows_of(seed: int, count: int) -> list[list[str]]:
    draw = random.Random(seed)
    rows = []
    for number in range(count):
        row = [
            "202401",
            f"A{draw.randrange(81000, 89000)}",
            "9990000018",
            "0407020Q0AAAAAA",
            f"Morphine {draw.randrange(1, 99)}mg",
            str(draw.randrange(1, 500)),
            str(draw.randrange(1, 9)),
            f"{draw.randrange(1, 9000) / 100:.2f}",
            str(draw.randrange(1, 99)),
        ]
        if number >= CALM_ROWS or draw.random() < 0.001:
            for column in (1, 3, 4, 5, 6, 7, 8):
                if draw.random() < 0.12:
                    row[column] = draw.choice(ODD)
        rows.append(row)
    return rows


def lines_of(text: str) -> list[tuple[int, list[str]]]:
    """Every row of a csv text with its first line, as Python's own reader finds them."""
    reader = csv.reader(io.StringIO(text, newline=""))
    found, line = [], 1
    for row in reader:
        found.append((line, row))
        line = reader.line_num + 1
    return found


@pytest.mark.parametrize("seed", [1, 2])
def test_f24_every_landed_field_is_what_plain_csv_and_decimal_read_or_its_row_is_quarantined(
    desk: Desk, seed: int
) -> None:
    # 7 odd fields a row: about 10^5 fields a seed; OPIOIDS_FUZZ_ROWS=150000 makes it 10^6.
    count = int(os.environ.get("OPIOIDS_FUZZ_ROWS", "32000"))
    buffer = io.StringIO(newline="")
    csv.writer(buffer, lineterminator=random.Random(seed).choice(["\n", "\r\n"])).writerows(
        [HEADER, *rows_of(seed, count)]
    )
    text = buffer.getvalue()
    landed = {row["source_row"]: row for row in desk.take("items.csv", text).iter_rows(named=True)}
    quarantined = set(desk.quarantined("items.csv")["source_row"])
    given = lines_of(text)[1:]
    differing = []
    for line, cells in given:
        if line in landed:
            differing += [(line, f) for f, cell in zip(FIELDS, [cells[1], *cells[3:]], strict=True)
                          if not same(f, cell, landed[line][f])]  # fmt: skip
        assert (line in landed) != (line in quarantined)
        if all(map(PLAIN_NUMBER.fullmatch, cells[5:7])) and cells[1][:1] == "A" and cells[3] == "0407020Q0AAAAAA":
            assert line in landed or "." in cells[6], cells
    assert differing == []
    assert len(landed) + len(quarantined) == len(given) == sum(c.rows_read for c in desk.counts("items.csv"))
    loaded = sum(number(row["quantity"]) * number(row["items"]) for row in landed.values() if row["quantity"])
    (counts,) = desk.counts("items.csv")
    assert abs(loaded - (counts.quantity_loaded or 0)) < Decimal("0.0001") * len(landed)


def number(text: str) -> Decimal:
    assert re.fullmatch(r"-?[0-9,]*\.?[0-9]*", text, re.ASCII)
    return Decimal(text.replace(",", ""))


def same(field: str, given: str, landed: str | None) -> bool:
    """Text as it stood without the space round it; an age or a price that is none may be blank, never another."""
    trimmed = given.strip(" \t\r\n\u00a0") or None
    if field == "age":
        return landed in (None, trimmed, (trimmed or "").removesuffix(".0"))
    return landed == trimmed or (field == "nic" and landed is None)
