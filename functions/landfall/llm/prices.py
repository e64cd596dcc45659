"""Prices of a model's tokens, as OpenAI publishes them.

Sources, read on 2026-11-25: the models' own pages, developers.openai.com/api/docs/models/NAME
(gpt-6-luna, gpt-5.6-luna, gpt-5.4-nano, gpt-5-nano), and for the others developers.openai.com/
api/docs/pricing as others quote it. Prices change: a scan's `model.price` overrides them.

Not included: surcharges for long prompts (from 272,000 tokens) and for regional processing.
"""

import re

from pydantic import Field

from landfall.llm.usage import TokenUsage
from landfall.scans.settings import Number, Settings

AS_OF = "2026-11-25"
"""Date on which the prices were read."""

CACHE_WRITE_FACTOR = 1.25
"""Factor on the price of prompt tokens that are written to the cache, from GPT-5.6 on."""

BATCH_FACTOR = 0.5
"""Factor on all prices in a batch."""


class Price(Settings):
    """Price in dollars per million tokens."""

    input: Number = Field(ge=0, description="Of the prompt.")
    cached_input: Number = Field(ge=0, description="Of the cached part of a prompt.")
    output: Number = Field(ge=0, description="Of the answer, with the reasoning before it.")

    def dollars(self, usage: TokenUsage, factor: float = 1.0) -> float:
        """Return the cost of an answer."""
        fresh = usage.asked - usage.cached
        millionths = (
            (fresh + (CACHE_WRITE_FACTOR - 1) * usage.written) * self.input
            + usage.cached * self.cached_input
            + usage.answered * self.output
        )
        return millionths * factor / 1e6

    def max_dollars(self, worst: TokenUsage, factor: float = 1.0) -> float:
        """Return the highest possible cost: nothing was cached, and all of the prompt is now."""
        return self.dollars(TokenUsage(worst.asked, worst.answered, 0, worst.asked), factor)


def _price(asked: float, cached: float, answered: float) -> Price:
    return Price(input=asked, cached_input=cached, output=answered)


PRICES: dict[str, Price] = {
    "gpt-6.1-terra": _price(1.00, 0.05, 5.00),
    "gpt-6-luna": _price(0.10, 0.01, 0.50),
    "gpt-5.6-terra": _price(2.00, 0.20, 12.00),
    "gpt-5.6-luna": _price(0.20, 0.02, 1.20),
    "gpt-5.4": _price(2.50, 0.25, 15.00),
    "gpt-5.4-mini": _price(0.75, 0.075, 4.50),
    "gpt-5.4-nano": _price(0.20, 0.02, 1.25),
    "gpt-5-mini": _price(0.25, 0.025, 2.00),
    "gpt-5-nano": _price(0.05, 0.005, 0.40),
}
"""Prices of the models that answer in a strict shape and suit Landfall's questions."""

_DATE = re.compile(r"-\d{4}-\d{2}-\d{2}$")


def price_of(model: str) -> Price | None:
    """Return the price of a model or of a dated version of it; None where it is not known."""
    return PRICES.get(_DATE.sub("", model))
