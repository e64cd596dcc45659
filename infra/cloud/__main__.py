"""The commands `infra/deploy`, `infra/destroy` and `infra/doctor`."""

import os
import sys
from importlib import import_module

from landfall.process.config import secrets_in, secrets_typed
from landfall.process.redaction import guard_output

COMMANDS = ("deploy", "destroy", "doctor")

if __name__ == "__main__":
    guard_output(*secrets_in(os.environ), *secrets_typed(sys.argv))
    name, *arguments = sys.argv[1:]
    if name not in COMMANDS:
        raise SystemExit(f"one of {', '.join(COMMANDS)}")
    sys.exit(import_module(f"infra.cloud.{name}").main(arguments))
