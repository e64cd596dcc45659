"""The five entry points. Each decodes a request, calls one use case and maps what came of it.

This is the only place where clients are made; and they are made, and the vendors' libraries
imported, when a request first needs them: a cold start pays for what it uses.
"""

import asyncio
import functools
import json
import os
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from random import Random
from typing import TYPE_CHECKING, Any

import functions_framework.aio
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response, StreamingResponse

from landfall import logs
from landfall.deadlines import Deadline
from landfall.process import garbage
from landfall.process.config import Config, ConfigError, load_config
from landfall.process.memory import peak_mb, rss_mb
from landfall.store.documents import ConflictError, IndexMissingError, SchemaError, StoreError

if TYPE_CHECKING:
    from landfall.airtable.client import AirtableReader
    from landfall.api.downloads import Download
    from landfall.classification.scan import ClassificationScan
    from landfall.entry.callers import Callers
    from landfall.entry.routes import Api
    from landfall.integrity.scan import IntegrityScan
    from landfall.llm.batch import BatchService
    from landfall.llm.questions import Model
    from landfall.llm.settings import ModelSettings
    from landfall.process.redaction import Redactor
    from landfall.runs.runs import Claim, Runs
    from landfall.runs.worker import Leave, Work
    from landfall.scans.scan import BaseScan
    from landfall.site.scan import SiteScan
    from landfall.store.documents import Document
    from landfall.store.indexes import Indexes

garbage.collect_rarely()

Answer = tuple[int, Any]
"""A status and what is written as JSON."""


@functions_framework.aio.http
async def scheduler(request: Request) -> Response:
    """Claim the schedules that are due, create their runs and enqueue them."""
    return await _serve("scheduler", request, _tick_scheduler)


@functions_framework.aio.http
async def watchdog(request: Request) -> Response:
    """Take up what does not move, and end what is over its time."""
    return await _serve("watchdog", request, _tick_watchdog)


@functions_framework.aio.http
async def fetch(request: Request) -> Response:
    """Work on the steps of a run that use Airtable: fetch, and write."""
    return await _serve("fetch", request, _fetch)


@functions_framework.aio.http
async def score(request: Request) -> Response:
    """Work on the score step of a run."""
    return await _serve("score", request, _score)


@functions_framework.aio.http
async def api(request: Request) -> Response:
    """Let people look and act."""
    return await _serve("api", request, _api)


@dataclass(frozen=True)
class App:
    """What a function is made of, once a process."""

    config: Config
    runs: "Runs"
    indexes: "Indexes"
    callers: "Callers"
    redactor: "Redactor"


@functools.cache
def _app(function: str) -> App:
    from landfall.entry.callers import Callers, fetch_certificates
    from landfall.process.redaction import Redactor
    from landfall.runs.cloud_tasks import CloudTasksQueue, Delivery, cloud_tasks_client
    from landfall.runs.runs import Runs
    from landfall.runs.tasks import FUNCTIONS_OF_STEPS
    from landfall.store.firestore import FirestoreStore, firestore_client
    from landfall.store.indexes import Indexes
    from landfall.store.versioned import VersionedStore

    config = load_config(function, os.environ)
    urls = {"fetch": config.fetch_url, "score": config.score_url}
    delivery = Delivery(
        queue=config.queue,
        urls={step_id: urls[name] for step_id, name in FUNCTIONS_OF_STEPS.items()},
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
    runs = Runs(VersionedStore(store, retention=config.retention), queue, _now, random, ladder)
    garbage.freeze()
    return App(config, runs, Indexes(store, _now), callers, Redactor(config.secrets))


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True)
class Call:
    """A request, and the e-mail address of who makes it."""

    request: Request
    caller: str


Handle = Callable[[App, Call], Awaitable[Answer]]

Works = Mapping[str, Mapping[str, "Work"]]
"""What does the work of a step: by the step, and by the kind of scan."""


