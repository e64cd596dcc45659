"""Run a command and print the resources that it used as JSON: `launcher.py COMMAND ...`.

A child's peak of memory is at least that of its parent when it started the child, so the parent is
this small process and not the benchmark.
"""

import json
import resource
import subprocess
import sys
import time

started = time.perf_counter()
done = subprocess.run(sys.argv[1:], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
seconds = time.perf_counter() - started
usage = resource.getrusage(resource.RUSAGE_CHILDREN)
print(
    json.dumps(
        {
            "seconds": seconds,
            "cpu": usage.ru_utime + usage.ru_stime,
            "peak": usage.ru_maxrss * 1024 / 1e6,  # Linux counts it in units of 1,024 bytes
            "status": done.returncode,
            "output": done.stdout.decode(errors="replace"),
        }
    )
)
