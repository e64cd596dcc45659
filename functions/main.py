"""The entry points, as the deployment names them."""

import os

import functions_framework.aio
from starlette.requests import Request
from starlette.responses import Response

from landfall.entry.serve import serve
from landfall.process.config import secrets_in
from landfall.process.redaction import guard_output

# Cloud Run sets this, and the framework would hand it to gunicorn as the time within which a worker
# must show life: it cannot while Cloud Run has taken the CPU away, and was killed at each wake-up
os.environ["CLOUD_RUN_TIMEOUT_SECONDS"] = "0"

guard_output(*secrets_in(os.environ))


@functions_framework.aio.http
async def scheduler(request: Request) -> Response:
    """Claim the schedules that are due, create their runs and enqueue them."""
    return await serve("scheduler", request)


@functions_framework.aio.http
async def watchdog(request: Request) -> Response:
    """Take up steps that do not move, and end runs that are past their deadline."""
    return await serve("watchdog", request)


@functions_framework.aio.http
async def fetch(request: Request) -> Response:
    """Work on the steps of a run that use Airtable or a site: fetch, and write."""
    return await serve("fetch", request)


@functions_framework.aio.http
async def score(request: Request) -> Response:
    """Work on the score step of a run."""
    return await serve("score", request)


@functions_framework.aio.http
async def api(request: Request) -> Response:
    """Answer people and programs."""
    return await serve("api", request)


@functions_framework.aio.http
async def window(request: Request) -> Response:
    """Show people the pages."""
    return await serve("window", request)
