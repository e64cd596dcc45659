"""A message to a channel of Slack: blocks, and a text for notifications and screen readers.

Names are those of records and rules, which anybody may have written: in Slack's own markup, `&`,
`<` and `>` are written so that none of them is a mention or a link.
"""

import json
from collections.abc import Iterator

from landfall.runs.outbox import Message
from landfall.store.documents import Fields
from landfall.tell.phrases import SIGNS, Content, lines_of, link_of, more_of, name_of, sentence_of

MAX_BLOCK = 2_900
"""Characters of a section; Slack takes 3,000."""

MAX_FALLBACK = 2_900
"""Characters of the text; Slack cuts one at 40,000, and a notification shows the beginning."""


def request(message: Message, window_url: str) -> tuple[dict[str, str], bytes]:
    """Return the headers and the body of a request."""
    content = message.content
    sentence = sentence_of(content)
    blocks = [_section(f"*{_plain(sentence)}*")]
    if lines := [_plain(line) for line in lines_of(content)]:
        blocks.append(_section("\n".join(lines)))
    if findings := list(_findings(content)):
        blocks.append(_section("\n".join(findings)))
    if link := link_of(message, window_url):
        button = {
            "type": "button",
            "text": {"type": "plain_text", "text": "Open the run"},
            "url": link,
        }
        blocks.append({"type": "actions", "elements": [button]})
    body = {"text": _plain(sentence)[:MAX_FALLBACK], "blocks": blocks}
    return {"Content-Type": "application/json"}, json.dumps(body, ensure_ascii=False).encode()


def _findings(content: Content) -> Iterator[str]:
    room = MAX_BLOCK - 200
    shown = 0
    for one in content["findings"]:
        name = _plain(name_of(one))
        linked = f"<{one['link']}|{name.replace('|', '/')}>" if one["link"] else name
        line = f"{SIGNS[one['severity']]} {linked} · {_plain(one['rule'])} ({one['event']})"
        if len(line) > room:
            break
        room -= len(line) + 1
        shown += 1
        yield line
    if rest := more_of(content, shown):
        yield rest


def _section(text: str) -> Fields:
    return {"type": "section", "text": {"type": "mrkdwn", "text": text[:MAX_BLOCK]}}


def _plain(text: str) -> str:
    """Return a text without line breaks, in which no sign is markup."""
    line = " ".join(text.split())
    return line.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
