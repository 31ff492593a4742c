"""F17, F18: which product codes came and went in January, what replaced them, and which rows of the map look wrong."""

from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import support

from pipelines import assets
from pipelines.caveats import Caveat, store_caveats
from pipelines.engine.base import Engine

NOV, DEC, JAN = date(2025, 11, 1), date(2025, 12, 1), date(2026, 1, 1)
# Tapentadol moves to a new code that the map knows; oxycodone to one that the map knows but nobody uses yet; a morphine
# product just ends; a rare one ends with fewer items than are told; codeine goes on.
ITEMS = """
month   | code            | current         | items | product
2025-11 | 0407020AHAAAAAA | 0407020AGAAAAAA |    90 | Tapentadol 50mg tablets
2025-12 | 0407020AHAAAAAA | 0407020AGAAAAAA |    95 | Tapentadol 50mg tablets
2026-01 | 0407020AGAAAAAA | 0407020AGAAAAAA |    93 | Tapentadol 50mg tablets
2025-12 | 0407020ADAAAAAA | 0407020ADAAZZZZ |    40 | Oxycodone 5mg tablets
2025-12 | 0407020Q0AAAAAA | 0407020Q0AAAAAA |    20 | Morphine 10mg tablets
2025-12 | 0407020Q0AARARE | 0407020Q0AARARE |    19 | Morphine 7mg tablets
2025-11 | 0407010F0AAAHAH | 0407010F0AAAHAH |   500 | Co-codamol 30mg/500mg tablets
2025-12 | 0407010F0AAAHAH | 0407010F0AAAHAH |   500 | Co-codamol 30mg/500mg tablets
2026-01 | 0407010F0AAAHAH | 0407010F0AAAHAH |   500 | Co-codamol 30mg/500mg tablets
2026-01 | 0407010F0AANEWS | 0407010F0AANEWS |     5 | Co-codamol 60mg/500mg tablets
"""


def monthly(text: str, source: str = "epd") -> list[dict[str, Any]]:
    lines = text.strip().splitlines()
    rows = [[cell.strip() for cell in line.split("|")] for line in lines[1:]]
    return [
        {
            "source": source,
            "month": date.fromisoformat(f"{month}-01"),
            "bnf_code": code,
            "current_bnf_code": current,
            "bnf_description": product,
            "product_class": "opioid",
            "items": int(items),
        }
        for month, code, current, items, product in rows
    ]


def built(tmp_path: Path, rows: list[dict[str, Any]], mart: str, monkeypatch: pytest.MonkeyPatch) -> Engine:
    schema = pa.schema(
        [("source", pa.string()), ("month", pa.date32())]
        + [(name, pa.string()) for name in ("bnf_code", "current_bnf_code", "bnf_description", "product_class")]
        + [("items", pa.int64())]
    )
    parameters = support.parameters()
    monkeypatch.setattr(support, "parameters", lambda: {**parameters, "vanished_code_least_items": 20})
    return support.build_from(
        {"intermediate.int_codes__monthly": pa.Table.from_pylist(rows, schema=schema)}, mart, tmp_path
    )


