"""Small text tables in, rows of a mart out."""

from collections.abc import Callable
from pathlib import Path

import pytest
import support
from text_patients import tables_of

Rows = dict[str, dict]


@pytest.fixture
def case_list_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Rows]:
    """Builds marts.case_list from a text table of items; rows by patient."""

    def build(text: str, loaded: str = "2023-01..2024-12", as_at: str | None = None) -> Rows:
        parameters = support.parameters()
        monkeypatch.setattr(support, "parameters", lambda: {**parameters, "as_at_month": as_at})
        engine = support.build_from(tables_of(text, loaded), "marts.case_list", tmp_path)
        monkeypatch.undo()
        rows = engine.fetch("SELECT * FROM marts.case_list").to_pylist()
        engine.close()
        return {row["patient_key"]: row for row in rows}

    return build
