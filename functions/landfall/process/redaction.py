"""The redaction of secrets from text that is stored, logged or sent in a response."""

import re
import traceback
from collections.abc import Iterable

MAX_TRACEBACK = 5_000
"""Characters of a traceback that are stored: its end, where the error is."""

# Tokens in the formats of the services that we call, for those that the configuration lacks.
_TOKENS = re.compile(
    r"""(?ix)
    (?<=bearer\s)[\w.~+/=-]{8,}              # an Authorization header
    | \bpat[a-z0-9]{14}\.[a-f0-9]{16,}       # an Airtable personal access token
    | \bsk-[\w-]{16,}                        # an OpenAI key
    | \beyJ[\w-]{8,}\.[\w-]+\.[\w-]*         # a JSON web token
    | (?<=://)[^\s/:@]+:[^\s/@]+(?=@)        # user and password in a URL
    """
)
_MASK = "[redacted]"


class Redactor:
    """A mask for the given secrets, and for anything that looks like one."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._secrets = sorted(filter(None, secrets), key=len, reverse=True)

    def __repr__(self) -> str:
        return f"Redactor({len(self._secrets)} secrets)"

    def text(self, text: str) -> str:
        """Return the text without secrets."""
        for secret in self._secrets:
            text = text.replace(secret, _MASK)
        return _TOKENS.sub(_MASK, text)

    def traceback(self, error: BaseException) -> str:
        """Return the error's traceback without secrets, at most `MAX_TRACEBACK` characters."""
        return self.text("".join(traceback.format_exception(error)))[-MAX_TRACEBACK:]
