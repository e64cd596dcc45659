"""The rules of a site's robots.txt, as RFC 9309 reads them.

A file is followed however it is served: of any content type, in any encoding, with HTML around it.
Of a long one the beginning counts. None takes long: groups for others are skipped, rules without
wildcards are looked up in a table, and rules with wildcards are bounded. Beyond that bound a rule
forbids more than it says, never less.
"""

import html
import math
import re
import string
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from urllib.parse import quote

from landfall.site.challenges import challenge_in
from landfall.site.charset import plain_text
from landfall.site.evidence import evidence_in
from landfall.site.page import Page, status_error
from landfall.site.urls import without_dots

MAX_ROBOTS_BYTES = 500 * 1024
"""Bytes of a robots.txt that are read: the minimum of RFC 9309."""

READ_BYTES = MAX_ROBOTS_BYTES + 1
"""Bytes that are fetched and stored: one more shows that the last line is not whole."""

MAX_CRAWL_DELAY = 10.0
"""Seconds of Crawl-delay that are obeyed; with it, fifty pages take eight minutes."""

MAX_SITEMAPS = 5
"""Sitemaps of a robots.txt that are read."""

MAX_PATTERNS = 1_000
"""Rules with wildcards that are read as they are; the robots.txt of large shops have hundreds."""

MAX_RULE = 2_000
"""Characters of a rule that are read."""

MAX_WILDCARDS = 10
"""Wildcards of a rule that are read as they are; real rules have up to four."""


def rules_in(page: Page) -> bytes:
    """Return the robots.txt of a response, which is empty if the site has none.

    Raises `StepError` for any other answer: then nothing may be fetched.
    """
    if page.is_success:
        if page.body.lstrip().startswith(b"<"):
            challenge = challenge_in(page, evidence_in(page, {}))
            if challenge:
                raise challenge
        return page.body[:READ_BYTES]
    if 400 <= page.status < 500 and page.status != 429:
        return b""
    raise status_error(page)


@dataclass
class Robots:
    """The rules of one host for our user agent; what no rule matches is allowed.

    `prefixes` are beginnings of paths, `patterns` the parts around wildcards, each with the length
    of its rule and whether that allows: the greatest decides. A path is matched with a `$` at its
    end, so a rule that ends with `$` needs no more.
    """

    prefixes: dict[str, tuple[int, bool]] = field(default_factory=dict)
    patterns: dict[Sequence[str], tuple[int, bool]] = field(default_factory=dict)
    crawl_delay: float = 0.0
    sitemaps: Sequence[str] = ()
    _answers: dict[str, bool] = field(default_factory=dict)

    def add(self, rule: str, *, allows: bool) -> None:
        """Add a rule."""
        literal = _normal(rule.removesuffix("$")).replace("$", "%24") + "$" * rule.endswith("$")
        if literal[0] not in "/*":
            literal = f"/{literal}"
        if len(literal) > MAX_RULE and allows:
            return
        parts = tuple(_STARS.split(literal[:MAX_RULE]))
        if not parts[-1]:
            parts = parts[:-1]  # any ending is what a prefix has too
        limit = MAX_WILDCARDS + 1 if len(self.patterns) < MAX_PATTERNS else 1
        if len(parts) > limit and parts not in self.patterns:
            if allows:
                return
            parts = parts[:limit]
        value = (len(literal), allows)
        if len(parts) == 1:
            self.prefixes[parts[0]] = max(value, self.prefixes.get(parts[0], value))
        else:
            self.patterns[parts] = max(value, self.patterns.get(parts, value))

    def allow(self, address: str) -> bool:
        """Return whether an address may be fetched; the crawl asks often about the same ones."""
        if address not in self._answers:
            path = _HOST.sub("", address.partition("#")[0])
            path, mark, query = _normal(path).partition("?")
            path = f"{without_dots(path)}{mark}{query}"
            path = path.replace("*", "%2A").replace("$", "%24") + "$"
            _, self._answers[address] = max(self._matching(path), default=(0, True))
        return self._answers[address]

    def _matching(self, path: str) -> Iterator[tuple[int, bool]]:
        beginnings = (path[:end] for end in range(min(len(path), MAX_RULE) + 1))
        yield from (self.prefixes[one] for one in beginnings if one in self.prefixes)
        yield from (value for parts, value in self.patterns.items() if _matches(parts, path))

    def delay(self, least: float) -> float:
        """Return the seconds between the starts of two requests, at least `least`."""
        return max(least, min(self.crawl_delay, MAX_CRAWL_DELAY))


