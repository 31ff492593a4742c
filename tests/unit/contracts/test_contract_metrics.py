"""The metrics count what their names say: small tables in, figures worked out by hand out."""

from collections.abc import Callable, Mapping
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from pipelines import assets
from pipelines.engine.duckdb import DuckDBEngine

JAN, FEB, APR = date(2024, 1, 1), date(2024, 2, 1), date(2024, 4, 1)
MONTHS = pa.table(
    {
        "month": pa.array([JAN, FEB, date(2024, 3, 1), APR], pa.date32()),
        "month_index": pa.array([24289, 24290, 24291, 24292], pa.int32()),
    }
)
Metrics = Callable[..., list[dict[str, Any]]]


@pytest.fixture
def metrics(tmp_path: Path) -> Metrics:
    """The rows of one file of sql/checks/ over given tables."""

    def ask(name: str, tables: Mapping[str, pa.Table], **parameters: str) -> list[dict[str, Any]]:
        engine = DuckDBEngine(None, tmp_path)
        for table, rows in tables.items():
            engine.load(table, rows)
        found = engine.fetch((assets.SQL_DIR / "checks" / f"{name}.sql").read_text(encoding="utf-8"), parameters)
        engine.close()
        return found.to_pylist()

    return ask


def table(rows: list[dict[str, Any]], **columns: pa.DataType) -> pa.Table:
    """Rows in which a column left out is NULL."""
    return pa.Table.from_pylist(rows, schema=pa.schema(list(columns.items())))


def items(*rows: dict[str, Any]) -> pa.Table:
    usual = {
        "source": "patient", "month": JAN, "practice_code": "A1", "patient_key": "p", "bnf_code": "0407020Q0AAAAAA",
        "items": 1, "total_quantity": Decimal(56),
    }  # fmt: skip
    filled = [usual | {"item_id": f"abcdefabcdef:{line}"} | row for line, row in enumerate(rows, 2)]
    return table(
        filled, source=pa.string(), item_id=pa.string(), month=pa.date32(), practice_code=pa.string(),
        patient_key=pa.string(), bnf_code=pa.string(), items=pa.int32(), total_quantity=pa.decimal128(18, 4),
    )  # fmt: skip


FILE_MONTHS = table(
    [
        {"sha256": "abcdefabcdef0000", "file_name": "items.csv", "month": JAN, "source": "patient_items",
         "is_current": True, "rows_read": 10, "rows_quarantined": 1},
    ],
    sha256=pa.string(), file_name=pa.string(), month=pa.date32(), source=pa.string(), is_current=pa.bool_(),
    rows_read=pa.int64(), rows_quarantined=pa.int64(),
)  # fmt: skip


def test_items_are_counted_by_month(metrics: Metrics) -> None:
    given = items(
        {"bnf_code": ""},
        {"practice_code": None, "patient_key": None},
        {"total_quantity": None, "items": None},
        {"total_quantity": Decimal(-56), "patient_key": "q"},
        {"source": "epd", "items": 9},
        {"month": FEB},
        {"month": APR},
    )
    tables = {"intermediate.int_items__described": given, "intermediate.int_register__file_months": FILE_MONTHS}
    january, february, april = metrics("metrics_items", tables, source="patient")
    quarter = ("share_without_product_code", "share_without_practice", "share_without_quantity", "share_reversed",
               "share_items_not_positive", "share_unidentified")  # fmt: skip
    assert [january[name] for name in quarter] == [0.25] * 6
    assert (january["rows_loaded"], january["patients"], january["practices"]) == (4, 2, 2)
    assert january["share_quarantined"] == 0.1
    assert january["rows_change"] is None
    assert (february["rows_month_before"], february["rows_change"]) == (4, 0.25)
    assert april["rows_change"] is None  # March is not loaded: nothing to compare with
    (epd,) = metrics("metrics_items", tables, source="epd")
    assert epd["rows_loaded"] == 1