async def _serve(function: str, request: Request, handle: Handle) -> Response:
    with logs.fields(function=function, trace=request.headers.get("x-cloud-trace-context")):
        status, content = await _guarded(function, request, handle)
        logs.info("answered", method=request.method, path=request.url.path, status=status)
    if isinstance(content, Response):
        return content
    body = json.dumps(content, default=_plain, ensure_ascii=False)
    return Response(body, status, media_type="application/json")


async def _guarded(function: str, request: Request, handle: Handle) -> Answer:
    """Check the caller, then handle; whatever is raised becomes an answer."""
    try:
        app = _app(function)
    except ConfigError as error:
        logs.error("not configured", error=str(error))
        return _not_configured(request, error)
    try:
        async with asyncio.timeout(app.config.ladder.step + 1):
            refused, caller = await _caller(app, request)
            return refused or await handle(app, Call(request, caller))
    except TimeoutError:
        logs.error("out of time")
        return _problem(500, "out_of_time", "no answer within the budget of an invocation")
    except IndexMissingError as error:
        logs.error("index missing", error=str(error))
        return _problem(500, "index_missing", f"Firestore lacks an index: {error}")
    except (StoreError, ConflictError) as error:
        # 500, not 503: that would make Cloud Tasks slow the whole queue down
        logs.error("store unavailable", error=str(error))
        return _problem(500, "store_unavailable", "Firestore did not answer; try again")
    except SchemaError as error:
        logs.error("schema newer", error=str(error))
        return _problem(500, "schema_newer", str(error))
    except ClientDisconnect:
        # in the middle of its own request, so nothing was done; nobody reads the answer
        logs.warning("hung up on")
        return _problem(400, "bad_request", "the request was not sent to its end")
    except Exception as error:
        logs.error("bug", traceback=app.redactor.traceback(error))
        return _problem(500, "internal_error", "a bug in Landfall; its log has the traceback")


def _not_configured(request: Request, error: ConfigError) -> Answer:
    """Who may look at the health is told what is wrong: there are no callers to be checked."""
    if _asks_for_health(request):
        return 503, {"status": "not configured", "problems": error.problems}
    return _problem(500, "not_configured", "this function is not configured; see its /health")


def _asks_for_health(request: Request) -> bool:
    return (request.method, request.url.path) == ("GET", "/health")


async def _caller(app: App, request: Request) -> tuple[Answer | None, str]:
    from landfall.entry.callers import CertificatesError, ForbiddenError, UnauthenticatedError

    # of two tokens, Cloud Run checks that of the first header
    headers = [request.headers.get(f"{kind}authorization") for kind in ("x-serverless-", "")]
    try:
        return None, await app.callers.check(headers[0] or headers[1])
    except UnauthenticatedError as error:
        return _problem(401, "unauthenticated", str(error)), ""
    except ForbiddenError as error:
        return _problem(403, "forbidden", str(error)), ""
    except CertificatesError as error:
        logs.error("callers cannot be checked", error=str(error))
        return _problem(500, "certificates_unavailable", "callers cannot be checked now"), ""


async def _tick_scheduler(app: App, _: Call) -> Answer:
    from landfall.ticks.scheduler import Scheduler

    await app.indexes.require()
    tick = await Scheduler(app.runs, "scheduler").tick(Deadline.after(app.config.ladder.step))
    return 200, vars(tick)


async def _tick_watchdog(app: App, _: Call) -> Answer:
    from landfall.ticks.watchdog import Watchdog

    watch = await Watchdog(app.runs, "watchdog").tick(Deadline.after(app.config.ladder.step))
    return 200, vars(watch)


