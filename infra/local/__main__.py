"""`python -m infra.local`, which is what `infra/local/run` starts."""

import signal
import sys

# While nothing is started, and that is during the imports, Ctrl-C just ends us.
signal.signal(signal.SIGINT, signal.SIG_DFL)

from infra.local.command import main  # noqa: E402 - see above

signal.signal(signal.SIGINT, signal.default_int_handler)
sys.exit(main())
