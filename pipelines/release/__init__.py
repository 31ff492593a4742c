"""Lists of patients: the one door for rows of people. Asked for with a purpose and a role, sealed, audited."""

from pipelines.release.asking import ROLES, Asked, ListRequest
from pipelines.release.lists import Released, release_list
from pipelines.release.matching import MATCHED_COHORTS, Matched, match_list
from pipelines.release.rows import RULES

__all__ = [
    "MATCHED_COHORTS",
    "ROLES",
    "RULES",
    "Asked",
    "ListRequest",
    "Matched",
    "Released",
    "match_list",
    "release_list",
]