def test_quantiles_of_items_are_over_practices(metrics: Metrics) -> None:
    # Ten practices with 1 to 10 items: half of them have at most 5, nine in ten at most 9.
    given = items(*({"practice_code": f"A{number}", "items": number} for number in range(1, 11)))
    tables = {"intermediate.int_items__described": given, "intermediate.int_register__file_months": FILE_MONTHS}
    (month,) = metrics("metrics_items", tables, source="patient")
    assert (month["items_per_practice_p50"], month["items_per_practice_p90"]) == (5, 9)


@pytest.mark.parametrize(
    ("metric", "broken"),
    [
        ("share_without_product_code", {"bnf_code": ""}),
        ("share_without_practice", {"practice_code": None}),
        ("share_without_quantity", {"total_quantity": None}),
        ("share_reversed", {"total_quantity": Decimal(-1)}),
        ("share_items_not_positive", {"items": 0}),
        ("share_unidentified", {"patient_key": None}),
        ("month", {"month": None}),
    ],
)
def test_offending_rows_are_told_by_file_and_line(metrics: Metrics, metric: str, broken: dict[str, Any]) -> None:
    given = items({}, broken, {}, broken, broken, broken)
    tables = {"intermediate.int_items__described": given, "intermediate.int_register__file_months": FILE_MONTHS}
    assert metrics("rows_items", tables, source="patient", metric=metric) == [
        {"file_name": "items.csv", "month": broken.get("month", JAN), "offending_rows": 4, "first_lines": "3, 5, 6"}
    ]


def test_a_metric_that_no_single_row_breaks_names_none(metrics: Metrics) -> None:
    tables = {"intermediate.int_items__described": items({}), "intermediate.int_register__file_months": FILE_MONTHS}
    assert metrics("rows_items", tables, source="patient", metric="rows_change") == []


def test_quantity_per_item_counts_a_row_of_epd_as_often_as_it_has_items(metrics: Metrics) -> None:
    # 20 tablets once, 560 in 10 items: the median item has 56, and so has the one at 95 in 100.
    given = table(
        [
            {"source": "epd", "product_class": "opioid", "month": JAN, "items": 1, "total_quantity": Decimal(20)},
            {"source": "epd", "product_class": "opioid", "month": JAN, "items": 10, "total_quantity": Decimal(560)},
            {"source": "epd", "product_class": "opioid", "month": JAN, "items": 1, "total_quantity": Decimal(-28)},
            {"source": "epd", "product_class": "z_drug", "month": JAN, "items": 0, "total_quantity": Decimal(14)},
        ],
        source=pa.string(), product_class=pa.string(), month=pa.date32(), items=pa.int32(),
        total_quantity=pa.decimal128(18, 4),
    )  # fmt: skip
    assert metrics("metrics_quantities", {"intermediate.int_items__classified": given}) == [
        {"source": "epd", "product_class": "opioid", "month": JAN, "items": 11,
         "quantity_per_item_p50": 56.0, "quantity_per_item_p95": 56.0},
    ]  # fmt: skip


def test_doses_of_items_and_what_has_none(metrics: Metrics) -> None:
    # 98 items of 300 mg, one of 6,000, one that could not be converted: p50 and p95 are 300, p99 of 99 items is 6,000.
    rows = [
        {"items": 98, "ome_mg": Decimal(98 * 300), "ome_status": "converted", "is_implausible_quantity": False},
        {"items": 1, "ome_mg": Decimal(6000), "ome_status": "converted", "is_implausible_quantity": True},
        {"items": 1, "ome_mg": None, "ome_status": "strength_unknown", "is_implausible_quantity": False},
    ]
    given = table(
        [{"source": "epd", "month": JAN} | row for row in rows],
        source=pa.string(), month=pa.date32(), items=pa.int32(), ome_mg=pa.decimal128(18, 4), ome_status=pa.string(),
        is_implausible_quantity=pa.bool_(),
    )  # fmt: skip
    (month,) = metrics("metrics_item_ome", {"intermediate.int_items__ome": given})
    assert (month["ome_mg_per_item_p50"], month["ome_mg_per_item_p95"], month["ome_mg_per_item_p99"]) == (
        300,
        300,
        6000,
    )
    assert (month["share_unconverted"], month["share_implausible_quantity"]) == (0.01, 0.01)
    assert (month["rows_with_negative_dose"], month["rows_against_their_status"]) == (0, 0)


