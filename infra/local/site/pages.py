"""What a web site of ours answers, by path: pages, texts, sitemaps, redirects."""

from dataclasses import dataclass

from infra.local.wire.messages import Response

HTML = {"Content-Type": "text/html; charset=utf-8"}


@dataclass(frozen=True)
class Served:
    """What a path answers, after so many seconds; `mobile` is for phones."""

    response: Response
    mobile: Response | None = None
    seconds: float = 0.0


def page(text: str, **headers: str) -> Served:
    """A page of HTML."""
    return Served(Response(200, {**HTML, **headers}, text.encode()))


def plain(text: str) -> Served:
    """A text, such as a robots.txt."""
    return Served(Response(200, {"Content-Type": "text/plain; charset=utf-8"}, text.encode()))


def sitemap(*paths: str) -> Served:
    """A sitemap of these paths."""
    locations = "".join(f"<url><loc>{{site}}{path}</loc></url>" for path in paths)
    body = f'<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">{locations}</urlset>'
    return Served(Response(200, {"Content-Type": "application/xml"}, body.encode()))


def redirect(target: str, status: int = 301) -> Served:
    """An answer that leads elsewhere."""
    return Served(Response(status, {"Location": target}))


NOT_FOUND = Served(Response(404, HTML, b"<!doctype html><title>Not found</title><p>Not found"))
