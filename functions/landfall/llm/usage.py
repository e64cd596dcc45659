"""Usage of a language model: the tokens of an answer, and what calls add up to."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from landfall.store.shape import fitting


@dataclass(frozen=True)
class TokenUsage:
    """Tokens that an answer is billed for.

    `asked` are the tokens of the prompt, `answered` those of the completion. Of `asked`, `cached`
    cost less, and `written` cost more because the service put them into its cache.
    """

    asked: int = 0
    answered: int = 0
    cached: int = 0
    written: int = 0

    def __add__(self, other: "TokenUsage") -> "TokenUsage":
        return TokenUsage(
            self.asked + other.asked,
            self.answered + other.answered,
            self.cached + other.cached,
            self.written + other.written,
        )

    @property
    def tokens(self) -> int:
        """Tokens of prompt and completion together."""
        return self.asked + self.answered


@dataclass(frozen=True)
class ModelUsage:
    """Calls, tokens and dollars that were used of a model."""

    calls: int = 0
    asked: int = 0
    answered: int = 0
    cached: int = 0
    dollars: float = 0.0

    @classmethod
    def of(cls, usage: TokenUsage, dollars: float | None, calls: int = 1) -> "ModelUsage":
        """Return the usage of some calls."""
        return cls(calls, usage.asked, usage.answered, usage.cached, dollars or 0.0)

    @classmethod
    def load(cls, fields: Mapping[str, Any]) -> "ModelUsage":
        """Read a usage from the fields of a document. Raises `UnreadableError`."""
        return cls(**fitting(cls, "a usage", {**fields}, "correct it"))

    def __add__(self, other: "ModelUsage") -> "ModelUsage":
        return ModelUsage(
            self.calls + other.calls,
            self.asked + other.asked,
            self.answered + other.answered,
            self.cached + other.cached,
            self.dollars + other.dollars,
        )

    def __sub__(self, other: "ModelUsage") -> "ModelUsage":
        return ModelUsage(
            self.calls - other.calls,
            self.asked - other.asked,
            self.answered - other.answered,
            self.cached - other.cached,
            self.dollars - other.dollars,
        )

    @property
    def tokens(self) -> int:
        """Tokens of prompts and completions together."""
        return self.asked + self.answered


def total_usage(usages: Iterable[ModelUsage]) -> ModelUsage:
    """Add usages up."""
    return sum(usages, ModelUsage())