def test_a_dose_that_speaks_against_its_status_is_counted(metrics: Metrics) -> None:
    rows = [
        (None, "converted"),
        (Decimal(5), "strength_unknown"),
        (Decimal(-5), "converted"),
        (Decimal(5), "converted"),
    ]
    given = table(
        [
            {"source": "epd", "month": JAN, "items": 1, "ome_mg": ome_mg, "ome_status": status}
            for ome_mg, status in rows
        ],
        source=pa.string(), month=pa.date32(), items=pa.int32(), ome_mg=pa.decimal128(18, 4), ome_status=pa.string(),
        is_implausible_quantity=pa.bool_(),
    )  # fmt: skip
    (month,) = metrics("metrics_item_ome", {"intermediate.int_items__ome": given})
    assert (month["rows_against_their_status"], month["rows_with_negative_dose"]) == (2, 1)


def test_people_of_a_month(metrics: Metrics) -> None:
    usual = {"month": JAN, "any_opioid": True, "practice_code": "A1", "age": 50, "high_dose": False,
             "ome_mg": Decimal(1), "ome_mg_per_day_3m": Decimal("10.9")}  # fmt: skip
    rows = [
        usual,
        usual | {"high_dose": True, "ome_mg_per_day_3m": Decimal("130.5")},
        usual | {"practice_code": None, "age": 116},
        usual | {"any_opioid": False, "age": None, "ome_mg_per_day_3m": Decimal(-1), "high_dose": None},
        usual | {"month": FEB},
    ]
    given = table(
        rows, month=pa.date32(), any_opioid=pa.bool_(), practice_code=pa.string(), age=pa.int32(),
        high_dose=pa.bool_(), ome_mg=pa.decimal128(18, 4), ome_mg_per_day_3m=pa.decimal128(18, 4),
    )  # fmt: skip
    tables = {"marts.patient_month": given, "reference.months": MONTHS}
    january, february = metrics("metrics_patient_month", tables)
    assert (january["patients"], january["opioid_patients"]) == (4, 3)
    assert (january["share_without_practice"], january["share_without_age"]) == (0.25, 0.25)
    assert (january["patients_of_impossible_age"], january["patients_with_negative_dose"]) == (1, 1)
    assert january["share_high_dose"] == pytest.approx(1 / 3)
    assert (january["ome_mg_per_day_3m_p50"], january["ome_mg_per_day_3m_p99"]) == (10, 130)
    assert (january["opioid_patients_change"], february["opioid_patients_change"]) == (None, pytest.approx(1 / 3))


def test_trend_rows_that_cannot_be(metrics: Metrics) -> None:
    usual = {"org_level": "icb", "org_code": "Q", "month": JAN, "measure": "high_dose", "numerator": 5.0,
             "denominator": 10.0, "rate_per_1000": 500.0, "rate_reason": None}  # fmt: skip
    rows = [
        usual,
        usual | {"numerator": 11.0},
        usual | {"numerator": -1.0},
        usual | {"rate_per_1000": float("inf")},
        usual | {"rate_per_1000": None},
        usual | {"rate_reason": "no_list_size"},
        usual | {"measure": "opioid_items", "numerator": 99.0},
    ]
    trends = table(
        rows, org_level=pa.string(), org_code=pa.string(), month=pa.date32(), measure=pa.string(),
        numerator=pa.float64(), denominator=pa.float64(), rate_per_1000=pa.float64(), rate_reason=pa.string(),
    )  # fmt: skip
    measures = pa.table({"measure": ["high_dose", "opioid_items"], "unit": ["people", "items"]})
    (month,) = metrics("metrics_trends", {"marts.trends": trends, "reference.measures": measures})
    assert month["rows_with_more_people_than_registered"] == 1  # items may outnumber people
    assert month["rows_below_zero"] == 1
    assert month["rows_with_an_infinite_rate"] == 1
    assert month["rows_without_rate_or_reason"] == 2


