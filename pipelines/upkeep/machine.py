"""What the machine, or the container that we run in, has to give."""

import os
from contextlib import suppress
from pathlib import Path

# Where Linux says what a container may use: version 2, version 1.
_CGROUP_LIMITS = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))


def memory_bytes(limits: tuple[Path, ...] = _CGROUP_LIMITS) -> int | None:
    """The memory of the machine, or less where a container may use less; None where the system does not say."""
    found = []
    with suppress(AttributeError, OSError, ValueError):
        found.append(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    for limit in limits:
        # "max" where there is no limit.
        with suppress(OSError, ValueError):
            found.append(int(limit.read_text(encoding="ascii")))
    return min(found, default=None)
