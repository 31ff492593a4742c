"""What decides the content of a warehouse, name by name: the snapshot id is its hash, and a plan compares its names."""

import hashlib
import json
import tomllib
from collections.abc import Iterable, Iterator, Mapping

from pipelines import assets
from pipelines.build import BuildInputs
from pipelines.identity.keys import known_key_id
from pipelines.identity.opt_outs import OptOutStore

_SNAPSHOT_DIGITS = 16


def content_of(inputs: BuildInputs) -> dict[str, str]:
    """A short text or a hash under the name of each input. No clock and no path of the machine is among them.

    Names: `key`, `as at`, `data`, `reviews`, `returns`, `opt-outs`, and by file `settings/…`, `reference/…`, `sql/…`,
    `code/…`.
    """
    content = {
        "key": str(known_key_id(inputs.data)),
        "as at": str(inputs.as_at),
        # Not the delivery number: the same files in another order are the same warehouse.
        "data": _hash_of(
            f"{loaded.file.sha256}|{loaded.file.layout}|{loaded.counts}|{loaded.is_current}"
            for loaded in inputs.loaded_months
        ),
        "reviews": _hash_of(map(str, inputs.reviews)),
        # Two people may leave the same counts behind.
        "opt-outs": _hash_of(sorted(OptOutStore(inputs.data).people())),
        "returns": _hash_of(map(str, inputs.returns)),
    }
    content |= {f"settings/{name}": _hash_of([text]) for name, text in inputs.settings.contents.items()}
    for folder, files in assets.content_files().items():
        content |= {f"{folder}/{name}": hashlib.sha256(file.read_bytes()).hexdigest() for name, file in files.items()}
    return content


def snapshot_id(content: Mapping[str, str]) -> str:
    """The same content has the same id, whenever and wherever it is built."""
    told = json.dumps(dict(content), sort_keys=True, ensure_ascii=True)
    return hashlib.sha256(told.encode()).hexdigest()[:_SNAPSHOT_DIGITS]


def settings_values(contents: Mapping[str, str]) -> dict[str, dict[str, str]]:
    """The value of every setting as text, by file and key: `{"cohorts.toml": {"high_dose.ome_mg_per_day": "120"}}`."""
    return {name: dict(_flat(tomllib.loads(text, parse_float=str))) for name, text in contents.items()}


def _flat(value: object, key: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for name, below in value.items():
            yield from _flat(below, f"{key}.{name}" if key else name)
    elif isinstance(value, list) and any(isinstance(below, dict) for below in value):
        for number, below in enumerate(value, 1):
            yield from _flat(below, f"{key}[{number}]")
    else:
        yield key, str(value)


def _hash_of(lines: Iterable[str]) -> str:
    digest = hashlib.sha256()
    for line in lines:
        digest.update(f"{line}\n".encode())
    return digest.hexdigest()
