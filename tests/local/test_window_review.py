"""The pages on which people review suggestions, over a world, without a browser."""

import re
from html import unescape
from typing import Any

import pytest

from landfall.airtable import pacer as airtable_pacer
from landfall.classification import bulk_reviews
from landfall.llm.questions import Problem
from landfall.reasons import Reason
from landfall.store.documents import Put
from landfall.store.metering import metering
from tests.fakes.bases import record_id
from tests.fakes.elements import LABEL, LABELS, Elements, elements_server
from tests.fakes.models import FakeModel
from tests.fakes.reviewers import ELEMENT, FIRST, Client
from tests.fakes.windows import PERSON, html_of, page, visit

REVIEW = "/scans/catalogue/review"
ONE = f"{REVIEW}/{FIRST}"


def form_of(text: str, action: str) -> dict[str, str]:
    """Return what a form with this action would send, without a button."""
    (form,) = re.findall(rf'<form[^>]* action="{re.escape(action)}".*?</form>', text, re.S)[:1]
    sent = {}
    for tag in re.findall(r"<input[^>]*>", form):
        kind, name, value = (
            found[1] if (found := re.search(rf'\b{of}="([^"]*)"', tag)) else ""
            for of in ("type", "name", "value")
        )
        if name and (kind not in ("radio", "checkbox") or " checked" in tag):
            sent[name] = unescape(value)
    return sent


async def act(elements: Elements, url: str, form: dict[str, str], **more: str) -> Any:
    """Send a form, and return the answer."""
    return await visit(elements.world, url, form=form | more)


async def test_a_decision_goes_on_with_the_next_and_can_be_undone(elements: Elements) -> None:
    """It keeps the filters, and names what was decided and how many are left."""
    url = f"{REVIEW}?text=p"
    text = await page(elements.world, url)
    (where,) = re.findall(rf'action="({REVIEW}/\w+)"', text)
    done = await act(elements, where, form_of(text, where), decision="confirm")
    assert done.status_code == 303
    there = done.headers["location"]
    assert there.startswith(f"{REVIEW}?text=p&after=rec")
    text = await page(elements.world, there)
    assert "3 left." in text
    last = where.rpartition("/")[2]
    stored = await Client(elements).call("GET", ELEMENT, "catalogue", last)
    assert f"Confirmed {stored['name']}." in text
    assert (stored["state"], stored["review"]["by"]) == ("confirmed", PERSON)
    undone = await act(elements, where, form_of(text, where), decision="undo")
    assert undone.headers["location"] == f"{REVIEW}?text=p&record={last}&did=undone"
    assert "4 left." in await page(elements.world, undone.headers["location"])


async def test_other_labels_are_stored_as_the_persons(elements: Elements) -> None:
    """With the button that confirms; laws go with the flag that they need."""
    form = form_of(await page(elements.world, f"{REVIEW}?record={FIRST}"), ONE)
    assert form[LABEL] == LABELS[0]
    del form["regulatory_flag"]
    answer = await act(elements, ONE, form, decision="confirm", **{LABEL: "Public"})
    assert "did=changed" in answer.headers["location"]
    stored = await Client(elements).call("GET", ELEMENT, "catalogue", FIRST)
    assert stored["state"] == "changed"
    assert stored["values"][LABEL] == "Public"
    assert stored["values"]["regulatory_references"] == []
    text = await page(elements.world, f"{REVIEW}?record={FIRST}")
    again = await act(elements, ONE, form_of(text, ONE), decision="confirm")
    assert again.status_code == 400
    assert "values already" in html_of(again)


async def test_who_was_slower_is_told_and_overwrites_nothing(elements: Elements) -> None:
    """With the present state, and what the person had chosen."""
    form = form_of(await page(elements.world, f"{REVIEW}?record={FIRST}"), ONE)
    await Client(elements, "bob@example.org").say("reject")
    answer = await act(elements, ONE, form, decision="confirm", **{LABEL: "Public"})
    text = html_of(answer)
    assert answer.status_code == 409
    assert "Bob@example.org has rejected it meanwhile" in text
    assert "You had chosen: Security class Public" in re.sub(r"\s+", " ", text)
    assert form_of(text, ONE)[LABEL] == LABELS[0]
    assert (await Client(elements).reviews())["states"]["rejected"] == 1


async def test_a_new_suggestion_is_shown_beside_the_one_before(elements: Elements) -> None:
    """Each value that differs; and a decision about the old one is refused."""
    form = form_of(await page(elements.world, f"{REVIEW}?record={FIRST}"), ONE)
    elements.put(1, Name="Opening hours", Description="Published")
    await elements.run()
    answer = await act(elements, ONE, form, decision="reject")
    assert answer.status_code == 409
    assert "the model suggests anew" in html_of(answer)
    text = await page(elements.world, f"{REVIEW}?anew=true")
    assert f"<td>{LABELS[0]}</td><td>Public</td>" in text
    assert "1 with these filters" in text


