"""What a scan's definition says of the language model: which one, at what price, up to what budget.

A budget is spent by the worst case: before a call, all that it may cost must still fit.
"""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, Self

from pydantic import Field, model_validator

from landfall.llm.prices import Price, price_of
from landfall.llm.questions import Usage
from landfall.scans.settings import Settings

Effort = Literal["none", "minimal", "low", "medium", "high"]

EFFORT: Effort = "low"
"""How long the models that we know are to think, unless a scan says otherwise. Left to themselves
they think longer (medium), and an answer that is not there when a request ends is paid for all the
same."""


@dataclass(frozen=True)
class Use:
    """What was used of a model: calls, tokens and dollars."""

    calls: int = 0
    asked: int = 0
    answered: int = 0
    cached: int = 0
    dollars: float = 0.0

    @classmethod
    def of(cls, usage: Usage, dollars: float | None, calls: int = 1) -> "Use":
        """That of some calls."""
        return cls(calls, usage.asked, usage.answered, usage.cached, dollars or 0.0)

    @classmethod
    def load(cls, fields: Mapping[str, Any]) -> "Use":
        """From the fields of a document."""
        return cls(**{name: fields[name] for name in asdict(cls())})

    def __add__(self, other: "Use") -> "Use":
        return Use(
            self.calls + other.calls,
            self.asked + other.asked,
            self.answered + other.answered,
            self.cached + other.cached,
            self.dollars + other.dollars,
        )

    def __sub__(self, other: "Use") -> "Use":
        return Use(
            self.calls - other.calls,
            self.asked - other.asked,
            self.answered - other.answered,
            self.cached - other.cached,
            self.dollars - other.dollars,
        )

    @property
    def tokens(self) -> int:
        """Asked and answered."""
        return self.asked + self.answered


def total(uses: Iterable[Use]) -> Use:
    """All of it together."""
    return sum(uses, Use())


class Allowance(Settings):
    """How much of a model may be used; null is without limit."""

    max_calls: int | None = Field(None, ge=0, description="Questions, repairs included.")
    max_tokens: int | None = Field(None, ge=0, description="Asked and answered together.")
    max_dollars: float | None = Field(None, ge=0, description="By the prices that are known.")

    def exceeded(self, use: Use) -> str | None:
        """Which of the limits this use is over: such as "max_calls: 100"."""
        used = {"max_calls": use.calls, "max_tokens": use.tokens, "max_dollars": use.dollars}
        for name, amount in used.items():
            limit = getattr(self, name)
            if limit is not None and amount > limit:
                return f"{name}: {limit}"
        return None


class ModelBudget(Settings):
    """What may be spent. A run that reaches it ends `done`, and the next goes on."""

    run: Allowance = Field(
        Allowance(max_calls=5_000, max_tokens=10_000_000, max_dollars=5.0),
        description="In one run.",
    )
    day: Allowance = Field(
        Allowance(max_calls=20_000, max_tokens=40_000_000, max_dollars=20.0),
        description="In all runs of this scan that use the model on one day (UTC).",
    )

    def exceeded(self, run: Use, day: Use) -> str | None:
        """Which limit this is over, such as "run.max_calls: 100"; None when all is within."""
        for name, allowance, use in (("run", self.run, run), ("day", self.day, day)):
            if limit := allowance.exceeded(use):
                return f"{name}.{limit}"
        return None

    @property
    def has_dollars(self) -> bool:
        """Whether some limit is in dollars, which takes a price."""
        return any(limit.max_dollars is not None for limit in (self.run, self.day))


class ModelSettings(Settings):
    """The language model of a scan."""

    name: str | None = Field(
        None,
        min_length=1,
        max_length=100,
        description="The model, as its service calls it. Without it, that of LANDFALL_MODEL.",
    )
    effort: Effort | None = Field(
        None,
        description="How long the model thinks before it answers, which costs time and tokens; an "
        "answer must come within 15 s. Without it: `low` for the models whose price Landfall "
        "knows, and for others what they do by themselves. Not every model takes each word.",
    )
    batch: bool = Field(
        False,
        description="Ask in batches: half the price, and up to 24 hours; give "
        "`limits.deadline_seconds` the time. For `kind: classification` alone.",
    )
    budget: ModelBudget = ModelBudget()
    price: Price | None = Field(
        None, description="What the model costs, where Landfall does not know it or it has changed."
    )

    @model_validator(mode="after")
    def _priced(self) -> Self:
        if self.name and self.budget.has_dollars and self.price_for(self.name) is None:
            raise ValueError(no_price(self.name))
        return self

    def effort_for(self, model: str) -> Effort | None:
        """How long the model is to think; None leaves that to a model that we do not know."""
        return self.effort or (EFFORT if price_of(model) else None)

    def price_for(self, model: str) -> Price | None:
        """What the model costs; None where nobody says so."""
        return self.price or price_of(model)


def no_price(model: str) -> str:
    """Why a budget in dollars cannot be kept, and what to do."""
    return (
        f"the price of the model {model!r} is not known, and the budget is in dollars; give "
        "`price` (input, cached_input, output), or set `max_dollars` of `budget.run` and "
        "`budget.day` to null"
    )
