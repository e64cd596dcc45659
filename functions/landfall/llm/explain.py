"""Sentences about the cost of a model: the budget, which no run exceeds."""

from landfall.llm.model_settings import Allowance, ModelSettings


def model_costs(model: ModelSettings, questions: str) -> str:
    """Return a sentence about the questions that a run asks, and their bound."""
    name = model.name or "the model of the installation"
    batch = ", in batches at half the price" if model.batch else ""
    run, day = _bound(model.budget.run), _bound(model.budget.day)
    return f"It asks {name}{batch}: {questions}. A run spends at most {run}; a day, {day}."


def _bound(limit: Allowance) -> str:
    parts = [
        f"${limit.max_dollars:,.2f}" if limit.max_dollars is not None else "",
        f"{limit.max_calls:,} questions" if limit.max_calls is not None else "",
        f"{limit.max_tokens:,} tokens" if limit.max_tokens is not None else "",
    ]
    return " and ".join(filter(None, parts)) or "without a limit"
