"""How old a reference is, which product codes came and went, and what is said about it at the head of outputs."""

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import support

from pipelines import assets
from pipelines.config import load_settings

NEWEST = date(2025, 6, 1)
LIMITS = {
    "list_sizes": ("list sizes", "month", None, None, 3),
    "epraccur": ("practices", "newest_event", None, "practice_map", 4),
    "epcn": ("PCN membership", "newest_event", None, "practice_map", 4),
    "practice_map": ("practice map", "extract_date", None, "epraccur", 4),
    "ome_factors": ("factors", "edition", "2024-06", None, 12),
}
Ages = Callable[..., dict[str, dict[str, Any]]]


def table(rows: list[dict[str, Any]], **columns: pa.DataType) -> pa.Table:
    return pa.Table.from_pylist(rows, schema=pa.schema(list(columns.items())))


@pytest.fixture
def ages_of(tmp_path: Path) -> Ages:
    """marts.reference_ages, by reference, beside data up to June 2025."""

    def build(
        lists: date | None = None, map_of: str | None = None, opened: str | None = None, practices: int = 1000
    ) -> dict[str, dict[str, Any]]:
        names = ("title", "dated_by", "edition", "instead", "max_age_months")
        limits = [
            {"reference": name, **dict(zip(names, limit, strict=True)), "if_missing": "X", "if_stale": "Y"}
            for name, limit in LIMITS.items()
        ]
        text = {name: pa.string() for name in ("reference", *names[:-1], "if_missing", "if_stale")}
        given = {
            "reference.reference_limits": table(limits, **text, max_age_months=pa.int32()),
            "intermediate.int_items__described": pa.table({"month": pa.array([NEWEST, date(2024, 1, 1)], pa.date32())}),
            "intermediate.int_list_sizes__monthly": table(
                [{"list_month": lists}] if lists else [], list_month=pa.date32()
            ),
            "raw.practice_map": table(
                [{"practice_code": "A1", "extract_date": map_of}] if map_of else [],
                **{name: pa.string() for name in MAP_COLUMNS},
            ),
            "raw.epraccur": table(
                [{"practice_code": f"A{number}", "open_date": opened} for number in range(practices)] if opened else [],
                **{name: pa.string() for name in REGISTER_COLUMNS},
            ),
            "staging.stg_ods__pcn_members": table([], start_date=pa.date32()),
            "staging.stg_nhse__sub_icbs": table([], sub_icb_code=pa.string()),
        }  # fmt: skip
        engine = support.build_from(given, "marts.reference_ages", tmp_path)
        rows = engine.fetch("SELECT * FROM marts.reference_ages").to_pylist()
        engine.close()
        return {row["reference"]: row for row in rows}

    return build


MAP_COLUMNS = [*(load_settings().layout("practice_map").columns), "file_sha256"]
REGISTER_COLUMNS = [*(load_settings().layout("epraccur").columns), "file_sha256", "source_row"]


@pytest.mark.parametrize(("lists", "age", "status"), [("2025-03", 3, "current"), ("2025-02", 4, "stale")])
def test_f4_a_list_older_than_its_limit_is_stale_by_the_months_of_the_data(
    ages_of: Ages, lists: str, age: int, status: str
) -> None:
    row = ages_of(lists=date.fromisoformat(f"{lists}-01"))["list_sizes"]
    assert (row["age_months"], row["status"]) == (age, status)
    said = "Old: list sizes of 2025-02, 4 months before the newest data (limit 3). Therefore Y."
    assert row["sentence"] == (said if status == "stale" else None)


def test_f4_what_is_not_loaded_is_missing_unless_another_serves(ages_of: Ages) -> None:
    nothing = ages_of()
    assert {name: row["status"] for name, row in nothing.items()} == {
        "list_sizes": "missing", "epraccur": "missing", "epcn": "missing", "practice_map": "missing",
        "ome_factors": "current",
    }  # fmt: skip
    assert nothing["list_sizes"]["sentence"] == "Not loaded: list sizes. Therefore X."
    with_map = ages_of(map_of="01JUN2025")
    assert [with_map[name]["status"] for name in ("epraccur", "epcn", "practice_map")] == [
        "replaced",
        "replaced",
        "current",
    ]
    assert with_map["epraccur"]["sentence"] is None


@pytest.mark.parametrize("written", ["01JAN2025", "31Jan2025", "2025-01-31", "2025-01-31T00:00:00"])
def test_a_practice_map_is_dated_by_its_extract(ages_of: Ages, written: str) -> None:
    row = ages_of(map_of=written)["practice_map"]
    assert (row["newest_month"], row["age_months"], row["status"]) == (date(2025, 1, 1), 5, "stale")


@pytest.mark.parametrize("written", ["01XXX2025", "nonsense", "00000000"])
def test_a_date_that_cannot_be_read_leaves_the_age_unknown(ages_of: Ages, written: str) -> None:
    row = ages_of(map_of=written)["practice_map"]
    assert (row["newest_month"], row["status"], row["sentence"]) == (None, "age_unknown", None)


def test_f19_a_register_is_dated_by_its_newest_opening(ages_of: Ages) -> None:
    row = ages_of(opened="20250115")["epraccur"]
    assert (row["newest_month"], row["age_months"], row["status"]) == (date(2025, 1, 1), 5, "stale")


def test_a_register_of_few_practices_has_no_age(ages_of: Ages) -> None:
    row = ages_of(opened="20130401", practices=999)["epraccur"]
    assert (row["age_months"], row["status"]) == (None, "age_unknown")


def test_a_stale_map_is_not_told_while_the_register_is_current(ages_of: Ages) -> None:
    rows = ages_of(map_of="01JAN2024", opened="20250601")
    assert (rows["practice_map"]["status"], rows["epraccur"]["status"]) == ("replaced", "current")


def test_a_table_of_facts_is_as_old_as_its_last_review(ages_of: Ages) -> None:
    row = ages_of()["ome_factors"]
    assert (row["newest_month"], row["age_months"], row["status"]) == (date(2024, 6, 1), 12, "current")


def test_every_shipped_limit_names_a_reference_that_is_dated() -> None:
    limits = load_settings().references.references
    dated = (assets.SQL_DIR / "intermediate" / "int_references__dated.sql").read_text(encoding="utf-8")
    for name, limit in limits.items():
        assert limit.dated_by == "edition" or f"'{name}' AS reference" in dated, name
        assert limit.instead is None or limit.instead in limits, name
        assert limit.if_missing is not None or limit.edition is not None, name
