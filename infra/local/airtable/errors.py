"""The errors of the Airtable Web API, in its exact formats, for the local stand-in.

Sources: airtable.com/developers/web/api/errors (401, 403, 404, 422, 429), Airtable's support page
"API: Common troubleshooting" (the two kinds of 401), and bodies that public issue trackers quote
(429, LIST_RECORDS_ITERATOR_NOT_AVAILABLE, INVALID_OFFSET_VALUE, UNKNOWN_FIELD_NAME,
ROW_DOES_NOT_EXIST). There are four formats: `{"error": {"type", "message"}}`, the same without a
message, `{"error": "NOT_FOUND"}`, and for rate limits alone `{"errors": [{"error", "message"}]}`.
"""

from typing import Any

from infra.local.wire.messages import WireResponse

MAX_BATCH = 10  # records a write request; airtable.com/developers/web/api/update-multiple-records

MAX_MERGE_ON = 3  # fields an upsert matches records by; the same page


class RefusedError(Exception):
    """Airtable's response to a request that it does not carry out."""

    def __init__(self, status: int, body: Any) -> None:
        super().__init__(f"{status} {body}")
        self.response = WireResponse.json(body, status)


def _typed(status: int, kind: str, message: str) -> RefusedError:
    return RefusedError(status, {"error": {"type": kind, "message": message}})


def token_missing() -> RefusedError:
    return _typed(401, "AUTHENTICATION_REQUIRED", "Authentication required")


def token_wrong() -> RefusedError:
    return _typed(401, "UNAUTHORIZED", "Invalid authentication token")


def model_not_found() -> RefusedError:
    """Return the one error of a base or table that is unknown, or not accessible."""
    message = (
        "Invalid permissions, or the requested model was not found. Check that both your user "
        "and your token have the required permissions, and that the model names and/or ids are "
        "correct."
    )
    return _typed(403, "INVALID_PERMISSIONS_OR_MODEL_NOT_FOUND", message)


def not_found() -> RefusedError:
    """Return the error of an undefined route, or of a record that does not exist."""
    return RefusedError(404, {"error": "NOT_FOUND"})


def body_not_json() -> RefusedError:
    return _typed(400, "INVALID_REQUEST_BODY", "Could not parse request body")


def url_too_long() -> RefusedError:
    """Return the error of the documented limit; its status and type are invented."""
    return _typed(414, "URI_TOO_LONG", "The URL is longer than 16,000 characters")


def parameter_invalid() -> RefusedError:
    message = "Invalid request: parameter validation failed. Check your request data."
    return _typed(422, "INVALID_REQUEST_UNKNOWN", message)


def page_size_invalid() -> RefusedError:
    return _typed(422, "INVALID_PAGE_SIZE_ARGUMENT", "pageSize must be between 0 and 100")


def offset_invalid(offset: str) -> RefusedError:
    return _typed(422, "INVALID_OFFSET_VALUE", f"The value of offset {offset} is invalid")


def offset_expired() -> RefusedError:
    """Return the error of an expired listing, the one error without a message."""
    return RefusedError(422, {"error": {"type": "LIST_RECORDS_ITERATOR_NOT_AVAILABLE"}})


def field_unknown(name: str) -> RefusedError:
    return _typed(422, "UNKNOWN_FIELD_NAME", f'Unknown field name: "{name}"')


def records_invalid() -> RefusedError:
    message = (
        f"You must provide an array of up to {MAX_BATCH} record objects, each with an "
        '"id" ID field and a "fields" object for cell values.'
    )
    return _typed(422, "INVALID_RECORDS", message)


def row_unknown(record_id: str) -> RefusedError:
    message = f"Record ID {record_id} does not exist in this table"
    return _typed(422, "ROW_DOES_NOT_EXIST", message)


def several_match(fields: str) -> RefusedError:
    """Return the error of an ambiguous upsert; its type and message are invented."""
    return _typed(422, "INVALID_RECORDS", f"More than one record matches the given {fields}")


def no_merge_field(name: str) -> RefusedError:
    """Return the error of a field that upserts do not match by; its type is invented."""
    return _typed(422, "INVALID_REQUEST_UNKNOWN", f'Cannot merge on the field "{name}"')


def choice_unknown(name: str) -> RefusedError:
    """Return the error of a new option of a select field, which only typecast allows."""
    message = f'Insufficient permissions to create new select option ""{name}""'
    return _typed(422, "INVALID_MULTIPLE_CHOICE_OPTIONS", message)


def rate_limited() -> RefusedError:
    message = "Rate limit exceeded. Please try again later"
    return RefusedError(429, {"errors": [{"error": "RATE_LIMIT_REACHED", "message": message}]})


def not_modelled(what: str) -> RefusedError:
    """Return the error of a request for something that Airtable has and the stand-in has not."""
    message = f"The local Airtable stand-in does not implement {what}"
    return _typed(422, "NOT_IMPLEMENTED_BY_STAND_IN", message)
