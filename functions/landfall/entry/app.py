"""The composition root: the one place where clients are made.

They are made, and the vendors' libraries imported, when a request first needs them: a cold start
pays for what it uses.
"""

import functools
import os
from dataclasses import dataclass
from datetime import UTC, datetime
from random import Random
from typing import TYPE_CHECKING, Any

from landfall.process import garbage
from landfall.process.config import Config, load_config
from landfall.reasons import Reason, StepError

if TYPE_CHECKING:
    from landfall.airtable.client import AirtableReader
    from landfall.entry.callers import Callers
    from landfall.llm.batch import BatchService
    from landfall.llm.questions import Model
    from landfall.llm.settings import ModelSettings
    from landfall.process.redaction import Redactor
    from landfall.runs.runs import Runs
    from landfall.site.client import WebReader
    from landfall.store.indexes import Indexes


@dataclass(frozen=True)
class Clients:
    """The clients of the vendors, each made for one step."""

    config: Config

    def base(self, base_id: str) -> "AirtableReader":
        """Open a base. Raises `StepError` where there is no key."""
        from landfall.airtable.client import AirtableReader

        config = self.config
        if not config.airtable_api_key:
            raise StepError(
                Reason.BASE_NOT_CONFIGURED,
                "AIRTABLE_API_KEY is not set: this scan reads a base; give the function `fetch` a "
                "personal access token that may read it",
            )
        return AirtableReader(
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
        """Open the same model, for batches. Raises `StepError` where there is no key."""
        from landfall.llm.openai.batches import OpenAIBatches

        return OpenAIBatches(**self._model(settings))

    def _model(self, settings: "ModelSettings") -> dict[str, Any]:
        config = self.config
        if not config.openai_api_key:
            raise StepError(
                Reason.MODEL_NOT_CONFIGURED,
                "OPENAI_API_KEY is not set: this scan asks a language model; give the function "
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


@dataclass(frozen=True)
class App:
    """The parts of a function, made once a process."""

    config: Config
    runs: "Runs"
    indexes: "Indexes"
    callers: "Callers"
    clients: Clients
    redactor: "Redactor"


@functools.cache
def app_of(function: str) -> App:
    """Return the parts of a function, from its environment. Raises `ConfigError`."""
    from landfall.entry.callers import Callers, fetch_certificates
    from landfall.process.redaction import Redactor
    from landfall.runs.cloud_tasks import CloudTasksQueue, Delivery, cloud_tasks_client
    from landfall.runs.runs import Runs
    from landfall.runs.steps import ROLES
    from landfall.store.firestore import FirestoreStore, firestore_client
    from landfall.store.indexes import Indexes
    from landfall.store.versioned import VersionedStore

    config = load_config(function, os.environ)
    urls = {"fetch": config.fetch_url, "score": config.score_url}
    delivery = Delivery(
        queue=config.queue,
        urls={step_id: urls[role.function] for step_id, role in ROLES.items()},
        service_account=config.tasks_account,
        audience=config.audiences[0],
    )
    random = Random()
    ladder = config.ladder
    store = FirestoreStore(firestore_client(config.project, ladder.connect), ladder.request)
    client = cloud_tasks_client(config.cloud_tasks_emulator, ladder.connect)
    queue = CloudTasksQueue(client, delivery, ladder, random)
    callers = Callers(
        issuer=config.token_issuer,
        audiences=config.audiences,
        allowed=config.callers,
        checked_by_cloud_run=config.checked_by_cloud_run,
        certificates=lambda: fetch_certificates(config.certificates_url),
    )
    runs = Runs(VersionedStore(store, keeping=config.keeping), queue, _now, random, ladder)
    garbage.freeze()
    clients = Clients(config)
    return App(config, runs, Indexes(store, _now), callers, clients, Redactor(config.secrets))


def _now() -> datetime:
    return datetime.now(UTC)
