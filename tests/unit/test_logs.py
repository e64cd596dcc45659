"""A log line is one JSON object on one line, in the form that Cloud Logging reads."""

import asyncio
import json
from datetime import UTC, datetime
from typing import Any

import pytest

from landfall import logs
from landfall.reasons import Reason


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_a_line_is_severity_message_and_fields(capsys):
    """The three severities, in Cloud Logging's names."""
    logs.info("moved", old="queued", new="running")
    logs.warning("fenced")
    logs.error("bug", seconds=0.5)
    assert lines(capsys) == [
        {"severity": "INFO", "message": "moved", "old": "queued", "new": "running"},
        {"severity": "WARNING", "message": "fenced"},
        {"severity": "ERROR", "message": "bug", "seconds": 0.5},
    ]


def test_text_of_several_lines_stays_on_one(capsys):
    """A traceback must not become twenty entries."""
    logs.error("bug", traceback="Traceback:\n  File\u2028x\r\n")
    assert lines(capsys) == [
        {"severity": "ERROR", "message": "bug", "traceback": "Traceback:\n  File\u2028x\r\n"}
    ]


def test_what_json_lacks_is_written_as_text(capsys):
    """Datetimes, exceptions and our own enums do not break a line."""
    moment = datetime(2026, 3, 2, 6, tzinfo=UTC)
    logs.info("x", at=moment, why=ValueError("no"), reason=Reason.BASE_TIMEOUT, some={1})
    (line,) = lines(capsys)
    assert (line["at"], line["why"]) == ("2026-03-02 06:00:00+00:00", "no")
    assert (line["reason"], line["some"]) == ("base_timeout", "{1}")


def test_every_line_in_a_context_carries_its_fields(capsys):
    """Nested contexts add up, the inner one wins, and the end of one takes its fields away."""
    with logs.fields(run_id="r1", step_id="fetch"):
        with logs.fields(attempt=2, run_id="r2"):
            logs.info("inner", attempt=3)
        logs.info("outer")
    logs.info("outside")
    inner, outer, outside = lines(capsys)
    assert (inner["run_id"], inner["step_id"], inner["attempt"]) == ("r2", "fetch", 3)
    assert (outer["run_id"], "attempt" in outer) == ("r1", False)
    assert outside == {"severity": "INFO", "message": "outside"}


def test_an_error_ends_a_context_too(capsys):
    """The next request of the process does not carry the last one's ids."""
    with pytest.raises(RuntimeError), logs.fields(run_id="r1"):
        raise RuntimeError
    logs.info("next")
    assert "run_id" not in lines(capsys)[0]


async def test_requests_side_by_side_keep_their_own_fields(capsys):
    """Two invocations in one process do not write into each other's lines."""

    async def invocation(run_id: str) -> None:
        with logs.fields(run_id=run_id):
            for _ in range(3):
                await asyncio.sleep(0)
                logs.info(run_id)

    await asyncio.gather(invocation("r1"), invocation("r2"))
    written = lines(capsys)
    assert len(written) == 6
    assert all(line["run_id"] == line["message"] for line in written)
