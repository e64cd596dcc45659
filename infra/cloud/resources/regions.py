"""The region: it must have every service before anything that stays is made in it."""

from infra.cloud.clients.rest import GoogleError
from infra.cloud.resources.change import ResourceChange
from infra.cloud.resources.installation import Installation

REGIONAL = {
    "Firestore": ("firestore", "v1"),
    "Cloud Tasks": ("cloudtasks", "v2"),
    "Cloud Scheduler": ("cloudscheduler", "v1"),
    "Artifact Registry": ("artifactregistry", "v1"),
    "Cloud Run": ("run", "v1"),
}
"""Services that Landfall uses in its region: the API of each, and its version."""


class RegionUnfitError(GoogleError):
    """The region lacks a service. The message names it, and the regions that have all."""


def check(it: Installation) -> list[ResourceChange]:
    """Raise `RegionUnfitError` for a region that lacks a service; there is nothing to change.

    An installation that has functions has all of them. Before its API is enabled, which a dry run
    does not do, a service names no regions.
    """
    if it.services:
        return []
    having = {name: _regions(it, *api) for name, api in REGIONAL.items()}
    known = {name: regions for name, regions in having.items() if regions}
    lacking = [name for name, regions in known.items() if it.target.region not in regions]
    if lacking:
        fit = ", ".join(sorted(set.intersection(*known.values()))) or "none"
        raise RegionUnfitError(
            f"region {it.target.region} lacks {', '.join(lacking)}. Regions with everything that "
            f"Landfall needs: {fit}"
        )
    return []


def _regions(it: Installation, api: str, version: str) -> set[str]:
    path = f"{version}/projects/{it.target.project}/locations"
    return {place["locationId"] for place in it.google.list_all(api, path, "locations")}
