"""Who may do what: every route of the api and every row of the window, with every role."""

from typing import Any

import pytest

from landfall.access.known_people import (
    MAX_PEOPLE,
    PATH,
    PeopleChangedError,
    read_people,
    save_people,
)
from landfall.access.roles import Rank, RoleNeededError, RolesUnavailableError
from landfall.entry.routes import routes
from landfall.reasons import BadRequestError
from landfall.store.documents import Put, StoreError
from landfall.window.page_table import PAGES
from tests.fakes.windows import PERSON, visit
from tests.fakes.world import World
from tests.unit.test_api_requests import ask, refusal

ADMIN = "head@school.example"

REVIEWERS = {
    "POST /runs",
    "POST /runs/{id}/cancel",
    "POST /scans/{id}/run",
    "POST /scans/{id}/regenerate",
    "POST /scans/{id}/findings/ignore",
    "POST /scans/{id}/findings/reopen",
    "POST /scans/{id}/findings/{id}/ignore",
    "POST /scans/{id}/findings/{id}/reopen",
    "POST /scans/{id}/decisions/{id}/undo",
    "POST /scans/{id}/elements/{id}/confirm",
    "POST /scans/{id}/elements/{id}/reject",
    "POST /scans/{id}/elements/{id}/change",
    "POST /scans/{id}/elements/{id}/reopen",
    "POST /scans/{id}/elements/confirm",
    "POST /scans/{id}/elements/reject",
    "POST /scans/{id}/elements/reopen",
    "POST /scans/{id}/review",
    "POST /scans/{id}/review/{id}",
}
EDITORS = {
    "PUT /scans/{id}",
    "DELETE /pauses/{id}",
    "POST /pauses/{id}/end",
    "POST /scans/{id}/pause",
    "POST /scans/{id}/resume",
    "POST /scans/{id}/check",
    "POST /scans/{id}/settings",
    "POST /scans/{id}/schedule",
    "POST /scans/{id}/versions/{id}/restore",
    "GET /new",
    "POST /new",
}
ADMINS_TO_SEE = {"GET /people", "GET /scans/{id}/delete"}


def expected(method: str, path: str) -> Rank:
    """The role of a route by the tables above: what they lack is a reader's or an admin's."""
    name = f"{method} {path}"
    if name in REVIEWERS:
        return Rank.REVIEWER
    if name in EDITORS:
        return Rank.EDITOR
    return Rank.READER if method == "GET" and name not in ADMINS_TO_SEE else Rank.ADMIN


async def peopled(by: str, role: Rank | None) -> World:
    """A world in which somebody has a role, and another is the admin."""
    world = World()
    people = {ADMIN: "admin"} | ({by: str(role)} if role else {})
    await save_people(world.store, world.clock, ADMIN, people, None)
    return world


@pytest.mark.parametrize("role", [None, *Rank])
async def test_every_route_of_the_api_asks_for_its_role(role):
    """With ids of nothing, so that who is let in is answered something else."""
    who = "someone@school.example"
    for route in routes():
        world = await peopled(who, role)
        path = route.path.replace("{id}", "x")
        error = await refusal(ask(world, route.method, path, body=b"{}", by=who))
        allowed = role is not None and role.allows(expected(route.method, route.path))
        assert isinstance(error, RoleNeededError) is not allowed, (route.method, route.path, error)


@pytest.mark.parametrize("role", [None, *Rank])
async def test_every_row_of_the_window_asks_for_its_role(role):
    """A page and an act alike, each refused as a page that says which role it needs."""
    for row in PAGES:
        world = await peopled(PERSON, role)
        form: dict[str, str] | None = {} if row.method == "POST" else None
        answer = await visit(world, row.path.replace("{id}", "x"), form)
        allowed = role is not None and role.allows(expected(row.method, row.path))
        assert (answer.status_code == 403) is not allowed, (row.method, row.path)


async def test_a_refused_act_is_not_done():
    """The role is asked for before the act."""
    world = await peopled("r@school.example", Rank.READER)
    await world.save(id="school")
    error = await refusal(ask(world, "POST", "/scans/school/run", by="r@school.example"))
    assert isinstance(error, RoleNeededError)
    assert (await ask(world, "GET", "/runs", by=ADMIN))[1]["runs"] == []
    status, _ = await ask(world, "POST", "/scans/school/run", by=ADMIN)
    assert status == 202


