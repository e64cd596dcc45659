"""The resources of a local web site: pages, texts, sitemaps, redirects."""

from dataclasses import dataclass

from infra.local.wire.messages import WireResponse

HTML = {"Content-Type": "text/html; charset=utf-8"}


@dataclass(frozen=True)
class Resource:
    """The response of a path, after so many seconds; `mobile` is the one for phones."""

    response: WireResponse
    mobile: WireResponse | None = None
    seconds: float = 0.0


def page(text: str, **headers: str) -> Resource:
    """Return a page of HTML."""
    return Resource(WireResponse(200, {**HTML, **headers}, text.encode()))


def plain(text: str) -> Resource:
    """Return a text, such as a robots.txt."""
    return Resource(WireResponse(200, {"Content-Type": "text/plain; charset=utf-8"}, text.encode()))


def sitemap(*paths: str) -> Resource:
    """Return a sitemap of these paths."""
    locations = "".join(f"<url><loc>{{site}}{path}</loc></url>" for path in paths)
    body = f'<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">{locations}</urlset>'
    return Resource(WireResponse(200, {"Content-Type": "application/xml"}, body.encode()))


def redirect(target: str, status: int = 301) -> Resource:
    """Return a redirect."""
    return Resource(WireResponse(status, {"Location": target}))


NOT_FOUND = Resource(
    WireResponse(404, HTML, b"<!doctype html><title>Not found</title><p>Not found")
)
