"""The health of Landfall, as the functions for people and programs show it."""

from typing import Any

from landfall.entry.app import App
from landfall.process.installed import versions
from landfall.ticks.marks import health


async def health_of(app: App) -> tuple[bool, dict[str, Any]]:
    """Return whether all is well, and the facts of `GET /health`."""
    runs = app.runs
    healthy, facts = await health(runs.store, runs.clock, app.indexes, app.server_clock)
    return healthy, facts | {"versions": versions(app.config.revision)}
