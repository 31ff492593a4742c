"""Reads the golden patients: small text tables a pharmacist can check with a calendar and a calculator.

    loaded: 2023-01..2023-12, 2024-02              the months the extract holds
    gp practices: A81001, A81002

    patient exact: Exactly 120 mg a day is not more than 120
    # 124 tablets x 30 mg = 3,720 mg; January has 31 days; 3,720 / 31 = 120.0
    month            | product              | quantity | mg/unit | expected
    2023-01          | morphine tablet 30mg | 124      | 30      | ome_mg_per_day_1m=120
    2023-02..2023-03 |                      |          |         | any_opioid=false

A line is one item, or one in every month of a range; a line without a product only says what is expected.
Further columns: practice (`none`, else the first GP practice), registered, items (else 1), age (else 50), sex
(else F), imd (else 5), `item expected`. In mg/unit stands the OME of one unit, the reason why it cannot be
converted, or - for products without a dose. Quantity `missing` is one that was not given. The patient
`unidentified` is nobody: his items carry no patient key.

`expected` is about the patient in that month, `item expected` about the item of the line. Values: true,
false, null, numbers, words; `row=absent` says the month has no row at all; cautions are joined by +.

Whatever computes the answers (the naive twin, the SQL) is no business of this file.
"""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import NamedTuple

GOLDEN_FOLDER = Path(__file__).parent / "golden"

UNCONVERTED = (
    "strength_unknown",
    "factor_missing",
    "excluded_by_factor_set",
    "wear_time_unknown",
    "unit_ambiguous",
)
WORD_COLUMNS = ("practice_code", "sex", "palliative_proxy", "ome_status")
ITEM_COLUMNS = ("ome_status", "ome_mg", "net_quantity", "cautions")
COLUMNS = ("month", "product", "quantity", "mg/unit", "practice", "registered", "items", "age", "sex", "imd")
COLUMNS_OF_EXPECTATIONS = ("item expected", "expected")


class GoldenFileError(Exception):
    "A line of a golden file that cannot be read"


@dataclass(frozen=True)
class Expectation:
    "What one patient's month, or one item (item_id given), must say in one column"

    patient_key: str | None
    month: date
    column: str
    expected: object
    item_id: int | None
    where: str


class Golden(NamedTuple):
    items: list[dict]
    loaded_months: list[date]
    gp_practices: set[str]
    expectations: list[Expectation]


def opioid(drug: str, bnf_code: str, form: str | None, route: str = "oral", **marks: object) -> dict:
    return {
        "drug": drug,
        "bnf_code": bnf_code,
        "form": form,
        "route": route,
        "product_class": "opioid",
        "in_scope": True,
        **marks,
    }


def other(product_class: str, drug: str, bnf_code: str, form: str, route: str = "oral") -> dict:
    return {
        "drug": drug,
        "bnf_code": bnf_code,
        "form": form,
        "route": route,
        "product_class": product_class,
        "in_scope": False,
    }


STRONG = {"is_strong_opioid": True}
IR_FENTANYL = {"is_strong_opioid": True, "is_immediate_release_fentanyl": True}
METHADONE = {"is_strong_opioid": True, "is_methadone": True}

