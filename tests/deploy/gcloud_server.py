"""Runs gcloud's commands in forks of a process that has imported gcloud: 0.1 s of CPU, not 0.7 s.

gcloud starts it in place of itself (`CLOUDSDK_PYTHON_ARGS`), in its own Python, with its own paths:

    client ── arguments, environment, folder, stdin, stdout, stderr ──> server <─────────┐
       │                                                                  fork         modules
       │ <──────────────── exit status ─────────────────────────────── attendant ─ fork ─> gcloud
       └── killed: the connection closes ────────────────────────────>    kills its group
"""

import atexit
import contextlib
import gc
import importlib
import json
import os
import select
import signal
import socket
import sys
from typing import Any


def main(program: str, path: str) -> None:
    """Import gcloud, and serve clients until stdin ends. `program` is gcloud's script."""
    sys.path.insert(0, os.path.dirname(program))  # noqa: PTH120  # as the script does
    gcloud = importlib.import_module("gcloud")
    sys.path = gcloud.reorder_sys_path(sys.path)
    learn("googlecloudsdk.gcloud_main")
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for an attendant
    lessons, teacher = socket.socketpair(type=socket.SOCK_DGRAM)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen()
        while sys.stdin not in (ready := select.select([listener, lessons, sys.stdin], [], [])[0]):
            if lessons in ready:
                learn(lessons.recv(1 << 20).decode())
            if listener in ready:
                connection, _ = listener.accept()
                if os.fork() == 0:
                    attend(connection, program, teacher)
                connection.close()


def learn(modules: str) -> None:
    """Import the modules that a command needed: the next one finds them."""
    for module in modules.split():
        with contextlib.suppress(ImportError):
            importlib.import_module(module)
    gc.freeze()  # so that the garbage collector of a fork copies nothing of it


def attend(connection: socket.socket, program: str, teacher: socket.socket) -> None:
    """Run a command in a fork, which dies with its client, and answer its exit status."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    message, streams, _, _ = socket.recv_fds(connection, 1 << 20, 3)
    while not message.endswith(b"\n"):
        message += connection.recv(1 << 20) or sys.exit(1)  # the client is dead already
    ended, alive = os.pipe()
    child = os.fork()
    with contextlib.suppress(OSError):  # of the two that do it, one comes second
        os.setpgid(child, child)  # a group of its own, for gcloud may start processes
    if child == 0:
        connection.close()
        for number, descriptor in enumerate(streams):
            os.dup2(descriptor, number)
        run(program, json.loads(message), teacher)
    for descriptor in (alive, *streams):
        os.close(descriptor)
    client = connection.fileno()
    if client in select.select([client, ended], [], [])[0]:
        os.killpg(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    with contextlib.suppress(OSError):
        connection.send(bytes([os.waitstatus_to_exitcode(status) & 0xFF]))
    os._exit(0)


def run(program: str, request: dict[str, Any], teacher: socket.socket) -> None:
    """Become the gcloud that the client would have started; this ends the process."""
    known = set(sys.modules)

    def teach() -> None:
        needed = [it for it in sys.modules.keys() - known if it.startswith("googlecloudsdk.")]
        with contextlib.suppress(OSError):
            teacher.send(" ".join(needed).encode(), socket.MSG_DONTWAIT)

    atexit.register(teach)
    del os.environ["CLOUDSDK_PYTHON_ARGS"]
    os.environ.update(request["environment"])
    os.chdir(request["folder"])
    sys.argv = [program, *request["arguments"]]
    try:
        importlib.import_module("gcloud").main()
    except SystemExit as error:
        # an interpreter that ends in peace touches, and so copies, all memory of the server
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(error.code if isinstance(error.code, int) else error.code is not None)


if __name__ == "__main__":
    main(*sys.argv[-2:])
