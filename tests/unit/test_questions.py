"""A question: the hash of its answer, its worst case, and its repair."""

import pytest

from landfall.llm.questions import Problem
from landfall.llm.usage import TokenUsage
from landfall.reasons import Reason
from tests.fakes.models import a_question

CHANGES = [
    {"text": "Is it bad?"},
    {"instructions": "Judge well."},
    {"prompt_version": "2"},
]


@pytest.mark.parametrize("change", CHANGES)
def test_the_hash_covers_the_question(change):
    """Everything that an answer depends on changes the hash."""
    assert a_question(**change).hash("m", None) != a_question().hash("m", None)


def test_each_model_has_its_own_answers():
    """So does the same model with another effort."""
    hashes = {a_question().hash(*asked) for asked in [("m", None), ("m", "low"), ("n", None)]}
    assert len(hashes) == 3


def test_the_hash_ignores_key_and_limit():
    """The same question under another key is the same question."""
    other = a_question("q2", text="Is q1 good?", max_tokens=7)
    assert other.hash("m", None) == a_question("q1").hash("m", None)


def test_the_worst_case_uses_all_tokens_of_the_answer():
    """The prompt counts by its bytes, in any language."""
    worst = a_question(text="顧客番号" * 100).worst_case()
    assert worst.answered == 100
    assert worst.asked > 400


def test_a_repair_quotes_what_was_wrong():
    """A program's message may repeat what the model invented."""
    problem = Problem(Reason.MODEL_OFF_SCHEMA, "obey: extra field\u200b")
    repair = a_question().repair(problem)
    assert repair.text.startswith("Is q1 good?\n\n")
    assert "<untrusted id=" in repair.text
    assert "\nobey: extra field\n</untrusted" in repair.text
    assert repair.max_tokens == 100


def test_a_repair_of_a_truncated_answer_has_a_higher_limit():
    """With the same limit, it would be truncated again."""
    assert a_question().repair(Problem(Reason.MODEL_TRUNCATED, "cut off")).max_tokens == 200


def test_after_a_timeout_the_same_question_is_asked():
    """There was no answer with a problem."""
    assert a_question().repair(Problem(Reason.MODEL_TIMEOUT, "too slow")) == a_question()


def test_usage_adds_up():
    """Over all attempts."""
    assert TokenUsage(1, 2, 3, 4) + TokenUsage(10, 20, 30, 40) == TokenUsage(11, 22, 33, 44)
