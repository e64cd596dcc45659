"""`python -m infra.costs`, which `infra/cost` starts."""

import os
import sys

from infra.costs.command import main
from landfall.process.config import secrets_in
from landfall.process.redaction import guard_output

guard_output(*secrets_in(os.environ))
sys.exit(main())
