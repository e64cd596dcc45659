"""Errors of `infra/landfall`, each with its exit status."""

OK, FOUND, USAGE, UNREACHABLE, FAILED, INTERRUPTED = 0, 1, 2, 3, 4, 130

STATUSES = {
    OK: "the command was done; a run that was followed ended `done` and `healthy`",
    FOUND: "something was found: a run that was followed ended `done`, and is not `healthy`, "
    "or a definition does not fit",
    USAGE: "the command, the file or the definition is wrong; nothing was done",
    UNREACHABLE: "the api was not found, did not answer, or does not let you in",
    FAILED: "the api refused or failed, or a run that was followed did not end `done`",
    INTERRUPTED: "interrupted by Ctrl-C; a run that was started goes on",
}
"""Exit statuses and their meanings."""


class ClientError(Exception):
    """The command cannot go on; the message says what to do."""

    status = FAILED


class UsageError(ClientError):
    """The command, its file or the definition is wrong."""

    status = USAGE


class UnreachableError(ClientError):
    """There is no api, no answer of it, or no permission."""

    status = UNREACHABLE
