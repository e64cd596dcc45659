"""A message to a program: JSON, signed as https://www.standardwebhooks.com has it.

The id stays the same over all attempts, so that a receiver acts once. Of several secrets each
signs, and the receiver needs to know one of them.
"""

import base64
import hashlib
import hmac
import json
from collections.abc import Sequence
from datetime import datetime

from landfall.runs.outbox import Message
from landfall.tell.phrases import link_of, sentence_of


def request(
    message: Message, window_url: str, keys: Sequence[str], now: datetime
) -> tuple[dict[str, str], bytes]:
    """Return the headers and the body of a request. `keys` are in base64."""
    content = {
        "type": "landfall.run",
        "timestamp": message.created_at.isoformat(),
        "data": {
            "run_id": message.run_id,
            "scan_id": message.scan_id,
            "text": sentence_of(message.content),
            "link": link_of(message, window_url),
            **message.content,
        },
    }
    body = json.dumps(content, ensure_ascii=False).encode()
    at = str(int(now.timestamp()))
    signed = f"{message.id}.{at}.".encode() + body
    headers = {
        "Content-Type": "application/json",
        "webhook-id": message.id,
        "webhook-timestamp": at,
        "webhook-signature": " ".join(_signature(key, signed) for key in keys),
    }
    return headers, body


def _signature(key: str, signed: bytes) -> str:
    mac = hmac.new(base64.b64decode(key), signed, hashlib.sha256)
    return f"v1,{base64.b64encode(mac.digest()).decode()}"
