"""What a reader must know before any figure: references too old or missing, codes that vanished, bounds not met.

Published as marts.caveats, so that every output says the same. A sentence holds no count of patients and may stand
anywhere; `detail` holds figures and is for the secure side.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from pipelines import assets
from pipelines.engine.base import Engine
from pipelines.engine.published import fetch_published


@dataclass(frozen=True)
class Caveat:
    """One thing to know; `kind` is reference, months, product codes or contract."""

    kind: str
    subject: str
    sentence: str
    detail: str = ""


def store_caveats(engine: Engine, of_contracts: Sequence[Caveat]) -> tuple[Caveat, ...]:
    """Gather what the built tables say and what the contracts found, and keep it as marts.caveats."""
    built = [Caveat(**row) for row in engine.fetch(assets.query("caveats_of_build")).to_pylist()]
    known = (*sorted(built, key=lambda caveat: (caveat.kind != "reference", caveat.subject)), *of_contracts)
    schema = pa.schema([("caveat_number", pa.int32()), *((name, pa.string()) for name in Caveat.__dataclass_fields__)])
    rows = [{"caveat_number": number, **vars(caveat)} for number, caveat in enumerate(known, 1)]
    engine.load("marts.caveats", pa.Table.from_pylist(rows, schema=schema))
    return known


def caveats_of(warehouse_file: Path, spill_folder: Path) -> tuple[Caveat, ...]:
    """The caveats of a published warehouse, in the order in which they are said."""
    return tuple(
        Caveat(**row) for row in fetch_published(warehouse_file, spill_folder, assets.query("caveats")).to_pylist()
    )
