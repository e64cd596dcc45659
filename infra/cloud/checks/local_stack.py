"""Checks of a local stack, by its addresses: the first line of `infra/local/run --serve --json`."""

import asyncio
import os
from collections.abc import Mapping
from typing import Any

from infra.cloud.checks import api_keys, stored_state
from infra.cloud.checks.check import (
    Check,
    CheckResult,
    ok,
    unhealthy,
    unknown,
    wrong,
    wrong_if,
)
from infra.cloud.checks.document_reader import DocumentReader
from infra.cloud.clients.stdlib_http import NoResponseError, send_request
from landfall.process.config import FUNCTIONS

RESTART = "restart infra/local/run --serve"


class LocalStackChecks:
    """Checks of a local stack."""

    def __init__(self, addresses: Mapping[str, str]) -> None:
        self._addresses = addresses
        self._documents = DocumentReader(self._firestore)

    def checks(self) -> list[Check]:
        """List the checks, causes before their effects."""
        return [
            Check("clock", self.clock),
            Check("functions", self.functions),
            Check("queue", self.queue),
            Check("ticks", self.ticks),
            Check("documents", self.documents),
            Check("health", self.health),
            Check("Airtable key", self.airtable),
            Check("model key", self.openai),
        ]

    def clock(self) -> CheckResult:
        """Check the clock of the functions against that of this machine."""
        return api_keys.clock(send_request("GET", self._addresses["api"]))

    def functions(self) -> CheckResult:
        """Check that all five functions answer, and refuse a caller without a token."""
        problems = []
        for function in FUNCTIONS:
            try:
                status = send_request("POST", self._addresses[function]).status
            except NoResponseError as error:
                problems.append(f"{function} does not answer: {error}")
            else:
                problems += [f"{function} answered {status}, not 401"] if status != 401 else []
        return wrong_if(problems, RESTART, "all five answer")

    def queue(self) -> CheckResult:
        """Check that the queue is running."""
        tasks, project = self._addresses["tasks"], self._addresses["project"]
        try:
            state = asyncio.run(_queue_state(tasks, project))
        except NoResponseError as error:
            return wrong(f"the stand-in of Cloud Tasks does not show its queue: {error}", RESTART)
        return (
            ok("running")
            if state == "RUNNING"
            else wrong(f"the queue is {state.lower()}", "resume it")
        )

    def ticks(self) -> CheckResult:
        """Check that both functions ticked recently."""
        return stored_state.ticks(self._documents)

    def documents(self) -> CheckResult:
        """Check that no document is of a newer schema version."""
        return stored_state.versions(self._documents)

    def health(self) -> CheckResult:
        """Check the health that the api reports."""
        token = self._addresses["token"]
        url = f"{self._addresses['api']}/health"
        answer = send_request("GET", url, {"Authorization": f"Bearer {token}"})
        return ok("ok") if answer.status == 200 else unhealthy(answer, RESTART)

    def airtable(self) -> CheckResult:
        """Check that Airtable, or its stand-in, accepts the key of the environment."""
        return self._key("AIRTABLE_API_KEY", api_keys.airtable, self._addresses["airtable"])

    def openai(self) -> CheckResult:
        """Check that the model API, or its stand-in, accepts the key of the environment."""
        return self._key("OPENAI_API_KEY", api_keys.openai, self._addresses["openai"])

    def _key(self, variable: str, answers: Any, url: str) -> CheckResult:
        key = os.environ.get(variable, "").strip()
        if not key:
            return unknown(
                f"{variable} is not set", "set it to the key that the stack was started with"
            )
        result: CheckResult = answers(url, key)
        return result

    def _firestore(self, method: str, path: str, body: Any) -> Any:
        project, host = self._addresses["project"], self._addresses["firestore"]
        url = f"http://{host}/v1/projects/{project}/databases/(default)/documents{path}"
        # the token that the emulator accepts for everything
        answer = send_request(method, url, {"Authorization": "Bearer owner"}, body)
        if answer.status == 404:
            return None
        if answer.status >= 300:
            raise NoResponseError(f"the Firestore emulator answered {answer.status}")
        return answer.json()


async def _queue_state(tasks: str, project: str) -> str:
    """Return the state of the queue. Raises `NoResponseError`."""
    from google.api_core.exceptions import GoogleAPIError
    from google.cloud.tasks_v2 import Queue

    from landfall.runs.cloud_tasks import cloud_tasks_client

    client = cloud_tasks_client(tasks)
    name = f"projects/{project}/locations/local/queues/landfall"
    try:
        queue = await client.get_queue(name=name, timeout=10, retry=None)
    except GoogleAPIError as error:
        raise NoResponseError(str(error)) from error
    finally:
        await client.transport.close()  # type: ignore[no-untyped-call]
    return str(Queue.State(queue.state).name)
