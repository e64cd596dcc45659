"""The errors of an HTTP exchange.

ExchangeError
├── UnsendableError
├── ExchangeTimeoutError
├── UnreachableError
├── InvalidResponseError
│   └── ResponseTooLargeError
└── ForbiddenAddressError
"""


class ExchangeError(Exception):
    """An exchange did not end in a complete response."""


class UnsendableError(ExchangeError):
    """The request has an address or a header that HTTP does not allow. Nothing was sent.

    The message shows neither: a header may be a key.
    """


class ExchangeTimeoutError(ExchangeError):
    """The response was not complete at the deadline."""


class UnreachableError(ExchangeError):
    """There was no connection, or it broke before a response began."""


class InvalidResponseError(ExchangeError):
    """The response is truncated, not HTTP, in an encoding that was not requested, or too large."""


class ResponseTooLargeError(InvalidResponseError):
    """The response is larger than the limit."""


class ForbiddenAddressError(ExchangeError):
    """The host has an address that `may_reach` does not allow. No connection was made."""
