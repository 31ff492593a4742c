"""Files at addresses that the user entered in configs/fetch.toml: list sizes, organisations."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path

from pipelines.fetch.download import Received
from pipelines.fetch.http import Http
from pipelines.fetch.kept import Shelf


def shelf(raw_dir: Path, source: str) -> Shelf:
    return Shelf(raw_dir, source)


def fetch(
    raw_dir: Path, http: Http, source: str, files: Mapping[str, str], received: Received = lambda _a, _b: None
) -> list[Path]:
    """Download each file that has changed since it was fetched; the files that now wait to be taken in."""
    kept = shelf(raw_dir, source)
    waiting: list[Path] = []
    for name, address in files.items():
        link = partial(str, address)
        waiting += kept.bring(http, name, name, address, link, received, ask_whether_changed=True)
    return waiting
