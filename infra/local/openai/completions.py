"""One question as it is sent to the stand-in for OpenAI, and its answer, in the API's two shapes.

Both are one idea in two dresses: `POST /v1/chat/completions` and `POST /v1/responses`. A token is
four bytes of text here, for the question as for the answer; an answer longer than its limit is cut
off. The instructions of a question, from 1,024 tokens on, are cached once they were seen.
"""

import itertools
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from infra.local.openai import errors, faults
from infra.local.openai.answers import Asked, as_text
from infra.local.openai.rules import answer
from infra.local.openai.schemas import check_strict

BYTES_A_TOKEN = 4
CACHED_FROM = 1_024
"""Tokens; and in steps of 128: platform.openai.com/docs/guides/prompt-caching."""
CACHED_STEP = 128
STAND_IN = "stand-in"
FINGERPRINT = "fp_stand_in"

CHAT_TAKES = {
    *("model", "messages", "response_format", "max_completion_tokens", "max_tokens", "stream"),
    *("reasoning_effort", "temperature", "seed", "metadata", "user", "store", "n"),
}
EFFORTS = ("none", "low", "medium", "high", "xhigh")
EFFORTS_OF = dict.fromkeys(("gpt-5-mini", "gpt-5-nano"), ("minimal", "low", "medium", "high"))
"""How long a model may be told to think; these models know other words for little."""

RESPONSES_TAKES = {
    *("model", "instructions", "input", "text", "max_output_tokens", "stream"),
    *("reasoning", "temperature", "metadata", "user", "store"),
}