async def _fetch(app: App, call: Call) -> Answer:
    async def fetch_base(claim: "Claim", scan: "BaseScan", deadline: Deadline) -> str:
        from landfall.airtable.fetch import Fetch

        return await Fetch(app.runs, claim, scan, _opening_bases(app.config)).run(deadline)

    async def write_findings(claim: "Claim", scan: "IntegrityScan", deadline: Deadline) -> str:
        from landfall.integrity.write import Writing

        return await Writing(app.runs, claim, scan, _opening_bases(app.config)).run(deadline)

    async def fill_in(claim: "Claim", scan: "ClassificationScan", deadline: Deadline) -> str:
        from landfall.classification.write import Filling

        return await Filling(app.runs, claim, scan, _opening_bases(app.config)).run(deadline)

    async def capture_site(claim: "Claim", scan: "SiteScan", deadline: Deadline) -> str:
        from landfall.site.client import WebReader
        from landfall.site.fetch import Capture

        def open_site(_: str) -> WebReader:
            return WebReader(app.config.sites_allowed, app.config.ladder)

        return await Capture(app.runs, claim, scan, open_site).run(deadline)

    works: Works = {
        "fetch": {"integrity": fetch_base, "classification": fetch_base, "site": capture_site},
        "write": {"integrity": write_findings, "classification": fill_in},
    }
    return await _work(app, call, works, {})


def _opening_bases(config: Config) -> Callable[[str], "AirtableReader"]:
    """What opens a base, by its id. Raises `StepError`."""
    from landfall.airtable.client import AirtableReader
    from landfall.reasons import Reason, StepError

    if not config.airtable_api_key:
        raise StepError(
            Reason.BASE_NOT_CONFIGURED,
            "AIRTABLE_API_KEY is not set: this scan reads a base; give the function `fetch` a "
            "personal access token that may read it",
        )
    return lambda base_id: AirtableReader(
        base_id, config.airtable_api_key, config.airtable_endpoint, config.ladder
    )


async def _score(app: App, call: Call) -> Answer:
    open_model = functools.partial(_open_model, app.config)
    open_batches = functools.partial(_open_batches, app.config)

    async def score_rules(claim: "Claim", scan: "IntegrityScan", deadline: Deadline) -> str:
        from landfall.integrity.score import Scoring

        return await Scoring(app.runs, claim, scan).run(deadline)

    async def classify(claim: "Claim", scan: "ClassificationScan", deadline: Deadline) -> str:
        from landfall.classification.score import Classifying

        return await Classifying(app.runs, claim, scan, open_model, open_batches).run(deadline)

    async def stop_asking(
        run: "Document", step: "Document", scan: "ClassificationScan", deadline: Deadline
    ) -> None:
        from landfall.classification.score import stop_asking

        await stop_asking(run, step, scan, open_batches, deadline)

    async def score_site(claim: "Claim", scan: "SiteScan", deadline: Deadline) -> str:
        from landfall.site.score import SiteScoring

        return await SiteScoring(app.runs, claim, scan, open_model).run(deadline)

    works: Works = {
        "score": {"integrity": score_rules, "classification": classify, "site": score_site}
    }
    return await _work(app, call, works, {"classification": stop_asking})


def _open_model(config: Config, settings: "ModelSettings") -> "Model":
    """The language model of a scan. Raises `StepError`."""
    from landfall.llm.openai.chat import OpenAIModel

    return OpenAIModel(**_model_of(config, settings))


def _open_batches(config: Config, settings: "ModelSettings") -> "BatchService":
    """The same, for what it may answer in its own time. Raises `StepError`."""
    from landfall.llm.openai.batches import OpenAIBatches

    return OpenAIBatches(**_model_of(config, settings))


def _model_of(config: Config, settings: "ModelSettings") -> dict[str, Any]:
    """Where it is and which one: the arguments of both."""
    from landfall.reasons import Reason, StepError

    if not config.openai_api_key:
        raise StepError(
            Reason.MODEL_NOT_CONFIGURED,
            "OPENAI_API_KEY is not set: this scan asks a language model; give the function `score` "
            "a key for it (and OPENAI_BASE_URL, where it is not OpenAI's)",
        )
    name = settings.name or config.openai_model
    return {
        "base_url": config.openai_base_url,
        "api_key": config.openai_api_key,
        "model": name,
        "ladder": config.ladder,
        "effort": settings.effort_for(name),
    }


