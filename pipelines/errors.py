"""Every error a user can cause, with its fixed exit code. No I/O.

An error says three things, one a line: what happened, where, what to do. `where` names file, line and
value, never a patient: an identifier or a row of a patient file must not be put into an error.
"""


class PipelineError(Exception):
    """Something a person can act on."""

    exit_code = 1

    def __init__(self, what: str, where: str = "", remedy: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.where = where
        self.remedy = remedy

    def __str__(self) -> str:
        return "\n".join(line for line in (self.what, self.where, self.remedy) if line)


class UsageError(PipelineError):
    """A command was given options that cannot be carried out."""

    exit_code = 2


class ConfigError(PipelineError):
    """A settings file holds something that cannot be used."""

    exit_code = 3


class ReferenceDataError(PipelineError):
    """A clinical reference table has a gap, an overlap or a value that cannot be trusted."""

    exit_code = 4


class UnknownLayout(PipelineError):
    """A file whose header matches no known source layout."""

    exit_code = 5


class UnreadableFile(PipelineError):
    """A file that is missing, damaged or in an encoding that cannot be read."""

    exit_code = 6


class ReconciliationError(PipelineError):
    """Rows read are not the sum of rows loaded, out of scope, quarantined and duplicate."""

    exit_code = 7


class ContractError(PipelineError):
    """The data broke a promise that the published tables rely on."""

    exit_code = 8


class UnconvertedItems(PipelineError):
    """More opioid items than allowed have no oral morphine equivalent."""

    exit_code = 9


class NothingToPublish(PipelineError):
    """No loaded file holds a product that this pipeline follows."""

    exit_code = 10


class NothingPublished(PipelineError):
    """No warehouse has been published in this data folder yet."""

    exit_code = 11


class RefreshInProgress(PipelineError):
    """Another refresh holds the lock of this data folder."""

    exit_code = 12


class InsecureFolder(PipelineError):
    """A folder that holds patients' data is open to other users of the machine."""

    exit_code = 13


class KeyProblem(PipelineError):
    """The pseudonymisation key is missing, unreadable or not the one this data folder was made with."""

    exit_code = 14


class QueryError(PipelineError):
    """A query that the database refuses."""

    exit_code = 15


class ModelError(PipelineError):
    """A table of the warehouse could not be built, or broke its own key."""

    exit_code = 16


class StorageError(PipelineError):
    """The disk is full, read-only or otherwise refuses to keep what was written."""

    exit_code = 17


class DownloadFailed(PipelineError):
    """Open data could not be fetched whole and unharmed, or is no longer where it was."""

    exit_code = 18
    # Whether the same may succeed later: a busy server, not an address that is gone.
    may_pass = False


class AuditTampered(PipelineError):
    """The audit of released lists was changed, cut or emptied after it was written."""

    exit_code = 19


class ReviewsRefused(PipelineError):
    """A file of review outcomes holds something that cannot be taken in; nothing of it was."""

    exit_code = 20


class ReturnsRefused(PipelineError):
    """A file of local returns holds something that cannot be taken in; nothing of it was."""

    exit_code = 21
