"""The refusals of OpenAI's API, in their shapes, for the local stand-in.

All are `{"error": {"message", "type", "param", "code"}}`. Sources: platform.openai.com/docs/guides/
error-codes and /rate-limits, and bodies that public issue trackers quote.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from infra.local.wire.messages import Response


class RefusedError(Exception):
    """OpenAI's answer to a request that it does not carry out."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        kind: str = "invalid_request_error",
        param: str | None = None,
        code: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(f"{status} {message}")
        self.status = status
        self.body = {"error": {"message": message, "type": kind, "param": param, "code": code}}
        self.headers = headers or {}

    @property
    def response(self) -> Response:
        """As it is sent."""
        plain = Response.json(self.body, self.status)
        return Response(self.status, {**plain.headers, **self.headers}, plain.body)


def key_missing() -> RefusedError:
    """No Authorization header."""
    return RefusedError(401, "You didn't provide an API key.")


def key_wrong() -> RefusedError:
    """Another key. (OpenAI repeats parts of it.)"""
    message = "Incorrect API key provided: sk-***. You can find your API key at the stand-in."
    return RefusedError(401, message, code="invalid_api_key")


def no_model(name: Any) -> RefusedError:
    """Unknown, or not for this account: it does not say which."""
    message = f"The model `{name}` does not exist or you do not have access to it."
    return RefusedError(404, message, code="model_not_found")


def no_effort(model: Any, effort: Any, known: Iterable[str]) -> RefusedError:
    """How long to think, as this model does not take it."""
    message = (
        f"Unsupported value: 'reasoning_effort' does not support '{effort}' with the {model} "
        f"model. Supported values are: {', '.join(map(repr, known))}."
    )
    return RefusedError(400, message, param="reasoning_effort", code="unsupported_value")


def no_such(what: str, name: str) -> RefusedError:
    """A file or a batch that is not there."""
    return RefusedError(404, f"No such {what} object: {name}", param="id")


def no_url(method: str, path: str) -> RefusedError:
    """A path that the API does not have."""
    return RefusedError(404, f"Invalid URL ({method} {path})")


def missing(param: str) -> RefusedError:
    """A parameter that is needed."""
    message = f"Missing required parameter: '{param}'."
    return RefusedError(400, message, param=param, code="missing_required_parameter")


def invalid(param: str, message: str) -> RefusedError:
    """A value that cannot be."""
    return RefusedError(400, message, param=param, code="invalid_value")


def not_json() -> RefusedError:
    """A body that is no JSON object."""
    return RefusedError(400, "We could not parse the JSON body of your request.")


def bad_schema(name: str, context: str, message: str) -> RefusedError:
    """A schema that strict mode does not take."""
    told = f"Invalid schema for response_format '{name}': In context=({context}), {message}"
    return RefusedError(400, told, param="response_format")


def not_modelled(what: str) -> RefusedError:
    """What the stand-in does not do, and OpenAI does. Never answered as if it were not asked."""
    message = f"The stand-in does not do this: {what}"
    return RefusedError(400, message, code="not_implemented_by_stand_in")


def rate_limited(model: str, what: str, limit: int, seconds: float) -> RefusedError:
    """Too many requests or tokens a minute."""
    short = {"requests": "RPM", "tokens": "TPM"}[what]
    message = (
        f"Rate limit reached for {model} on {what} per min ({short}): Limit {limit}. "
        f"Please try again in {seconds:.3f}s."
    )
    headers = {"Retry-After": str(max(1, round(seconds + 0.5)))}
    return RefusedError(429, message, kind=what, code="rate_limit_exceeded", headers=headers)


def unknown_failure() -> RefusedError:
    """A 500 of the service."""
    message = "The server had an error while processing your request. Sorry about that!"
    return RefusedError(500, message, kind="server_error")
