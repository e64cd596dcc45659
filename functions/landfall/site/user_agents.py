"""Our user agents. A site may have rules for `NAME` in its robots.txt."""

NAME = "LandfallBot"
VERSION = "1.0"


def desktop(contact: str) -> str:
    """Return the user agent of requests for the desktop version of a page."""
    return f"Mozilla/5.0 (X11; Linux x86_64) {_us(contact)}"


def mobile(contact: str) -> str:
    """Return the user agent of requests for the mobile version of a page."""
    return f"Mozilla/5.0 (Linux; Android 14; Mobile) {_us(contact)}"


def _us(contact: str) -> str:
    about = f"; {contact}" if contact else ""
    return f"(compatible; {NAME}/{VERSION}{about})"
