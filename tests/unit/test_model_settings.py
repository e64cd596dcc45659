"""What a model costs and what may be spent: refused at the door where it could not be kept."""

import pytest
from pydantic import ValidationError

from landfall.llm.prices import AS_OF, PRICES, Price, price_of
from landfall.llm.questions import Usage
from landfall.llm.settings import Allowance, ModelBudget, ModelSettings, Use, total

PRICE = {"input": 1.0, "cached_input": 0.1, "output": 10.0}
NO_DOLLARS = {"run": {"max_calls": 5}, "day": {"max_calls": 9}}


def test_a_price_counts_each_kind_of_token():
    """A million of each: fresh, cached, answered; what is put into the cache costs more."""
    price = Price(**PRICE)
    assert price.dollars(Usage(1_000_000, 0)) == 1.0
    assert price.dollars(Usage(1_000_000, 0, cached=1_000_000)) == pytest.approx(0.1)
    assert price.dollars(Usage(0, 1_000_000)) == 10.0
    assert price.dollars(Usage(1_000_000, 0, written=1_000_000)) == 1.25


def test_the_worst_case_is_never_less():
    """Whatever is cached or put there in the end."""
    price, worst = Price(**PRICE), Usage(1000, 100)
    for usage in (worst, Usage(1000, 100, 900), Usage(1000, 100, 0, 1000), Usage(400, 0)):
        assert price.most(worst) >= price.dollars(usage)


def test_a_dated_model_has_the_price_of_its_name():
    """The service answers with the name of a snapshot."""
    assert price_of("gpt-6-luna-2026-09-22") == PRICES["gpt-6-luna"]
    assert price_of("gpt-6-lunar") is None
    assert AS_OF


def test_every_price_makes_sense():
    """Cached input costs less than fresh, an answer more than a question."""
    assert [n for n, p in PRICES.items() if not 0 < p.cached_input < p.input < p.output] == []


def test_dollars_without_a_price_are_refused_at_the_door():
    """With the two ways out."""
    with pytest.raises(ValidationError, match=r"give `price`.*or set `max_dollars`"):
        ModelSettings(name="llama-9")


@pytest.mark.parametrize("way_out", [{"price": PRICE}, {"budget": NO_DOLLARS}])
def test_the_ways_out_are_taken(way_out):
    """A price of one's own, or a budget without dollars."""
    assert ModelSettings.model_validate({"name": "llama-9"} | way_out).name == "llama-9"


def test_a_price_of_ones_own_counts():
    """Where the list is stale."""
    settings = ModelSettings.model_validate({"name": "gpt-6-luna", "price": PRICE})
    assert settings.price_for("gpt-6-luna") == Price(**PRICE)


@pytest.mark.parametrize("model", [*PRICES, "gpt-6-luna-2026-09-22"])
def test_a_model_that_is_known_thinks_little(model):
    """Its own default may take longer than a request; a scan's word counts more."""
    assert ModelSettings().effort_for(model) == "low"
    assert ModelSettings(effort="high").effort_for(model) == "high"


def test_a_model_that_is_not_known_is_told_nothing():
    """It may not even take it; unless the scan says so."""
    settings = ModelSettings.model_validate({"name": "llama-9", "price": PRICE})
    assert settings.effort_for("llama-9") is None
    assert ModelSettings(effort="low").effort_for("llama-9") == "low"


def test_by_default_there_is_a_limit_of_each_kind():
    """Nobody is surprised by a bill."""
    budget = ModelBudget()
    for allowance in (budget.run, budget.day):
        assert None not in allowance.model_dump().values()


OVER = [
    (Use(calls=6), Use(), "run.max_calls: 5"),
    (Use(asked=60, answered=41), Use(), "run.max_tokens: 100"),
    (Use(dollars=0.6), Use(), "run.max_dollars: 0.5"),
    (Use(calls=5, asked=50, answered=50, dollars=0.5), Use(calls=7), None),
    (Use(), Use(calls=8), "day.max_calls: 7"),
]


@pytest.mark.parametrize(("run", "day", "limit"), OVER)
def test_a_limit_is_named(run, day, limit):
    """What is exactly as much as allowed is within it."""
    allowed = Allowance(max_calls=5, max_tokens=100, max_dollars=0.5)
    budget = ModelBudget(run=allowed, day=Allowance(max_calls=7))
    assert budget.exceeded(run, day) == limit


def test_uses_add_up():
    """And may be taken off again."""
    uses = [Use(1, 2, 3, 4, 5.0), Use(1, 1, 1, 1, 1.0)]
    assert total(uses) == Use(2, 3, 4, 5, 6.0)
    assert total(uses) - uses[1] == uses[0]
