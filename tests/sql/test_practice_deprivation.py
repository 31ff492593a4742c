"""How deprived practices are: one basis for all, the published score or the people in the data."""

from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from support import build_from

NOV, DEC = date(2025, 11, 1), date(2025, 12, 1)
# In November, the newest settled month: 2, 3 and one unknown in A; 10 in B. December is provisional.
PEOPLE = [("A", NOV, 2), ("A", NOV, 3), ("A", NOV, None), ("B", NOV, 10), (None, NOV, 1), ("B", DEC, 1)]


def deprivation(spill: Path, published: list[tuple[str, str]]) -> dict[str, dict[str, Any]]:
    months = {"month": [NOV, DEC], "is_loaded": [True, True], "is_provisional": [False, True]}
    people = [{"practice_code": code, "month": month, "imd_decile": decile} for code, month, decile in PEOPLE]
    text = [(name, pa.string()) for name in ("practice_code", "imd_score", "file_sha256")]
    scores = [
        {"practice_code": code, "imd_score": score, "file_sha256": "f", "source_row": 2} for code, score in published
    ]
    given = {
        "intermediate.int_months__patient": pa.table(months),
        "intermediate.int_patient_months__judged": pa.Table.from_pylist(people),
        "raw.practice_imd": pa.Table.from_pylist(scores, schema=pa.schema([*text, ("source_row", pa.int64())])),
    }
    engine = build_from(given, "intermediate.int_practices__deprivation", spill)
    rows = engine.fetch("SELECT * FROM intermediate.int_practices__deprivation").to_pylist()
    engine.close()
    return {row["practice_code"]: row for row in rows}


def test_without_a_published_score_it_is_the_mean_decile_of_the_people(tmp_path: Path) -> None:
    found = deprivation(tmp_path, [])
    assert {code: (row["deprivation"], row["people"]) for code, row in found.items()} == {"A": (2.5, 2), "B": (10.0, 1)}
    assert {row["deprivation_basis"] for row in found.values()} == {"mean decile of its people in the data"}


def test_the_two_bases_are_never_mixed(tmp_path: Path) -> None:
    found = deprivation(tmp_path, [("A", "34.57"), ("A", "34.57")])
    # B has people and no published score: it is not known.
    assert set(found) == {"A"}
    assert found["A"]["deprivation"] == pytest.approx(34.57)
    assert found["A"]["people"] is None