async def test_a_refusal_names_the_role_and_who_has_it_to_those_with_a_role():
    """Strangers learn no address."""
    people = (await read_people((await peopled("r@school.example", Rank.READER)).store)).check
    with pytest.raises(RoleNeededError, match=rf"`editor`.*`reader`.*{ADMIN}"):
        people("r@school.example", Rank.EDITOR)
    with pytest.raises(RoleNeededError, match="`reader`") as refused:
        people("stranger@school.example", Rank.READER)
    assert ADMIN not in str(refused.value)


async def test_without_people_everybody_may_do_everything():
    """As in every installation from before there were roles."""
    world = World()
    await world.save(id="school")
    assert (await ask(world, "POST", "/scans/school/run"))[0] == 202
    assert (await ask(world, "GET", "/people"))[1]["restricted"] is False


async def test_a_role_ends_with_the_next_request():
    """No process remembers it."""
    who = "e@school.example"
    world = await peopled(who, Rank.EDITOR)
    await world.save(id="school")
    assert (await ask(world, "POST", "/scans/school/check", by=who))[0] == 200
    body = b'{"people": {"head@school.example": "admin"}}'
    status, shown = await ask(world, "PUT", "/people", body=body, by=ADMIN.upper())
    assert (status, shown["people"]) == (200, {ADMIN: "admin"})
    error = await refusal(ask(world, "POST", "/scans/school/check", by=who))
    assert isinstance(error, RoleNeededError)


@pytest.mark.parametrize(
    ("people", "says"),
    [
        (None, "1 to 300"),
        ({}, "1 to 300"),
        ({ADMIN: "reader"}, "as `admin`"),
        ({"b@school.example": "admin"}, "as `admin`"),
        ({ADMIN: "owner"}, "must be reader, reviewer, editor, admin"),
        ({ADMIN: ["admin"]}, "must be reader"),
        ({ADMIN: "admin", "group:all": "reader"}, "group"),
        ({ADMIN: "admin", ADMIN.upper(): "reader"}, "twice"),
        ({ADMIN: "admin", "\u212a@school.example": "reader"}, "not an e-mail address"),
        ({f"p{n}@school.example": "admin" for n in range(MAX_PEOPLE + 1)}, "1 to 300"),
    ],
    ids=str,
)
async def test_people_that_leave_no_admin_or_are_no_people_are_refused(people: Any, says: str):
    """What is stored stays as it is."""
    world = await peopled("x@school.example", Rank.READER)
    before = (await read_people(world.store)).tag
    with pytest.raises(BadRequestError, match=says):
        await save_people(world.store, world.clock, ADMIN, people, None)
    assert (await read_people(world.store)).tag == before


async def test_of_two_changes_at_once_the_later_is_refused():
    """By its tag."""
    world = await peopled("x@school.example", Rank.READER)
    tag = (await read_people(world.store)).tag
    await save_people(world.store, world.clock, ADMIN, {ADMIN: "admin"}, tag)
    with pytest.raises(PeopleChangedError):
        await save_people(world.store, world.clock, ADMIN, {ADMIN: "admin"}, tag)


class Down:
    """A store that does not answer."""

    async def read(self, *_: str) -> Any:
        raise StoreError("no answer")


async def test_roles_that_cannot_be_read_let_nobody_in():
    """Neither while the store is down nor where somebody has damaged the document."""
    store: Any = Down()
    with pytest.raises(RolesUnavailableError) as down:
        await read_people(store)
    assert down.value.status == 503
    for people in (None, [], [{"email": ADMIN}], [{"email": ADMIN, "role": "owner"}]):
        world = World()
        await world.store.commit([Put(PATH, {"people": people, "updated_at": world.clock()})])
        error = await refusal(ask(world, "GET", "/runs", by=ADMIN))
        assert isinstance(error, RolesUnavailableError), people
        assert "delete the document" in str(error)
