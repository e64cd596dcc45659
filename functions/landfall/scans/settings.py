"""The building blocks of a definition's settings, shared by scans and rules."""

import math
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    Strict,
    TypeAdapter,
    WithJsonSchema,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

from landfall.scans.spelling import nearest

# otherwise pydantic searches all installed packages for plug-ins: 15 ms of a cold start, for none
os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")

ID = r"^[a-z0-9](-?[a-z0-9]+)*$"
Id = Annotated[str, Field(pattern=ID, max_length=60)]
"""Lower-case letters, digits and single hyphens, because ids are parts of document paths."""

Name = Annotated[str, Field(min_length=1, max_length=255)]
"""A table or field: its name, or its id (`tbl...`, `fld...`), which stays after a new name."""

BASE_ID = r"^app[A-Za-z0-9]{14}$"
BaseId = Annotated[str, Field(pattern=BASE_ID)]
"""An Airtable base: the part of its web address that begins with `app`."""

Severity = Literal["info", "warning", "critical"]
SEVERITIES: tuple[Severity, ...] = ("info", "warning", "critical")
"""The severities, the mildest first."""


def _plain(value: Any) -> Any:
    if isinstance(value, str | int) or (isinstance(value, float) and math.isfinite(value)):
        return value
    raise ValueError(f"must be text, a number, true or false {got(value)}")


def shape(*types: str, pattern: str = "", says: str = "", **more: Any) -> WithJsonSchema:
    """Return the JSON schema of values of these types for editors, instead of pydantic's own.

    One schema for all types, since an editor has no clear message for a choice of several: a
    `minimum` is only for numbers, and the `pattern`, which `says` what is meant, only for text.
    """
    kinds = {"type": types[0] if len(types) == 1 else list(types)}
    form = {"pattern": pattern, "patternErrorMessage": f"must be {says}"} if pattern else {}
    return WithJsonSchema({**kinds, **form, **more})


Plain = Annotated[
    str | bool | int | float,
    BeforeValidator(_plain),
    shape("string", "number", "boolean"),
]


class Settings(BaseModel):
    """A group of settings; an unknown setting is an error."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, serialize_by_alias=True, defer_build=True
    )


ENOUGH_PROBLEMS = 1_000
"""Problems of rules after which further rules are not validated; a tenth of them is shown."""


@dataclass
class Checks:
    """The context of a validation.

    `needed` are the long checks, such as of queries; the time for them is over at `until`
    (`time.monotonic`). `problems` counts those of the rules so far.
    """

    needed: bool
    until: float = math.inf
    problems: int = 0


Whole = Annotated[int, Strict()]
"""A whole number: neither text nor true, which pydantic would take for 1."""

Number = Annotated[float, Strict()]
"""A number, with a fraction or without: neither text nor true."""


class Misfit(NamedTuple):
    """A contradiction between settings: the place of the one to change, and why, with the fix."""

    place: tuple[str | int, ...]
    message: str


class MisfitsError(ValueError):
    """Settings contradict each other."""

    def __init__(self, misfits: Sequence[Misfit]) -> None:
        self.misfits = misfits
        super().__init__("; ".join(misfit.message for misfit in misfits))


class Lazy:
    """`Annotated[Kind, Lazy()]`: the validator of `Kind` is built for the first value of it.

    It takes milliseconds, which a cold start would spend on settings that most definitions lack.
    """

    def __get_pydantic_core_schema__(self, kind: Any, _: GetCoreSchemaHandler) -> CoreSchema:
        self._kind = kind
        return core_schema.no_info_plain_validator_function(self._checked)

    def __get_pydantic_json_schema__(
        self, _: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return handler(self._adapter.core_schema)

    def _checked(self, value: Any) -> Any:
        return self._adapter.validate_python(value)

    @cached_property
    def _adapter(self) -> TypeAdapter[Any]:
        return TypeAdapter(self._kind)


def suggest(word: Any, known: Iterable[str], otherwise: str) -> str:
    """Return a question that names the known word nearest to this one, or else `otherwise`."""
    meant = nearest(str(word), known)
    return otherwise if meant is None else f"did you mean {meant!r}?"


def got(value: Any) -> str:
    """Return a value in the form in which an error message shows it."""
    text = f"{value!r}"
    return f"(got {text if len(text) <= 60 else f'{text[:57]}...'})"
