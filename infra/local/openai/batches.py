"""Files and batches of the stand-in for OpenAI, as its Batch API has them.

A batch goes through `validating`, `in_progress` and `finalizing` to `completed`; or it is `failed`
when its file cannot be used, `expired` at the end of its window, `cancelled` on request. Whatever
was done by then is in its output file, and what was not in its error file. Time is what moves it:
the requests are done evenly over `seconds`, and looked at when somebody looks at the batch.

Source: platform.openai.com/docs/guides/batch.
"""

import email
import email.policy
import itertools
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from infra.local.openai import errors, faults
from infra.local.wire.messages import Request, Response

ENDPOINTS = ("/v1/chat/completions", "/v1/responses")
MOST_REQUESTS = 50_000
MOST_BYTES = 200 * 2**20
"""Of an input file; the guide, "Rate limits"."""

CANCELLING = 0.2
"""Seconds; up to ten minutes at OpenAI."""

Answer = Callable[[str, Any], tuple[int, Any]]
"""What becomes of one request: an endpoint and a body, to a status and a body."""

_ENDED = ("completed", "failed", "expired", "cancelled")


@dataclass(frozen=True)
class StoredFile:
    """A file as it was uploaded, or as a batch has left it."""

    id: str
    name: str
    purpose: str
    content: bytes
    created_at: int

    def shown(self) -> dict[str, Any]:
        """The file object."""
        return {
            "id": self.id,
            "object": "file",
            "bytes": len(self.content),
            "created_at": self.created_at,
            "filename": self.name,
            "purpose": self.purpose,
            "status": "processed",
            "status_details": None,
            "expires_at": None,
        }


@dataclass
class StoredBatch:
    """A batch: what was asked, when it began, and how far it is."""

    id: str
    input_file_id: str
    endpoint: str
    metadata: dict[str, str]
    begun: float
    created_at: int
    window: float
    lines: list[dict[str, Any]]
    errors: list[dict[str, Any]]
    fault: str | None = None
    status: str = "validating"
    moments: dict[str, int] = field(default_factory=dict)
    cancelled: float | None = None
    done: list[dict[str, Any]] = field(default_factory=list)
    failed: list[dict[str, Any]] = field(default_factory=list)
    output_file_id: str | None = None
    error_file_id: str | None = None


