"""A person's requests to the window of a world, without sockets."""

import gzip
from collections.abc import Mapping, Sequence
from functools import lru_cache
from urllib.parse import urlencode, urlsplit

from starlette.requests import Request
from starlette.responses import Response

from landfall.entry import pages
from landfall.entry.app import App
from landfall.entry.callers import Callers, Certificates, Visitors
from landfall.entry.clients import Clients
from landfall.entry.serve import Call, problem
from landfall.process.config import load_config
from landfall.process.redaction import Redactor
from landfall.reasons import LandfallError
from landfall.store.documents import Fields
from landfall.store.indexes import Indexes
from landfall.window.browser_answers import present
from tests.fakes.world import World

PERSON = "office@school.example"
NAMES = [f"P{n}" for n in range(6)]
ROWS: list[Fields] = [
    {"Name": name} | ({"Email": f"{name.lower()}@school.example"} if n % 2 else {})
    for n, name in enumerate(NAMES)
]
"""Records of people, every other one without an e-mail address."""

HOST = "window.example"
ENVIRONMENT = {
    "GOOGLE_CLOUD_PROJECT": "demo",
    "LANDFALL_QUEUE": "projects/demo/locations/here/queues/landfall",
    "LANDFALL_FETCH_URL": "https://fetch.example",
    "LANDFALL_SCORE_URL": "https://score.example",
    "LANDFALL_TASKS_ACCOUNT": "tasks@example.com",
    "LANDFALL_AUDIENCE": "landfall",
    "LANDFALL_IAP_AUDIENCE": "/projects/1/locations/here/services/window",
}


def people_rules(names: Sequence[str] = NAMES) -> list[Fields]:
    """Return a rule with a warning for whom no e-mail address is known, and a critical one."""
    return [
        {"id": "email", "kind": "required", "table": "People", "field": "Email", "owner": "Office"},
        {
            "id": "name",
            "kind": "allowed_values",
            "table": "People",
            "field": "Name",
            "values": [*names],
            "severity": "critical",
        },
    ]


async def _no_keys() -> Certificates:
    return Certificates({}, 0.0)


@lru_cache(maxsize=4)
def app_of(world: World) -> App:
    """Return the parts of the window over a world, which a process makes once."""
    config = load_config("window", ENVIRONMENT)
    return App(
        config,
        world.runs,
        Indexes(world.stored, world.clock),
        world.server_clock,
        Callers(issuer="", audiences=(), allowed=(), certificates=_no_keys),
        Visitors(audience=config.iap_audience, keys=_no_keys),
        Clients(config),
        Redactor(),
        None,
    )


async def visit(
    world: World,
    url: str,
    form: Mapping[str, str] | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """Return the answer to a request of a person; with a form, to an act on a page."""
    parts = urlsplit(url)
    body = b"" if form is None else urlencode(form).encode()
    given = {"host": HOST, "accept-encoding": "gzip"}
    if form is not None:
        given["sec-fetch-site"] = "same-origin"
    given |= headers or {}
    scope = {
        "type": "http",
        "method": "GET" if form is None else "POST",
        "path": parts.path,
        "raw_path": parts.path.encode(),
        "query_string": parts.query.encode(),
        "scheme": "https",
        "server": (HOST, 443),
        "headers": [(name.encode(), value.encode()) for name, value in given.items()],
    }

    async def receive() -> dict[str, object]:
        return {"type": "http.request", "body": body, "more_body": False}

    request = Request(scope, receive)
    try:
        status, content = await pages.answer(app_of(world), Call(request, PERSON))
    except LandfallError as error:
        status, content = problem(error)
    return present(request.headers, status, content)


async def page(
    world: World,
    url: str,
    form: Mapping[str, str] | None = None,
    headers: Mapping[str, str] | None = None,
    status: int = 200,
) -> str:
    """Return the page of an answer that has this status."""
    answer = await visit(world, url, form, headers)
    assert answer.status_code == status, html_of(answer)
    return html_of(answer)


def html_of(response: Response) -> str:
    """Return the page of an answer."""
    body = bytes(response.body)
    if response.headers.get("content-encoding") == "gzip":
        body = gzip.decompress(body)
    return body.decode()