PRODUCTS = {
    "co-codamol tablet 30/500": opioid("co-codamol", "0407010F0AAAHAH", "tablet"),
    "tramadol capsule 50mg": opioid("tramadol", "040702040AAAAAA", "capsule"),
    "morphine tablet 10mg": opioid("morphine", "0407020Q0AAAKAK", "MR tablet", **STRONG),
    "morphine tablet 30mg": opioid("morphine", "0407020Q0AAALAL", "MR tablet", **STRONG),
    "morphine tablet 60mg": opioid("morphine", "0407020Q0AAAIAI", "MR tablet", **STRONG),
    "morphine tablet 100mg": opioid("morphine", "0407020Q0AAAHAH", "MR tablet", **STRONG),
    "morphine tablet, code blank": opioid("morphine", "", "MR tablet", **STRONG),
    "morphine, form unknown": opioid("morphine", "0407020Q0AAYYYY", None, **STRONG),
    "morphine capsule 10mg": opioid("morphine", "0407020Q0AAEFEF", "MR capsule", **STRONG),
    "morphine special liquid": opioid("morphine", "0407020Q0AAZZZZ", "oral liquid", **STRONG),
    "morphine sachet 20mg": opioid("morphine", "0407020Q0AACVCV", "sachet", **STRONG),
    "morphine injection 10mg/ml": opioid("morphine", "0407020Q0AAABAB", "injection", "parenteral", **STRONG),
    "methadone tablet 5mg": opioid("methadone", "0407020M0AAAEAE", "tablet", **METHADONE),
    "fentanyl patch 25mcg": opioid("fentanyl", "0407020A0AAAEAE", "patch", "transdermal", wear_hours=72, **STRONG),
    "fentanyl buccal tablet 100mcg": opioid("fentanyl", "0407020A0BKAABC", "buccal tablet", "buccal", **IR_FENTANYL),
    "fentanyl nasal spray 50mcg": opioid("fentanyl", "0407020A0AABHBH", "nasal spray", "nasal", **IR_FENTANYL),
    "buprenorphine patch 10mcg": opioid(
        "buprenorphine", "0407020B0AAAIAI", "patch", "transdermal", wear_hours=168, **STRONG
    ),
    "buprenorphine patch 25mcg": opioid("buprenorphine", "0407020B0AAALAL", "patch", "transdermal", **STRONG),
    "tramadol injection 100mg": opioid("tramadol", "040702040AAABAB", "injection", "parenteral"),
    "co-proxamol tablet": opioid("co-proxamol", "0407010Q0AAAAAA", "tablet") | {"in_scope": False},
    "codeine linctus": other("excluded", "codeine", "0309010C0AAADAD", "linctus"),
    "gabapentin capsule 300mg": other("gabapentinoid", "gabapentin", "0408010G0AAABAB", "capsule"),
    "pregabalin capsule 75mg": other("gabapentinoid", "pregabalin", "0408010AEAAACAC", "capsule"),
    "diazepam tablet 5mg": other("benzodiazepine", "diazepam", "0401020K0AAAIAI", "tablet"),
    "temazepam tablet 10mg": other("benzodiazepine", "temazepam", "0401010T0AAAMAM", "tablet"),
    "zopiclone tablet 7.5mg": other("z_drug", "zopiclone", "0401010Z0AAAAAA", "tablet"),
    "clonazepam tablet 2mg": other("sedative_not_counted", "clonazepam", "0408010F0AAABAB", "tablet"),
    "methadone mixture 1mg/ml": other("dependence_treatment", "methadone", "0410030C0AAAAAA", "oral liquid"),
    "midazolam injection": other("just_in_case", "midazolam", "1501041T0AAAAAA", "injection", "parenteral"),
    "levomepromazine injection": other("just_in_case", "levomepromazine", "0402010L0AAAAAA", "injection", "parenteral"),
    "paracetamol tablet 500mg": other("not_followed", "paracetamol", "0407010H0AAAMAM", "tablet"),
}


def golden_files() -> list[Path]:
    return sorted(GOLDEN_FOLDER.glob("*.txt"))


def read_golden(path: Path) -> Golden:
    reader = _Reader(path)
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        reader.read_line(line, f"{path.name}:{number}")
    return Golden(reader.items, reader.loaded_months, set(reader.gp_practices), reader.expectations)


