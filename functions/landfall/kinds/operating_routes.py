"""The routes for who operates Landfall: what is at work, and people with their roles."""

from landfall.access.known_people import KnownPeople, read_people, save_people
from landfall.api.request import Request, Route
from landfall.kinds.activity import ACTIVITY_ROUTES
from landfall.store.documents import Fields


async def show_people(request: Request) -> Fields:
    """Show who has which role; `restricted` is false while everybody may do everything."""
    return _shown(await read_people(request.runs.store))


async def replace_people(request: Request) -> Fields:
    """Say who has which role, the sender being an admin; with `If-Match`, if nobody else has.

    Raises `BadRequestError`, `PeopleChangedError`.
    """
    given = request.settings("people").get("people")
    runs = request.runs
    return _shown(await save_people(runs.store, runs.clock, request.by, given, request.match))


def _shown(people: KnownPeople) -> Fields:
    roles = people.roles
    return {
        "restricted": roles is not None,
        "people": {email: str(role) for email, role in sorted((roles or {}).items())},
        "etag": people.tag,
    }


OPERATING_ROUTES = [
    *ACTIVITY_ROUTES,
    Route("GET", "/people", 200, show_people, role="admin"),
    Route("PUT", "/people", 200, replace_people, role="admin"),
]
