"""Batches of the stand-in for OpenAI, as its Batch API has them.

A batch goes through `validating`, `in_progress` and `finalizing` to `completed`; or it is `failed`
when its file cannot be used, `expired` at the end of its window, `cancelled` on request. Whatever
was done by then is in its output file, and what was not in its error file. Time is what moves it:
the requests are done evenly over `seconds`, and looked at when somebody looks at the batch.

Source: platform.openai.com/docs/guides/batch.
"""

import itertools
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from infra.local.openai import errors, faults
from infra.local.openai.batch_lines import problem_of, read_lines, result_line, undone_line
from infra.local.openai.files import Files

ENDPOINTS = ("/v1/chat/completions", "/v1/responses")

CANCELLING = 0.2
"""Seconds; up to ten minutes at OpenAI."""

Answer = Callable[[str, Any], tuple[int, Any]]
"""What becomes of one request: an endpoint and a body, to a status and a body."""

_ENDED = ("completed", "failed", "expired", "cancelled")


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
    """The batches of an account.

    `seconds` is how long a batch takes, `window` until it expires; a day at OpenAI, both at most.
    """

    def __init__(self, files: Files, answer: Answer, seconds: float, window: float) -> None:
        self.seconds = seconds
        self.window = window
        self._answer = answer
        self._files = files
        self._batches: dict[str, StoredBatch] = {}
        self._numbers = itertools.count(1)

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
        stored = self._files.get(body["input_file_id"])
        lines, problems = read_lines(stored.content, body["endpoint"])
        if fault == faults.QUEUE_FULL:
            problems = [problem_of(None, "token_limit_exceeded", "Enqueued token limit reached.")]
        if fault == faults.BATCH_FAILED:
            problems = [problem_of(1, "invalid_request", "The stand-in was told to fail this.")]
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
            result = result_line(next(self._numbers), line["custom_id"], status, body)
            (batch.done if status == 200 else batch.failed).append(result)

    def _reach(self, batch: StoredBatch, status: str) -> None:
        batch.status = status
        batch.moments.setdefault(status, int(time.time()))

    def _end(self, batch: StoredBatch, status: str, left: str | None = None) -> None:
        """Write its files; what was not done is in the error file, under this code."""
        self._reach(batch, status)
        undone = batch.lines[len(batch.done) + len(batch.failed) :] if left else []
        failed = [*batch.failed, *(undone_line(line["custom_id"], left) for line in undone)]
        if batch.done:
            batch.output_file_id = self._result_file(batch, "output", batch.done)
        if failed:
            batch.error_file_id = self._result_file(batch, "error", failed)

    def _result_file(self, batch: StoredBatch, what: str, results: Sequence[Any]) -> str:
        content = "".join(f"{json.dumps(result)}\n" for result in results).encode()
        return self._files.store(f"{batch.id}_{what}.jsonl", "batch_output", content).id
