"""A call of the stand-in for OpenAI, and its answer, in the two formats of the API.

The formats are `POST /v1/chat/completions` and `POST /v1/responses`. A token is four bytes of text
here, in prompts and answers. An answer longer than its limit is cut off. Instructions of at least
1,024 tokens are cached from their first use on.
"""

import itertools
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from infra.local.openai import errors, faults, rules
from infra.local.openai.answers import ParsedQuestion, to_json
from infra.local.openai.schemas import check_strict

BYTES_A_TOKEN = 4
MIN_CACHED_TOKENS = 1_024
CACHED_STEP = 128
"""Tokens: the shortest prompt that is cached, and the steps: the guide, "Prompt caching"."""
STAND_IN = "stand-in"
FINGERPRINT = "fp_stand_in"

CHAT_PARAMETERS = {
    *("model", "messages", "response_format", "max_completion_tokens", "max_tokens", "stream"),
    *("reasoning_effort", "temperature", "seed", "metadata", "user", "store", "n"),
}
EFFORTS = ("none", "low", "medium", "high", "xhigh")
EFFORTS_BY_MODEL = dict.fromkeys(("gpt-5-mini", "gpt-5-nano"), ("minimal", "low", "medium", "high"))
"""Reasoning efforts of the models that have other names for them."""

RESPONSES_PARAMETERS = {
    *("model", "instructions", "input", "text", "max_output_tokens", "stream"),
    *("reasoning", "temperature", "metadata", "user", "store"),
}


