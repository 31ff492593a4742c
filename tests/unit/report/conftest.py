"""One made-up site for all tests that only read it."""

from pathlib import Path

import pytest

from tests.unit.report.made import Warehouse, network


@pytest.fixture(scope="session")
def network_site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the reports of 24 practices; the warehouse lies beside it."""
    warehouse = Warehouse(network(), newest_is_provisional=False, caveats=["List sizes are <old>."])
    return warehouse.write(tmp_path_factory.mktemp("network"))
