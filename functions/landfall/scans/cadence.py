"""The cadence of a schedule, in one of five forms that people write. `slots` has its moments."""

import re
from datetime import datetime
from typing import Annotated, Any, Literal, get_args
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from landfall.scans.settings import shape
from landfall.scans.unknown_settings import correct

Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
DAYS: tuple[Day, ...] = get_args(Day)

MAX_TIMES = 100  # a day; for more there are cron and every_minutes
MAX_MOMENTS = 1000  # 20 kB of a schedule's document
MAX_CRON = 400  # characters; five fields that list every minute, hour, day, ... have 370
TIME_FORM = r"^([01][0-9]|2[0-3]):[0-5][0-9]$"
AT_FORM = r"^2[0-9]{3}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}(:[0-9]{2})?(Z|[+-][0-9]{2}:[0-9]{2})?$"


def _listed(value: Any) -> Any:
    return value if isinstance(value, list | tuple) else [value]


def _checked_time(value: Any) -> str:
    if isinstance(value, str) and re.fullmatch(TIME_FORM, value):
        return value
    raise ValueError(f"{value!r} is not a time of day: write HH:MM, such as 06:00 or 18:30")


def _checked_at(value: Any) -> str:
    if not isinstance(value, str) or not re.fullmatch(AT_FORM, value):
        raise ValueError(
            f'{value!r} is not a date and time from the year 2000 on: write "2026-12-01T06:00"'
        )
    try:
        return datetime.fromisoformat(value).isoformat()
    except ValueError as error:  # 30th of February
        raise ValueError(f"{value!r} is no date and time: {error}") from None


def _checked_cron(value: str) -> str:
    fields = value.split()
    if len(fields) != 5:
        raise ValueError(
            f"{value!r} has {len(fields)} of 5 fields: give minute, hour, day of month, month,"
            ' day of week, such as "0 6 * * 1-5"'
        )
    try:
        first = next(CronSim(value, datetime(2000, 1, 1)), None)  # noqa: DTZ001  # bare calendar
    except CronSimError as error:
        hint = ", or a day that these months never have" if "day-of-month" in str(error) else ""
        raise ValueError(f"{value!r}: {str(error).lower()}{hint}") from None
    if first is None:
        raise ValueError(f"{value!r} never occurs: no date has this day, month and weekday")
    return " ".join(fields)


def _in_order(values: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(sorted(set(values)))


def _in_week_order(days: tuple[Day, ...]) -> tuple[Day, ...]:
    return tuple(day for day in DAYS if day in days)


def _not_empty(values: tuple[str, ...]) -> tuple[str, ...]:
    # min_length of the tuple would also report an only item that is bad
    if not values:
        raise ValueError("give at least one")
    return values


_FIVE_FIELDS = shape(
    "string",
    pattern=r"^\s*\S+(\s+\S+){4}\s*$",
    says="five fields: minute, hour, day of month, month, day of week, such as 0 6 * * 1-5",
)

CronText = Annotated[str, Field(max_length=MAX_CRON), AfterValidator(_checked_cron), _FIVE_FIELDS]
TimeOfDay = Annotated[
    str,
    BeforeValidator(_checked_time),
    shape("string", pattern=TIME_FORM, says="a time of day such as 06:00"),
]
Moment = Annotated[
    str,
    BeforeValidator(_checked_at),
    shape("string", pattern=AT_FORM, says="a date and time such as 2026-12-01T06:00"),
]
ListOfTimes = Annotated[list[TimeOfDay], Field(min_length=1, max_length=MAX_TIMES)]
ListOfMoments = Annotated[list[Moment], Field(min_length=1, max_length=MAX_MOMENTS)]
ListOfDays = Annotated[list[Day], Field(min_length=1)]
Times = Annotated[
    tuple[TimeOfDay, ...],
    Field(max_length=MAX_TIMES),
    AfterValidator(_not_empty),
    AfterValidator(_in_order),
    BeforeValidator(_listed, json_schema_input_type=TimeOfDay | ListOfTimes),
]
Days = Annotated[
    tuple[Day, ...],
    AfterValidator(_not_empty),
    AfterValidator(_in_week_order),
    BeforeValidator(_listed, json_schema_input_type=Day | ListOfDays),
]
Moments = Annotated[
    tuple[Moment, ...],
    Field(max_length=MAX_MOMENTS),
    AfterValidator(_not_empty),
    AfterValidator(_in_order),
    BeforeValidator(_listed, json_schema_input_type=Moment | ListOfMoments),
]


class Weekly(BaseModel):
    """Times of day on some days of the week."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    days: Days = Field(description="Days of the week, one or a list.", examples=[["mon", "thu"]])
    times: Times = Field(description="Local times of day, one or a list.", examples=[["06:00"]])


def _one_form(schema: dict[str, Any]) -> None:
    """Require exactly one property, never null, in the JSON schema that editors use."""
    schema |= {"minProperties": 1, "maxProperties": 1}
    for form in schema["properties"].values():
        del form["default"]
        choices = [choice for choice in form.pop("anyOf") if choice != {"type": "null"}]
        form.update(choices[0] if len(choices) == 1 else {"anyOf": choices})


class Cadence(BaseModel):
    """The cadence of a schedule: one of `cron`, `every_minutes`, `daily`, `weekly`, `at`.

    Lists are stored sorted and without duplicates.
    """

    model_config = ConfigDict(
        frozen=True, extra="forbid", json_schema_extra=_one_form, defer_build=True
    )

    cron: CronText | None = Field(
        None,
        description="Minute, hour, day of month, month, day of week, in the schedule's time zone.",
        examples=["0 6 * * 1-5", "*/15 8-18 * * *"],
    )
    every_minutes: Annotated[int, Field(strict=True, ge=1, le=525_600)] | None = Field(
        None,
        description="Minutes of elapsed time between slots, counted from 2000-01-01T00:00Z:"
        " clock changes neither shift nor repeat a slot.",
        examples=[15, 1440],
    )
    daily: Times | None = Field(
        None,
        description="Local times of day, one or a list.",
        examples=["06:00", ["06:00", "18:30"]],
    )
    weekly: Weekly | None = Field(
        None,
        description="Local times of day on some days of the week.",
        examples=[{"days": ["mon", "thu"], "times": ["06:00"]}],
    )
    at: Moments | None = Field(
        None,
        description="Dates and times: local in the schedule's time zone, or with an offset or Z.",
        examples=[["2026-12-01T06:00", "2026-12-24T12:00:00Z"]],
    )

    @model_validator(mode="before")
    @classmethod
    def _exactly_one_form(cls, data: Any) -> Any:
        if isinstance(data, cls):
            return data
        forms = data if isinstance(data, dict) else {}
        given = [str(name) for name, value in forms.items() if value is not None]
        for name in given:
            if name not in cls.model_fields:
                fix = correct(name, list(cls.model_fields), {})
                raise ValueError(f"there is no cadence {name!r}; {fix}")
        if len(given) != 1:
            got = ", ".join(given) or "none of them"
            raise ValueError(f"give exactly one of {', '.join(cls.model_fields)}; got {got}")
        return data


def time_zone(name: str) -> ZoneInfo:
    """Return the zone of this name in the tz database. Raises `ValueError` for any other name."""
    # The tz directory of a machine also has its own settings, and `right/`, which counts leap
    # seconds: these names differ between machines.
    if not name.startswith(("localtime", "posix", "right/")):
        try:
            return ZoneInfo(name)
        except (KeyError, ValueError, OSError):
            pass
    raise ValueError(
        f'unknown time zone {name!r}: give a tz database name, such as "Europe/Berlin"'
    )
