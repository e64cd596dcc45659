"""The handlers of the functions that Cloud Tasks calls: one invocation of a worker each."""

import json
from typing import Any

from landfall import logs
from landfall.entry.app import App
from landfall.entry.serve import Answer, Call, asks_for_health
from landfall.kinds.registry import Registry
from landfall.kinds.table import KINDS
from landfall.process.memory import give_back, peak_mb, rss_mb
from landfall.reasons import BadRequestError
from landfall.runs.kind import Outcome
from landfall.runs.outbox import message_of, names_message
from landfall.runs.steps import steps_of
from landfall.runs.worker import Invocation, Worker

MAX_BODY = 10_000
"""Bytes of a task, which has an id and two small values."""

give_back()


async def fetch(app: App, call: Call) -> Answer:
    """Work on the steps of a run that use Airtable or a site: fetch, and write."""
    return await _work("fetch", app, call)


async def score(app: App, call: Call) -> Answer:
    """Work on the score step of a run."""
    return await _work("score", app, call)


async def _work(function: str, app: App, call: Call) -> Answer:
    if asks_for_health(call.request):
        return 200, {"status": "ok", "lacking": app.config.lacking}
    try:
        body = _json(await call.body(MAX_BODY))
        if function == "fetch" and names_message(body):
            return await _tell(app, body)
        invocation = Invocation.parse(body, *steps_of(function))
    except BadRequestError as error:
        if "x-cloudtasks-taskname" not in call.request.headers:
            raise
        # a task that says nothing never will: refused, it would be delivered again
        logs.error("no task", error=str(error))
        return 200, {"outcome": Outcome.DECLINED}
    definitions = Registry(app.runs.store, app.runs.clock)
    worker = Worker(app.runs, KINDS, definitions, app.clients, app.redactor)
    with logs.fields(run_id=invocation.run_id, step_id=invocation.step_id):
        outcome = await worker.invoke(invocation)
        logs.info("invoked", outcome=outcome, rss_mb=rss_mb(), peak_mb=peak_mb())
    return 200, {"outcome": outcome}


async def _tell(app: App, body: Any) -> Answer:
    """Make an attempt to send a message."""
    from landfall.tell.sender import Sender

    config = app.config
    sender = Sender(
        app.runs, config.channels, config.sites_allowed, config.window_url, app.redactor
    )
    message_id, attempt = message_of(body)
    with logs.fields(message_id=message_id):
        outcome = await sender.send(message_id, attempt)
        logs.info("invoked", outcome=outcome, rss_mb=rss_mb(), peak_mb=peak_mb())
    return 200, {"outcome": outcome}


def _json(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        raise BadRequestError("the body is not JSON") from None
