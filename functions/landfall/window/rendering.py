"""Templates, and the forms in which they show values: moments, durations, numbers and states."""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from landfall.window.assets import address_of
from landfall.window.finding_rows import brief
from landfall.window.standing import by_loudness, state_of, without_code
from landfall.window.wording import (
    COMPARED,
    DONE,
    GLOSSARY,
    KINDS,
    MEANINGS,
    OUTPUTS,
    STATES,
    STEPS,
    Word,
)

TEMPLATES = Path(__file__).with_name("templates")


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    environment.filters |= {
        "when": when,
        "until": until,
        "duration": duration,
        "number": number,
        "count": count,
        "dollars": dollars,
        "percent": percent,
        "state": state,
        "meaning": meaning,
        "plain_when": plain_when,
        "local": local,
        "day": day,
        "by_loudness": by_loudness,
        "without_code": without_code,
        "brief": brief,
        "owner": owner,
        "sentence": sentence,
    }
    environment.globals |= {
        "asset": address_of,
        "kinds": KINDS,
        "steps": STEPS,
        "outputs": OUTPUTS,
        "done": DONE,
        "compared": COMPARED,
        "glossary": GLOSSARY,
        "states": STATES,
        "state_of": state_of,
        "headline": headline,
        "run_key": run_key,
        "step_words": step_words,
    }
    return environment


def render(template: str, values: Mapping[str, Any]) -> str:
    """Return a page in HTML, in which every value is escaped."""
    return _environment().get_template(template).render(values)


def when(moment: datetime | None, missing: str = "-") -> Markup:
    """Return a moment in UTC; the script of the window shows it in the reader's zone."""
    if moment is None:
        return Markup.escape(missing)
    utc = moment.astimezone(UTC)
    time = Markup('<time datetime="{}">{}</time>')
    return time.format(f"{utc:%Y-%m-%dT%H:%M:%SZ}", plain_when(utc))


def until(moment: datetime, now: datetime) -> Markup:
    """Return a moment to come as the time until then; the script of the window counts down."""
    left = duration(max((moment - now).total_seconds(), 0.0))
    time = Markup('<time datetime="{}">in {} ({})</time>')
    return time.format(f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}", left, plain_when(moment))


def plain_when(moment: datetime) -> str:
    """Return a moment in UTC, as text."""
    utc = moment.astimezone(UTC)
    return f"{utc.day} {utc:%b %Y, %H:%M} UTC"


def local(moment: datetime) -> str:
    """Return a moment as the clocks of its own zone show it, such as those of a schedule."""
    return f"{moment:%a} {moment.day} {moment:%b %Y, %H:%M %Z}"


def day(moment: datetime) -> str:
    """Return the day of a moment, as text."""
    return f"{moment.day} {moment:%b %Y}"


def duration(seconds: float | None) -> str:
    """Return a duration with its units: "0.4 s", "12 s", "2 min 5 s", "3 h 10 min"."""
    if seconds is None:
        return "-"
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    if whole < 48 * 3600:
        return f"{whole // 3600} h {whole % 3600 // 60} min"
    return f"{whole // 86400} days"


def number(value: float) -> str:
    """Return a number with its thousands apart."""
    return f"{value:,}"


def count(value: int, noun: str, plural: str = "") -> str:
    """Return a number with its noun: "1 finding", "3,775 findings"."""
    return f"{value:,} {noun if value == 1 else plural or f'{noun}s'}"


def percent(share: float) -> str:
    """Return a share in per cent: "100 %" is all of it, and "0 %" nothing."""
    whole = int(round(100 * share, 6))
    return "less than 1 %" if whole == 0 and share > 0 else f"{whole} %"


def dollars(value: float) -> str:
    """Return an amount in US dollars, in cents or, below one, in fractions of it."""
    return f"${value:,.2f}" if value >= 0.01 or value == 0 else f"${value:.4f}"


def meaning(name: str, kind: str | None) -> str:
    """Return what a state says about a scan, or about a run, of this kind."""
    return MEANINGS.get((kind or "", name)) or state(name).meaning


def state(name: str) -> Word:
    """Return the word for a state; a name that is none is shown as it is."""
    return STATES.get(name) or Word(name.replace("_", " "), "", "quiet")


def owner(name: str) -> str:
    """Return the owner of a rule; that there is none stays on one line."""
    return name or "No\u00a0owner"


def sentence(message: str) -> str:
    """Return a message of the api as a sentence; the name that it begins with, as words."""
    text = re.sub("^`([a-z_]+)`", lambda name: name[1].replace("_", " "), message.strip())
    return f"{text[:1].upper()}{text[1:]}{'' if text.endswith(('.', '?', '!')) else '.'}"


def headline(run: Mapping[str, Any]) -> str:
    """Return the result of a run in a few words, by what its kind of scan counts."""
    counts = run["counts"]
    if "findings" in counts:
        return "No open findings"
    if "leaks" in counts:
        total = counts.get("total_score_60")
        points = "" if total is None else f"{total} of 60 points, "
        return f"{points}{count(counts['leaks'], 'weak spot')}, {count(counts['pages'], 'page')}"
    if "elements" in counts:
        return f"{count(counts['elements'], 'element')} classified"
    return ""


def run_key(scan: Mapping[str, Any]) -> str:
    """Return the key of the run that would be the next: a form sent twice starts it once."""
    newest = scan["runs"][0]["run_id"] if scan["runs"] else "first"
    return f"after {newest}"


def step_words(spans: Sequence[Any], step: str) -> str:
    """Return how long a step was at work and how long it waited, in words."""
    its = {
        state: sum(s.seconds for s in spans if (s.step, s.state) == (step, state))
        for state in ("running", "queued")
    }
    return f"{duration(its['running'])} at work, {duration(its['queued'])} waiting"
