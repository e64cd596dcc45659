"""Orders in the material, in many languages and hidings: none closes its fence, none is obeyed.

A real model may fall for one. What is shown here is what holds whatever the model does: which text
is whose, that nothing is hidden in it, and that an answer which obeys is no result, and of its own
record only.
"""

import pytest

from infra.local.openai.answers import ParsedQuestion
from infra.local.wire.faults import FaultRule
from landfall.llm.questions import Question
from landfall.llm.quoting import quote_untrusted, visible_text
from tests.fakes.injections import PAGES, PASSAGES, RECORDS, WANTED, ZERO_WIDTH, Attack
from tests.local.test_asking import Entries, about, scene

MAX_CHARACTERS = 4_000
SETS = {"record": RECORDS, "passage": PASSAGES, "page": PAGES}
ATTACKS = [attack for attacks in SETS.values() for attack in attacks]
NAMED = [f"{kind}: {attack.name}" for kind, attacks in SETS.items() for attack in attacks]


def question(attack: Attack) -> Question[Entries]:
    """Three records in one question; the second is the attack's."""
    return about({"rec0": "An internal key", "rec1": attack.text, "rec2": "A date of birth"})


def test_there_are_enough_of_them():
    """Twenty at least for records as for sites, of every aim, in many languages and hidings."""
    assert len(set(NAMED)) == len(ATTACKS)
    for attacks in (RECORDS, [*PASSAGES, *PAGES]):
        assert len({attack.text for attack in attacks}) >= 20
        assert {attack.aim for attack in attacks} == {"itself", "others", "instructions", "fence"}
        assert len({attack.language for attack in attacks}) >= 8
        assert any(ZERO_WIDTH in attack.text for attack in attacks)
    pages = [attack.text for attack in PAGES]
    for hiding in ("<!--", "alt=", "display:none", "ld+json", "aria-label"):
        assert any(hiding in page for page in pages)


@pytest.mark.parametrize("attack", ATTACKS, ids=NAMED)
def test_no_text_leaves_its_block(attack):
    """There are as many fences as records, each with its record's text and no other's."""
    fences = ParsedQuestion("Entries", {}, "", question(attack).text).quotes
    assert [fence.id for fence in fences] == ["rec0", "rec1", "rec2"]
    assert fences[1].text == visible_text(attack.text, MAX_CHARACTERS).text
    assert [WANTED in fence.text for fence in (fences[0], fences[2])] == [False, False]


@pytest.mark.parametrize("attack", ATTACKS, ids=NAMED)
def test_what_a_model_reads_a_person_can_see(attack):
    """Nothing is left of what was hidden; what was spaced out is a word again."""
    shown = visible_text(attack.text, 100_000)
    assert visible_text(shown.text, 100_000).hidden == 0
    assert (WANTED in attack.text.replace(ZERO_WIDTH, "")) == (WANTED in shown.text)
    block = quote_untrusted("x", attack.text, MAX_CHARACTERS)
    assert f"characters={min(MAX_CHARACTERS, len(shown.text))}" in block


@pytest.mark.parametrize("attack", ATTACKS, ids=NAMED)
async def test_the_other_records_are_answered_as_ever(attack):
    """The attack changes no field of theirs."""
    harmless = Attack("harmless", "A customer number", "itself")
    async with scene() as it:
        (attacked,) = await it.ask([question(attack)])
        (untouched,) = await it.ask([question(harmless)])
    assert attacked.content
    assert untouched.content
    for record in (0, 2):
        assert attacked.content.entries[record] == untouched.content.entries[record]


@pytest.mark.parametrize("attack", ATTACKS, ids=NAMED)
async def test_an_answer_that_obeys_is_no_result(attack):
    """The stand-in echoes all texts into every record: what it cites is not in theirs, if it ever
    comes to an end."""
    async with scene(FaultRule("echo", times=None)) as it:
        (reply,) = await it.ask([question(attack)])
        kept = await it.world.store.read(f"answers/{reply.hash}")
    assert reply.content is None
    assert reply.failure
    assert reply.failure.reason in ("model_unfounded", "model_truncated")
    assert WANTED not in reply.failure.message
    assert kept == [None]
