"""A desk of its own for every test."""

import logging
from decimal import Decimal
from pathlib import Path

import pytest
from faults.desk import Desk

from pipelines.config import load_settings
from pipelines.folders import DataFolder


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> Desk:
    monkeypatch.setenv("OPIOIDS_KEY_FILE", str(tmp_path / "key"))
    monkeypatch.setattr(logging.getLogger("pipelines"), "propagate", True)
    settings = load_settings()
    # One bad row of a few is more than real files have: the limit is tested by itself.
    roomy = settings.model_copy(
        update={"pipeline": settings.pipeline.model_copy(update={"quarantined_share_limit": Decimal(1)})}
    )
    data = DataFolder(tmp_path / "data")
    data.prepare()
    return Desk(tmp_path, data, roomy, caplog)
