"""Tables of the api: its routes, a command for each, and its errors."""

import ast
import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from typing import Any

from infra.client.errors import STATUSES
from landfall.access.roles import MEANINGS, Rank
from landfall.entry.routes import routes as all_routes
from landfall.window.page_table import PAGES
from tests.generated.markdown import ROOT, first_sentence, table

HEALTH = ("GET", "/health", "How old the last ticks are; 503 when one is too old.")

BODIES: Mapping[tuple[str, str], str] = {
    ("PUT", "/people"): '{"people": {"office@school.example": "admin"}}',
    ("POST", "/runs"): '{"scan_id": "school"}',
    ("POST", "/scans/{id}/findings/{id}/ignore"): '{"why": "a test record", "until": "2027-01-31"}',
    ("POST", "/scans/{id}/elements/{id}/confirm"): '{"suggestion_id": "SUGGESTION"}',
    ("POST", "/scans/{id}/elements/{id}/reject"): '{"suggestion_id": "SUGGESTION"}',
    ("POST", "/scans/{id}/elements/{id}/change"): (
        '{"suggestion_id": "SUGGESTION", "values": {"criticality": "high"}}'
    ),
    ("POST", "/scans/{id}/elements/{id}/reopen"): '{"seen": "SEEN"}',
    ("POST", "/scans/{id}/elements/confirm"): '{"count": 61, "seen": "SEEN"}',
    ("POST", "/scans/{id}/elements/reject"): '{"count": 2, "seen": "SEEN", "why": "test data"}',
    ("POST", "/scans/{id}/elements/reopen"): '{"count": 61}',
    ("POST", "/scans/{id}/pause"): '{"why": "the school is closed"}',
    ("POST", "/scans/{id}/regenerate"): '{"records": ["RECORD"]}',
}
"""The body of a request, where a route takes one in JSON."""

FILES = {
    ("PUT", "/scans/{id}"): "my-scan.yaml",
    ("POST", "/scans/{id}/check"): "my-scan.yaml",
}
"""The file that a request sends, where a route takes one."""

ERRORS: Mapping[str, str] = {
    "bad_request": "Correct what the message names.",
    "unauthenticated": "Send a fresh identity token of Google: they expire after an hour.",
    "forbidden": "Have your address added with `infra/deploy --invoker`.",
    "role_needed": "Ask one of those whom the message names, or an admin for a role.",
    "roles_unavailable": "Try again: Firestore cannot be used; or correct the document that "
    "the message names.",
    "people_changed": "Read the people again, and save your changes to those.",
    "not_found": "Correct the id, or save the scan first.",
    "no_such_path": "Use one of the routes that the message lists.",
    "method_not_allowed": "Use one of the methods that the message lists.",
    "key_reused": "Send a new `Idempotency-Key` with every new request.",
    "too_many_requests": "Go on after the seconds of `Retry-After`.",
    "outdated": "Look again: what you decided about has changed since; the message says how.",
    "scan_changed": "Read the scan again, and save your changes to that.",
    "being_deleted": "Wait until `GET /scans/{id}/deletion` says `done`, or take another `id`.",
    "not_configured": "See `/health` of the function for the variables at fault.",
    "document_unreadable": "Correct the document that the message names. A run can be ended.",
    "clock_off": "Nothing: the next tick is probably on another machine; else tell Google.",
    "caller_check_unknown": "Try again: the function could not read in Cloud Run whether its "
    "callers are checked. If it recurs, run `infra/deploy`.",
    "certificates_unavailable": "Try again: the token's certificates could not be fetched.",
    "findings_missing": "Restore the document that the message names from a backup.",
    "store_contended": "Try again: others changed the same at the same moment.",
    "store_refused": "Correct what the message names; otherwise run `infra/doctor`.",
    "store_unavailable": "Try again: Firestore cannot be used at the moment.",
    "index_missing": "Wait until the index is built, or run `infra/deploy`.",
    "schema_newer": "Deploy the newer version that the message names.",
    "out_of_time": "Try again, for less: `limit`, or a file with `format`.",
    "internal_error": "Report it: the function's log has the traceback.",
}
"""The remedy of each code of an error."""


