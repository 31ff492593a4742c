"""The one door for aggregates, a module for each kind of what leaves.

`trends` is the door itself, with `practices` beside it and `derived` behind it; `parts`, `tables` and `local` let
further marts leave, in one `system` of sums with the trends, and refuse the rest; `policy` says how much is hidden.
"""

from pipelines.disclosure.derived import SUPPRESSED, TOO_FEW_SEE
from pipelines.disclosure.policy import Policy, load_policies, protect_counts
from pipelines.disclosure.trends import (
    DERIVED,
    HELPERS,
    IDENTIFYING,
    MAGNITUDES,
    PUBLIC_PREFIX,
    outside_grain,
    protect_trends,
    protect_variants,
)
from pipelines.spreadsheets import NOT_AVAILABLE_MARK, SUPPRESSED_MARK

__all__ = [
    "DERIVED",
    "HELPERS",
    "IDENTIFYING",
    "MAGNITUDES",
    "NOT_AVAILABLE_MARK",
    "PUBLIC_PREFIX",
    "SUPPRESSED",
    "SUPPRESSED_MARK",
    "TOO_FEW_SEE",
    "Policy",
    "load_policies",
    "outside_grain",
    "protect_counts",
    "protect_trends",
    "protect_variants",
]
