"""The channels of an installation, through which word is sent to people: one secret, in JSON.

    {"ops": {"kind": "slack", "url": "https://hooks.slack.com/services/..."},
     "erp": {"kind": "webhook", "url": "https://erp.example.com/landfall", "secret": "whsec_..."}}

An address is a key: whoever knows it can write there. So no message names one. A channel is shown
by its host and the last four characters of its address.
"""

import base64
import binascii
import json
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

ChannelKind = Literal["slack", "webhook"]

HOSTS: Mapping[str, tuple[str, ...]] = {"slack": ("hooks.slack.com", "hooks.slack-gov.com")}
"""The hosts of a vendor's addresses: these, and those beneath them. Other kinds have any."""

MAX_TEXT = 30_000
"""Characters of the definitions of all channels."""

MAX_CHANNELS = 50
"""Channels of an installation."""

MAX_URL = 2_000
"""Characters of an address."""

MAX_SECRETS = 5
"""Secrets of a webhook: a new one is added before an old one goes."""

SECRET_BYTES = range(24, 65)
"""Bytes of a webhook's secret, as Standard Webhooks has them."""

ENDS = 4
"""Last characters of an address that are shown."""

_PREFIX = "whsec_"
_ID = re.compile(r"[a-z0-9](-?[a-z0-9]+)*")
# A host is followed by its port, the path or the end: so there is no user name, and no parser that
# could read another host from it.
_URL = re.compile(r"(https?)://([a-z0-9.-]{1,253})(?::(\d{1,5}))?(/[!-\[\]-~]*)?")


class ChannelsError(ValueError):
    """The definitions of channels have these problems, none of which shows an address or a key."""

    def __init__(self, problems: Collection[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = list(problems)


@dataclass(frozen=True)
class Channel:
    """A channel. `secrets` are those of a webhook, without their prefix, the newest first."""

    name: str
    kind: ChannelKind
    url: str = field(repr=False)
    host: str
    port: int
    secrets: tuple[str, ...] = field(default=(), repr=False)

    @property
    def shown(self) -> str:
        """Return as much of it as anybody may see."""
        return f"{self.kind} at {self.host} (...{self.url[-ENDS:]})"


def read_channels(text: str, allowed: Collection[str] = ()) -> dict[str, Channel]:
    """Read the channels. `allowed` are host:port that need not be public, as for sites.

    Raises `ChannelsError`.
    """
    given = _object(text)
    found: dict[str, Channel] = {}
    problems: list[str] = []
    for name, settings in given.items():
        try:
            found[name] = _channel(name, settings, allowed)
        except ValueError as error:
            shown = name if _is_id(name) else "a channel"
            problems.append(f"{shown}: {error}")
    if problems:
        raise ChannelsError(problems)
    return found


def channels_fault(text: str) -> str:
    """Return why definitions of channels cannot be used, as the end of a sentence; empty if they
    can. Whether an address is one that may be reached is decided where the stand-ins are known."""
    try:
        given = _object(text)
        addresses = [it.get("url") for it in given.values() if isinstance(it, dict)]
        read_channels(text, [f"{m[2]}:{m[3]}" for m in map(_match, addresses) if m and m[3]])
    except ChannelsError as error:
        return f"is not right: {error}"
    return ""


def secret_parts(text: str) -> list[str]:
    """Return what no text may show of the definitions: the paths of addresses, and the keys.

    All of it, where it cannot be read.
    """
    try:
        given = _object(text)
    except ChannelsError:
        return [text]
    return [part for settings in given.values() for part in _parts(settings)]


def _parts(settings: Any) -> Iterator[str]:
    if isinstance(settings, dict):
        for name, value in settings.items():
            if name != "kind":
                yield from _parts(value)
    elif isinstance(settings, list):
        for value in settings:
            yield from _parts(value)
    elif isinstance(settings, str):
        found = _match(settings)
        yield (found[4] or "") if found else settings.removeprefix(_PREFIX)


def _object(text: str) -> dict[str, Any]:
    if len(text) > MAX_TEXT:
        raise ChannelsError([f"it has {len(text):,} characters, and may have {MAX_TEXT:,}"])
    try:
        given = json.loads(text)
    except (ValueError, RecursionError):
        raise ChannelsError(["it is not JSON"]) from None
    if not isinstance(given, dict) or not 1 <= len(given) <= MAX_CHANNELS:
        raise ChannelsError(
            [f'it must be an object of 1 to {MAX_CHANNELS} channels, {{"name": {{"kind": ...}}}}']
        )
    return given


def _channel(name: str, settings: Any, allowed: Collection[str]) -> Channel:
    if not _is_id(name):
        raise ValueError(
            "its name must have up to 60 lower-case letters, digits and single hyphens"
        )
    if not isinstance(settings, dict):
        raise ValueError("it must be an object with `kind` and `url`")
    kind: Any = settings.get("kind")
    kinds = get_args(ChannelKind)
    if kind not in kinds:
        raise ValueError(f"`kind` must be {' or '.join(kinds)}")
    known = {"kind", "url"} | ({"secret"} if kind == "webhook" else set())
    if more := set(settings) - known:
        count = len(more)
        raise ValueError(f"a {kind} has {', '.join(sorted(known))}, and no other ({count} more)")
    host, port = _address(kind, settings.get("url"), allowed)
    secrets = tuple(_secrets(settings.get("secret"))) if kind == "webhook" else ()
    return Channel(name, kind, settings["url"], host, port, secrets)


def _address(kind: str, url: Any, allowed: Collection[str]) -> tuple[str, int]:
    found = _match(url)
    if found is None:
        raise ValueError(
            "`url` must be an address as https://host/path, in ASCII, without a user name, of at "
            f"most {MAX_URL:,} characters"
        )
    scheme, host = found[1], found[2]
    port = int(found[3] or (443 if scheme == "https" else 80))
    if f"{host}:{port}" in allowed:
        return host, port
    if scheme != "https" or port != 443:
        raise ValueError("`url` must begin with https://, and have no port but 443")
    suffixes = HOSTS.get(kind, ())
    if suffixes and not any(host == it or host.endswith(f".{it}") for it in suffixes):
        raise ValueError(f"`url` of a {kind} must be at {' or '.join(suffixes)}")
    return host, port


def _match(url: Any) -> re.Match[str] | None:
    return _URL.fullmatch(url) if isinstance(url, str) and len(url) <= MAX_URL else None


def _secrets(given: Any) -> Iterator[str]:
    several = given if isinstance(given, list) else [given]
    if not 1 <= len(several) <= MAX_SECRETS:
        raise ValueError(f"`secret` must be one text, or a list of 1 to {MAX_SECRETS}")
    for one in several:
        bare = one.removeprefix(_PREFIX) if isinstance(one, str) else ""
        try:
            size = len(base64.b64decode(bare, validate=True))
        except (binascii.Error, ValueError):
            size = 0
        if size not in SECRET_BYTES:
            raise ValueError(
                f"`secret` must be {_PREFIX} and 24 to 64 bytes in base64: "
                "`echo whsec_$(openssl rand -base64 32)` makes one"
            )
        yield bare


def _is_id(name: Any) -> bool:
    return isinstance(name, str) and len(name) <= 60 and _ID.fullmatch(name) is not None