class Batches:
    """The files and batches of an account.

    `seconds` is how long a batch takes, `window` until it expires; a day at OpenAI, both at most.
    """

    def __init__(self, answer: Answer, seconds: float, window: float) -> None:
        self.seconds = seconds
        self.window = window
        self._answer = answer
        self._files: dict[str, StoredFile] = {}
        self._batches: dict[str, StoredBatch] = {}
        self._numbers = itertools.count(1)

    @property
    def files(self) -> Sequence[str]:
        """The ids of all files that are there."""
        return list(self._files)

    # Files

    def upload(self, request: Request) -> dict[str, Any]:
        """From multipart form data. Raises RefusedError."""
        parts = _form(request)
        if "file" not in parts:
            raise errors.missing("file")
        if parts.get("purpose", ("", b""))[1] != b"batch":
            raise errors.not_modelled("a file that is not for a batch")
        name, content = parts["file"]
        if len(content) > MOST_BYTES:
            raise errors.invalid("file", "The file is too large.")
        return self._keep(name or "upload", "batch", content).shown()

    def file(self, file_id: str) -> StoredFile:
        """Raises RefusedError."""
        if file_id not in self._files:
            raise errors.no_such("File", file_id)
        return self._files[file_id]

    def content(self, file_id: str) -> Response:
        """What is in the file. Raises RefusedError."""
        content = self.file(file_id).content
        return Response(200, {"Content-Type": "application/octet-stream"}, content)

    def delete(self, file_id: str) -> dict[str, Any]:
        """Raises RefusedError."""
        self.file(file_id)
        del self._files[file_id]
        return {"id": file_id, "object": "file", "deleted": True}

    def _keep(self, name: str, purpose: str, content: bytes) -> StoredFile:
        file_id = f"file-stand-in-{next(self._numbers)}"
        stored = StoredFile(file_id, name, purpose, content, int(time.time()))
        self._files[file_id] = stored
        return stored

    # Batches

    def create(self, body: Any, fault: str | None) -> dict[str, Any]:
        """A batch over an uploaded file. Raises RefusedError."""
        if not isinstance(body, dict):
            raise errors.not_json()
        for name in ("input_file_id", "endpoint", "completion_window"):
            if name not in body:
                raise errors.missing(name)
        if body["endpoint"] not in ENDPOINTS:
            raise errors.not_modelled(f"batches of {body['endpoint']}")
        if body["completion_window"] != "24h":
            raise errors.invalid("completion_window", "Invalid value: expected '24h'.")
        stored = self.file(body["input_file_id"])
        lines, problems = _read(stored.content, body["endpoint"])
        if fault == faults.QUEUE_FULL:
            problems = [_problem(None, "token_limit_exceeded", "Enqueued token limit reached.")]
        if fault == faults.BATCH_FAILED:
            problems = [_problem(1, "invalid_request", "The stand-in was told to fail this.")]
        batch = StoredBatch(
            id=f"batch_stand_in_{next(self._numbers)}",
            input_file_id=stored.id,
            endpoint=body["endpoint"],
            metadata=body.get("metadata") or {},
            begun=time.monotonic(),
            created_at=int(time.time()),
            window=self.seconds / 2 if fault == faults.BATCH_EXPIRED else self.window,
            lines=lines,
            errors=problems,
            fault=fault,
        )
        self._batches[batch.id] = batch
        return self._shown(batch)

    def look(self, batch_id: str) -> dict[str, Any]:
        """The batch as it is by now. Raises RefusedError."""
        if batch_id not in self._batches:
            raise errors.no_such("Batch", batch_id)
        return self._shown(self._batches[batch_id])

    def listed(self, after: str | None, limit: int) -> dict[str, Any]:
        """The batches, the newest first."""
        newest = list(reversed(self._batches.values()))
        ids = [batch.id for batch in newest]
        start = ids.index(after) + 1 if after in ids else 0
        page = [self._shown(batch) for batch in newest[start : start + limit]]
        return {
            "object": "list",
            "data": page,
            "first_id": page[0]["id"] if page else None,
            "last_id": page[-1]["id"] if page else None,
            "has_more": start + limit < len(newest),
        }

    def cancel(self, batch_id: str) -> dict[str, Any]:
        """Stop it; what is done stays. Raises RefusedError."""
        self.look(batch_id)
        batch = self._batches[batch_id]
        if batch.status in _ENDED:
            message = f"Cannot cancel a batch with status '{batch.status}'."
            raise errors.RefusedError(409, message)
        batch.cancelled = batch.cancelled or time.monotonic()
        return self._shown(batch)

    # How time moves one

    def _shown(self, batch: StoredBatch) -> dict[str, Any]:
        self._move(batch, time.monotonic())
        moments = ("in_progress", "finalizing", "completed", "failed", "expired", "cancelling")
        told = {f"{name}_at": batch.moments.get(name) for name in (*moments, "cancelled")}
        return {
            "id": batch.id,
            "object": "batch",
            "endpoint": batch.endpoint,
            "errors": {"object": "list", "data": batch.errors} if batch.errors else None,
            "input_file_id": batch.input_file_id,
            "completion_window": "24h",
            "status": batch.status,
            "output_file_id": batch.output_file_id,
            "error_file_id": batch.error_file_id,
            "created_at": batch.created_at,
            "expires_at": batch.created_at + int(batch.window),
            "request_counts": {
                "total": len(batch.lines),
                "completed": len(batch.done),
                "failed": len(batch.failed),
            },
            "metadata": batch.metadata,
            **told,
        }

    def _move(self, batch: StoredBatch, now: float) -> None:
        """To where it is at this moment."""
        if batch.status in _ENDED:
            return
        passed = now - batch.begun
        if batch.errors:
            if passed >= self.seconds / 10:
                self._end(batch, "failed")
            return
        ends = batch.cancelled - batch.begun if batch.cancelled else batch.window
        self._work(batch, min(passed, ends))
        if batch.cancelled:
            self._reach(batch, "cancelling")
            if now >= batch.cancelled + CANCELLING:
                self._end(batch, "cancelled", "batch_cancelled")
        elif passed >= self.seconds and self.seconds <= batch.window:
            self._end(batch, "completed")
        elif passed >= batch.window:
            self._end(batch, "expired", "batch_expired")

    def _work(self, batch: StoredBatch, passed: float) -> None:
        """Do what is due: a tenth of the time goes before the requests, and one after them."""
        share = (passed / self.seconds - 0.1) / 0.8 if self.seconds else 1.0
        if share >= 0:
            self._reach(batch, "in_progress")
        if share >= 1:
            self._reach(batch, "finalizing")
        due = int(min(1.0, max(0.0, share)) * len(batch.lines))
        for line in batch.lines[len(batch.done) + len(batch.failed) : due]:
            status, body = self._answer(line["url"], line["body"])
            result = _result(next(self._numbers), line["custom_id"], status, body)
            (batch.done if status == 200 else batch.failed).append(result)

    def _reach(self, batch: StoredBatch, status: str) -> None:
        batch.status = status
        batch.moments.setdefault(status, int(time.time()))

    def _end(self, batch: StoredBatch, status: str, left: str | None = None) -> None:
        """Write its files; what was not done is in the error file, under this code."""
        self._reach(batch, status)
        undone = batch.lines[len(batch.done) + len(batch.failed) :] if left else []
        failed = [*batch.failed, *(_undone(line["custom_id"], left) for line in undone)]
        if batch.done:
            batch.output_file_id = self._result_file(batch, "output", batch.done)
        if failed:
            batch.error_file_id = self._result_file(batch, "error", failed)

    def _result_file(self, batch: StoredBatch, what: str, results: Sequence[Any]) -> str:
        content = "".join(f"{json.dumps(result)}\n" for result in results).encode()
        return self._keep(f"{batch.id}_{what}.jsonl", "batch_output", content).id


