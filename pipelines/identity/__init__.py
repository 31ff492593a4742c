"""NHS numbers, keyed pseudonyms and the identifiable store. Nothing outside this package sees an NHS number."""

from pipelines.identity.door import IdentityDoor, KeyedPatient, open_door

__all__ = ["IdentityDoor", "KeyedPatient", "open_door"]
