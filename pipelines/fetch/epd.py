"""English Prescribing Dataset: which months the portal lists, which of them are new or republished, and their files."""

import logging
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from pipelines.errors import DownloadFailed
from pipelines.fetch.ckan import Portal
from pipelines.fetch.download import Received
from pipelines.fetch.http import Http
from pipelines.fetch.kept import Shelf, Standing

logger = logging.getLogger(__name__)

# The month, then whatever the publisher adds: _FINAL, _V2, .zip.
_NAME = re.compile(r"EPD_SNOMED_(\d{4})(0[1-9]|1[0-2])((?:[_ -][A-Z0-9]+)*)(?:\.(?:CSV|ZIP))?", re.IGNORECASE)


@dataclass(frozen=True, order=True)
class Release:
    """One month as the portal lists it now; `older` names the earlier files of the same month."""

    month: date
    modified: str
    name: str
    resource_id: str
    older: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        return f"{self.month:%Y-%m}"

    @property
    def version(self) -> str:
        """What differs when the month is published anew."""
        return f"{self.resource_id} {self.modified}"


def listed(portal: Portal, dataset: str) -> list[Release]:
    """The newest file of every month of the dataset, oldest month first. Raises DownloadFailed for none at all."""
    resources = portal.dataset(dataset).get("resources")
    found: dict[date, list[Release]] = {}
    others: list[str] = []
    for resource in resources if isinstance(resources, list) else []:
        release = _release(resource)
        if release:
            found.setdefault(release.month, []).append(release)
        else:
            others.append(str(resource.get("name") if isinstance(resource, dict) else resource)[:60])
    if not found:
        raise DownloadFailed(
            "No file of the dataset is named EPD_SNOMED_YYYYMM: the publisher has changed the names, or emptied it.",
            f"Dataset {dataset}; it lists {', '.join(others[:5]) or 'nothing'}.",
            "What was fetched before stays as it is. Take the file in with `opioids add`, and report the new names.",
        )
    odd = [name for name in others if name.upper().startswith("EPD")]
    if odd:
        logger.warning("Not recognised among the files of the dataset, and left out: %s", ", ".join(odd[:5]))
    return [_newest(found[month]) for month in sorted(found)]


def within(releases: Sequence[Release], first: date, last: date | None) -> list[Release]:
    """The months from first to last (None: the newest). Raises DownloadFailed when one of them is not listed."""
    newest = releases[-1].month
    wanted = _months(first, last or newest)
    by_month = {release.month: release for release in releases}
    lacking = [f"{month:%Y-%m}" for month in wanted if month not in by_month] or (
        [] if wanted else [f"{first:%Y-%m} and later"]
    )
    if lacking:
        raise DownloadFailed(
            f"The portal lists no file for {', '.join(lacking[:6])}{' …' if len(lacking) > 6 else ''}.",
            f"It lists {len(releases)} month(s), {releases[0].key} to {releases[-1].key}.",
            "Ask for months that are there, with --from and --to; what was fetched before stays as it is.",
        )
    return [by_month[month] for month in wanted]


def is_overdue(newest: date, today: date, months: int) -> bool:
    """Whether the newest month is older than it should be: a dataset that stopped quietly looks like that."""
    return (today.year - newest.year) * 12 + today.month - newest.month > months


def shelf(raw_dir: Path) -> Shelf:
    return Shelf(raw_dir, "epd")


def fetch(
    raw_dir: Path, http: Http, portal: Portal, releases: Sequence[Release], received: Received = lambda _a, _b: None
) -> list[Path]:
    """Download the new and republished months; the files that now wait to be taken in, oldest month first."""
    kept = shelf(raw_dir)
    files: list[Path] = []
    for release in releases:
        if kept.standing(release.key, release.version) in (Standing.NEW, Standing.REPUBLISHED):
            suffix, link = _link(portal, release)
            files += kept.bring(
                http,
                release.key,
                f"{release.name}{suffix}",
                release.version,
                link,
                received,
                month=f"{release.month:%Y%m}",
            )
        else:
            files += kept.waiting(release.key)
    return files


def _link(portal: Portal, release: Release) -> tuple[str, Callable[[], str]]:
    """The suffix of the file, and what gives its address: made now, and anew each time it is asked again."""
    made = [_address(portal.resource(release.resource_id), release)]

    def link() -> str:
        return made.pop() if made else _address(portal.resource(release.resource_id), release)

    is_csv = urlsplit(made[0]).path.lower().endswith(".csv")
    return ".csv" if is_csv else ".zip", link


def _address(resource: dict[str, Any], release: Release) -> str:
    """The archive's link where there is one, else the file's own."""
    for field in ("zip_url", "url"):
        address = resource.get(field)
        if isinstance(address, str) and re.match(r"https?://", address):
            return address
    raise DownloadFailed(
        "The portal names no address for the file.",
        f"File {release.name}: neither `zip_url` nor `url` holds one.",
        "What was fetched before stays as it is. Run the same command again later.",
    )


def _release(resource: object) -> Release | None:
    if not isinstance(resource, dict):
        return None
    name = str(resource.get("name") or "").strip()
    match = _NAME.fullmatch(name)
    # `last_modified` is null until the first change.
    modified = resource.get("last_modified") or resource.get("created")
    if match is None or not modified or not resource.get("id") or resource.get("state", "active") != "active":
        return None
    stem = re.sub(r"\.(csv|zip)$", "", name, flags=re.IGNORECASE).replace(" ", "_")
    return Release(date(int(match[1]), int(match[2]), 1), str(modified), stem, str(resource["id"]))


def _newest(of_one_month: list[Release]) -> Release:
    """By date of publication (ISO text sorts as time does), then by name: _V3 comes after _V2."""
    *older, newest = sorted(of_one_month, key=lambda release: (release.modified, _natural(release.name)))
    return Release(
        newest.month, newest.modified, newest.name, newest.resource_id, tuple(release.name for release in older)
    )


def _natural(name: str) -> list[tuple[int, str]]:
    return [(int(part), "") if part.isdecimal() else (-1, part.upper()) for part in re.split(r"(\d+)", name)]


def _months(first: date, last: date) -> list[date]:
    count = (last.year - first.year) * 12 + last.month - first.month + 1
    return [date(first.year + (first.month - 1 + n) // 12, (first.month - 1 + n) % 12 + 1, 1) for n in range(count)]
