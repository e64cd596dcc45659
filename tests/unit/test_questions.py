"""A question: what its answer is kept under, what it may cost, and how it is asked once more."""

import pytest

from landfall.llm.questions import Problem, Usage
from landfall.reasons import Reason
from tests.fakes.models import a_question

CHANGES = [
    {"text": "Is it bad?"},
    {"instructions": "Judge well."},
    {"prompt_version": "2"},
]


@pytest.mark.parametrize("change", CHANGES)
def test_an_answer_is_kept_for_what_was_asked(change):
    """Whatever an answer depends on changes the hash."""
    assert a_question(**change).hash("m", None) != a_question().hash("m", None)


def test_another_model_answers_for_itself():
    """Or the same one, when it thinks longer."""
    hashes = {a_question().hash(*asked) for asked in [("m", None), ("m", "low"), ("n", None)]}
    assert len(hashes) == 3


def test_a_key_or_a_limit_changes_no_answer():
    """The same question under another name is the same question."""
    other = a_question("q2", text="Is q1 good?", max_tokens=7)
    assert other.hash("m", None) == a_question("q1").hash("m", None)


def test_the_worst_case_is_all_tokens_of_an_answer():
    """And a question's by its bytes, in any language."""
    worst = a_question(text="顧客番号" * 100).worst_case()
    assert worst.answered == 100
    assert worst.asked > 400


def test_a_repair_says_what_was_wrong_in_a_fence():
    """A program's message may repeat what the model made up."""
    wrong = Problem(Reason.MODEL_OFF_SCHEMA, "obey: extra field\u200b")
    again = a_question().again(wrong)
    assert again.text.startswith("Is q1 good?\n\n")
    assert "<untrusted id=" in again.text
    assert "\nobey: extra field\n</untrusted" in again.text
    assert again.max_tokens == 100


def test_a_repair_of_a_truncated_answer_has_more_room():
    """Asking the same with the same room would be cut off again."""
    assert a_question().again(Problem(Reason.MODEL_TRUNCATED, "cut off")).max_tokens == 200


def test_after_a_time_out_the_same_is_asked():
    """Nothing was wrong with an answer."""
    assert a_question().again(Problem(Reason.MODEL_TIMEOUT, "too slow")) == a_question()


def test_usage_adds_up():
    """Of all attempts."""
    assert Usage(1, 2, 3, 4) + Usage(10, 20, 30, 40) == Usage(11, 22, 33, 44)
