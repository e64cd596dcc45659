"""The settings of word to people: what of a scan's runs is sent, and through which channels."""

from typing import Annotated, Literal

from pydantic import Field

from landfall.scans.settings import Id, Name, Settings, Severity

Event = Literal["new", "reopened", "worse", "mended", "failed", "inconclusive"]

MAX_CHANNELS = 5
"""Channels of a scan; each has a message of each run that has something to say."""


class Notify(Settings):
    """Word of a scan's runs through one channel."""

    channel: Id = Field(
        description="The name of a channel of this installation (`LANDFALL_CHANNELS`)."
    )
    when: list[Event] = Field(
        ["new", "reopened", "worse", "failed", "inconclusive"],
        min_length=1,
        max_length=6,
        description="The events to tell of. Of findings: `new`, `reopened`, `worse` (its severity "
        "has risen; also a verdict that is worse than the last one), `mended` (no longer there). "
        "Of runs: `failed`, `inconclusive`, each once while its reason stays the same, and with "
        "`mended` that they work again. The first run is one summary of what is open.",
    )
    min_severity: Severity = Field(
        "info", description="Leave out findings that are milder than this."
    )
    rules: list[Id] | None = Field(
        None, min_length=1, max_length=50, description="Only findings of these rules, by `id`."
    )
    tables: list[Name] | None = Field(
        None, min_length=1, max_length=50, description="Only findings in these tables."
    )
    owners: list[Annotated[str, Field(min_length=1, max_length=200)]] | None = Field(
        None, min_length=1, max_length=50, description="Only findings of rules with these owners."
    )

    def row(self) -> dict[str, object]:
        """Return what the end of a run must know of it."""
        return {"channel": self.channel, "when": list(self.when)}

    @property
    def filters(self) -> list[str]:
        """Return the settings that choose among findings, of those that are given."""
        names = [name for name in ("rules", "tables", "owners") if getattr(self, name) is not None]
        return [*(["min_severity"] if self.min_severity != "info" else []), *names]