async def _work(app: App, call: Call, works: Works, leave: Mapping[str, "Leave"]) -> Answer:
    from landfall.kinds.registry import Registry
    from landfall.runs.worker import Invocation, OutOfTimeError, Worker, by_kind

    if _asks_for_health(call.request):
        return 200, {"status": "ok", "lacking": app.config.lacking}
    try:
        invocation = Invocation.parse(await _json(call.request), *works)
    except ValueError as error:
        return _problem(400, "bad_request", str(error))
    registry = Registry(app.runs.store, app.runs.clock)
    work = by_kind(works[invocation.step_id])
    worker = Worker(app.runs, registry, app.redactor, work, leave)
    with logs.fields(run_id=invocation.run_id, step_id=invocation.step_id):
        try:
            outcome = await worker.invoke(invocation)
        except OutOfTimeError as error:
            logs.error("out of time", error=str(error))
            return _problem(500, "out_of_time", str(error))
        logs.info("invoked", outcome=outcome, rss_mb=rss_mb(), peak_mb=peak_mb())
    return 200, {"outcome": outcome}


async def _json(request: Request) -> Any:
    try:
        return json.loads(await request.body())
    except ValueError:
        raise ValueError("the body is not JSON") from None


async def _api(app: App, call: Call) -> Answer:
    from landfall.api.request import BadRequestError
    from landfall.classification.views import ElementNotFoundError, OutdatedError
    from landfall.entry.routes import Api
    from landfall.integrity.findings.views import FindingNotFoundError
    from landfall.kinds.definition import DefinitionError
    from landfall.kinds.registry import Registry, ScanNotFoundError
    from landfall.runs.runs import RunNotFoundError
    from landfall.ticks.marks import health

    if _asks_for_health(call.request):
        healthy, ticks = await health(app.runs.store, app.runs.clock, app.indexes)
        return 200 if healthy else 503, ticks
    try:
        return await _route(Api(app.runs, Registry(app.runs.store, app.runs.clock)), call)
    except (
        RunNotFoundError,
        ScanNotFoundError,
        FindingNotFoundError,
        ElementNotFoundError,
    ) as error:
        return _problem(404, "not_found", str(error))
    except OutdatedError as error:
        return _problem(409, "outdated", str(error))
    except (BadRequestError, DefinitionError) as error:
        return _problem(400, "bad_request", str(error))


async def _route(api: "Api", call: Call) -> Answer:
    from landfall.api.downloads import Download
    from landfall.api.request import Ask
    from landfall.entry.routes import ROUTES

    method, path = call.request.method, call.request.url.path
    allowed = []
    for route in ROUTES:
        match = re.fullmatch(route.path.replace("{id}", "([^/]+)"), path)
        if match and route.method == method:
            body = await call.request.body()
            ask = Ask(call.caller, dict(call.request.query_params), body)
            content = await route.use(api, ask, *match.groups())
            return route.status, _file(content) if isinstance(content, Download) else content
        allowed += [route.method] if match else []
    if allowed:
        return _problem(405, "method_not_allowed", f"this path takes {', '.join(allowed)}")
    paths = ", ".join(f"{route.method} {route.path}" for route in ROUTES)
    return _problem(404, "no_such_path", f"there are: {paths}, GET /health")


def _file(download: "Download") -> Response:
    disposition = f'attachment; filename="{download.name}"'

    async def sent() -> AsyncIterator[str]:  # an iterator that is none would be run in threads
        for piece in download.pieces:
            yield piece

    return StreamingResponse(
        sent(),
        media_type=download.media_type,
        headers={"Content-Disposition": disposition},
    )


def _problem(status: int, code: str, message: str) -> Answer:
    return status, {"error": {"code": code, "message": message}}


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else str(value)
