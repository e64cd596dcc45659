"""Formats of text: e-mail addresses, phone numbers, web addresses, dates. Each must match all of
the text: blanks around it are not part of it."""

import ipaddress
import re
import warnings
from collections.abc import Callable
from datetime import datetime
from typing import Annotated

from pydantic import AfterValidator

from landfall.airtable.dates import Calendar
from landfall.scans.settings import got, shape

Form = Callable[[str], bool]

_LABEL = r"[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?"
_EMAIL = re.compile(rf"[a-zA-Z0-9.!#$%&'*+/=?^_`{{|}}~-]+@{_LABEL}(?:\.{_LABEL})+")

_URL = re.compile(
    r"(?i:https?)://(?:\[([0-9a-fA-F:.]+)\]|([^/?#@:\[\]]+))"
    r"(?::(\d{1,5}))?(?:[/?#].*)?"
)
_NOT_IN_A_URL = re.compile(r"[ <>\"{}|\\^`]")
_HOST_LABEL = re.compile(r"\w(?:[\w-]{0,61}\w)?")

_PHONE = re.compile(
    r"[+(\d](?:[\d\s().\-\u2010-\u2015/]*\d)?(?:\s*(?:ext\.?|x|#)\s*\d{1,7})?", re.IGNORECASE
)


def email(text: str) -> bool:
    """Return whether a text is a valid e-mail address by the HTML living standard (the check that
    browsers make for `<input type=email>`), with a dot in the domain."""
    return bool(_EMAIL.fullmatch(text))


def url(text: str) -> bool:
    """Return whether a text is `http://` or `https://`, a domain with a dot or an IP address, and
    optionally a port; without whitespace, invisible characters, `<>"{}|\\^` and the backtick (RFC
    3986). Letters of any script are letters. A name and password before the domain are refused, as
    by the URL standard: they disguise the domain, and a password is none for a table."""
    match = _URL.fullmatch(text)
    if not match or not text.isprintable() or _NOT_IN_A_URL.search(text):
        return False
    ipv6, host, port = match.groups()
    return int(port or 0) < 65536 and (_is_ip(ipv6, 6) if ipv6 else _is_host(host))


def _is_host(host: str) -> bool:
    labels = host.removesuffix(".").split(".")
    if labels[-1].isdigit():
        return _is_ip(host, 4)
    return len(labels) > 1 and all(_HOST_LABEL.fullmatch(label) for label in labels)


def _is_ip(text: str, version: int) -> bool:
    try:
        return ipaddress.ip_address(text).version == version
    except ValueError:
        return False


def phone(region: str | None, possible: bool) -> Form:
    """Return a test for numbers that Google's libphonenumber considers valid, or at least possible.

    Digits, spaces and `().-/`, optionally a leading `+` and an extension such as `x12`. Without a
    region, a number must begin with `+` and the country.
    """
    import phonenumbers

    def has_a_length_of_its_country(number: phonenumbers.PhoneNumber) -> bool:
        # not one that is complete within its area only
        reason = phonenumbers.is_possible_number_with_reason(number)
        return reason == phonenumbers.ValidationResult.IS_POSSIBLE

    accepts = has_a_length_of_its_country if possible else phonenumbers.is_valid_number

    def form(text: str) -> bool:
        if not _PHONE.fullmatch(text):
            return False
        try:
            return accepts(phonenumbers.parse(text, region))
        except phonenumbers.NumberParseException:
            return False

    return form


def _region(text: str) -> str:
    import phonenumbers

    if text not in phonenumbers.SUPPORTED_REGIONS:
        raise ValueError(f"must be two capital letters of ISO 3166 such as US {got(text)}")
    return text


Region = Annotated[
    str,
    AfterValidator(_region),
    shape("string", pattern="^[A-Z]{2}$", says="two capital letters of ISO 3166 such as US"),
]
"""A region whose phone numbers are known."""


def date(calendar: Calendar, pattern: str | None) -> Form:
    """Return a test for dates as all rules read them, or for text that fits a `strptime`
    pattern."""
    if pattern is None:
        return lambda text: calendar.read(text) is not None

    def form(text: str) -> bool:
        try:
            datetime.strptime(text, pattern)  # noqa: DTZ007  only whether it fits
        except ValueError:
            return False
        return text == text.strip()  # `%d` takes a blank for a digit

    return form


def is_date_pattern(pattern: str) -> bool:
    """Return whether a pattern of `strptime` includes year, month and day, each once."""
    day = datetime(2003, 11, 22)  # noqa: DTZ001  only its date
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Python 3.13 warns of a day without a year
        try:
            return datetime.strptime(day.strftime(pattern), pattern).date() == day.date()  # noqa: DTZ007
        except (ValueError, re.error):  # the latter for a part that is there twice
            return False
