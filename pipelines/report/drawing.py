"""Vega-Lite specifications drawn to SVG by vl-convert: a few in this process, many in further ones.

One process draws one chart at a time. A worker is this very file run as a program: it imports nothing of ours, reads
specifications from its standard input, writes drawings to its standard output, and touches no file.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from pathlib import Path

_FEW = 40
"""Up to so many are drawn sooner than another process has loaded what draws them."""
_SHARE = 80
"""A further process is worth its start from so many on."""
_MOST_WORKERS = 8


def drawings(specifications: Sequence[str], fonts: Path, workers: int | None = None) -> list[str]:
    """SVG for each specification (JSON), in their order; those that are alike are drawn once.

    Whatever the number of workers the drawings are the same, but for the ids in them. `fonts`: the fontconfig file of
    the workers. `workers`: 0 = this process; by default the processors, where there is much to draw. Raises
    PipelineError where a worker ends before it is done.
    """
    distinct = list(dict.fromkeys(specifications))
    if workers is None:
        workers = 0 if len(distinct) <= _FEW else min(_MOST_WORKERS, _processors(), -(-len(distinct) // _SHARE))
    if workers == 0:
        drawn = dict(zip(distinct, _drawn_here(distinct), strict=True))
    else:
        # Neighbours are of a kind: dealt out like cards, each worker has as much to do.
        shares = [share for number in range(workers) if (share := distinct[number::workers])]
        with ThreadPoolExecutor(workers) as pool:
            made = pool.map(lambda share: zip(share, _drawn_by_worker(share, fonts), strict=True), shares)
            drawn = dict(chain.from_iterable(made))
    return [drawn[specification] for specification in specifications]


def _processors() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _drawn_by_worker(specifications: Sequence[str], fonts: Path) -> list[str]:
    """What a worker says beside its drawings is not passed on: it might quote a specification."""
    # -P: this folder holds modules whose names are also the standard library's.
    command = [sys.executable, "-P", __file__]
    environment = {**os.environ, "FONTCONFIG_FILE": str(fonts)}
    given = json.dumps(specifications).encode()
    try:
        done = subprocess.run(command, input=given, env=environment, capture_output=True, check=False)
    except OSError as error:
        raise _not_drawn(f"could not be started: {error.strerror}") from None
    if done.returncode:
        raise _not_drawn(f"ended with code {done.returncode}")
    found: list[str] = json.loads(done.stdout)
    return found


def _not_drawn(why: str) -> Exception:
    from pipelines.errors import PipelineError

    return PipelineError(
        "The charts of the report could not be drawn.",
        f"A process that draws {why}.",
        "Look whether memory is short (each such process takes about 300 MB), then run `opioids report`.",
    )


def _drawn_here(specifications: Sequence[str]) -> Iterator[str]:
    import vl_convert

    return (vl_convert.vegalite_to_svg(specification) for specification in specifications)


if __name__ == "__main__":
    json.dump(list(_drawn_here(json.load(sys.stdin))), sys.stdout)
