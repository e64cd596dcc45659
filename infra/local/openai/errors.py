"""The errors of OpenAI's API, in their formats, for the local stand-in.

All are `{"error": {"message", "type", "param", "code"}}`. Sources: platform.openai.com/docs/guides/
error-codes and /rate-limits, and bodies that public issue trackers quote.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from infra.local.wire.messages import WireResponse


class RefusedError(Exception):
    """OpenAI's response to a request that it does not carry out."""

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
    def response(self) -> WireResponse:
        """The response as it is sent."""
        plain = WireResponse.json(self.body, self.status)
        return WireResponse(self.status, {**plain.headers, **self.headers}, plain.body)


def key_missing() -> RefusedError:
    """Return the error of a request without an Authorization header."""
    return RefusedError(401, "You didn't provide an API key.")


def key_wrong() -> RefusedError:
    """Return the error of a wrong key. (OpenAI repeats parts of the key.)"""
    message = "Incorrect API key provided: sk-***. You can find your API key at the stand-in."
    return RefusedError(401, message, code="invalid_api_key")


def no_model(name: Any) -> RefusedError:
    """Return the one error of a model that is unknown, or not accessible."""
    message = f"The model `{name}` does not exist or you do not have access to it."
    return RefusedError(404, message, code="model_not_found")


def no_effort(model: Any, effort: Any, known: Iterable[str]) -> RefusedError:
    """Return the error of a reasoning effort that the model does not have."""
    message = (
        f"Unsupported value: 'reasoning_effort' does not support '{effort}' with the {model} "
        f"model. Supported values are: {', '.join(map(repr, known))}."
    )
    return RefusedError(400, message, param="reasoning_effort", code="unsupported_value")


def no_such(what: str, name: str) -> RefusedError:
    """Return the error of a file or a batch that does not exist."""
    return RefusedError(404, f"No such {what} object: {name}", param="id")


def no_url(method: str, path: str) -> RefusedError:
    """Return the error of a path that the API does not have."""
    return RefusedError(404, f"Invalid URL ({method} {path})")


def missing(param: str) -> RefusedError:
    """Return the error of a missing parameter."""
    message = f"Missing required parameter: '{param}'."
    return RefusedError(400, message, param=param, code="missing_required_parameter")


def invalid(param: str, message: str) -> RefusedError:
    """Return the error of an invalid value."""
    return RefusedError(400, message, param=param, code="invalid_value")


def not_json() -> RefusedError:
    """Return the error of a body that is no JSON object."""
    return RefusedError(400, "We could not parse the JSON body of your request.")


def bad_schema(name: str, context: str, message: str) -> RefusedError:
    """Return the error of a schema that strict mode does not accept."""
    text = f"Invalid schema for response_format '{name}': In context=({context}), {message}"
    return RefusedError(400, text, param="response_format")


def not_modelled(what: str) -> RefusedError:
    """Return the error of a request for something that OpenAI has and the stand-in has not."""
    message = f"The stand-in does not do this: {what}"
    return RefusedError(400, message, code="not_implemented_by_stand_in")


def rate_limited(model: str, what: str, limit: int, seconds: float) -> RefusedError:
    """Return the error of too many requests or tokens a minute."""
    short = {"requests": "RPM", "tokens": "TPM"}[what]
    message = (
        f"Rate limit reached for {model} on {what} per min ({short}): Limit {limit}. "
        f"Please try again in {seconds:.3f}s."
    )
    headers = {"Retry-After": str(max(1, round(seconds + 0.5)))}
    return RefusedError(429, message, kind=what, code="rate_limit_exceeded", headers=headers)


def unknown_failure() -> RefusedError:
    """Return an internal error of the service."""
    message = "The server had an error while processing your request. Sorry about that!"
    return RefusedError(500, message, kind="server_error")
