"""`type`: the content of a cell."""

import random
import re
from typing import Any, get_args

import pytest

from landfall.integrity.rules.type import Type
from tests.fakes.rules import message_about, rows, rule

REC = "recABCDEFGHIJ0123"
CELLS: dict[str, Any] = {
    "text": "x",
    "day": "2026-03-01",
    "moment": "2026-03-01T10:00:00.000Z",
    "whole": 5,
    "whole.0": 5.0,
    "broken": 5.5,
    "true": True,
    "empty": "",
    "no list": [],
    "links": [REC, REC],
    "files": [{"id": "att1", "url": "https://a.b/c", "filename": "c"}],
    "numbers": [1, 2],
    "person": {"id": "usr1", "email": "a@b.c", "name": "A"},
    "nameless person": {"id": "usrABCDEFGHIJ0123"},
    "group": {"id": "ugpABCDEFGHIJ0123", "name": "Nurses"},
    "button": {"label": "Open", "url": "https://a.b"},
    "error": {"error": "#ERROR!"},
    "nan": {"specialValue": "NaN"},
    "errors": [1, {"error": "#ERROR!"}],
    "nans": [{"specialValue": "Infinity"}],
}
ERRORS = ["error", "nan", "errors", "nans"]
FINE = {
    "any": [name for name in CELLS if name not in ERRORS],
    "text": ["text", "day", "moment", "empty", "no list"],
    "number": ["whole", "whole.0", "broken", "empty", "no list"],
    "integer": ["whole", "whole.0", "empty", "no list"],
    "boolean": ["true", "empty", "no list"],
    "date": ["day", "empty", "no list"],
    "datetime": ["moment", "empty", "no list"],
    "list": ["empty", "no list", "links", "files", "numbers"],
    "record_links": ["empty", "no list", "links"],
    "attachments": ["empty", "no list", "files"],
    "collaborator": ["empty", "no list", "person", "nameless person", "group"],
}


def typed(name):
    return rule("type", field="F", type=name)


@pytest.mark.parametrize("name", FINE)
def test_a_type_holds_for_these_cells(name):
    """It holds for no other; a missing value is no finding, an error is one for every type."""
    wrong = [cell for cell in CELLS if cell not in FINE[name]]
    assert [[*CELLS][row] for row in rows(typed(name), [*CELLS.values()])] == wrong


def test_every_type_is_tested():
    """The settings have no other type."""
    assert get_args(Type.model_fields["type"].annotation) == (*FINE,)
    with pytest.raises(ValueError, match="Input should be 'any', 'text'"):
        typed("colour")


@pytest.mark.parametrize(
    ("cell", "message"),
    [
        ("5", "F is '5', which is not a whole number"),
        (5.5, "F is 5.5, which is not a whole number"),
        ([5], "F is [5], which is not a whole number"),
        ({"error": "#ERROR!"}, "F holds the error #ERROR!"),
        ({"specialValue": "NaN"}, "F holds the error NaN"),
        ([1, {"error": "#DIV/0!"}], "F holds the error #DIV/0!"),
    ],
)
def test_it_says_what_the_cell_holds(cell, message):
    """The message has the value, or the error of the formula."""
    assert message_about(typed("integer"), cell) == message
    assert typed("integer").sentence() == "F is a whole number and not an error"


@pytest.mark.parametrize("links", [["rec1"], [REC, "x"], [REC + "4"], [REC, {"id": REC}], [5], REC])
def test_record_links_are_record_ids(links):
    """Each is `rec` and 14 letters or digits."""
    assert rows(typed("record_links"), [links]) == [0]


ONE_OF: dict[str, Any] = {
    "text": lambda v: isinstance(v, str),
    "number": lambda v: type(v) in (int, float),
    "integer": lambda v: type(v) in (int, float) and v % 1 == 0,
    "boolean": lambda v: type(v) is bool,
    "date": lambda v: isinstance(v, str) and re.fullmatch(r"\d{4}-\d\d-\d\d", v),
    "datetime": lambda v: isinstance(v, str) and re.fullmatch(r"\d{4}-\d\d-\d\dT.*Z", v),
    "list": lambda v: isinstance(v, list),
}


@pytest.mark.parametrize("name", ONE_OF)
@pytest.mark.parametrize("seed", range(5))
def test_agrees_with_a_test_of_each_cell(name, seed):
    """Random columns, including columns of one type."""
    rng = random.Random(seed)
    pool = rng.sample(
        ["a", "2026-01-02", "2026-01-02T03:04:05Z", 7, 7.5, -1.0, True, [1], ["b"]], 4
    )
    cells = [rng.choice(pool) for _ in range(200)]
    assert rows(typed(name), cells) == [n for n, cell in enumerate(cells) if not ONE_OF[name](cell)]
