"""What a model's tokens cost, as OpenAI publishes it.

Sources, looked at on 2026-11-25: the models' own pages, developers.openai.com/api/docs/models/NAME
(gpt-6-luna, gpt-5.6-luna, gpt-5.4-nano, gpt-5-nano), and for the others developers.openai.com/
api/docs/pricing as others quote it. Prices change: a scan's `model.price` takes their place.

Not known here: surcharges for long prompts (from 272,000 tokens) and for regional processing.
"""

import re

from pydantic import Field

from landfall.llm.questions import Usage
from landfall.scans.settings import Settings

AS_OF = "2026-11-25"
"""When the prices were looked at."""

WRITTEN_SHARE = 1.25
"""Of the price of tokens asked: what those cost that are put into the cache, from GPT-5.6 on."""

BATCH_SHARE = 0.5
"""Of the price: what a batch costs."""


class Price(Settings):
    """Dollars for a million tokens."""

    input: float = Field(ge=0, description="Of a question.")
    cached_input: float = Field(ge=0, description="Of a question, where the service had it cached.")
    output: float = Field(ge=0, description="Of an answer, what the model thinks before included.")

    def dollars(self, usage: Usage, share: float = 1.0) -> float:
        """What an answer costs."""
        fresh = usage.asked - usage.cached
        millionths = (
            (fresh + (WRITTEN_SHARE - 1) * usage.written) * self.input
            + usage.cached * self.cached_input
            + usage.answered * self.output
        )
        return millionths * share / 1e6

    def most(self, worst: Usage, share: float = 1.0) -> float:
        """What an answer costs at most: the question was not cached, and all of it is now."""
        return self.dollars(Usage(worst.asked, worst.answered, 0, worst.asked), share)


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
"""The models that answer in a strict shape and suit what Landfall asks."""

_DATE = re.compile(r"-\d{4}-\d{2}-\d{2}$")


def price_of(model: str) -> Price | None:
    """The price of a model, also of a dated one of its name; None where it is not known."""
    return PRICES.get(_DATE.sub("", model))
