"""The clients of the vendors, made when a step first needs them."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from landfall.process.config import Config, key_fault
from landfall.reasons import Reason, StepError

if TYPE_CHECKING:
    from landfall.airtable.client import AirtableClient
    from landfall.llm.batch import BatchService
    from landfall.llm.model_settings import ModelSettings
    from landfall.llm.questions import Model
    from landfall.site.client import WebReader


@dataclass(frozen=True)
class Clients:
    """The clients of the vendors, each made for one step."""

    config: Config

    def base(self, base_id: str) -> "AirtableClient":
        """Open a base. Raises `StepError` where there is no key."""
        from landfall.airtable.client import AirtableClient

        config = self.config
        if fault := key_fault(config.airtable_api_key):
            raise StepError(
                Reason.BASE_NOT_CONFIGURED,
                f"AIRTABLE_API_KEY {fault}: this scan reads a base; give the function `fetch` a "
                "personal access token that may read it",
            )
        return AirtableClient(
            base_id, config.airtable_api_key, config.airtable_endpoint, config.ladder
        )

    def site(self, _: str) -> "WebReader":
        """Open a web site."""
        from landfall.site.client import WebReader

        return WebReader(self.config.sites_allowed, self.config.ladder)

    def model(self, settings: "ModelSettings") -> "Model":
        """Open the language model of a scan. Raises `StepError` where there is no key."""
        from landfall.llm.openai.chat import OpenAIModel

        return OpenAIModel(**self._model(settings))

    def batches(self, settings: "ModelSettings") -> "BatchService":
        """Open the service of the model's batches. Raises `StepError` where there is no key."""
        from landfall.llm.openai.batches import OpenAIBatches

        return OpenAIBatches(**self._model(settings))

    def _model(self, settings: "ModelSettings") -> dict[str, Any]:
        config = self.config
        if fault := key_fault(config.openai_api_key):
            raise StepError(
                Reason.MODEL_NOT_CONFIGURED,
                f"OPENAI_API_KEY {fault}: this scan asks a language model; give the function "
                "`score` a key for it (and OPENAI_BASE_URL, where it is not OpenAI's)",
            )
        name = settings.name or config.openai_model
        return {
            "base_url": config.openai_base_url,
            "api_key": config.openai_api_key,
            "model": name,
            "ladder": config.ladder,
            "effort": settings.effort_for(name),
        }
