"""The published warehouse, for whoever asks it about people: only where its pseudonyms are those of the present key."""

from pipelines.errors import KeyProblem
from pipelines.folders import DataFolder
from pipelines.identity.keys import known_key_id
from pipelines.labels import label_of
from pipelines.snapshots import Snapshot, current_snapshot


def snapshot_of_people(data: DataFolder) -> Snapshot:
    """The published warehouse. Raises NothingPublished; KeyProblem where the key was changed since it was published."""
    snapshot = current_snapshot(data)
    label = label_of(snapshot.file)
    if label and label.key_id is not None and label.key_id != known_key_id(data):
        raise KeyProblem(
            "The pseudonymisation key was changed after this publication: its people cannot be told apart from others.",
            f"Snapshot {snapshot.snapshot_id} was made with key {label.key_id}, the folder has {known_key_id(data)}.",
            "Run 'opioids refresh', then ask again. Trends and queries go on meanwhile.",
        )
    return snapshot
