"""The table of the shapes of cells, from the examples that are tests."""

import msgspec

from tests.fakes.cells import ABSENT, BLANKS, SHAPES, Shape
from tests.generated.markdown import table


def shapes() -> str:
    """Return each shape and its content, by the type of the field."""
    rows = [
        [f"`{type_}`{_of_what(type_, shape)}", _code(shape.sent), _read_as(shape)]
        for type_, all_shapes in SHAPES.items()
        for shape in all_shapes
        if shape.sent not in BLANKS  # they are the same for all types, and the text says so
    ]
    return table(["type of field", "as Airtable sends it", "read as"], rows)


def _of_what(type_: str, shape: Shape) -> str:
    return " of checkboxes" if shape.of_checkbox and type_ != "checkbox" else ""


def _read_as(shape: Shape) -> str:
    if shape.content is ABSENT:
        return "the same"
    return "nothing" if shape.content is None else _code(shape.content)


def _code(cell: object) -> str:
    return "no cell" if cell is ABSENT else f"`{msgspec.json.encode(cell).decode()}`"
