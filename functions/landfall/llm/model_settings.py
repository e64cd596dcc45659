"""Settings of the language model in a scan's definition: its name, price and budget.

A budget covers the worst case: a call is made only if its highest possible cost still fits.
"""

from typing import Literal, Self

from pydantic import Field, model_validator

from landfall.llm.prices import Price, price_of
from landfall.llm.usage import ModelUsage
from landfall.scans.settings import Number, Settings, Whole

Effort = Literal["none", "minimal", "low", "medium", "high"]

DEFAULT_EFFORT: Effort = "low"
"""Reasoning effort of the known models, unless a scan sets another. Their own default is longer
(medium), and an answer that comes after the end of a request is still paid for."""


DOLLAR_PLACES = 6
"""Decimal places of a cost, as it is counted and shown: a sum in binary fractions has others."""


class Allowance(Settings):
    """Limits on the usage of a model; null means no limit."""

    max_calls: Whole | None = Field(None, ge=0, description="Questions, including retries.")
    max_tokens: Whole | None = Field(None, ge=0, description="Tokens of prompts and answers.")
    max_dollars: Number | None = Field(None, ge=0, description="Dollars, by the known prices.")

    def exceeded(self, usage: ModelUsage) -> str | None:
        """Return the first exceeded limit, such as "max_calls: 100"."""
        used = {"max_calls": usage.calls, "max_tokens": usage.tokens, "max_dollars": usage.dollars}
        for name, amount in used.items():
            limit = getattr(self, name)
            if limit is not None and round(amount, DOLLAR_PLACES) > round(limit, DOLLAR_PLACES):
                return f"{name}: {limit}"
        return None


class ModelBudget(Settings):
    """Budget of a model. A run that reaches it ends `done`, and the next run continues."""

    run: Allowance = Field(
        Allowance(max_calls=5_000, max_tokens=10_000_000, max_dollars=5.0),
        description="Limits of one run.",
    )
    day: Allowance = Field(
        Allowance(max_calls=20_000, max_tokens=40_000_000, max_dollars=20.0),
        description="Limits of all runs of this scan on one day (UTC).",
    )

    def exceeded(self, run: ModelUsage, day: ModelUsage) -> str | None:
        """Return the first exceeded limit, such as "run.max_calls: 100", if there is one."""
        for name, allowance, usage in (("run", self.run, run), ("day", self.day, day)):
            if limit := allowance.exceeded(usage):
                return f"{name}.{limit}"
        return None

    @property
    def limits_days(self) -> bool:
        """Return whether a day has a limit, which concurrent runs share."""
        return self.day != Allowance()

    @property
    def has_dollars(self) -> bool:
        """Return whether a limit is in dollars, which takes a price."""
        return any(limit.max_dollars is not None for limit in (self.run, self.day))


class ModelSettings(Settings):
    """The language model of a scan."""

    name: str | None = Field(
        None,
        min_length=1,
        max_length=100,
        description="Name of the model at its service. By default, that of LANDFALL_MODEL.",
    )
    effort: Effort | None = Field(
        None,
        description="Reasoning effort before the answer, which costs time and tokens; an answer "
        "must arrive within 15 s. By default `low` for the models whose price Landfall knows, and "
        "the model's own default for others. Not every model accepts each value.",
    )
    batch: bool = Field(
        False,
        description="Ask in batches: half the price, but up to 24 hours, for which "
        "`limits.deadline_seconds` must leave time. Only for `kind: classification`.",
    )
    budget: ModelBudget = ModelBudget()
    price: Price | None = Field(
        None, description="Price of the model, if Landfall does not know it or it has changed."
    )

    @model_validator(mode="after")
    def _priced(self) -> Self:
        if self.name and self.budget.has_dollars and self.price_for(self.name) is None:
            raise ValueError(unknown_price(self.name))
        return self

    def effort_for(self, model: str) -> Effort | None:
        """Return the reasoning effort; None leaves it to a model that is not known."""
        return self.effort or (DEFAULT_EFFORT if price_of(model) else None)

    def price_for(self, model: str) -> Price | None:
        """Return the price of a model; None where it is not known."""
        return self.price or price_of(model)


def unknown_price(model: str) -> str:
    """Return the message for a budget in dollars without a price, with the fix."""
    return (
        f"the budget is in dollars, but the price of the model {model!r} is not known; give "
        "`price` (input, cached_input, output), or set `max_dollars` of `budget.run` and "
        "`budget.day` to null"
    )
