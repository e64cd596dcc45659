"""The definition of a scan: the settings that every kind of scan has."""

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from datetime import tzinfo
from itertools import chain, islice
from typing import Annotated, Any, ClassVar, Self

from pydantic import Field, model_validator

from landfall.deadlines import LADDER
from landfall.scans.cadence import time_zone
from landfall.scans.notify import MAX_CHANNELS, Notify
from landfall.scans.schedule import DEFAULT_ZONE, Schedule, ZoneName
from landfall.scans.setting_groups import Group
from landfall.scans.settings import Id, Lazy, Misfit, MisfitsError, Number, Settings

MAX_MISFITS = 101
"""Contradictions of a definition that are looked for: one more than are reported."""


_Channels = Annotated[list[Notify], Field(min_length=1, max_length=MAX_CHANNELS)]


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

    has_findings: ClassVar[bool] = False
    """Runs of this kind have findings, among which `notify` can choose."""

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
    notify: Annotated[_Channels | None, Lazy()] = Field(
        None, description="Word to people about what a run has found, or that it has failed."
    )

    @model_validator(mode="after")
    def _fits(self) -> Self:
        misfits = list(islice(chain(self._misfits_of_word(), self.misfits()), MAX_MISFITS))
        if misfits:
            raise MisfitsError(misfits)
        return self

    def misfits(self) -> Iterable[Misfit]:
        """Return the contradictions between settings."""
        return ()

    def _misfits_of_word(self) -> Iterator[Misfit]:
        channels = [one.channel for one in self.notify or ()]
        for number, channel in enumerate(channels):
            if channel in channels[:number]:
                yield Misfit(
                    ("notify", number, "channel"),
                    f"{channel!r} has an entry already; put what it is for into that one",
                )
        for number, one in enumerate(self.notify or ()):
            for name in () if self.has_findings else one.filters:
                yield Misfit(
                    ("notify", number, name),
                    f"it chooses among findings, which a scan of kind {self.kind!r} does not have; "
                    "remove it",
                )

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
