"""Fit of values to the fields of a base that they are written to.

The types that take a value by the api, without Airtable's own conversion of it:
https://airtable.com/developers/web/api/field-model.
"""

from collections.abc import Collection, Iterator, Mapping
from typing import Literal

from landfall.airtable.fields import choices, computed, display_type
from landfall.airtable.schema import FieldSchema
from landfall.airtable.values import truncate

Written = Literal["text", "number", "flag", "moment", "key"]
"""A value that is written: a key is a text by which rows are found again."""

_LONG = ("singleLineText", "multilineText")
_TEXTS = (*_LONG, "richText", "email", "url", "phoneNumber")

_TAKEN_BY: Mapping[Written, Collection[str]] = {
    "text": (*_TEXTS, "singleSelect"),
    "number": ("number", "percent", "currency", "duration", "rating"),
    "flag": ("checkbox",),
    "moment": (*_TEXTS, "dateTime"),
    "key": _LONG,  # which `performUpsert` can merge on
}

_MEANING: Mapping[Written, str] = {
    "text": "text: use a text field, or a single select that has its options",
    "number": "a number: use a number field",
    "flag": "yes or no: use a checkbox",
    "moment": "a date with a time: use such a field, or a text field",
    "key": "the text by which rows are found again: use a single line text, or a long text "
    "without formatting",
}


def unfit(
    field: FieldSchema, name: str, written: Written, options: Collection[str] = ()
) -> Iterator[str]:
    """Yield the reasons for which a field does not take a value of this name.

    `options` are all texts that the value can be, where they are known.
    """
    if computed(field):
        yield f"it is a {display_type(field)}, and its value cannot be edited"
        return
    if field.type and field.type not in _TAKEN_BY[written] and field.type in _KNOWN:
        yield f"it is a {display_type(field)}, and {name} is {_MEANING[written]}"
        return
    known = choices(field)
    if known is None:
        return
    lacking = [option for option in options if option not in known]
    if not options:
        yield f"it is a {display_type(field)}, which takes only its options; use a text field"
    elif lacking:
        yield f"it has no option {truncate(', '.join(lacking))}; add it, or use a text field"


_KNOWN = {
    *(kind for kinds in _TAKEN_BY.values() for kind in kinds),
    *("multipleSelects", "date", "multipleRecordLinks", "multipleAttachments", "barcode"),
    *("singleCollaborator", "multipleCollaborators"),
}
"""Types of fields that can be edited, as far as they are known; a new one may take anything."""
