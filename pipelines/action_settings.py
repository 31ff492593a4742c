"""What a practice page suggests, and from which figures: actions.toml as validated settings.

`pipelines.config` reads it with the other files.
"""

from typing import Literal

from pydantic import Field, model_validator

from pipelines.measure_settings import Frozen

When = Literal["some", "hidden", "highest_fifth", "above_similar", "rising", "always"]


class Action(Frozen):
    """One suggestion, and the figure of the practice that brings it up."""

    id: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    topic: str = Field(min_length=1)
    measure: str | None = None
    when: When
    do: str = Field(min_length=1)
    reason: str = Field(min_length=1)
    source: str = Field(min_length=1)

    @model_validator(mode="after")
    def _has_its_figure(self) -> "Action":
        if (self.when == "always") != (self.measure is None):
            raise ValueError(f"{self.id}: every action but those that hold always names a measure")
        return self


class ActionSettings(Frozen):
    """The suggestions, most important first."""

    checked_by: str = Field(min_length=1)
    next_review: str = Field(pattern=r"^\d{4}-(0[1-9]|1[0-2])$")
    how_many: int = Field(ge=1, le=5)
    rising_pct: int = Field(ge=1)
    actions: tuple[Action, ...]

    @model_validator(mode="after")
    def _always_enough(self) -> "ActionSettings":
        ids = [action.id for action in self.actions]
        if len(ids) != len(set(ids)):
            raise ValueError("two actions have the same id")
        topics = {action.topic for action in self.actions if action.when == "always"}
        if len(topics) < self.how_many:
            raise ValueError("actions that hold always must have at least how_many different topics")
        return self

    @property
    def measures(self) -> frozenset[str]:
        """Whose figures are looked at."""
        return frozenset(action.measure for action in self.actions if action.measure)
