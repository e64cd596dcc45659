"""Attribution of a model's errors: to one question, or to the service."""

from typing import Generic, TypeVar

from pydantic import BaseModel

from landfall.llm.attempts import PendingQuestion
from landfall.reasons import Reason, StepError

T = TypeVar("T", bound=BaseModel)

AMBIGUOUS = frozenset({Reason.MODEL_TIMEOUT, Reason.MODEL_MALFORMED})
"""Reasons that may be one question's, while the service answers others."""


class ErrorAttribution(Generic[T]):
    """The ambiguous errors of some questions.

    They are the questions' own once the service has answered another, and the service's if it
    answers none. `answered` states whether it has answered one.
    """

    def __init__(self, *, answered: bool) -> None:
        self.answered = answered
        self._ambiguous: list[tuple[PendingQuestion[T], StepError]] = []

    @property
    def undecided(self) -> bool:
        """Return whether an error is not attributed yet."""
        return bool(self._ambiguous)

    def add(self, pending: PendingQuestion[T], error: StepError) -> None:
        """Add an ambiguous error of a question."""
        self._ambiguous.append((pending, error))

    def take_question_errors(self) -> list[tuple[PendingQuestion[T], StepError]]:
        """Remove and return the errors that are the questions' own."""
        if not self.answered:
            return []
        errors, self._ambiguous = self._ambiguous, []
        return errors

    def service_error(self) -> StepError | None:
        """Return the first error that is not attributed to a question."""
        return self._ambiguous[0][1] if self._ambiguous else None
