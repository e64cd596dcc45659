"""The commands `infra/deploy`, `infra/destroy` and `infra/doctor`."""

import sys
from importlib import import_module

COMMANDS = ("deploy", "destroy", "doctor")

if __name__ == "__main__":
    name, *arguments = sys.argv[1:]
    if name not in COMMANDS:
        raise SystemExit(f"one of {', '.join(COMMANDS)}")
    sys.exit(import_module(f"infra.cloud.{name}").main(arguments))
