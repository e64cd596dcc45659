"""Who we say that we are. A site may write rules for `NAME` into its robots.txt."""

NAME = "LandfallBot"
VERSION = "1.0"


def desktop(contact: str) -> str:
    """What a site is told with a request for what a desktop gets."""
    return f"Mozilla/5.0 (X11; Linux x86_64) {_us(contact)}"


def mobile(contact: str) -> str:
    """What a site is told with a request for what a phone gets."""
    return f"Mozilla/5.0 (Linux; Android 14; Mobile) {_us(contact)}"


def _us(contact: str) -> str:
    about = f"; {contact}" if contact else ""
    return f"(compatible; {NAME}/{VERSION}{about})"