def _form(request: Request) -> dict[str, tuple[str | None, bytes]]:
    """The parts of multipart form data: file name and content, by the part's name."""
    head = f"Content-Type: {request.headers.get('content-type', '')}\r\n\r\n".encode()
    message = email.message_from_bytes(head + request.body, policy=email.policy.HTTP)
    if not message.is_multipart():
        raise errors.invalid("file", "Expected multipart form data.")
    parts: dict[str, tuple[str | None, bytes]] = {}
    for part in message.iter_parts():
        name = part.get_param("name", header="content-disposition")
        content = part.get_payload(decode=True)
        assert isinstance(content, bytes)
        parts[str(name)] = (part.get_filename(), content)
    return parts


def _read(content: bytes, endpoint: str) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """The requests of an input file, and what is wrong with them."""
    lines: list[dict[str, Any]] = []
    problems: list[dict[str, Any]] = []
    seen: set[str] = set()
    rows = [row for row in content.split(b"\n") if row.strip()]
    for number, row in enumerate(rows, 1):
        problem = _wrong_line(row, endpoint, seen)
        if problem:
            problems.append(_problem(number, *problem))
        else:
            lines.append(json.loads(row))
            seen.add(lines[-1]["custom_id"])
    if not rows:
        problems.append(_problem(None, "empty_file", "The input file is empty."))
    if len(rows) > MOST_REQUESTS:
        problems.append(_problem(None, "too_many_tasks", "The input file has too many requests."))
    if len({line["body"].get("model") for line in lines}) > 1:
        problems.append(_problem(None, "mismatched_model", "All requests must have one model."))
    return lines, problems


def _wrong_line(row: bytes, endpoint: str, seen: set[str]) -> tuple[str, str] | None:
    try:
        line = json.loads(row)
    except ValueError:
        return "invalid_json_line", "This line is not parseable as valid JSON."
    if not isinstance(line, dict) or not isinstance(line.get("custom_id"), str):
        return "missing_required_parameter", "Missing required parameter: 'custom_id'."
    if line["custom_id"] in seen:
        return "duplicate_custom_id", "The custom_id of this line was used before."
    if line.get("url") != endpoint or line.get("method") != "POST":
        return "mismatched_endpoint", "This line's url does not match the batch's endpoint."
    if not isinstance(line.get("body"), dict):
        return "missing_required_parameter", "Missing required parameter: 'body'."
    return None


def _problem(line: int | None, code: str, message: str) -> dict[str, Any]:
    return {"code": code, "line": line, "message": message, "param": None}


def _result(number: int, custom_id: str, status: int, body: Any) -> dict[str, Any]:
    response = {"status_code": status, "request_id": f"req-{number}", "body": body}
    return {
        "id": f"batch_req_{number}",
        "custom_id": custom_id,
        "response": response,
        "error": None,
    }


def _undone(custom_id: str, code: str | None) -> dict[str, Any]:
    messages = {
        "batch_expired": "This request could not be executed before the completion window expired.",
        "batch_cancelled": "This request was cancelled with its batch.",
    }
    error = {"code": code, "message": messages[code or ""]}
    return {
        "id": f"batch_req_{custom_id}",
        "custom_id": custom_id,
        "response": None,
        "error": error,
    }
