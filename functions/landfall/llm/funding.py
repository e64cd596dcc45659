"""The funding of questions to a model: answers that are paid for, and a budget for the others."""

from dataclasses import dataclass
from typing import Self

from landfall.llm.answer_store import AnswerStore, Payer
from landfall.llm.billing import Billing
from landfall.llm.budget import Spending
from landfall.llm.model_settings import ModelSettings, unknown_price
from landfall.reasons import Reason, StepError
from landfall.runs.claim import Claim


@dataclass(frozen=True)
class Funding:
    """The stored answers that a run may use, its spending, and the bill of a call."""

    answers: AnswerStore
    spending: Spending
    billing: Billing

    @classmethod
    async def load(
        cls,
        claim: Claim,
        settings: ModelSettings,
        model: str,
        effort: str | None,
        price_factor: float = 1.0,
    ) -> Self:
        """Return the funding of a run, whose spending every commit of the claim stores from now on.

        Raises `StoreError`.

        Raises `StepError` where a budget in dollars has no price to count by.
        """
        price = settings.price_for(model)
        if price is None and settings.budget.has_dollars:
            raise StepError(Reason.MODEL_PRICE_UNKNOWN, unknown_price(model))
        run, engine = claim.run, claim.engine
        if not isinstance(claim.companion, Spending):
            claim.companion = await Spending.load(
                engine.store, run.scan_id, run.id, engine.clock, settings.budget
            )
        payer = Payer(run.scan_id, run.id, claim.worker)
        answers = AnswerStore(engine.store, payer, model, effort)
        return cls(answers, claim.companion, Billing(price, price_factor))
