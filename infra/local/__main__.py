"""`python -m infra.local`, which `infra/local/run` starts."""

import os
import signal
import sys

# During the imports nothing is started, so Ctrl-C just ends this process. Until here it was blocked
# (see infra/local/run): the start of Python sometimes swallows a KeyboardInterrupt.
signal.signal(signal.SIGINT, signal.SIG_DFL)
signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGINT])

from infra.local.command import main  # noqa: E402 - see above
from landfall.process.config import secrets_in, secrets_typed  # noqa: E402
from landfall.process.redaction import guard_output  # noqa: E402

guard_output(*secrets_in(os.environ), *secrets_typed(sys.argv))
sys.exit(main())
