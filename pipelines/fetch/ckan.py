"""A CKAN portal: asks its API, and reads no answer as empty that is an error or a part."""

import re
from collections.abc import Mapping
from typing import Any

from pipelines.errors import DownloadFailed
from pipelines.fetch.http import Http, shown

_STAYS = "What was fetched and published before stays as it is."


class Portal:
    """The action API of one portal, such as https://…/api/3/action."""

    def __init__(self, http: Http, base: str) -> None:
        self._http = http
        self._base = base.rstrip("/")

    def dataset(self, name: str) -> dict[str, Any]:
        """`package_show`. Raises DownloadFailed for a dataset that is retired or unknown."""
        found = self.ask("package_show", {"id": name})
        if str(found.get("state", "active")).lower() != "active":
            raise self._gone(f"dataset '{name}'", "package_show")
        return found

    def resource(self, resource_id: str) -> dict[str, Any]:
        """`resource_show`: its `zip_url` expires an hour after it was made, so ask just before the download."""
        return self.ask("resource_show", {"id": resource_id})

    def ask(self, action: str, params: Mapping[str, str]) -> dict[str, Any]:
        """The result of one action. Raises DownloadFailed for every answer that is not one, whatever its status."""
        status, payload = self._http.json(f"{self._base}/{action}", params)
        if status in (403, 404, 410) and params.keys() == {"id"}:
            kind = "dataset" if action == "package_show" else "file"
            raise self._gone(f"{kind} '{params['id']}'", action, status)
        if not isinstance(payload, dict):
            raise DownloadFailed(
                f"The portal answers {status} with something that is no answer of its API (a web page, perhaps).",
                f"At {self._at(action)}.",
                f"{_STAYS} Check `portal` in configs/fetch.toml, and the network's sign-in page.",
            )
        result = payload.get("result")
        if payload.get("success") is not True or status != 200 or not isinstance(result, dict):
            raise DownloadFailed(
                f"The portal reports an error: {_said(payload.get('error'))} (status {status}).",
                f"At {self._at(action)}, asked for {', '.join(params.values())[:200]}.",
                f"{_STAYS} Run the same command again later.",
            )
        self._refuse_truncated(result, action)
        return result

    def _refuse_truncated(self, result: Mapping[str, Any], action: str) -> None:
        """More than 32,000 rows come as a mark and links, without a record: that is not "no rows"."""
        inner = result.get("result")
        for level in (result, inner if isinstance(inner, dict) else {}):
            is_cut = str(level.get("records_truncated", "false")).lower() == "true"
            if is_cut or (level.get("gc_urls") and not level.get("records")):
                raise DownloadFailed(
                    "The portal leaves rows out: the answer is marked as truncated.",
                    f"At {self._at(action)}.",
                    f"{_STAYS} Fetch the whole month instead: opioids fetch epd --from YYYY-MM.",
                )

    def _gone(self, what: str, action: str, status: int | None = None) -> DownloadFailed:
        answered = f", which answers {status}" if status else ""
        return DownloadFailed(
            f"The portal has no {what} any more: it was retired, renamed or closed.",
            f"At {self._at(action)}{answered}.",
            f"{_STAYS} Look for its successor on the portal and enter it in configs/fetch.toml.",
        )

    def _at(self, action: str) -> str:
        return shown(f"{self._base}/{action}")


def _said(error: object) -> str:
    """CKAN's own words, on one line and short."""
    if isinstance(error, dict):
        error = error.get("message") or error.get("__type") or error
    return re.sub(r"\s+", " ", str(error or "no reason given"))[:200]
