"""The people with roles, in one document. It is read for each request, so no role outlives it.

Without the document, every caller whom the deployment lets in may do everything: so it was before
there were roles. Whoever saves people first becomes an admin, and from then on only admins change
them. An admin cannot take that role from himself, so there always is one.
"""

import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from landfall.access.roles import Rank, RoleNeededError, RolesUnavailableError
from landfall.reasons import BadRequestError, LandfallError
from landfall.store.documents import (
    ConflictError,
    Create,
    Document,
    SchemaError,
    Store,
    StoreError,
    UnreadableError,
    Update,
)

PATH = "people/roles"

MAX_PEOPLE = 300
"""People and programs with a role; their document is read for each request."""

NAMED = 5
"""Addresses that a refusal names."""

_ADDRESS = re.compile(r"[^\s@:,/<>]{1,64}@[a-z0-9.-]{1,255}")


class PeopleChangedError(LandfallError):
    """Somebody else has changed the people since they were read."""

    status = 412
    code = "people_changed"


@dataclass(frozen=True)
class KnownPeople:
    """The people with their roles, by address in small letters; None before any were saved."""

    roles: Mapping[str, Rank] | None
    document: Document | None = None

    @property
    def tag(self) -> str:
        """The tag of this list, which differs with each change of it."""
        pairs = sorted((self.roles or {}).items())
        return hashlib.sha256(repr((self.roles is None, pairs)).encode()).hexdigest()[:16]

    def check(self, caller: str, needed: Rank) -> None:
        """Raise `RoleNeededError` unless a caller may do what needs a role."""
        if self.roles is None:
            return
        role = self.roles.get(caller.lower())
        if role is None:
            raise RoleNeededError(
                f"this needs the role `{needed}`, and {caller} has none; ask an admin of Landfall"
            )
        if not role.allows(needed):
            some = sorted(who for who, has in self.roles.items() if has.allows(needed))
            more = f" and {len(some) - NAMED} more" if len(some) > NAMED else ""
            raise RoleNeededError(
                f"this needs the role `{needed}`, and {caller} has `{role}`; those who may: "
                f"{', '.join(some[:NAMED])}{more}"
            )


async def read_people(store: Store) -> KnownPeople:
    """Read the people. Raises `RolesUnavailableError`, so that nobody passes unchecked."""
    try:
        (found,) = await store.read(PATH)
        return KnownPeople(None) if found is None else KnownPeople(_stored(found), found)
    except (StoreError, SchemaError) as error:
        why = error.answer or str(error)
        raise RolesUnavailableError(f"the roles cannot be read: {why}") from error


async def save_people(
    store: Store, clock: Callable[[], datetime], by: str, given: Any, tag: str | None
) -> KnownPeople:
    """Replace the people: {address: role}; with a tag, if they still have it.

    Raises `BadRequestError`, `PeopleChangedError`, `RoleNeededError`, `RolesUnavailableError`.
    """
    roles = _checked(given)
    before = await read_people(store)
    before.check(by, Rank.ADMIN)
    if tag is not None and tag not in (before.tag, "*"):
        raise PeopleChangedError("somebody has changed the people since; read them again")
    if roles.get(by.lower()) is not Rank.ADMIN:
        raise BadRequestError(
            f"`people` must have {by}, who sends it, as `admin`: so there always is one; another "
            "admin can change your role"
        )
    stored = [{"email": email, "role": str(role)} for email, role in sorted(roles.items())]
    data = {"people": stored, "updated_at": clock(), "updated_by": by}
    kept = before.document
    try:
        await store.commit([Update(PATH, data, kept.version) if kept else Create(PATH, data)])
    except ConflictError as error:
        raise PeopleChangedError(
            "somebody has changed the people at the same moment; read them again"
        ) from error
    return KnownPeople(roles)


def _checked(given: Any) -> dict[str, Rank]:
    if not isinstance(given, dict) or not 1 <= len(given) <= MAX_PEOPLE:
        raise BadRequestError(
            f"`people` must be an object of 1 to {MAX_PEOPLE} addresses, each with its role"
        )
    roles: dict[str, Rank] = {}
    for address, role in given.items():
        email = address.lower()
        if not address.isascii() or not _ADDRESS.fullmatch(email):
            raise BadRequestError(
                f"`people`: {address[:80]!r} is not an e-mail address; name each person or service "
                "account, because tokens do not say who is in a group"
            )
        if email in roles:
            raise BadRequestError(f"`people`: {email} is there twice; remove one")
        if role not in list(Rank):
            raise BadRequestError(f"`people`: the role of {email} must be {', '.join(Rank)}")
        roles[email] = Rank(role)
    return roles


def _stored(found: Document) -> dict[str, Rank]:
    try:
        roles = {one["email"]: Rank(one["role"]) for one in found.data["people"]}
    except (KeyError, TypeError, ValueError):
        roles = {}
    if Rank.ADMIN not in roles.values():
        raise UnreadableError(
            f"{found.path}: `people` must be a list of maps with `email` and `role`, one of them "
            "an admin; correct it, or delete the document to begin anew"
        )
    return roles
