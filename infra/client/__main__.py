"""`python -m infra.client`, which `infra/landfall` starts."""

import os
import sys

from infra.client.commands import main
from landfall.process.config import secrets_in, secrets_typed
from landfall.process.redaction import guard_output

guard_output(*secrets_in(os.environ), *secrets_typed(sys.argv))
sys.exit(main(sys.argv[1:]))