def client_statuses() -> str:
    """Return the exit statuses of `infra/landfall`."""
    rows = [(str(status), meaning) for status, meaning in STATUSES.items()]
    return table(("exit status", "meaning"), rows)


def errors() -> str:
    """Return each error with its status and its remedy."""
    rows = [(f"`{code}`", str(status), ERRORS[code]) for status, code in sorted(errors_of_code())]
    return table(("code", "status", "what to do"), rows)


@cache
def errors_of_code() -> frozenset[tuple[int, str]]:
    """Return the status and the code of each error that a caller may be answered."""
    trees = [ast.parse(path.read_text()) for path in (ROOT / "functions/landfall").rglob("*.py")]
    nodes = [node for tree in trees for node in ast.walk(tree)]
    classes = {node.name: node for node in nodes if isinstance(node, ast.ClassDef)}
    raised = {
        (_inherited(name, "status", classes), _inherited(name, "code", classes))
        for name in classes
        if _inherited(name, "code", classes)
    }
    return frozenset(raised | set(_refused(nodes)))


def _inherited(name: str, attribute: str, classes: Mapping[str, ast.ClassDef]) -> Any:
    """Return the constant that a class, or one that it inherits from, gives an attribute."""
    found = classes.get(name)
    if found is None:
        return None
    for line in found.body:
        match line:
            case (
                ast.Assign(targets=[ast.Name(id=target)], value=ast.Constant(value=value))
                | ast.AnnAssign(target=ast.Name(id=target), value=ast.Constant(value=value))
            ) if target == attribute:
                return value
    bases = [base.id for base in found.bases if isinstance(base, ast.Name)]
    return next(filter(None, (_inherited(base, attribute, classes) for base in bases)), None)


def _refused(nodes: Iterable[ast.AST]) -> Iterator[tuple[int, str]]:
    """Yield what an entry point refuses by itself."""
    for node in nodes:
        match node:
            case ast.Call(
                func=ast.Name(id="refused"),
                args=[ast.Constant(value=int(status)), ast.Constant(value=str(code)), _],
            ):
                yield status, code


def routes() -> str:
    """Return a row for each route."""
    rows = [
        (
            f"`{route.method} {route.path}`",
            first_sentence(route.handle),
            ", ".join(f"`{name}`" for name in route.parameters),
            *("yes" if it.allows(route.needs) else "" for it in Rank),
        )
        for route in all_routes()
    ]
    method, path, purpose = HEALTH
    return table(
        ("route", "purpose", "query parameters", *Rank),
        [*rows, (f"`{method} {path}`", purpose, "", *("yes" for _ in Rank))],
    )


def rights() -> str:
    """Return a row for each role, with what it may do."""
    return table(("role", "what it may do"), [(f"`{role}`", MEANINGS[role]) for role in Rank])


def rights_in_window() -> str:
    """Return a row for each page and act of the window, with a column for each role."""
    rows = [
        (
            f"`{one.method} {one.path}`",
            *("yes" if it.allows(one.needs) else "" for it in Rank),
        )
        for one in PAGES
    ]
    return table(("page or act", *Rank), rows)


def commands() -> str:
    """Return a curl command for each route."""
    lines = [curl(route.method, route.path) for route in all_routes()]
    return "\n".join(["```sh", *lines, curl(*HEALTH[:2]), "```"])


def curl(method: str, path: str) -> str:
    """Return the command that asks a route; its ids are variables of the shell."""
    key = (method, path)
    body = f" -d '{BODIES[key]}'" if key in BODIES else ""
    body = f" --data-binary @{FILES[key]}" if key in FILES else body
    verb = "" if method == ("POST" if body else "GET") else f" -X {method}"
    ids = re.sub(r"(\w+)s/\{id\}", r"\1s/$\1", path)
    return f'curl -H "$auth"{verb}{body} $api{ids}'