def robots_of(body: bytes, agent: str) -> Robots:
    """Return the rules for `agent`, our product's name. An empty text allows everything."""
    ours, others = Robots(), Robots()
    group: dict[str, Robots] = {}
    sitemaps: list[str] = []
    is_named = in_rules = False
    for name, value in _records(_text(body)):
        if name == "sitemap":
            sitemaps.append(value)
        elif name == "useragent":
            group = {} if in_rules else group
            in_rules = False
            if value.split()[:1] == ["*"]:
                group["*"] = others
            elif _is_named(agent, value):
                group[agent] = ours
                is_named = True
        else:
            in_rules = True
            for rules in group.values() if value else ():
                if name == "crawldelay":
                    rules.crawl_delay = max(rules.crawl_delay, _seconds(value))
                else:
                    rules.add(value, allows=name == "allow")
    found = ours if is_named else others
    found.sitemaps = [one for one in sitemaps if one][:MAX_SITEMAPS]
    return found


def _text(body: bytes) -> str:
    """Return the text of a robots.txt, of one that is too long the lines that are whole."""
    # without NUL, which is of UTF-16 without a mark, or rubbish
    text = plain_text(body[:MAX_ROBOTS_BYTES]).replace("\0", "")
    if len(body) > MAX_ROBOTS_BYTES:
        text = text[: max(text.rfind("\n"), text.rfind("\r")) + 1]
    if text.lstrip().startswith("<"):
        text = html.unescape(_TAG.sub("\n", text))
    return text


def _records(text: str) -> Iterator[tuple[str, str]]:
    """Return the known records, also of lines with common mistakes."""
    for line in _LINE_ENDS.split(text):
        record = _MARKS.sub("", line.partition("#")[0]).strip()
        name, _, value = record.partition(":")
        if not _known(name):  # perhaps it has a space in place of the colon
            name, value = [*record.split(None, 1), "", ""][:2]
        if known := _known(name):
            yield known, value.strip()


def _known(name: str) -> str | None:
    """Return the name of a record in one spelling; None if it is not for us."""
    plain = name[:20].strip().lower().replace("-", "").replace(" ", "")
    return _RECORDS.get(plain)


_RECORDS = {
    **{name: name for name in ("useragent", "allow", "disallow", "crawldelay", "sitemap")},
    **dict.fromkeys(("dissallow", "dissalow", "disalow", "diasllow", "disallaw"), "disallow"),
    "sitemaps": "sitemap",
}
_HOST = re.compile("^[^:/?]*://[^/?]*")
_LINE_ENDS = re.compile(r"[\r\n]+")
_MARKS = re.compile("^[\\s\ufeff\u200b-\u200f\u2060\u00ef\u00bb\u00bf]+")
"""Byte order marks, whole, in part or as windows-1252, and characters that are not seen."""

_TAG = re.compile("<[^<>]*>")
_STARS = re.compile(r"\*+")


def _is_named(agent: str, value: str) -> bool:
    """Return whether a user agent is ours: our name, alone or with a version and more."""
    words = re.findall(r"[\w-]+", value[:200].lower())
    return agent.lower() in words


def _seconds(value: str) -> float:
    try:
        seconds = float(value[:20])
    except ValueError:
        return 0.0
    return seconds if math.isfinite(seconds) else 0.0


def _matches(parts: Sequence[str], path: str) -> bool:
    """Return whether a path has these parts, in their order, the first at its beginning."""
    first, *others = parts
    if not path.startswith(first):
        return False
    at = len(first)
    for part in others[:-1]:
        found = path.find(part, at)
        if found < 0:
            return False
        at = found + len(part)
    return path.find(others[-1], at) >= 0


def _normal(text: str) -> str:
    """Return a path or rule in the one spelling of its percent-encoding (RFC 9309, 2.2.2)."""
    return _ESCAPE.sub(_unreserved, quote(text, safe=_ASCII))


def _unreserved(escape: re.Match[str]) -> str:
    character = chr(int(escape[0][1:], 16))
    return character if character in _UNRESERVED else escape[0].upper()


_ASCII = string.ascii_letters + string.digits + "-._~:/?#[]@!$&'()*+,;=%"
"""Characters of addresses (RFC 3986); any other is the same as its escape."""

_UNRESERVED = frozenset(string.ascii_letters + string.digits + "-._~")
_ESCAPE = re.compile("%[0-9a-fA-F]{2}")
