"""The schedule of a scan, as a form, with the next runs that it would start."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from landfall.kinds.routes import save_scan
from landfall.kinds.saves import ScanChangedError, content_of
from landfall.kinds.settings_routes import current_definition, planned
from landfall.reasons import BadRequestError
from landfall.scans.cadence_phrase import describe
from landfall.scans.schedule_text import NAME, with_schedule
from landfall.scans.yaml_text import MAX_YAML
from landfall.window.settings_page import troubles_of
from landfall.window.visit import Elsewhere, Shown, View, Visit

DAYS = {
    "mon": "Monday",
    "tue": "Tuesday",
    "wed": "Wednesday",
    "thu": "Thursday",
    "fri": "Friday",
    "sat": "Saturday",
    "sun": "Sunday",
}

FORMS = {
    "none": "Only when somebody starts it",
    "every_minutes": "Every so many minutes",
    "daily": "Every day, at these times",
    "weekly": "On some days of the week, at these times",
    "at": "At certain moments",
    "cron": "By a cron expression",
}
"""Forms of a cadence; the first is none."""

FIELDS = {
    "every_minutes": "Minutes between two runs",
    "days": "Days",
    "times": "Times of day, such as 06:00, 18:30",
    "at": "Dates and times, such as 2027-01-31T06:00",
    "cron": "Minute, hour, day of month, month, day of week",
    "time_zone": "Time zone, such as Europe/Berlin",
}
"""Fields of the form, with their labels."""

PLACES = {
    "cadence.every_minutes": "every_minutes",
    "cadence.weekly.days": "days",
    "cadence.weekly.times": "times",
    "cadence.daily": "times",
    "cadence.at": "at",
    "cadence.cron": "cron",
    "time_zone": "time_zone",
}
"""Places in a schedule that problems name, with the field of the form that is meant."""

NO_NUMBER = "give a whole number of minutes, such as 60"


async def schedule_page(visit: Visit, scan_id: str) -> View:
    """Show the schedule of a scan."""
    current = await current_definition(visit.ask(), scan_id)
    schedule = _content(current["text"]).get(NAME) or {}
    return await _page(visit, scan_id, current, form_of(schedule))


async def save_schedule(visit: Visit, scan_id: str) -> Shown:
    """Save a schedule, or show the next runs of it; the rest of the definition stays as it is."""
    form = visit.form()
    current = await current_definition(visit.ask(), scan_id)
    tag = form.get("etag", "")
    try:
        text = with_schedule(current["text"], schedule_of(form, _content(current["text"])))
        if form.get("act") == "save":
            await save_scan(visit.ask(text=text, match=tag), scan_id)
            return Elsewhere(f"/scans/{scan_id}/settings", "schedule_saved")
        await planned(visit.ask(), scan_id, text)
    except (BadRequestError, ScanChangedError, ValueError) as error:
        if isinstance(error, ScanChangedError):
            again = {**form, "etag": ""}  # the next save is of theirs, with this schedule
            problems = [f"{error}. Saving again changes the schedule in theirs to this one"]
            return (await _page(visit, scan_id, current, again, problems)).answered(error.status)
        lines = troubles_of(error, scan_id) if isinstance(error, BadRequestError) else []
        problems = [in_the_form(one.message) for one in lines] or [str(error)]
        return (await _page(visit, scan_id, current, form, problems)).answered(400)
    return await _page(visit, scan_id, current, form)


def in_the_form(problem: str) -> str:
    """Return a problem of a schedule with the label of its field in place of the setting."""
    place, _, message = problem.partition("schedule.")[2].partition(": ")
    field = PLACES.get(place.partition(" item ")[0])
    if field is None:
        return problem
    message = NO_NUMBER if field == "every_minutes" else message
    return f"{FIELDS[field].partition(', such')[0]}: {message}"


def form_of(schedule: Mapping[str, Any]) -> dict[str, str]:
    """Return the fields of the form for a schedule as it is written in a definition."""
    cadence: Mapping[str, Any] = schedule.get("cadence") or {}
    form = next((name for name in FORMS if name in cadence), "none")
    given: Any = cadence.get(form)
    fields = {"form": form, "time_zone": str(schedule.get("time_zone", "UTC"))}
    if form == "weekly":
        fields["times"] = _joined(given.get("times"))
        fields |= {f"day-{day}": "on" for day in _listed(given.get("days"))}
    elif form == "daily":
        fields["times"] = _joined(given)
    elif form != "none":
        fields[form] = _joined(given)
    return fields


def schedule_of(form: Mapping[str, str], content: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the schedule that a form describes; its other settings are those of the definition."""
    times = form.get("times", "").replace(",", " ").split()
    cadence: dict[str, Any]
    match form.get("form"):
        case "none":
            return None
        case "every_minutes":
            minutes = form.get("every_minutes", "").strip()
            whole = minutes.isascii() and minutes.isdecimal() and len(minutes) < 8
            cadence = {"every_minutes": int(minutes) if whole else minutes}
        case "daily":
            cadence = {"daily": times}
        case "weekly":
            days = [day for day in DAYS if form.get(f"day-{day}")]
            cadence = {"weekly": {"days": days, "times": times}}
        case "at":
            cadence = {"at": form.get("at", "").replace(",", " ").split()}
        case "cron":
            cadence = {"cron": form.get("cron", "").strip()}
        case _:
            raise BadRequestError("choose when it runs")
    others = {
        k: v for k, v in (content.get(NAME) or {}).items() if k not in ("cadence", "time_zone")
    }
    return {"cadence": cadence, "time_zone": form.get("time_zone", "").strip() or "UTC", **others}


def _content(text: str) -> Mapping[str, Any]:
    if len(text) > MAX_YAML:
        raise BadRequestError(
            "the definition is too long for a page; change its file, and send it with `PUT`"
        )
    content: Mapping[str, Any] = content_of(text)
    return content


def _listed(value: Any) -> Sequence[Any]:
    return value if isinstance(value, list) else [value]


def _joined(value: Any) -> str:
    return ", ".join(map(str, _listed(value)))


async def _page(
    visit: Visit,
    scan_id: str,
    current: Mapping[str, Any],
    form: Mapping[str, str],
    problems: Sequence[str] = (),
) -> View:
    slots: Sequence[datetime] = ()
    phrase = ""
    if not problems:
        text = with_schedule(current["text"], schedule_of(form, _content(current["text"])))
        scan, phrase, slots = await planned(visit.ask(), scan_id, text)
        if scan.schedule and slots:
            phrase = describe(scan.schedule.cadence, scan.schedule.time_zone)
    values = {
        "scan_id": scan_id,
        "form": form,
        "forms": FORMS,
        "days": DAYS,
        "labels": FIELDS,
        "etag": form.get("etag") or current["etag"],
        "slots": slots,
        "phrase": phrase,
        "problems": problems,
    }
    return View("schedule.html", values)
