"""Prices and budgets of a model: a budget that cannot be enforced is refused on arrival."""

import pytest
from pydantic import ValidationError

from landfall.llm.model_settings import Allowance, ModelBudget, ModelSettings
from landfall.llm.prices import AS_OF, PRICES, Price, price_of
from landfall.llm.usage import ModelUsage, TokenUsage, total_usage

PRICE = {"input": 1.0, "cached_input": 0.1, "output": 10.0}
NO_DOLLARS = {"run": {"max_calls": 5}, "day": {"max_calls": 9}}


def test_a_price_counts_each_kind_of_token():
    """A million of each: fresh, cached, answered; tokens written to the cache cost more."""
    price = Price(**PRICE)
    assert price.dollars(TokenUsage(1_000_000, 0)) == 1.0
    assert price.dollars(TokenUsage(1_000_000, 0, cached=1_000_000)) == pytest.approx(0.1)
    assert price.dollars(TokenUsage(0, 1_000_000)) == 10.0
    assert price.dollars(TokenUsage(1_000_000, 0, written=1_000_000)) == 1.25


def test_the_worst_case_is_never_less():
    """Whatever the cache does in the end."""
    price, worst = Price(**PRICE), TokenUsage(1000, 100)
    for usage in (
        worst,
        TokenUsage(1000, 100, 900),
        TokenUsage(1000, 100, 0, 1000),
        TokenUsage(400, 0),
    ):
        assert price.max_dollars(worst) >= price.dollars(usage)


def test_a_dated_model_has_the_price_of_its_name():
    """The service answers with the name of a dated version."""
    assert price_of("gpt-6-luna-2026-09-22") == PRICES["gpt-6-luna"]
    assert price_of("gpt-6-lunar") is None
    assert AS_OF


def test_every_price_makes_sense():
    """Cached input costs less than fresh, and output more than input."""
    assert [n for n, p in PRICES.items() if not 0 < p.cached_input < p.input < p.output] == []


def test_a_budget_in_dollars_without_a_price_is_refused():
    """The message has the two fixes."""
    with pytest.raises(ValidationError, match=r"give `price`.*or set `max_dollars`"):
        ModelSettings(name="llama-9")


@pytest.mark.parametrize("fix", [{"price": PRICE}, {"budget": NO_DOLLARS}])
def test_each_fix_is_accepted(fix):
    """A price in the scan, or a budget without dollars."""
    assert ModelSettings.model_validate({"name": "llama-9"} | fix).name == "llama-9"


def test_a_scan_can_set_the_price():
    """It overrides the list, which may be stale."""
    settings = ModelSettings.model_validate({"name": "gpt-6-luna", "price": PRICE})
    assert settings.price_for("gpt-6-luna") == Price(**PRICE)


@pytest.mark.parametrize("model", [*PRICES, "gpt-6-luna-2026-09-22"])
def test_a_known_model_has_low_effort(model):
    """Its own default may take longer than a request; a scan's setting takes precedence."""
    assert ModelSettings().effort_for(model) == "low"
    assert ModelSettings(effort="high").effort_for(model) == "high"


def test_an_unknown_model_gets_no_effort():
    """It may not accept the setting; a scan can still set it."""
    settings = ModelSettings.model_validate({"name": "llama-9", "price": PRICE})
    assert settings.effort_for("llama-9") is None
    assert ModelSettings(effort="low").effort_for("llama-9") == "low"


def test_by_default_there_is_a_limit_of_each_kind():
    """The bill is no surprise."""
    budget = ModelBudget()
    for allowance in (budget.run, budget.day):
        assert None not in allowance.model_dump().values()


OVER = [
    (ModelUsage(calls=6), ModelUsage(), "run.max_calls: 5"),
    (ModelUsage(asked=60, answered=41), ModelUsage(), "run.max_tokens: 100"),
    (ModelUsage(dollars=0.6), ModelUsage(), "run.max_dollars: 0.5"),
    (ModelUsage(calls=5, asked=50, answered=50, dollars=0.5), ModelUsage(calls=7), None),
    (ModelUsage(), ModelUsage(calls=8), "day.max_calls: 7"),
]


@pytest.mark.parametrize(("run", "day", "limit"), OVER)
def test_an_exceeded_limit_is_named(run, day, limit):
    """Usage equal to a limit does not exceed it."""
    allowed = Allowance(max_calls=5, max_tokens=100, max_dollars=0.5)
    budget = ModelBudget(run=allowed, day=Allowance(max_calls=7))
    assert budget.exceeded(run, day) == limit


def test_dollars_add_up_as_decimals():
    """Three times 10 cents are 30, although 0.1 + 0.1 + 0.1 > 0.3 in binary fractions."""
    spent = total_usage([ModelUsage(dollars=0.1)] * 3)
    assert spent.dollars > 0.3
    assert Allowance(max_dollars=0.3).exceeded(spent) is None
    more = spent + ModelUsage(dollars=0.000001)
    assert Allowance(max_dollars=0.3).exceeded(more) == "max_dollars: 0.3"


def test_usage_adds_up():
    """They can be subtracted again."""
    usages = [ModelUsage(1, 2, 3, 4, 5.0), ModelUsage(1, 1, 1, 1, 1.0)]
    assert total_usage(usages) == ModelUsage(2, 3, 4, 5, 6.0)
    assert total_usage(usages) - usages[1] == usages[0]
