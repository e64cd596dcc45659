"""The outbox: messages about runs, each for one channel, and what became of them.

    outbox/{message_id}    waiting ──> sending ──> sent, or failed
                              ^           │ no answer, or one that asks for another attempt
                              └───────────┘

A message is written in the commit that ends its run, with all of its content. Like a step, it is
its own outbox: it names the task that sends it, so a lost task is made again. The moves are pure.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from landfall.deadlines import Ladder
from landfall.reasons import BadRequestError
from landfall.runs.documents import Stored
from landfall.runs.steps import TELL
from landfall.runs.tasks import MessageTask
from landfall.store.documents import Create, Document, Fields, Update
from landfall.store.shape import fitting

SHOWN_FOR = timedelta(days=30)
"""Time for which a message can be looked at."""

TRIED_FOR = timedelta(days=1)
"""Time after its creation within which a message is tried again."""

FIRST_PAUSE, PAUSE_FACTOR, LONGEST_PAUSE = 10.0, 3.0, 2 * 3600.0
"""Seconds before the second attempt, how much longer each further pause is, and the longest one:
some 17 attempts in a day."""

NO_SLEEP_LESS_THAN = 0.5
"""The share of a pause that is not left to chance."""


class MessageStatus(StrEnum):
    """The status of a message."""

    WAITING = "waiting"
    SENDING = "sending"
    SENT = "sent"
    FAILED = "failed"


@dataclass(frozen=True)
class Message(Stored):
    """A message for one channel. `content` is what it has to say, whatever the channel's format."""

    run_id: str
    scan_id: str
    channel: str
    status: MessageStatus
    content: Mapping[str, Any]
    attempt: int
    dispatch: int
    created_at: datetime
    next_attempt_at: datetime | None
    stale_at: datetime | None = None
    lease_until: datetime | None = None
    worker: str | None = None
    last_error: Fields | None = None
    finished_at: datetime | None = None

    @classmethod
    def load(cls, document: Document) -> "Message":
        """Read a message. Raises `UnreadableError` for one that somebody has edited."""
        given = fitting(cls, document.path, document.data, "delete it")
        return cls(document, document.id, document.path, document.version, **given)

    @property
    def task(self) -> MessageTask:
        """Return the task that a waiting message is sent by."""
        at = self.next_attempt_at or self.created_at
        return MessageTask.of(self.id, self.attempt, self.dispatch, at)

    @property
    def tried_until(self) -> datetime:
        """Return the moment after which no further attempt begins."""
        return self.created_at + TRIED_FOR


def message_id(run_id: str, channel: str) -> str:
    """Return the id of the message about a run through a channel: there is one at most."""
    return f"{run_id}.{channel}"


def message_path(message_id: str) -> str:
    """Return the path of a message."""
    return f"outbox/{message_id}"


def names_message(body: Any) -> bool:
    """Return whether the body of a task is that of a message."""
    return isinstance(body, dict) and body.get("step_id") == TELL


def message_of(body: Fields) -> tuple[str, int]:
    """Return the message and the attempt of a task's body. Raises `BadRequestError`."""
    message_id, attempt = body.get("message_id"), body.get("attempt")
    if not isinstance(message_id, str) or not message_id or "/" in message_id:
        raise BadRequestError("`message_id` must be the id of a message")
    if type(attempt) is not int or attempt < 0:
        raise BadRequestError("`attempt` must be a whole number from 0")
    return message_id, attempt


def written(
    run_id: str, scan_id: str, channel: str, content: Fields, now: datetime, ladder: Ladder
) -> Create:
    """Return the write of a new message, which waits for its first task."""
    return Create(
        message_path(message_id(run_id, channel)),
        {
            "run_id": run_id,
            "scan_id": scan_id,
            "channel": channel,
            "status": MessageStatus.WAITING,
            "content": content,
            "attempt": 0,
            "dispatch": 1,
            "created_at": now,
            "next_attempt_at": now,
            "stale_at": now + timedelta(seconds=ladder.stale),
            "lease_until": None,
            "worker": None,
            "last_error": None,
            "finished_at": None,
            "expires_at": now + SHOWN_FOR,
        },
    )


def claimed(message: Message, worker: str, now: datetime, ladder: Ladder) -> Fields:
    """Give the next attempt of a message, and a lease, to a worker."""
    return {
        "status": MessageStatus.SENDING,
        "attempt": message.attempt + 1,
        "worker": worker,
        "lease_until": now + timedelta(seconds=ladder.lease),
        "stale_at": now + timedelta(seconds=ladder.stale),
    }


def sent(now: datetime) -> Fields:
    """End a message that its channel has taken."""
    return _ENDED | {"status": MessageStatus.SENT, "last_error": None, "finished_at": now}


def failed(error: Fields, now: datetime) -> Fields:
    """End a message that nobody gets."""
    return _ENDED | {"status": MessageStatus.FAILED, "last_error": error, "finished_at": now}


def again(message: Message, error: Fields | None, at: datetime, ladder: Ladder) -> Fields:
    """Have a message wait for another attempt at that time."""
    fields: Fields = {
        "status": MessageStatus.WAITING,
        "dispatch": message.dispatch + 1,
        "next_attempt_at": at,
        "stale_at": at + timedelta(seconds=ladder.stale),
        "lease_until": None,
        "worker": None,
    }
    return fields | ({"last_error": error} if error else {})


def taken_up(
    message: Message, now: datetime, ladder: Ladder, by: str
) -> tuple[Update, MessageTask | None]:
    """Return the write for a message that has not moved, and its task; None where its time is over.

    It waits for a task that was lost, or its worker is gone: then it may have been sent.
    """
    stamp: Fields = {"updated_at": now, "updated_by": by}
    if now > message.tried_until:
        error = {"message": "nobody could send it for a day", "attempt": message.attempt, "at": now}
        ended = failed(message.last_error or error, now)
        return Update(message.path, ended | stamp, message.version), None
    fields = again(message, None, now, ladder)
    task = MessageTask.of(message.id, message.attempt, message.dispatch + 1, now)
    return Update(message.path, fields | stamp, message.version), task


def pause_after(attempt: int, share: float) -> float:
    """Return the seconds before another attempt, after so many; `share` is drawn from 0 to 1."""
    longest = min(LONGEST_PAUSE, FIRST_PAUSE * PAUSE_FACTOR ** min(attempt - 1, 20))
    return longest * (NO_SLEEP_LESS_THAN + (1 - NO_SLEEP_LESS_THAN) * share)


_ENDED: Fields = {"stale_at": None, "lease_until": None, "next_attempt_at": None, "worker": None}
