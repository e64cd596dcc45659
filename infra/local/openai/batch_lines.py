"""The lines of a batch's files: requests in, results and errors out."""

import json
from typing import Any

MAX_REQUESTS = 50_000
"""Requests of an input file; the guide, "Rate limits"."""


def read_lines(content: bytes, endpoint: str) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return the requests of an input file, and the errors in it."""
    lines: list[dict[str, Any]] = []
    problems: list[dict[str, Any]] = []
    seen: set[str] = set()
    rows = [row for row in content.split(b"\n") if row.strip()]
    for number, row in enumerate(rows, 1):
        problem = _check_line(row, endpoint, seen)
        if problem:
            problems.append(file_error(number, *problem))
        else:
            lines.append(json.loads(row))
            seen.add(lines[-1]["custom_id"])
    if not rows:
        problems.append(file_error(None, "empty_file", "The input file is empty."))
    if len(rows) > MAX_REQUESTS:
        problems.append(file_error(None, "too_many_tasks", "The input file has too many requests."))
    if len({line["body"].get("model") for line in lines}) > 1:
        problems.append(file_error(None, "mismatched_model", "All requests must have one model."))
    return lines, problems


def _check_line(row: bytes, endpoint: str, seen: set[str]) -> tuple[str, str] | None:
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


def file_error(line: int | None, code: str, message: str) -> dict[str, Any]:
    """Return an error of an input file, at a line or of the whole."""
    return {"code": code, "line": line, "message": message, "param": None}


def result_line(number: int, custom_id: str, status: int, body: Any) -> dict[str, Any]:
    """Return the line of a request with its response."""
    response = {"status_code": status, "request_id": f"req-{number}", "body": body}
    return {
        "id": f"batch_req_{number}",
        "custom_id": custom_id,
        "response": response,
        "error": None,
    }


def unexecuted_line(custom_id: str, code: str | None) -> dict[str, Any]:
    """Return the line of a request that its batch did not execute."""
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
