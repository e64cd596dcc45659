"""Has a command of gcloud run by `gcloud_server`; or starts gcloud, if nobody serves."""

import json
import os
import socket
import sys

path, gcloud, *arguments = sys.argv[1:]
with socket.socket(socket.AF_UNIX) as connection:
    try:
        connection.connect(path)
    except OSError:
        os.execv(gcloud, [gcloud, *arguments])  # noqa: S606  # a list of arguments, no shell
    request = {"arguments": arguments, "environment": dict(os.environ), "folder": os.getcwd()}  # noqa: PTH109  # pathlib takes longer to import
    socket.send_fds(connection, [json.dumps(request).encode() + b"\n"], [0, 1, 2])
    status = connection.recv(1)
sys.exit(status[0] if status else "The server of gcloud has ended.")
