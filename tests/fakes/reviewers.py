"""People who review the elements of a classification by the routes of the api."""

from typing import Any

from landfall.entry.routes import routes
from landfall.store.documents import Fields
from tests.fakes.bases import record_id
from tests.fakes.callers import ask
from tests.fakes.elements import Elements

FIRST = record_id(1)
ELEMENT = "/scans/{id}/elements/{id}"


class Client:
    """A person who uses the api."""

    def __init__(self, elements: Elements, by: str = "ann@example.org") -> None:
        self.elements = elements
        self.by = by

    async def call(self, method: str, path: str, *ids: str, body: Any = None, **query: str) -> Any:
        """Return the response of a route."""
        (handle,) = [r.handle for r in routes() if (r.method, r.path) == (method, path)]
        request = ask(self.elements.world, body, query, by=self.by)
        return await handle(request, *ids)

    async def elements_of_scan(self, **query: str) -> Any:
        """Return the elements of the scan."""
        return await self.call("GET", "/scans/{id}/elements", "catalogue", **query)

    async def reviews(self, **query: str) -> Fields:
        """Return what there is to review."""
        answer: Fields = await self.call("GET", "/scans/{id}/reviews", "catalogue", **query)
        return answer

    async def say_all(self, verb: str, body: Fields | None = None, **query: str) -> Fields:
        """Decide about all elements that the filters give, as they are now."""
        if body is None:
            now = await self.reviews(**query)
            body = {"count": now["count"], "seen": now["seen"]}
        path = f"/scans/{{id}}/elements/{verb}"
        answer: Fields = await self.call("POST", path, "catalogue", body=body, **query)
        return answer

    async def say(self, verb: str, record: str = FIRST, **body: Any) -> Fields:
        """Review the present suggestion of an element."""
        if "suggestion_id" not in body:
            seen = await self.call("GET", ELEMENT, "catalogue", record)
            suggestion = seen["suggestion"]
            body["suggestion_id"] = suggestion and suggestion["suggestion_id"]
        answer: Fields = await self.call(
            "POST", f"{ELEMENT}/{verb}", "catalogue", record, body=body
        )
        return answer

    async def undo(self, record: str = FIRST, seen: str | None = None) -> Fields:
        """Withdraw the latest decision about an element, as it is now."""
        if seen is None:
            seen = (await self.call("GET", ELEMENT, "catalogue", record))["seen"]
        path = f"{ELEMENT}/reopen"
        answer: Fields = await self.call("POST", path, "catalogue", record, body={"seen": seen})
        return answer
