"""Errors of a run on the local stack, apart from the stack: a command knows them without it."""


class RunFailedError(Exception):
    """A scan could not be saved, or no run of it started."""