class _Reader:
    "Takes a golden file line by line"

    def __init__(self, path: Path) -> None:
        # Keys are told apart by file, so that all files can be put into one warehouse.
        self.file_stem = path.stem
        self.items: list[dict] = []
        self.loaded_months: list[date] = []
        self.gp_practices: list[str] = []
        self.expectations: list[Expectation] = []
        self.patient_key: str | None = None
        self.columns: list[str] = []
        self.ome_of_product: dict[str, str] = {}

    def read_line(self, line: str, where: str) -> None:
        try:
            if not line.strip() or line.startswith("#"):
                return
            if line.startswith("loaded:"):
                self.loaded_months = [m for part in _listed(line) for m in _months(part)]
            elif line.startswith("gp practices:"):
                self.gp_practices = _listed(line)
            elif line.startswith("patient "):
                self.start_patient(line)
            elif line.startswith("month "):
                self.start_table(line)
            else:
                self.read_row(line, where)
        except (ValueError, KeyError, InvalidOperation) as error:
            raise GoldenFileError(f"{where}: {line.strip()!r}: {error!r}") from error

    def start_patient(self, line: str) -> None:
        name, sentence = line.removeprefix("patient ").split(":", 1)
        if not sentence.strip():
            raise ValueError("say in a sentence what this patient shows")
        self.patient_key = None if name == "unidentified" else f"{self.file_stem}-{name}"
        self.columns = []

    def start_table(self, line: str) -> None:
        self.columns = _cells(line)
        unknown = set(self.columns) - set(COLUMNS) - set(COLUMNS_OF_EXPECTATIONS)
        if unknown:
            raise ValueError(f"unknown columns {sorted(unknown)}")

    def read_row(self, line: str, where: str) -> None:
        cells = _cells(line)
        if len(cells) != len(self.columns):
            raise ValueError(f"{len(cells)} cells under {len(self.columns)} columns")
        row = {column: cell for column, cell in zip(self.columns, cells, strict=True) if cell}
        for month in _months(row["month"]):
            item_id = None
            if "product" in row:
                item_id = len(self.items) + 1
                self.items.append(self.item(row, month, item_id))
            self.expect(row.get("expected", ""), month, None, where)
            if "item expected" in row and item_id is None:
                raise ValueError("`item expected` needs an item")
            self.expect(row.get("item expected", ""), month, item_id, where)

    def expect(self, cell: str, month: date, item_id: int | None, where: str) -> None:
        for part in filter(None, (part.strip() for part in cell.split(","))):
            column, text = part.split("=", 1)
            if item_id is not None and column not in ITEM_COLUMNS:
                raise ValueError(f"{column} is not a column of an item")
            value = _value(column, text)
            self.expectations.append(Expectation(self.patient_key, month, column, value, item_id, where))

    def item(self, row: dict, month: date, item_id: int) -> dict:
        if month not in self.loaded_months:
            raise ValueError(f"{month:%Y-%m} is not a loaded month")
        product, ome = row["product"], row["mg/unit"]
        if self.ome_of_product.setdefault(product, ome) != ome:
            raise ValueError(f"{product} had {self.ome_of_product[product]} mg a unit before")
        has_dose = ome != "-"
        is_converted = has_dose and ome not in UNCONVERTED
        if has_dose != PRODUCTS[product]["in_scope"]:
            raise ValueError(f"{product}: mg/unit is - exactly where the product does not count for dose")
        return {
            "item_id": item_id,
            "month": month,
            "practice_code": None if row.get("practice") == "none" else row.get("practice", self.gp_practices[0]),
            "registered_practice_code": row.get("registered"),
            "patient_key": self.patient_key,
            "age": _number_or_none(row.get("age", "50")),
            "sex": row.get("sex", "F"),
            "imd_decile": _number_or_none(row.get("imd", "5")),
            "wear_hours": None,
            "is_immediate_release_fentanyl": False,
            "is_methadone": False,
            "is_strong_opioid": False,
            **PRODUCTS[product],
            "ome_mg_per_unit": Decimal(ome) if is_converted else None,
            "product_status": ("converted" if is_converted else ome) if has_dose else None,
            "total_quantity": None if row["quantity"] == "missing" else Decimal(row["quantity"]),
            "items": int(row.get("items", "1")),
        }


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.split("|")]


def _listed(line: str) -> list[str]:
    return [part.strip() for part in line.split(":", 1)[1].split(",")]


def _months(text: str) -> list[date]:
    "2024-01 is a month; 2024-01..2024-03 are three"
    first, _, last = text.partition("..")
    month, end = (date.fromisoformat(f"{part}-01") for part in (first, last or first))
    months = []
    while month <= end:
        months.append(month)
        month = date(month.year + month.month // 12, month.month % 12 + 1, 1)
    if not months:
        raise ValueError(f"{text} holds no month")
    return months


def _number_or_none(text: str) -> int | None:
    return None if text == "unknown" else int(text)


def _value(column: str, text: str) -> object:
    if text in ("true", "false", "null"):
        return {"true": True, "false": False, "null": None}[text]
    if column == "cautions":
        return frozenset() if text == "-" else frozenset(text.split("+"))
    if column == "row" or column in WORD_COLUMNS or "_status" in column:
        return text
    return Decimal(text)
