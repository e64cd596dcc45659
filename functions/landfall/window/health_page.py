"""Health: whether Landfall itself works, and which bases and sites are paused."""

from landfall.kinds.activity import activity
from landfall.kinds.routes import end_pause
from landfall.reasons import NotFoundError
from landfall.store.documents import both
from landfall.window.standing import meaning_of
from landfall.window.visit import LATER, Elsewhere, View, Visit
from landfall.window.wording import GLOSSARY


async def health_page(visit: Visit) -> View:
    """Show the health of Landfall."""
    (healthy, facts), now_at_work = await both(visit.health(), activity(visit.ask()))
    values = {
        "healthy": healthy,
        "facts": facts,
        "activity": now_at_work,
        "meaning_of": meaning_of,
        "now": visit.now,
    }
    return View("health.html", values, refresh=LATER)


async def stop_pause(visit: Visit, name: str) -> Elsewhere:
    """End the pause of a base or site."""
    try:
        await end_pause(visit.ask(), name)
    except NotFoundError:  # the page was open for a while
        return Elsewhere("/health", "pause_over")
    return Elsewhere("/health", "pause_ended")


async def words_page(_: Visit) -> View:
    """Explain the words of the window."""
    return View("words.html", {"terms": GLOSSARY})
