"""Cells: the content of each shape that Airtable sends, and which contents are values.

Airtable sends a cell as text, a number, true, an object, or a list of these, and no cell where
nothing is. `content` gives all of them few forms, once, when a page becomes columns:

- Nothing is None, whatever it looks like: null, blank text, a list of nothing but that (a lookup of
  records without a value is `[null]`), an object of nothing else, an AI field without text.
- The text of an AI field and of a barcode is text.
- An unchecked checkbox is false, where the field is known to be a checkbox.
- A list is flat and has no items that are nothing.
- An error of a formula or of an AI field is an object with `error` or `specialValue`.

So a column has None, text, numbers, true, false, objects, and lists of these. An error is no value.
False is one to conditions and comparisons, but nobody entered it: `has_value` says no.

The shapes are those of https://airtable.com/developers/web/api/field-model, where errors of
formulas are missing; `tests/unit/test_cells.py` has an example of each.
"""

from collections.abc import Iterable, Iterator, Sequence
from types import NoneType
from typing import Any
from unicodedata import category

_HIDDEN = {"Cc", "Cf"}
"""Unicode's categories of characters that show nothing: of control and of format."""

_FILLERS = frozenset(
    map(
        chr,
        (
            *(0x34F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x2800, 0x3164, 0xFFA0),
            *(*range(0x180B, 0x1810), *range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0)),
        ),
    )
)
"""Others: the rest of Unicode's Default_Ignorable_Code_Point, and the empty Braille cell."""

_NEVER_EMPTY = {int, float, bool}
_NEVER_CHANGED = {*_NEVER_EMPTY, NoneType}


def is_blank(text: str) -> bool:
    """Return whether a text shows nothing."""
    if "!" <= text < "\x7f":  # it begins with a character of ASCII that shows something
        return False
    for character in text:
        if not (character.isspace() or character in _FILLERS or category(character) in _HIDDEN):
            return False
    return True


def contents(cells: Iterable[Any], of_checkbox: bool) -> list[Any]:
    """Return the content of each cell, without a call for most of them."""
    unchanged = _NEVER_EMPTY if of_checkbox else _NEVER_CHANGED
    return [
        cell
        if (cell.__class__ is str and "!" <= cell < "\x7f") or cell.__class__ in unchanged
        else content(cell, of_checkbox)
        for cell in cells
    ]


def content(cell: Any, of_checkbox: bool = False) -> Any:
    """Return the content of a cell as Airtable sends it; None if there is none."""
    if cell.__class__ is list:
        return _of_list(cell, of_checkbox)
    if cell.__class__ is str:
        return None if is_blank(cell) else cell
    if cell.__class__ is dict:
        return _of_object(cell)
    return False if cell is None and of_checkbox else cell


def _of_list(cell: list[Any], of_checkbox: bool) -> Any:
    for item in cell:
        if not (item.__class__ is str and "!" <= item < "\x7f"):
            break
    else:
        return cell or None
    if cell == [None] and not of_checkbox:
        return None
    items = [content(item, of_checkbox) for item in _flat(cell)]
    return [item for item in items if item is not None] or None


def _flat(items: Sequence[Any]) -> Iterator[Any]:
    """Yield the items of a list, and those of the lists in it, however deep."""
    inside = [iter(items)]
    while inside:
        for item in inside[-1]:
            if item.__class__ is list:
                inside.append(iter(item))
                break
            yield item
        else:
            inside.pop()


def _of_object(cell: dict[str, Any]) -> Any:
    if cell.get("id"):  # a person or a file
        return cell
    if "state" in cell and "value" in cell:  # AI
        text = cell["value"]
        if isinstance(text, str) and not is_blank(text):
            return text
        failed = cell["state"] == "error"
        return {"error": str(cell.get("errorType") or "unknown")} if failed else None
    if cell.keys() <= {"text", "type"}:  # a barcode, whose type is the way it is printed
        text = cell.get("text")
        return text if isinstance(text, str) and not is_blank(text) else None
    return cell if any(part is not None and part != "" for part in cell.values()) else None


def error_of(item: Any) -> str:
    """Return the error that a cell, or an item of its list, is: `#ERROR!`, `NaN`. Empty if none."""
    if item.__class__ is not dict:
        return ""
    return str(item.get("error") or item.get("specialValue") or "")


def contents_of(cell: Any) -> list[Any]:
    """Return the items of a list, or the content itself: values and errors."""
    items = cell if cell.__class__ is list else (cell,)
    return [item for item in items if item is not None]


def values_of(cell: Any) -> list[Any]:
    """Return the items of a list, or the value itself; without errors."""
    items = cell if cell.__class__ is list else (cell,)
    return [
        item
        for item in items
        if item is not None and not (item.__class__ is dict and error_of(item))
    ]


def has_value(cell: Any) -> bool:
    """Return whether a cell has a value. 0 is one; an unchecked checkbox and an error are not."""
    if cell.__class__ is list:
        return any(map(has_value, cell))
    return cell is not None and cell is not False and not error_of(cell)
