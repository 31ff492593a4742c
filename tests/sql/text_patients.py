"""Reads patients from a text table, one line an item a month, and makes the tables the patient models begin with.

    patient | months            | product   | quantity | age | practice | registered
    anne    | 2023-01..2024-12  | MST 60    | 56       | 70  | A81002   |

Columns may be left out: age 50, practice A81001. Months are YYYY-MM, or a range. Products are real ones, and
what they are is asked of the resolver.
"""

import random
from collections.abc import Iterator
from datetime import date
from decimal import Decimal

import pyarrow as pa
from patient_tables import patient_tables

from pipelines import assets
from pipelines.products import ProductReference, resolve

PRODUCTS = {
    "MST 10": ("0407020Q0AAAKAK", "Morphine 10mg modified-release tablets"),
    "MST 30": ("0407020Q0AAALAL", "Morphine 30mg modified-release tablets"),
    "MST 60": ("0407020Q0AAAIAI", "Morphine 60mg modified-release tablets"),
    "Oramorph": ("0407020Q0BBAAAA", "Oramorph 10mg/5ml oral solution"),
    "morphine injection": ("0407020Q0AAABAB", "Morphine sulfate 10mg/1ml solution for injection ampoules"),
    "morphine of no strength": ("0407020Q0AAZZZZ", "Morphine oral solution"),
    "fentanyl 25 patch": ("0407020A0AAAEAE", "Fentanyl 25micrograms/hour transdermal patches"),
    "Transtec 35": ("0407020B0BDAAAE", "Transtec 35micrograms/hour transdermal patches"),
    "Effentora": ("0407020A0BKABBD", "Effentora 200microgram buccal tablets"),
    "methadone 5": ("0407020M0AAAEAE", "Methadone 5mg tablets"),
    "methadone mixture": ("0410030C0AAAAAA", "Methadone 1mg/ml oral solution"),
    "buprenorphine 52.5 patch": ("0407020B0AAAFAF", "Buprenorphine 52.5micrograms/hour transdermal patches"),
    "co-codamol": ("0407010F0AAAHAH", "Co-codamol 30mg/500mg tablets"),
    "gabapentin": ("0408010G0AAABAB", "Gabapentin 300mg capsules"),
    "pregabalin": ("0408010AEAAACAC", "Pregabalin 75mg capsules"),
    "diazepam": ("0401020K0AAAIAI", "Diazepam 5mg tablets"),
    "zopiclone": ("0401010Z0AAAAAA", "Zopiclone 7.5mg tablets"),
    "clonazepam": ("0408010F0AAABAB", "Clonazepam 2mg tablets"),
    "Subutex": ("0410030A0AAAAAA", "Buprenorphine 2mg sublingual tablets sugar free"),
    "midazolam": ("1501041T0AAAAAA", "Midazolam 10mg/2ml solution for injection ampoules"),
    "levomepromazine": ("0402010L0AAAAAA", "Levomepromazine 25mg/1ml solution for injection ampoules"),
}
PRACTICES = [
    {"practice_code": "A81001", "practice_name": "THE SURGERY", "is_gp_practice": True, "pcn_code": "U00001"},
    {"practice_code": "A81002", "practice_name": "OTHER SURGERY", "is_gp_practice": True, "pcn_code": "U00001"},
    {"practice_code": "Y00001", "practice_name": "NIGHT SERVICE", "is_gp_practice": False, "pcn_code": None},
]


def months_in(text: str) -> Iterator[date]:
    """`2024-01` is a month; `2024-01..2024-03` are three; parts are joined by commas."""
    for part in text.split(","):
        first, _, last = part.strip().partition("..")
        month, end = date.fromisoformat(f"{first}-01"), date.fromisoformat(f"{last or first}-01")
        while month <= end:
            yield month
            month = date(month.year + month.month // 12, month.month % 12 + 1, 1)


def items_in(text: str) -> list[dict]:
    lines = [line for line in text.strip().splitlines() if line.strip() and not line.strip().startswith("#")]
    columns = [cell.strip() for cell in lines[0].split("|")]
    items = []
    for line in lines[1:]:
        row = dict(zip(columns, (cell.strip() for cell in line.split("|")), strict=True))
        code, description = PRODUCTS[row["product"]]
        age = row.get("age") or "50"
        for month in months_in(row["months"]):
            item = {
                "source": "patient",
                "item_id": f"file:{len(items) + 2}",
                "month": month,
                "practice_code": row.get("practice") or "A81001",
                "registered_practice_code": row.get("registered") or None,
                "patient_key": row["patient"],
                "age": None if age == "unknown" else int(age),
                "sex": "F",
                "imd_decile": 5,
                "bnf_code": code,
                "bnf_description": description,
                "items": 1,
                "total_quantity": None if row["quantity"] == "missing" else Decimal(row["quantity"]),
                "nic_gbp": None,
            }
            items.append(item)
    return items


def tables_of(text: str, loaded: str, shuffle_seed: int | None = None) -> dict[str, pa.Table]:
    """The tables that stand at the head of the patient models."""
    items = items_in(text)
    if shuffle_seed is not None:
        random.Random(shuffle_seed).shuffle(items)
    pairs = sorted(PRODUCTS.values())
    asked = pa.table({"bnf_code": [code for code, _ in pairs], "bnf_description": [name for _, name in pairs]})
    products = resolve(asked, ProductReference.load(assets.REFERENCE_DIR))
    return patient_tables(items, products.to_pylist(), PRACTICES, months_in(loaded))
