"""From an NHS number to its pseudonym, for somebody who cares for that patient; entered in the audit."""

from pipelines.audit import AuditTrail
from pipelines.errors import UsageError
from pipelines.folders import DataFolder
from pipelines.identity import kind_of, open_door
from pipelines.release.asking import refuse_purpose, refuse_role


def pseudonym_asked_for(nhs_number: str, purpose: str, role: str, user: str | None, data: DataFolder) -> str:
    """The pseudonym of a number that was asked about; the number is neither kept nor said. Raises UsageError."""
    refuse_purpose(purpose)
    refuse_role(role, with_nhs_numbers=True)
    if kind_of(nhs_number) != "nhs_number":
        raise UsageError("This is no valid NHS number.", "It is not repeated here.", "Type its ten digits again.")
    key = open_door(data).patient_key_of(nhs_number)
    AuditTrail(data).append("explain", user, purpose=purpose.strip(), role=role, people=1, nhs_numbers=1)
    return key
