"""A small published warehouse, made once for the whole session by the command line itself; each file tests its copy."""

import shutil
from pathlib import Path

import pytest
from commands import Answer, Opioids, Published, run_opioids


@pytest.fixture(scope="session")
def key_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("key") / "pseudonym.key"


@pytest.fixture(scope="session")
def opioids(key_file: Path) -> Opioids:
    def run(*arguments: str | Path) -> Answer:
        return run_opioids(*arguments, env={"OPIOIDS_KEY_FILE": str(key_file)})

    return run


@pytest.fixture(scope="session")
def extract(tmp_path_factory: pytest.TempPathFactory, opioids: Opioids) -> Path:
    folder = tmp_path_factory.mktemp("extract")
    answer = opioids("synth", "--patients", "600", "--months", "14", "--seed", "5", "--out", folder)
    assert answer.code == 0, answer.err
    return folder


@pytest.fixture(scope="session")
def first_publication(tmp_path_factory: pytest.TempPathFactory, opioids: Opioids, extract: Path) -> Published:
    root = tmp_path_factory.mktemp("published")
    data, reports = root / "data", root / "reports"
    added = opioids("add", *sorted(extract.iterdir()), "--data-dir", data)
    assert added.code == 0, added.err
    refreshed = opioids("refresh", "--data-dir", data, "--reports-dir", reports)
    assert refreshed.code == 0, refreshed.err
    return Published(data, reports, refreshed)


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory, first_publication: Published) -> Published:
    """A copy for each file: what one file's tests do to a data folder is nothing to the next one's."""
    copied = tmp_path_factory.mktemp("copy") / "published"
    shutil.copytree(first_publication.data.parent, copied, symlinks=True)
    return Published(copied / "data", copied / "reports", first_publication.refresh)
