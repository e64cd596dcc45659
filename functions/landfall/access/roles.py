"""The roles of people and programs: each may do what the one before it may, and more."""

from enum import StrEnum
from typing import Literal

from landfall.reasons import LandfallError


class Rank(StrEnum):
    """A role, from the least to the most."""

    READER = "reader"
    REVIEWER = "reviewer"
    EDITOR = "editor"
    ADMIN = "admin"

    def allows(self, needed: "Rank") -> bool:
        """Return whether this role may do what needs another."""
        order = list(Rank)
        return order.index(self) >= order.index(needed)


RankName = Literal["reader", "reviewer", "editor", "admin"]
"""A role, as tables of routes and pages write it."""

MEANINGS = {
    Rank.READER: "sees scans, runs and findings, and exports them",
    Rank.REVIEWER: "also decides on findings and elements, and starts and cancels runs",
    Rank.EDITOR: "also writes definitions and schedules, pauses scans and ends pauses",
    Rank.ADMIN: "also deletes scans, and says who has which role",
}
"""The rights of each role, in words."""


class RoleNeededError(LandfallError):
    """The caller is known, and has a lesser role than the request needs, or none."""

    status = 403
    code = "role_needed"


class RolesUnavailableError(LandfallError):
    """The roles cannot be read, so nobody is let in."""

    status = 503
    code = "roles_unavailable"


def needed_by(method: str, stated: RankName | None) -> Rank:
    """Return the role for a route: as stated, else a reader's to see and an admin's to act."""
    if stated:
        return Rank(stated)
    return Rank.READER if method == "GET" else Rank.ADMIN