def tokens(text: str) -> int:
    """As the stand-in counts them."""
    return -(-len(text.encode(errors="replace")) // BYTES_A_TOKEN)


@dataclass(frozen=True)
class Call:
    """A request, checked. `schema_text` counts among the tokens of the question, as at OpenAI."""

    model: str
    asked: Asked
    most: int | None

    @property
    def question_tokens(self) -> int:
        """Of instructions, text and schema."""
        schema = as_text(self.asked.schema) if self.asked.schema else ""
        return tokens(self.asked.instructions) + tokens(self.asked.text) + tokens(schema)


def chat_call(body: Any) -> Call:
    """From the body of a chat completion. Raises RefusedError."""
    _check(body, CHAT_TAKES, ("model", "messages"))
    _check_effort(body["model"], body.get("reasoning_effort"))
    if body.get("n", 1) != 1:
        raise errors.not_modelled("n")
    instructions, text = _messages(body["messages"], "messages")
    shape = body.get("response_format") or {"type": "text"}
    name, schema = _shape(shape, shape.get("json_schema"), "response_format")
    most = body.get("max_completion_tokens", body.get("max_tokens"))
    return Call(body["model"], Asked(name, schema, instructions, text), _most(most))


def responses_call(body: Any) -> Call:
    """From the body of a response. Raises RefusedError."""
    _check(body, RESPONSES_TAKES, ("model", "input"))
    _check_effort(body["model"], (body.get("reasoning") or {}).get("effort"))
    given = body["input"]
    messages = [{"role": "user", "content": given}] if isinstance(given, str) else given
    instructions, text = _messages(messages, "input")
    instructions = "\n".join(filter(None, [body.get("instructions"), instructions]))
    shape = (body.get("text") or {}).get("format") or {"type": "text"}
    name, schema = _shape(shape, shape, "text.format")
    asked = Asked(name, schema, instructions, text)
    return Call(body["model"], asked, _most(body.get("max_output_tokens")))


def _check(body: Any, takes: set[str], needs: tuple[str, ...]) -> None:
    if not isinstance(body, dict):
        raise errors.not_json()
    for name in needs:
        if name not in body:
            raise errors.missing(name)
    if other := sorted(set(body) - takes):
        raise errors.not_modelled(f"the parameter {other[0]}")
    if body.get("stream"):
        raise errors.not_modelled("stream")


def _check_effort(model: Any, effort: Any) -> None:
    known = EFFORTS_OF.get(model, EFFORTS)
    if effort is not None and effort not in known:
        raise errors.no_effort(model, effort, known)


def _messages(messages: Any, param: str) -> tuple[str, str]:
    """What the system says, and what the user asks."""
    if not isinstance(messages, list) or not messages:
        raise errors.invalid(param, f"Invalid '{param}': expected an array with a message.")
    said: dict[str, list[str]] = {"system": [], "user": []}
    for message in messages:
        role = {"developer": "system"}.get(message.get("role"), message.get("role"))
        content = message.get("content")
        if role not in said:
            raise errors.not_modelled(f"a message of the role {role}")
        if isinstance(content, list):
            content = "\n".join(part.get("text", "") for part in content)
        if not isinstance(content, str):
            raise errors.invalid(param, f"Invalid type for '{param}[].content'.")
        said[role].append(content)
    return "\n".join(said["system"]), "\n".join(said["user"])


def _most(value: Any) -> int | None:
    if value is None or (isinstance(value, int) and value >= 1):
        return value
    raise errors.invalid("max_completion_tokens", "Invalid value: expected an integer from 1.")


def _shape(shape: Mapping[str, Any], json_schema: Any, param: str) -> tuple[str, dict[str, Any]]:
    """The name and schema of a structured answer; nothing for plain text."""
    if shape.get("type") == "text":
        return "", {}
    if shape.get("type") != "json_schema":
        raise errors.not_modelled(f"{param}.type {shape.get('type')}")
    if not isinstance(json_schema, dict) or not {"name", "schema"} <= json_schema.keys():
        raise errors.missing(f"{param}.json_schema")
    if not json_schema.get("strict"):
        raise errors.not_modelled("a schema that is not strict")
    check_strict(json_schema["name"], json_schema["schema"])
    return json_schema["name"], json_schema["schema"]


@dataclass(frozen=True)
class Given:
    """An answer, before it is dressed: its text, how it ended, and the tokens that it took."""

    text: str
    finish: str
    refusal: str | None
    asked: int
    answered: int
    cached: int


@dataclass
class Answering:
    """Answers calls; remembers which instructions it has seen."""

    seen: set[str] = field(default_factory=set)
    _numbers: itertools.count = field(default_factory=lambda: itertools.count(1))  # type: ignore[type-arg]

    def give(self, call: Call, fault: str | None = None) -> Given:
        """The answer, with what is wrong with it."""
        refusal = "I'm sorry, I can't help with that." if fault == faults.REFUSAL else None
        text = "" if refusal else self._text(call, fault)
        finish = "content_filter" if fault == faults.FILTER else "stop"
        if fault == faults.LENGTH:
            text, finish = text[: len(text) // 2], "length"
        answered = tokens(text or refusal or "")
        if call.most is not None and answered > call.most:
            text = text.encode()[: call.most * BYTES_A_TOKEN].decode(errors="ignore")
            answered, finish = call.most, "length"
        if finish == "content_filter":
            text = ""
        return Given(text, finish, refusal, call.question_tokens, answered, self._cached(call))

    def _text(self, call: Call, fault: str | None) -> str:
        if not call.asked.schema:
            return f"This is a {STAND_IN} for a language model. You wrote: {call.asked.text[:200]}"
        value = answer(call.asked)
        if fault in faults.OF_CONTENT:
            value = faults.OF_CONTENT[fault](value, call.asked)
        text = as_text(value)
        return f"Here is the answer:\n{text}" if fault == faults.INVALID_JSON else text

    def _cached(self, call: Call) -> int:
        instructions = call.asked.instructions
        size = tokens(instructions)
        known = instructions in self.seen
        self.seen.add(instructions)
        return size // CACHED_STEP * CACHED_STEP if known and size >= CACHED_FROM else 0

    def completion(self, call: Call, given: Given) -> dict[str, Any]:
        """As a chat completion."""
        message: dict[str, Any] = {
            "role": "assistant",
            "content": None if given.refusal else given.text,
            "refusal": given.refusal,
            "annotations": [],
        }
        choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": given.finish}
        return {
            "id": f"chatcmpl-stand-in-{next(self._numbers)}",
            "object": "chat.completion",
            "created": int(time.time()),
            "model": f"{call.model}-{STAND_IN}",
            "choices": [choice],
            "usage": {
                "prompt_tokens": given.asked,
                "completion_tokens": given.answered,
                "total_tokens": given.asked + given.answered,
                "prompt_tokens_details": {"cached_tokens": given.cached, "audio_tokens": 0},
                "completion_tokens_details": {"reasoning_tokens": 0, "audio_tokens": 0},
            },
            "service_tier": "default",
            "system_fingerprint": FINGERPRINT,
        }

    def response(self, call: Call, given: Given) -> dict[str, Any]:
        """As a response."""
        content = (
            {"type": "refusal", "refusal": given.refusal}
            if given.refusal
            else {"type": "output_text", "text": given.text, "annotations": [], "logprobs": []}
        )
        whole = given.finish == "stop"
        why = {"length": "max_output_tokens"}.get(given.finish, given.finish)
        status = "completed" if whole else "incomplete"
        number = next(self._numbers)
        return {
            "id": f"resp_stand_in_{number}",
            "object": "response",
            "created_at": int(time.time()),
            "status": status,
            "error": None,
            "incomplete_details": None if whole else {"reason": why},
            "model": f"{call.model}-{STAND_IN}",
            "output": [
                {
                    "type": "message",
                    "id": f"msg_stand_in_{number}",
                    "role": "assistant",
                    "status": status,
                    "content": [content],
                }
            ],
            "parallel_tool_calls": True,
            "tool_choice": "auto",
            "tools": [],
            "usage": {
                "input_tokens": given.asked,
                "input_tokens_details": {"cached_tokens": given.cached},
                "output_tokens": given.answered,
                "output_tokens_details": {"reasoning_tokens": 0},
                "total_tokens": given.asked + given.answered,
            },
        }
