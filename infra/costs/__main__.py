"""`python -m infra.costs`, which is what `infra/cost` starts."""

import sys

from infra.costs.command import main

sys.exit(main())
