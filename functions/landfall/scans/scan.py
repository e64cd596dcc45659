"""The definition of a scan: the settings that every kind of scan has."""

import hashlib
import json
from collections.abc import Iterable, Sequence
from datetime import tzinfo
from itertools import islice
from typing import Any, ClassVar, Self

from pydantic import Field, model_validator

from landfall.deadlines import LADDER
from landfall.scans.cadence import time_zone
from landfall.scans.schedule import DEFAULT_ZONE, Schedule, ZoneName
from landfall.scans.setting_groups import Group
from landfall.scans.settings import Id, Misfit, MisfitsError, Number, Settings

MAX_MISFITS = 101
"""Contradictions of a definition that are looked for: one more than are reported."""


class Limits(Settings):
    """The limits of a run."""

    deadline_seconds: Number = Field(
        LADDER.run,
        ge=LADDER.stale,
        le=24 * 3600,
        description="A run ends within this many seconds after its creation.",
    )


class Scan(Settings):
    """The settings that every kind of scan has; each kind adds its source and its criteria."""

    headings: ClassVar[Sequence[str]] = ()
    """Settings of this kind that the documents of scans and runs show: the source."""

    id: Id = Field(
        description="The id of the scan; another definition that is saved under it replaces it."
    )
    name: str = Field("", max_length=200, description="A name for people.")
    kind: str
    time_zone: ZoneName | None = Field(
        None,
        description="The time zone in which the days of dates begin, as an IANA name. Default: "
        "the schedule's time zone, or UTC.",
    )
    limits: Limits = Limits()
    schedule: Schedule | None = None

    @model_validator(mode="after")
    def _fits(self) -> Self:
        misfits = list(islice(self.misfits(), MAX_MISFITS))
        if misfits:
            raise MisfitsError(misfits)
        return self

    def misfits(self) -> Iterable[Misfit]:
        """Return the contradictions between settings."""
        return ()

    @property
    def zone(self) -> tzinfo:
        """The time zone in which the days of dates begin."""
        return time_zone(self.unscheduled().time_zone or DEFAULT_ZONE)

    def heading(self) -> dict[str, Any]:
        """Return the settings that the scan's document shows, for people and for a run's plan."""
        shown = {name: getattr(self, name) for name in self.headings}
        return {"name": self.name, "kind": self.kind} | shown

    def document(self) -> dict[str, Any]:
        """Return the definition as plain values, in the form that is stored."""
        return self.model_dump(mode="json", exclude_none=True)

    def text(self) -> str:
        """Return the definition as the text that is stored, in JSON.

        A text holds what a document's own fields cannot: lists in lists, names like `__all__`.
        """
        return json.dumps(self.document(), ensure_ascii=False)

    def unscheduled(self) -> Self:
        """Return the scan without its schedule, which affects no result but by its time zone."""
        zone = self.time_zone
        if zone is None and self.schedule and self.schedule.time_zone != DEFAULT_ZONE:
            zone = self.schedule.time_zone
        return self.model_copy(update={"schedule": None, "time_zone": zone})

    def version(self) -> str:
        """Return 16 hex digits of the content without the schedule."""
        content = self.unscheduled().document()
        text = json.dumps(content, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    @classmethod
    def root(cls, _location: Sequence[Any]) -> tuple[Group, int]:
        """Return the group whose settings are named at a location, and the level of it there."""
        return cls, 0
