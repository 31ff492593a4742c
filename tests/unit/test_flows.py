"""What the orchestrator is told of an error: our own words, and of any other its kind and place alone."""

import traceback

import pytest

from pipelines.errors import StorageError
from pipelines.flows import UnexpectedError, _in_our_words


def fails_over_a_row() -> None:
    raise ValueError("could not convert '943 476 5919'")


def fails_in_our_words() -> None:
    try:
        fails_over_a_row()
    except ValueError as error:
        raise StorageError("The disk is full.") from error


@pytest.mark.parametrize(("step", "kind"), [(fails_over_a_row, UnexpectedError), (fails_in_our_words, StorageError)])
def test_no_value_of_a_row_is_in_what_the_orchestrator_keeps(step: object, kind: type[Exception]) -> None:
    with pytest.raises(kind) as caught:
        _in_our_words(step)()  # type: ignore[arg-type]
    told = "".join(traceback.format_exception(caught.value))
    assert "5919" not in told
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None


def test_an_unforeseen_error_names_its_kind_and_place() -> None:
    with pytest.raises(UnexpectedError) as caught:
        _in_our_words(fails_over_a_row)()
    assert caught.value.what == "Something unforeseen: ValueError."
    assert caught.value.where.startswith("In test_flows.py:")
