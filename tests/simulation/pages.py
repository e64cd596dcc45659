"""The web site that a simulation or a campaign looks at, and the scans of it."""

from dataclasses import dataclass, field
from random import Random
from typing import Any

from landfall.kinds.definition import parse
from landfall.site.scan import SiteScan

ROBOTS = "User-agent: *\nDisallow: /private"
FORBIDDEN = "/private"
_NAMES = ("private", "book", "prices", "contact", "blog")


@dataclass
class SimulatedSite:
    """Pages that link to one another; a page's `news` change now and then."""

    paths: list[str]
    news: dict[str, int] = field(default_factory=dict)

    def html(self, path: str) -> str:
        """A page as it is now."""
        links = "".join(f'<a href="{other}">{other}</a>' for other in self.paths)
        said = f"Book the dental page {path}, which has {self.news.get(path, 0)} news"
        return f"<title>{path}</title><p>{said}</p>{links}"

    def change(self, random: Random) -> str:
        """Somebody writes news on a page; its path."""
        path = random.choice(self.paths)
        self.news[path] = self.news.get(path, 0) + 1
        return path


def draw_site(random: Random) -> SimulatedSite:
    """The home page, and some more."""
    count = random.randint(2, len(_NAMES))
    return SimulatedSite(["/", *(f"/{name}" for name in _NAMES[:count])])


def draw_site_scan(random: Random, number: int, url: str) -> SiteScan:
    """A scan of the site that runs a few times."""
    content: dict[str, Any] = {
        "id": f"scan-{number}",
        "kind": "site",
        "url": url,
        "mode": random.choice(["quick", "deep", "deep", "deep"]),
        "max_pages": random.choice([3, 10]),
        "delay_seconds": random.choice([0.5, 1, 5]),
        "scorer": random.choice(["rules", "model", "model"]),
        "limits": {"deadline_seconds": random.choice([300, 900, 1800])},
        "schedule": {
            "cadence": {"every_minutes": random.choice([1, 2, 3])},
            "overlap": random.choice(["skip", "allow", "cancel_running"]),
            "max_runs": random.randint(1, 2),
        },
    }
    scan = parse(content, "simulated")
    assert isinstance(scan, SiteScan)
    return scan
