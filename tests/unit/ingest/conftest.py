"""The desk of the fault tests, for landing in general."""

from faults.conftest import desk

__all__ = ["desk"]