def count_tokens(text: str) -> int:
    """Return the number of tokens as the stand-in counts them."""
    return -(-len(text.encode(errors="replace")) // BYTES_A_TOKEN)


@dataclass(frozen=True)
class ModelCall:
    """A validated request to a model."""

    model: str
    question: ParsedQuestion
    max_tokens: int | None

    @property
    def prompt_tokens(self) -> int:
        """Tokens of instructions, text and, as at OpenAI, schema."""
        schema = to_json(self.question.schema) if self.question.schema else ""
        return (
            count_tokens(self.question.instructions)
            + count_tokens(self.question.text)
            + count_tokens(schema)
        )


def chat_call(body: Any) -> ModelCall:
    """Parse the body of a chat completion. Raises `RefusedError`."""
    _check_parameters(body, CHAT_PARAMETERS, ("model", "messages"))
    _check_effort(body["model"], body.get("reasoning_effort"))
    if body.get("n", 1) != 1:
        raise errors.not_modelled("n")
    instructions, text = _parse_messages(body["messages"], "messages")
    shape = body.get("response_format") or {"type": "text"}
    name, schema = _parse_shape(shape, shape.get("json_schema"), "response_format")
    most = body.get("max_completion_tokens", body.get("max_tokens"))
    return ModelCall(
        body["model"], ParsedQuestion(name, schema, instructions, text), _max_tokens(most)
    )


def responses_call(body: Any) -> ModelCall:
    """Parse the body of a response. Raises `RefusedError`."""
    _check_parameters(body, RESPONSES_PARAMETERS, ("model", "input"))
    _check_effort(body["model"], (body.get("reasoning") or {}).get("effort"))
    answer = body["input"]
    messages = [{"role": "user", "content": answer}] if isinstance(answer, str) else answer
    instructions, text = _parse_messages(messages, "input")
    instructions = "\n".join(filter(None, [body.get("instructions"), instructions]))
    shape = (body.get("text") or {}).get("format") or {"type": "text"}
    name, schema = _parse_shape(shape, shape, "text.format")
    question = ParsedQuestion(name, schema, instructions, text)
    return ModelCall(body["model"], question, _max_tokens(body.get("max_output_tokens")))


def _check_parameters(body: Any, known: set[str], required: tuple[str, ...]) -> None:
    if not isinstance(body, dict):
        raise errors.not_json()
    for name in required:
        if name not in body:
            raise errors.missing(name)
    if other := sorted(set(body) - known):
        raise errors.not_modelled(f"the parameter {other[0]}")
    if body.get("stream"):
        raise errors.not_modelled("stream")


def _check_effort(model: Any, effort: Any) -> None:
    known = EFFORTS_BY_MODEL.get(model, EFFORTS)
    if effort is not None and effort not in known:
        raise errors.no_effort(model, effort, known)


def _parse_messages(messages: Any, param: str) -> tuple[str, str]:
    """Return the texts of the system and of the user."""
    if not isinstance(messages, list) or not messages:
        raise errors.invalid(param, f"Invalid '{param}': expected an array with a message.")
    texts: dict[str, list[str]] = {"system": [], "user": []}
    for message in messages:
        role = {"developer": "system"}.get(message.get("role"), message.get("role"))
        content = message.get("content")
        if role not in texts:
            raise errors.not_modelled(f"a message of the role {role}")
        if isinstance(content, list):
            content = "\n".join(part.get("text", "") for part in content)
        if not isinstance(content, str):
            raise errors.invalid(param, f"Invalid type for '{param}[].content'.")
        texts[role].append(content)
    return "\n".join(texts["system"]), "\n".join(texts["user"])


def _max_tokens(value: Any) -> int | None:
    if value is None or (isinstance(value, int) and value >= 1):
        return value
    raise errors.invalid("max_completion_tokens", "Invalid value: expected an integer from 1.")


def _parse_shape(
    shape: Mapping[str, Any], json_schema: Any, param: str
) -> tuple[str, dict[str, Any]]:
    """Return the name and schema of a structured answer; both are empty for plain text."""
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
class ModelAnswer:
    """An answer in neither format yet: its text, how it ended, and its tokens."""

    text: str
    finish: str
    refusal: str | None
    prompt_tokens: int
    completion_tokens: int
    cached_tokens: int


@dataclass
class Answerer:
    """The answers to calls; the instructions seen before are cached."""

    seen: set[str] = field(default_factory=set)
    _numbers: itertools.count = field(default_factory=lambda: itertools.count(1))  # type: ignore[type-arg]

    def answer(self, call: ModelCall, fault: str | None = None) -> ModelAnswer:
        """Return the answer to a call, with a fault if one is named."""
        refusal = "I'm sorry, I can't help with that." if fault == faults.REFUSAL else None
        text = "" if refusal else self._text(call, fault)
        finish = "content_filter" if fault == faults.CONTENT_FILTER else "stop"
        if fault == faults.LENGTH:
            text, finish = text[: len(text) // 2], "length"
        completion_tokens = count_tokens(text or refusal or "")
        if call.max_tokens is not None and completion_tokens > call.max_tokens:
            text = text.encode()[: call.max_tokens * BYTES_A_TOKEN].decode(errors="ignore")
            completion_tokens, finish = call.max_tokens, "length"
        if finish == "content_filter":
            text = ""
        return ModelAnswer(
            text, finish, refusal, call.prompt_tokens, completion_tokens, self._cached(call)
        )

    def _text(self, call: ModelCall, fault: str | None) -> str:
        if not call.question.schema:
            return (
                f"This is a {STAND_IN} for a language model. You wrote: {call.question.text[:200]}"
            )
        value = rules.answer(call.question)
        if fault in faults.CONTENT_FAULTS:
            value = faults.CONTENT_FAULTS[fault](value, call.question)
        text = to_json(value)
        return f"Here is the answer:\n{text}" if fault == faults.INVALID_JSON else text

    def _cached(self, call: ModelCall) -> int:
        instructions = call.question.instructions
        size = count_tokens(instructions)
        known = instructions in self.seen
        self.seen.add(instructions)
        return size // CACHED_STEP * CACHED_STEP if known and size >= MIN_CACHED_TOKENS else 0

    def as_chat_completion(self, call: ModelCall, answer: ModelAnswer) -> dict[str, Any]:
        """Return the answer as a chat completion."""
        message: dict[str, Any] = {
            "role": "assistant",
            "content": None if answer.refusal else answer.text,
            "refusal": answer.refusal,
            "annotations": [],
        }
        choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": answer.finish}
        return {
            "id": f"chatcmpl-stand-in-{next(self._numbers)}",
            "object": "chat.completion",
            "created": int(time.time()),
            "model": f"{call.model}-{STAND_IN}",
            "choices": [choice],
            "usage": {
                "prompt_tokens": answer.prompt_tokens,
                "completion_tokens": answer.completion_tokens,
                "total_tokens": answer.prompt_tokens + answer.completion_tokens,
                "prompt_tokens_details": {"cached_tokens": answer.cached_tokens, "audio_tokens": 0},
                "completion_tokens_details": {"reasoning_tokens": 0, "audio_tokens": 0},
            },
            "service_tier": "default",
            "system_fingerprint": FINGERPRINT,
        }

    def as_response(self, call: ModelCall, answer: ModelAnswer) -> dict[str, Any]:
        """Return the answer as a response."""
        content = (
            {"type": "refusal", "refusal": answer.refusal}
            if answer.refusal
            else {"type": "output_text", "text": answer.text, "annotations": [], "logprobs": []}
        )
        whole = answer.finish == "stop"
        why = {"length": "max_output_tokens"}.get(answer.finish, answer.finish)
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
                "input_tokens": answer.prompt_tokens,
                "input_tokens_details": {"cached_tokens": answer.cached_tokens},
                "output_tokens": answer.completion_tokens,
                "output_tokens_details": {"reasoning_tokens": 0},
                "total_tokens": answer.prompt_tokens + answer.completion_tokens,
            },
        }
