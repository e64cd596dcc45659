"""Billing of calls to a model, by its price."""

from dataclasses import dataclass
from typing import Any

from landfall.llm.prices import Price
from landfall.llm.questions import Question, Receipt
from landfall.llm.usage import ModelUsage


@dataclass(frozen=True)
class Billing:
    """The cost of calls. Dollars are None where the price is not known.

    `factor` applies to all prices, such as `BATCH_FACTOR`.
    """

    price: Price | None
    factor: float = 1.0

    def dollars(self, receipt: Receipt) -> float | None:
        """Return the cost of an answer."""
        return self.price.dollars(receipt.usage, self.factor) if self.price else None

    def used(self, receipt: Receipt) -> ModelUsage:
        """Return the usage of a call."""
        return ModelUsage.of(receipt.usage, self.dollars(receipt))

    def worst_case(self, question: Question[Any]) -> ModelUsage:
        """Return the highest possible usage of a question."""
        usage = question.worst_case()
        dollars = self.price.max_dollars(usage, self.factor) if self.price else None
        return ModelUsage.of(usage, dollars)
