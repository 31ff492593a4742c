"""What a prescribed product is, and how much oral morphine one NHSBSA quantity unit of it is worth.

Every fact is a row of `data/reference`; every answer says which row or words it comes from, and what
cannot be converted says why.
"""

from pipelines.products.arrow import SCHEMA, resolve
from pipelines.products.factor_sets import under_every_factor_set
from pipelines.products.model import FollowedPrefix
from pipelines.products.reference import ProductReference, followed_prefixes
from pipelines.products.remedies import remedy_for

__all__ = [
    "SCHEMA",
    "FollowedPrefix",
    "ProductReference",
    "followed_prefixes",
    "remedy_for",
    "resolve",
    "under_every_factor_set",
]
