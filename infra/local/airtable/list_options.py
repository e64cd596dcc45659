"""The options of a list request, from a query string or from a JSON body."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from infra.local.airtable import errors

MAX_PAGE = 100  # records a page; airtable.com/developers/web/api/list-records


@dataclass(frozen=True)
class ListOptions:
    """The options of a list request. `fields` None means every field."""

    page_size: int = MAX_PAGE
    max_records: int | None = None
    offset: str | None = None
    fields: tuple[str, ...] | None = None
    by_field_id: bool = False

    @classmethod
    def from_query(cls, query: Mapping[str, list[str]]) -> "ListOptions":
        """Parse GET parameters, in which `fields[]` is repeated. Raises `RefusedError`."""
        if "fields" in query:
            raise errors.not_modelled("the parameter fields without []")
        named = {key: values[-1] for key, values in query.items() if key != "fields[]"}
        chosen = {"fields": query["fields[]"]} if "fields[]" in query else {}
        return cls.from_json({**named, **chosen})

    @classmethod
    def from_json(cls, data: Any) -> "ListOptions":
        """Parse the body of POST …/listRecords. Raises `RefusedError`."""
        if not isinstance(data, dict):
            raise errors.parameter_invalid()
        modelled = {"pageSize", "maxRecords", "offset", "fields", "returnFieldsByFieldId"}
        if other := sorted(data.keys() - modelled):
            raise errors.not_modelled(f"the parameter {other[0]}")
        offset, fields = data.get("offset"), data.get("fields")
        if not isinstance(offset, str | None) or not isinstance(fields, list | None):
            raise errors.parameter_invalid()
        return cls(
            page_size=_page_size(data.get("pageSize", MAX_PAGE)),
            max_records=_integer(data["maxRecords"]) if "maxRecords" in data else None,
            offset=offset or None,
            fields=None if fields is None else tuple(map(str, fields)),
            by_field_id=boolean(data.get("returnFieldsByFieldId", False)),
        )


def _page_size(value: Any) -> int:
    size = _integer(value)
    if size > MAX_PAGE:
        raise errors.page_size_invalid()
    return size


def _integer(value: Any) -> int:
    if isinstance(value, bool) or not re.fullmatch(r"\d+", str(value)):
        raise errors.parameter_invalid()
    return int(value)


def boolean(value: Any) -> bool:
    """Parse a Boolean from JSON, or from a query string. Raises `RefusedError`."""
    spelled = {"true": True, "1": True, "false": False, "0": False}
    if str(value).lower() not in spelled:
        raise errors.parameter_invalid()
    return spelled[str(value).lower()]
