"""Numbers of all commands of infra/: finite, within bounds, and refused with the bounds."""

import argparse
from collections.abc import Iterator
from itertools import chain

import pytest

from infra.cloud import deploy, destroy, doctor
from infra.costs import command as costs
from infra.local import command as local
from infra.number_options import LARGEST, LONGEST_WAIT

PARSERS = {
    "deploy": deploy.parser(),
    "destroy": destroy._parser(),
    "doctor": doctor.parser(),
    "cost": costs._arguments(),
    "run": local._arguments(),
}

NUMBERS = {"--patience": "seconds", "--wait": "seconds", "--sample": "count"} | dict.fromkeys(
    ("--runs", "--page-hours", "--limit"), "count"
)


def actions() -> Iterator[argparse.Action]:
    """Return all options of all commands."""
    return chain.from_iterable(parser._actions for parser in PARSERS.values())


def parsed(option: str, text: str) -> object:
    """Return what a command makes of the value of an option."""
    (action,) = [it for it in actions() if option in it.option_strings]
    assert callable(action.type)
    return action.type(text)


def test_no_option_is_a_number_of_pythons_own():
    """`int` and `float` take `nan`, `inf`, `1e999`, signs, blanks and the digits of any script."""
    assert [it.option_strings for it in actions() if it.type in (int, float, complex)] == []


def test_every_option_of_a_number_is_among_those():
    """A value that stands for seconds or a count says so in its name in the help."""
    named = {it.option_strings[0] for it in actions() if it.metavar in ("N", "SECONDS")}
    assert named == NUMBERS.keys()


@pytest.mark.parametrize("option", NUMBERS)
@pytest.mark.parametrize(
    "text",
    [
        *("nan", "inf", "-inf", "Infinity", "1e999", "1e3", "-1", "+1", "", " 1", "1_000", "0x10"),
        *("\N{ARABIC-INDIC DIGIT THREE}", "\N{SUPERSCRIPT TWO}", "1,5", "1\n", "9" * 9, "9" * 5000),
    ],
)
def test_what_is_no_number_within_bounds_is_refused(option, text):
    """With the bounds, and no more of what was given than fits a line."""
    with pytest.raises(argparse.ArgumentTypeError, match=r"^use .* from [01] to [\d,]+\d") as it:
        parsed(option, text)
    assert len(str(it.value)) < 100


@pytest.mark.parametrize(
    ("option", "text", "value"),
    [
        ("--patience", "0", 0.0),
        ("--patience", "0.5", 0.5),
        ("--wait", "240", 240.0),
        ("--wait", str(LONGEST_WAIT), float(LONGEST_WAIT)),
        ("--runs", "0", 0),
        ("--runs", str(LARGEST), LARGEST),
        ("--page-hours", "016", 16),
        ("--sample", "1", 1),
        ("--sample", "all", None),
    ],
)
def test_a_number_within_bounds_is_taken(option, text, value):
    """The bounds are within."""
    assert parsed(option, text) == value


def test_a_sample_of_none_is_refused():
    """There would be nothing to check."""
    with pytest.raises(argparse.ArgumentTypeError, match="from 1 to 1,000,000 or `all`, not '0'"):
        parsed("--sample", "0")