async def test_all_that_match_are_confirmed_in_parts(
    elements: Elements, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It says how many are done and how many are left, and all are undone together."""
    monkeypatch.setattr(bulk_reviews, "SECONDS", 0.0)
    monkeypatch.setattr(bulk_reviews, "AT_ONCE", 1)
    text, verb = await page(elements.world, f"{REVIEW}?min_confidence=1"), "confirm"
    assert "Confirm all 4 that match" in text
    for verb in ("confirm", "reopen"):
        for left in (3, 2, 1, 0):
            (form,) = [
                form
                for form in re.findall(r"<form.*?</form>", text, re.S)
                if f'value="{verb}"' in form and f'action="{REVIEW}"' in form
            ][:1]
            answer = await act(elements, REVIEW, form_of(form, REVIEW), decision=verb)
            text = await page(elements.world, answer.headers["location"])
            assert f": {4 - left}{f', {left} to go' if left else ''}." in text
            assert ("Go on" in text) == bool(left)
        states = (await Client(elements).reviews())["states"]
        assert states == {"confirmed" if verb == "confirm" else "suggested": 4}


async def test_others_than_were_shown_are_not_confirmed(elements: Elements) -> None:
    """The form comes back with the reason that was typed and the present number."""
    text = await page(elements.world, REVIEW)
    (bulk,) = [it for it in re.findall(r"<form.*?</form>", text, re.S) if 'name="why"' in it]
    form = form_of(bulk, REVIEW)
    await Client(elements, "bob@example.org").say("confirm")
    answer = await act(elements, REVIEW, form, decision="confirm", why="as <agreed>")
    text = html_of(answer)
    assert answer.status_code == 409
    assert "have 3 elements, not 4" in text
    assert 'value="as &lt;agreed&gt;"' in text
    assert "Confirm all 3 that match" in text


async def test_a_page_reads_as_much_however_many_elements(elements: Elements) -> None:
    """Home, the scan and the review: four hundred more cost not a read more."""
    path, costs = f"scans/catalogue/elements/{FIRST}", dict[str, set[int]]()
    (stored,) = await elements.world.stored.read(path)
    assert stored
    for count in (10, 400):
        more = [Put(f"{path}{number}", stored.data) for number in range(count)]
        await elements.world.stored.commit(more)
        for number in range(4):
            (shard,) = await elements.world.stored.read(f"scans/catalogue/reviewing/{number}")
            assert shard
            await elements.world.stored.commit([Put(shard.path, shard.data | {"whole": False})])
        await page(elements.world, REVIEW)  # which reads all, once
        for url in (REVIEW, f"{REVIEW}?text=p&after={FIRST}&last={FIRST}", "/", "/scans/catalogue"):
            with metering() as account:
                await page(elements.world, url)
            costs.setdefault(url, set()).add(account.reads)
    assert {url: len(reads) for url, reads in costs.items()} == dict.fromkeys(costs, 1)
    assert max(costs[REVIEW]) <= 4 + 3 + 2 * 2 + 2


async def test_home_and_the_scan_lead_to_the_review(elements: Elements) -> None:
    """With the number that is left now."""
    for _ in range(2):
        left = (await Client(elements).reviews())["count"]
        for url in ("/", "/scans/catalogue"):
            text = await page(elements.world, url)
            assert re.search(rf'href="{REVIEW}"[^>]*>Review {left} suggestions', text)
        await Client(elements).say("confirm", record_id(left - 2))
    for record in (record_id(1), record_id(3), record_id(4)):
        await Client(elements).say("reject", record)
    assert "Every suggestion is decided." in await page(elements.world, "/scans/catalogue")
    assert "All 4 are reviewed." in await page(elements.world, REVIEW)


@pytest.mark.parametrize(
    ("url", "status"),
    [
        ("/scans/none/review", 404),
        (f"{REVIEW}?record=rec99", 404),
        (f"{REVIEW}?record=../x", 404),
        (f"{REVIEW}?min_confidence=x", 400),
        (f"{REVIEW}?state=gone", 400),
        (f"{REVIEW}?after=nobody", 200),
        (f"{REVIEW}?last=nobody&did=confirmed", 200),
    ],
)
async def test_an_address_that_does_not_fit(elements: Elements, url: str, status: int) -> None:
    """It is refused in words."""
    answer = await visit(elements.world, url)
    assert answer.status_code == status, html_of(answer)


@pytest.mark.parametrize(
    "form", [{}, {"decision": "confirm", "count": "٣"}, {"decision": "x", "count": "1"}]
)
async def test_a_form_that_no_page_sends(elements: Elements, form: dict[str, str]) -> None:
    """It decides nothing."""
    assert (await act(elements, REVIEW, form)).status_code == 400
    assert (await act(elements, ONE, {"decision": "confirm"})).status_code == 409
    one = form_of(await page(elements.world, f"{REVIEW}?record={FIRST}"), ONE)
    assert (await act(elements, ONE, one, decision="x")).status_code == 400
    assert (await act(elements, ONE, one)).status_code == 400
    assert (await Client(elements).reviews())["states"] == {"suggested": 4}


async def test_numbers_of_an_address_are_numbers(elements: Elements) -> None:
    """A text is not shown in their place, and one of 5,000 digits is no error of ours."""
    url = f"{REVIEW}?act=a&verb=confirm&decided=Call+me&left=many&passed=0"
    text = await page(elements.world, url)
    assert "Call me" not in text
    assert "data-go-on" not in text
    form = form_of(text, REVIEW)
    many = form_of(text[text.index('<div><label for="why">') - 400 :], REVIEW)
    for sent in (form | {"begun": "9" * 5000}, many | {"begun": "9" * 5000}):
        answer = await act(elements, REVIEW, sent, decision="confirm")
        assert answer.status_code in (303, 400, 409), html_of(answer)


async def test_what_has_no_suggestion_is_not_reviewed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nothing waits, the page says how many a model has left without an answer."""
    monkeypatch.setattr(airtable_pacer, "INTERVAL", 0.0)
    refused = Problem(Reason.MODEL_REFUSED, "no")
    async with elements_server() as server:
        elements = Elements(server, FakeModel(lambda _: refused).open)
        await elements.run()
        text = await page(elements.world, REVIEW)
    assert f'0 of 4 elements are reviewed; <a href="{REVIEW}?state=unclassified">4 without' in text