def test_lists_of_practices(metrics: Metrics) -> None:
    sizes = [0, 1000, 2000, 3000]
    rows = [{"practice_code": f"A{n}", "list_month": JAN, "registered_patients": n} for n in sizes]
    rows += [{"practice_code": "A1", "list_month": APR, "registered_patients": 6600}]
    lists = table(rows, practice_code=pa.string(), list_month=pa.date32(), registered_patients=pa.int32())
    january, april = metrics("metrics_list_sizes", {"intermediate.int_list_sizes__monthly": lists})
    assert (january["practices"], january["registered_patients"], january["share_of_empty_lists"]) == (4, 6000, 0.25)
    assert (january["patients_per_practice_p50"], january["patients_per_practice_p99"]) == (2000, 3000)
    assert april["registered_patients_change"] == pytest.approx(1.1)


def test_items_in_practices_that_no_reference_knows(metrics: Metrics) -> None:
    given = table(
        [
            {"source": "epd", "month": JAN, "practice_code": code, "items": number}
            for code, number in (("A1", 6), ("B1", 3), ("C1", 1), (None, 90))
        ],
        source=pa.string(), month=pa.date32(), practice_code=pa.string(), items=pa.int32(),
    )  # fmt: skip
    practices = table(
        [
            {"practice_code": "A1", "practice_name": "ONE", "icb_code": "Q", "is_gp_practice": True},
            {"practice_code": "B1", "practice_name": "TWO", "icb_code": None, "is_gp_practice": False},
            {"practice_code": "C1", "practice_name": None, "icb_code": None, "is_gp_practice": False},
        ],
        practice_code=pa.string(), practice_name=pa.string(), icb_code=pa.string(), is_gp_practice=pa.bool_(),
    )  # fmt: skip
    tables = {
        "intermediate.int_items__classified": given,
        "intermediate.int_organisations__practices": practices,
    }
    (month,) = metrics("metrics_organisations", tables)
    assert (month["items"], month["practices"], month["practices_unknown"]) == (10, 3, 1)
    assert month["share_in_unknown_practices"] == pytest.approx(0.1)
    assert month["share_without_icb"] == pytest.approx(0.4)
    assert month["share_in_gp_practices"] == pytest.approx(0.6)


def test_products_against_their_status(metrics: Metrics) -> None:
    rows = [
        (Decimal(30), "converted", None),
        (None, "converted", None),
        (Decimal(0), "converted", None),
        (None, "strength_unknown", None),
        (None, "strength_unknown", "no strength is given"),
    ]
    products = table(
        [
            {"product_class": "opioid", "in_scope": True, "ome_mg_per_unit": ome, "ome_status": status, "reason": why}
            for ome, status, why in rows
        ],
        product_class=pa.string(), in_scope=pa.bool_(), ome_mg_per_unit=pa.decimal128(18, 6), ome_status=pa.string(),
        reason=pa.string(),
    )  # fmt: skip
    (opioid,) = metrics("metrics_products", {"reference.products": products})
    assert (opioid["products"], opioid["products_in_scope"], opioid["products_converted"]) == (5, 5, 3)
    assert opioid["products_against_their_status"] == 1
    assert opioid["products_without_a_positive_dose"] == 1
    assert opioid["products_without_reason"] == 1
    assert opioid["ome_mg_per_unit_max"] == 30


def test_f18_one_code_for_many_old_ones_is_counted(metrics: Metrics) -> None:
    rows = [(f"0407020Q0AAAA{n:02d}", "0407020Q0AAZZZZ") for n in range(12)]
    rows += [("0407020Q0AAABAB", "0407020Q0AAABAB"), ("0407020Q0", "0407020Q0AAACAC")]
    changes = pa.table(
        {
            "old_code": [old for old, _ in rows],
            "new_code": [new for _, new in rows],
            "valid_to": pa.array([None] * len(rows), pa.string()),
        }
    )
    assert metrics("metrics_code_changes", {"reference.bnf_code_changes": changes}) == [
        {
            "table_name": "bnf_code_changes", "replacements": 14, "replacements_by_itself": 1,
            "most_old_codes_of_one_new": 12, "codes_not_whole": 1,
        }
    ]  # fmt: skip
