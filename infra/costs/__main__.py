"""`python -m infra.costs`, which `infra/cost` starts."""

import os
import sys

from infra.costs.command import main
from landfall.process.config import secrets_in, secrets_typed
from landfall.process.redaction import guard_output

guard_output(*secrets_in(os.environ), *secrets_typed(sys.argv))
sys.exit(main())
