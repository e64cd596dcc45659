"""Elements and their reviews by the routes of the api."""

import csv
import io
import json

import pytest

from landfall.api.downloads import Download
from landfall.classification.views import COLUMNS, ElementNotFoundError, OutdatedError
from landfall.reasons import BadRequestError
from tests.fakes.bases import record_id
from tests.fakes.callers import text_of
from tests.fakes.elements import LABEL, LABELS, ROWS, Elements, elements_server
from tests.fakes.models import FakeModel
from tests.fakes.reviewers import ELEMENT, FIRST, Client


@pytest.fixture
def client(elements: Elements) -> Client:
    """Return a client after a run over four elements."""
    return Client(elements)


async def test_elements_are_listed_by_page(client):
    """In the order of their records, each once."""
    first = await client.elements_of_scan(limit="3")
    rest = await client.elements_of_scan(limit="3", page_token=first["next_page_token"])
    names = [element["name"] for element in first["elements"] + rest["elements"]]
    assert names == [row["Name"] for row in ROWS]
    assert (first["count"], rest["next_page_token"]) == (4, None)


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ({LABEL: "HRCI"}, 1),
        ({"criticality": "medium", "pii_flag": "true"}, 1),
        ({"state": "suggested"}, 4),
        ({"state": "confirmed"}, 0),
    ],
)
async def test_a_list_can_be_filtered(client, query, count):
    """By state, label and flag."""
    assert (await client.elements_of_scan(**query))["count"] == count


async def test_an_unknown_label_is_refused(client):
    """The message has the existing ones."""
    with pytest.raises(BadRequestError, match="`criticality` must be one of high, medium, low"):
        await client.elements_of_scan(criticality="vital")


async def test_all_elements_in_one_file(client):
    """The same content as a spreadsheet and for scripts."""
    table = await client.elements_of_scan(format="csv")
    values = await client.elements_of_scan(format="json")
    assert isinstance(table, Download)
    rows = list(csv.DictReader(io.StringIO((await text_of(table)).lstrip("\ufeff"), newline="")))
    assert tuple(rows[0]) == COLUMNS
    assert [row[LABEL] for row in rows] == list(LABELS)
    assert [one["values"][LABEL] for one in json.loads(await text_of(values))] == list(LABELS)


async def test_a_confirmation_has_person_and_time(client):
    """The values are the suggested ones."""
    answer = await client.say("confirm")
    assert (answer["state"], answer["values"][LABEL]) == ("confirmed", "HRCI")
    said = answer["review"]
    assert (said["by"], said["at"]) == ("ann@example.org", client.elements.world.clock.now)


async def test_a_rejected_element_has_no_values(client):
    """Until a person sets them."""
    assert (await client.say("reject"))["values"] is None
    answer = await client.say("change", values={LABEL: "Confidential"})
    assert (answer["state"], answer["values"][LABEL]) == ("changed", "Confidential")
    assert [before["state"] for before in answer["history"]] == ["rejected"]


async def test_a_person_can_change_values(client):
    """Other values stay; the model's confidence and rationale do not."""
    before = (await client.call("GET", ELEMENT, "catalogue", FIRST))["values"]
    values = (await client.say("change", values={"criticality": "low"}))["values"]
    theirs = {"criticality": "low", "rationale": "", "confidence": None}
    assert values == before | theirs


@pytest.mark.parametrize(
    ("values", "says"),
    [
        (None, "`values` must have the changed values"),
        ({"criticality": "vital"}, "criticality must be one of high, medium, low"),
        ({"critcality": "low"}, "did you mean 'criticality'"),
        ({"pii_flag": "yes"}, "values.pii_flag"),
        ({"regulatory_flag": False}, "regulatory_references must be empty"),
        ({"confidence": 100}, "there is no such value"),
    ],
)
async def test_invalid_values_are_refused(client, values, says):
    """The message has the field and the fix; nothing is stored."""
    with pytest.raises(BadRequestError, match=says):
        await client.say("change", values=values)
    assert (await client.elements_of_scan(state="suggested"))["count"] == 4


async def test_a_suggestion_must_be_named(client):
    """A review has the id of the suggestion that the person saw."""
    with pytest.raises(BadRequestError, match="`suggestion_id` is missing"):
        await client.call("POST", f"{ELEMENT}/confirm", "catalogue", FIRST, body={})


async def test_another_suggestion_is_not_confirmed_unseen(client):
    """It was regenerated meanwhile: the person saw another one."""
    seen = (await client.call("GET", ELEMENT, "catalogue", FIRST))["suggestion"]["suggestion_id"]
    client.elements.put(1, Name="Opening hours", Description="Published")
    await client.elements.run()
    with pytest.raises(OutdatedError, match="read it again"):
        await client.say("confirm", suggestion_id=seen)
    assert (await client.elements_of_scan(state="confirmed"))["count"] == 0


@pytest.mark.parametrize("record", [record_id(99), "..", "rec/1", "x"])
async def test_an_unknown_element(client, record):
    """Even with an id that is invalid."""
    with pytest.raises(ElementNotFoundError):
        await client.call("GET", ELEMENT, "catalogue", record)


async def test_scans_of_other_kinds_have_no_elements(client):
    """This one has no findings."""
    await client.elements.world.save()
    with pytest.raises(BadRequestError, match="this is for 'classification'"):
        await client.call("GET", "/scans/{id}/elements", "people")
    with pytest.raises(BadRequestError, match="this is for 'integrity'"):
        await client.call("GET", "/scans/{id}/findings", "catalogue")


async def test_regenerate_starts_a_run(client):
    """About some records, or all; the run has the choice."""
    path = "/scans/{id}/regenerate"
    some = await client.call("POST", path, "catalogue", body={"records": [FIRST]})
    run = await client.elements.world.run(some["run_id"])
    assert (run.data["regenerate"], run.data["trigger"]) == ([FIRST], "regenerate")
    every = await client.call("POST", path, "catalogue")
    assert (await client.elements.world.run(every["run_id"])).data["regenerate"] == "all"


@pytest.mark.parametrize("body", [[], {"record": 1}, {"records": []}, {"records": [1]}])
async def test_regenerate_refuses_other_bodies(client, body):
    """The body is a list of records, or empty."""
    with pytest.raises(BadRequestError, match="records"):
        await client.call("POST", "/scans/{id}/regenerate", "catalogue", body=body)


async def test_an_element_that_failed_is_classified_by_hand(client):
    """Without a suggestion, all labels and flags must be given."""
    async with elements_server() as server:
        client = Client(Elements(server, FakeModel(lambda q: q.shape(elements=[])).open))
        await client.elements.run()
        with pytest.raises(BadRequestError, match=r"must include .*risk_level"):
            await client.say("change", values={"criticality": "low"})
        flags = {"pii_flag": False, "regulatory_flag": False}
        labels = {LABEL: "Public", "criticality": "low", "risk_level": "low"}
        assert (await client.say("change", values=labels | flags))["state"] == "changed"
        with pytest.raises(BadRequestError, match="no suggestion"):
            await client.say("confirm", record_id(2))
