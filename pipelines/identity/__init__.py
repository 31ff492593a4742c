"""NHS numbers, keyed pseudonyms and the identifiable store. Nothing outside this package sees an NHS number."""

from pipelines.identity.door import IdentityDoor, KeyedPatient, open_door
from pipelines.identity.numbers import digits_of, kind_of

__all__ = ["IdentityDoor", "KeyedPatient", "digits_of", "kind_of", "open_door"]
