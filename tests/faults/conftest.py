"""A desk of its own for every test; and for those that disturb a refresh, a folder that was never disturbed."""

import logging
import os
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest
from faults.desk import Desk
from faults.publications import Refresher, Undisturbed, refreshing, undisturbed_in

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


@pytest.fixture(scope="session")
def refresher(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Refresher]:
    folder = tmp_path_factory.mktemp("refresher")
    with refreshing(folder, {**os.environ, "OPIOIDS_KEY_FILE": str(folder / "key")}) as refresh:
        yield refresh


@pytest.fixture(scope="session")
def undisturbed(refresher: Refresher, tmp_path_factory: pytest.TempPathFactory) -> Undisturbed:
    return undisturbed_in(tmp_path_factory.mktemp("undisturbed"), refresher)