@pytest.fixture
def january(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[tuple[date, str], dict[str, Any]]:
    engine = built(tmp_path, monthly(ITEMS), "marts.code_changes", monkeypatch)
    rows = engine.fetch("SELECT * FROM marts.code_changes").to_pylist()
    engine.close()
    return {(row["month"], row["bnf_code"]): row for row in rows}


def test_f17_the_set_difference_of_december_and_january_is_whole(
    january: dict[tuple[date, str], dict[str, Any]],
) -> None:
    assert {(code, row["change"]) for (month, code), row in january.items() if month == JAN} == {
        ("0407020AHAAAAAA", "vanished"),
        ("0407020ADAAAAAA", "vanished"),
        ("0407020Q0AAAAAA", "vanished"),
        ("0407020Q0AARARE", "vanished"),
        ("0407020AGAAAAAA", "appeared"),
        ("0407010F0AANEWS", "appeared"),
    }
    assert {code for month, code in january if month == DEC} == {
        "0407020ADAAAAAA",
        "0407020Q0AAAAAA",
        "0407020Q0AARARE",
    }


def test_f17_a_code_that_the_map_replaces_is_matched_with_its_successor(
    january: dict[tuple[date, str], dict[str, Any]],
) -> None:
    old, new = january[JAN, "0407020AHAAAAAA"], january[JAN, "0407020AGAAAAAA"]
    assert (old["explanation"], old["other_bnf_codes"], old["items_before"]) == ("replaced", "0407020AGAAAAAA", 95)
    assert (new["explanation"], new["other_bnf_codes"], new["items_after"]) == (
        "replaces_old_code",
        "0407020AHAAAAAA",
        93,
    )
    assert not old["is_notable"]


def test_f17_what_nothing_replaces_is_notable_from_twenty_items(
    january: dict[tuple[date, str], dict[str, Any]],
) -> None:
    told = {code: (row["explanation"], row["is_notable"]) for (month, code), row in january.items() if month == JAN}
    assert told["0407020ADAAAAAA"] == ("replacement_not_in_use", True)
    assert told["0407020Q0AAAAAA"] == ("no_replacement_known", True)
    assert told["0407020Q0AARARE"] == ("no_replacement_known", False)
    assert told["0407010F0AANEWS"] == ("new_code", False)


def test_sources_are_compared_with_themselves_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = monthly(ITEMS)[:1] + monthly(ITEMS, "patient")[1:2]
    engine = built(tmp_path, rows, "marts.code_changes", monkeypatch)
    assert engine.count("marts.code_changes") == 0


def test_f18_a_replaced_code_still_in_use_beside_the_new_one_is_suspicious(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    still = monthly(ITEMS)
    still.append(still[1] | {"month": JAN, "items": 1})
    for rows, problem in ((monthly(ITEMS), None), (still, "old_code_still_in_use")):
        engine = built(tmp_path, rows, "marts.code_replacements", monkeypatch)
        found = {row["old_bnf_code"]: row for row in engine.fetch("SELECT * FROM marts.code_replacements").to_pylist()}
        engine.close()
        assert found.keys() == {"0407020AHAAAAAA", "0407020ADAAAAAA"}
        assert found["0407020AHAAAAAA"]["problem"] == problem
        assert found["0407020ADAAAAAA"]["problem"] is None


def test_f18_many_old_codes_of_one_new_are_suspicious(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one = monthly(ITEMS)[0]
    rows = [one | {"bnf_code": f"0407020Q0AAAA{number}"} for number in range(10, 21)]
    engine = built(tmp_path, rows, "marts.code_replacements", monkeypatch)
    assert {row["problem"] for row in engine.fetch("SELECT * FROM marts.code_replacements").to_pylist()} == {
        "many_old_codes"
    }


def test_the_head_of_outputs_names_the_codes_and_no_count_of_items(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = built(tmp_path, monthly(ITEMS, "patient"), "marts.code_changes", monkeypatch)
    replacements = (assets.SQL_DIR / "marts" / "code_replacements.sql").read_text(encoding="utf-8")
    engine.create("marts.code_replacements", replacements, {})
    engine.load("marts.reference_ages", pa.table({"reference": ["a", "b"], "sentence": ["Old: a.", None]}))
    engine.load("reference.products", pa.table({"product_class": ["opioid", "unknown_opioid"]}))
    caveats = store_caveats(engine, [Caveat("contract", "epd_items", "Rows: few.", "found 3.")])
    stored = engine.fetch(assets.query("caveats")).to_pylist()
    engine.close()
    assert [Caveat(**row) for row in stored] == list(caveats)
    assert [caveat.sentence for caveat in caveats] == [
        "Old: a.",
        "Patients' items: 2 product code(s) in regular use in 2025-12 have no item in 2026-01 and no code that "
        "replaces them does: 0407020ADAAAAAA Oxycodone 5mg tablets, 0407020Q0AAAAAA Morphine 10mg tablets. "
        "People who take them may be missing from cohorts. See marts.code_changes.",
        "1 product(s) of BNF section 4.7.2 have a code that data/reference/drugs.csv does not know: they are in no "
        "dose and no cohort. See marts.items_out_of_scope.",
        "Rows: few.",
    ]


def test_what_vanished_more_than_a_year_ago_is_in_the_table_and_not_at_the_head(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = monthly(ITEMS)
    rows.append(rows[-2] | {"month": date(2027, 1, 1)})
    engine = built(tmp_path, rows, "marts.code_changes", monkeypatch)
    engine.create(
        "marts.code_replacements",
        (assets.SQL_DIR / "marts" / "code_replacements.sql").read_text(encoding="utf-8"),
        {},
    )
    engine.load("marts.reference_ages", pa.table({"reference": ["a"], "sentence": pa.array([None], pa.string())}))
    engine.load("reference.products", pa.table({"product_class": ["opioid"]}))
    # In January 2027 only codeine is left: what was there in January 2026 vanished then, and that is told.
    said = store_caveats(engine, [])
    assert [caveat.subject for caveat in said] == ["epd 2027-01", "epd months"]
    # From February to December 2026 nothing came.
    assert said[1].sentence.startswith("EPD: 11 month(s) without data, between 2026-01 and 2027-01.")
    engine.close()
