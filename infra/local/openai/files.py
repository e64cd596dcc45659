"""Files of the stand-in for OpenAI: uploads for batches, and the results of batches."""

import email
import email.policy
import itertools
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from infra.local.openai import errors
from infra.local.wire.messages import WireRequest, WireResponse

MAX_BYTES = 200 * 2**20
"""Bytes of an input file; the guide of the Batch API, "Rate limits"."""


@dataclass(frozen=True)
class StoredFile:
    """A file that was uploaded, or that a batch has written."""

    id: str
    name: str
    purpose: str
    content: bytes
    created_at: int

    def as_object(self) -> dict[str, Any]:
        """Return the file object of the API."""
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


class Files:
    """The files of an account."""

    def __init__(self) -> None:
        self._files: dict[str, StoredFile] = {}
        self._numbers = itertools.count(1)

    @property
    def ids(self) -> Sequence[str]:
        """The ids of all files."""
        return list(self._files)

    def upload(self, request: WireRequest) -> dict[str, Any]:
        """Store a file from multipart form data. Raises `RefusedError`."""
        parts = _form(request)
        if "file" not in parts:
            raise errors.missing("file")
        if parts.get("purpose", ("", b""))[1] != b"batch":
            raise errors.not_modelled("a file that is not for a batch")
        name, content = parts["file"]
        if len(content) > MAX_BYTES:
            raise errors.invalid("file", "The file is too large.")
        return self.store(name or "upload", "batch", content).as_object()

    def store(self, name: str, purpose: str, content: bytes) -> StoredFile:
        """Store a file under a new id."""
        file_id = f"file-stand-in-{next(self._numbers)}"
        stored = StoredFile(file_id, name, purpose, content, int(time.time()))
        self._files[file_id] = stored
        return stored

    def get(self, file_id: str) -> StoredFile:
        """Return the file. Raises `RefusedError`."""
        if file_id not in self._files:
            raise errors.no_such("File", file_id)
        return self._files[file_id]

    def content(self, file_id: str) -> WireResponse:
        """Return the bytes of the file. Raises `RefusedError`."""
        content = self.get(file_id).content
        return WireResponse(200, {"Content-Type": "application/octet-stream"}, content)

    def delete(self, file_id: str) -> dict[str, Any]:
        """Delete the file. Raises `RefusedError`."""
        self.get(file_id)
        del self._files[file_id]
        return {"id": file_id, "object": "file", "deleted": True}


def _form(request: WireRequest) -> dict[str, tuple[str | None, bytes]]:
    """Return the parts of multipart form data by name: file name and content."""
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
