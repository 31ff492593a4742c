"""One made-up site for all tests that only read it."""

from pathlib import Path

import pytest

from tests.unit.report.made import SCORES, Warehouse, network


@pytest.fixture(scope="session")
def network_site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the reports of 24 practices; the warehouse lies beside it."""
    caveats = ["List sizes are <old>."]
    warehouse = Warehouse(network(), newest_is_provisional=False, caveats=caveats, deprivation=SCORES)
    return warehouse.write(tmp_path_factory.mktemp("network"))
