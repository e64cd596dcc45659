"""`python -m infra.local`, which is what `infra/local/run` starts."""

import signal
import sys

# While nothing is started, and that is during the imports, Ctrl-C just ends us. Until here it was
# blocked (see infra/local/run): Python's own start now and then swallows a KeyboardInterrupt.
signal.signal(signal.SIGINT, signal.SIG_DFL)
signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGINT])

from infra.local.command import main  # noqa: E402 - see above

sys.exit(main())
