"""Batches of the stand-in for OpenAI, as its Batch API has them.

    validating -> in_progress -> finalizing -> completed
         |             |
         |             +-> expired (end of its window), cancelling -> cancelled (on request)
         +-> failed (unusable input file)

Results go to the batch's output file, errors and unexecuted requests to its error file. Requests
execute evenly over `seconds`; the state of a batch is computed when somebody reads it.

Source: platform.openai.com/docs/guides/batch.
"""

import itertools
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from infra.local.openai import errors, faults
from infra.local.openai.batch_lines import file_error, read_lines, result_line, unexecuted_line
from infra.local.openai.files import Files

ENDPOINTS = ("/v1/chat/completions", "/v1/responses")

CANCEL_SECONDS = 0.2
"""Seconds from a cancellation to its end; up to ten minutes at OpenAI."""

AnswerRequest = Callable[[str, Any], tuple[int, Any]]
"""Answers one request: from endpoint and body to status and body."""

ENDED = ("completed", "failed", "expired", "cancelled")


@dataclass
class StoredBatch:
    """A batch: its requests, its start (monotonic seconds), its state and its results."""

    id: str
    input_file_id: str
    endpoint: str
    metadata: dict[str, str]
    started_at: float
    created_at: int
    window: float
    lines: list[dict[str, Any]]
    errors: list[dict[str, Any]]
    fault: str | None = None
    status: str = "validating"
    times: dict[str, int] = field(default_factory=dict)
    cancelled: float | None = None
    done: list[dict[str, Any]] = field(default_factory=list)
    failed: list[dict[str, Any]] = field(default_factory=list)
    output_file_id: str | None = None
    error_file_id: str | None = None


class Batches:
    """The batches of an account.

    `seconds`: duration of a batch. `window`: time until it expires. At OpenAI both are up to a day.
    """

    def __init__(self, files: Files, answer: AnswerRequest, seconds: float, window: float) -> None:
        self.seconds = seconds
        self.window = window
        self._answer = answer
        self._files = files
        self._batches: dict[str, StoredBatch] = {}
        self._numbers = itertools.count(1)

    def create(self, body: Any, fault: str | None) -> dict[str, Any]:
        """Create a batch over an uploaded file. Raises `RefusedError`."""
        if not isinstance(body, dict):
            raise errors.not_json()
        for name in ("input_file_id", "endpoint", "completion_window"):
            if name not in body:
                raise errors.missing(name)
        if body["endpoint"] not in ENDPOINTS:
            raise errors.not_modelled(f"batches of {body['endpoint']}")
        if body["completion_window"] != "24h":
            raise errors.invalid("completion_window", "Invalid value: expected '24h'.")
        stored = self._files.get(body["input_file_id"])
        lines, problems = read_lines(stored.content, body["endpoint"])
        if fault == faults.QUEUE_FULL:
            problems = [file_error(None, "token_limit_exceeded", "Enqueued token limit reached.")]
        if fault == faults.BATCH_FAILED:
            problems = [file_error(1, "invalid_request", "The stand-in fails this on purpose.")]
        batch = StoredBatch(
            id=f"batch_stand_in_{next(self._numbers)}",
            input_file_id=stored.id,
            endpoint=body["endpoint"],
            metadata=body.get("metadata") or {},
            started_at=time.monotonic(),
            created_at=int(time.time()),
            window=self.seconds / 2 if fault == faults.BATCH_EXPIRED else self.window,
            lines=lines,
            errors=problems,
            fault=fault,
        )
        self._batches[batch.id] = batch
        return self._as_object(batch)

    def get(self, batch_id: str) -> dict[str, Any]:
        """Return the batch object as of now. Raises `RefusedError`."""
        if batch_id not in self._batches:
            raise errors.no_such("Batch", batch_id)
        return self._as_object(self._batches[batch_id])

    def page(self, after: str | None, limit: int) -> dict[str, Any]:
        """Return a page of batches, the newest first."""
        newest = list(reversed(self._batches.values()))
        ids = [batch.id for batch in newest]
        start = ids.index(after) + 1 if after in ids else 0
        page = [self._as_object(batch) for batch in newest[start : start + limit]]
        return {
            "object": "list",
            "data": page,
            "first_id": page[0]["id"] if page else None,
            "last_id": page[-1]["id"] if page else None,
            "has_more": start + limit < len(newest),
        }

    def cancel(self, batch_id: str) -> dict[str, Any]:
        """Cancel a batch; its results remain. Raises `RefusedError`."""
        self.get(batch_id)
        batch = self._batches[batch_id]
        if batch.status in ENDED:
            message = f"Cannot cancel a batch with status '{batch.status}'."
            raise errors.RefusedError(409, message)
        batch.cancelled = batch.cancelled or time.monotonic()
        return self._as_object(batch)

    # Progress of a batch over time

    def _as_object(self, batch: StoredBatch) -> dict[str, Any]:
        self._advance(batch, time.monotonic())
        moments = ("in_progress", "finalizing", "completed", "failed", "expired", "cancelling")
        times = {f"{name}_at": batch.times.get(name) for name in (*moments, "cancelled")}
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
            **times,
        }

    def _advance(self, batch: StoredBatch, now: float) -> None:
        """Bring the batch to its state at this time."""
        if batch.status in ENDED:
            return
        elapsed = now - batch.started_at
        if batch.errors:
            if elapsed >= self.seconds / 10:
                self._end(batch, "failed")
            return
        end = batch.cancelled - batch.started_at if batch.cancelled else batch.window
        self._execute(batch, min(elapsed, end))
        if batch.cancelled:
            self._enter(batch, "cancelling")
            if now >= batch.cancelled + CANCEL_SECONDS:
                self._end(batch, "cancelled", "batch_cancelled")
        elif elapsed >= self.seconds and self.seconds <= batch.window:
            self._end(batch, "completed")
        elif elapsed >= batch.window:
            self._end(batch, "expired", "batch_expired")

    def _execute(self, batch: StoredBatch, elapsed: float) -> None:
        """Execute the requests that are due: between 10 % and 90 % of the batch's time."""
        share = (elapsed / self.seconds - 0.1) / 0.8 if self.seconds else 1.0
        if share >= 0:
            self._enter(batch, "in_progress")
        if share >= 1:
            self._enter(batch, "finalizing")
        due = int(min(1.0, max(0.0, share)) * len(batch.lines))
        for line in batch.lines[len(batch.done) + len(batch.failed) : due]:
            status, body = self._answer(line["url"], line["body"])
            result = result_line(next(self._numbers), line["custom_id"], status, body)
            (batch.done if status == 200 else batch.failed).append(result)

    def _enter(self, batch: StoredBatch, status: str) -> None:
        batch.status = status
        batch.times.setdefault(status, int(time.time()))

    def _end(self, batch: StoredBatch, status: str, code: str | None = None) -> None:
        """Write the output and error files; unexecuted requests get this error code."""
        self._enter(batch, status)
        undone = batch.lines[len(batch.done) + len(batch.failed) :] if code else []
        failed = [*batch.failed, *(unexecuted_line(line["custom_id"], code) for line in undone)]
        if batch.done:
            batch.output_file_id = self._result_file(batch, "output", batch.done)
        if failed:
            batch.error_file_id = self._result_file(batch, "error", failed)

    def _result_file(self, batch: StoredBatch, what: str, results: Sequence[Any]) -> str:
        content = "".join(f"{json.dumps(result)}\n" for result in results).encode()
        return self._files.store(f"{batch.id}_{what}.jsonl", "batch_output", content).id
