"""`python -m infra.costs`, which `infra/cost` starts."""

import sys

from infra.costs.command import main

sys.exit(main())
