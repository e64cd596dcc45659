"""Takes secrets out of text before it is stored, logged or answered."""

import re
import traceback
from collections.abc import Iterable

TRACEBACK_LENGTH = 5_000
"""Characters of a traceback that are kept: its end, where the error is."""

# Tokens in the forms of the services that we call, for those that are not in the configuration.
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
    """Masks the given secrets, and whatever looks like one."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._secrets = sorted(filter(None, secrets), key=len, reverse=True)

    def __repr__(self) -> str:
        return f"Redactor({len(self._secrets)} secrets)"

    def text(self, text: str) -> str:
        """The text without secrets."""
        for secret in self._secrets:
            text = text.replace(secret, _MASK)
        return _TOKENS.sub(_MASK, text)

    def traceback(self, error: BaseException) -> str:
        """The error's traceback without secrets, at most `TRACEBACK_LENGTH` characters."""
        return self.text("".join(traceback.format_exception(error)))[-TRACEBACK_LENGTH:]
