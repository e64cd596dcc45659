"""A scan as a person defines it: what every kind of scan has."""

import hashlib
import json
from collections.abc import Iterable, Sequence
from datetime import tzinfo
from typing import Any, ClassVar, Self, get_args

from pydantic import Field, model_validator

from landfall.deadlines import LADDER
from landfall.scans.cadence import time_zone
from landfall.scans.schedule import Schedule, ZoneName
from landfall.scans.settings import Id, Settings


class Limits(Settings):
    """Where a run stops."""

    deadline_seconds: float = Field(
        LADDER.run,
        ge=LADDER.stale,
        le=24 * 3600,
        description="A run ends within this many seconds after its creation.",
    )


class Scan(Settings):
    """What every kind of scan has; a kind adds where it looks and what it looks for."""

    headings: ClassVar[Sequence[str]] = ()
    """Settings of this kind that a scan's and a run's documents show: where it looks."""

    id: Id = Field(description="Names the scan; saving another definition under it replaces it.")
    name: str = Field("", max_length=200, description="For people.")
    kind: str
    time_zone: ZoneName | None = Field(
        None,
        description="Where the days of dates begin, as an IANA name. Without it, the schedule's "
        "time zone, or UTC.",
    )
    limits: Limits = Limits()
    schedule: Schedule | None = None

    @model_validator(mode="after")
    def _fits(self) -> Self:
        problems = list(self.misfits())
        if problems:
            raise ValueError("\n".join(problems))
        return self

    def misfits(self) -> Iterable[str]:
        """What of the settings does not fit together: a line each, with where and the fix."""
        return ()

    @property
    def zone(self) -> tzinfo:
        """Where the days of dates begin."""
        return time_zone(self.time_zone or (self.schedule.time_zone if self.schedule else "UTC"))

    def heading(self) -> dict[str, Any]:
        """What the scan's document shows of it, for people and for a run's plan."""
        shown = {name: getattr(self, name) for name in self.headings}
        return {"name": self.name, "kind": self.kind} | shown

    def document(self) -> dict[str, Any]:
        """The definition as plain values, as it is stored."""
        return self.model_dump(mode="json", exclude_none=True)

    def version(self) -> str:
        """16 hex digits of the content, the schedule left out: it does not change what is found."""
        content = {key: value for key, value in self.document().items() if key != "schedule"}
        text = json.dumps(content, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    @classmethod
    def settings_beside(cls, location: Sequence[Any]) -> Iterable[str]:
        """The settings that there are beside the one at a location of the definition."""
        group: type[Settings] | None = cls
        for part in location[:-1]:
            group = _group(group, part) if group else None
        return group.model_fields if group else ()


def _group(group: type[Settings], name: Any) -> type[Settings] | None:
    """The group of settings that a setting of this name holds, if it does."""
    field = group.model_fields.get(name)
    annotation = field.annotation if field else None
    for one in (annotation, *get_args(annotation)):
        if isinstance(one, type) and issubclass(one, Settings):
            return one
    return None
