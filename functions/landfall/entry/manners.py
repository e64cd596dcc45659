"""Answers as programs expect them: problem bodies, tags of what was read, and safe headers."""

import hashlib
import json
import re
from collections.abc import Mapping
from datetime import datetime
from http import HTTPStatus
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

SAFE = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
"""Headers of every answer that is no page: no cache stores it, no page of others shows it."""

PROBLEM = "application/problem+json"

_TAG = re.compile(r'(?:W/)?("[\x21\x23-\x7e]*")')


def problem_body(status: int, code: str, message: str) -> dict[str, Any]:
    """Return the body of a refusal, as RFC 9457 describes it.

    `error` says the same in the form of before: programs rely on it.
    """
    return {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": message,
        "reason": code,
        "error": {"code": code, "message": message},
    }


def in_json(asked: Request, status: int, content: Any) -> Response:
    """Return an answer as JSON.

    One of 200 to a GET has a tag: sent back in `If-None-Match`, it is answered 304 while nothing
    differs. It begins with the `etag` of the content where it has one, which `If-Match` takes.
    """
    body = json.dumps(content, default=_plain, ensure_ascii=False).encode()
    headers = dict(SAFE)
    if status == HTTPStatus.OK and asked.method == "GET":
        headers["ETag"] = tag = _tag_of(content, body)
        if _is_known(asked.headers.get("if-none-match", ""), tag):
            return Response(status_code=304, headers=headers)
    is_problem = status >= HTTPStatus.BAD_REQUEST and isinstance(content, Mapping)
    media_type = PROBLEM if is_problem and "detail" in content else "application/json"
    return Response(body, status, headers, media_type)


def made_safe(response: Response) -> Response:
    """Return a file with the headers of every answer."""
    response.headers.update(SAFE)
    return response


def _tag_of(content: Any, body: bytes) -> str:
    digest = hashlib.sha256(body).hexdigest()[:24]
    if isinstance(content, Mapping) and isinstance(content.get("etag"), str):
        return f'"{content["etag"]}.{digest}"'
    return f'W/"{digest}"'


def _is_known(given: str, tag: str) -> bool:
    """Return whether a caller has what has this tag; weak and strong ones compare alike."""
    return given.strip() == "*" or tag.removeprefix("W/") in _TAG.findall(given)


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else str(value)
