"""The facts of pages as people read them: their names, their values with units, and the bounds."""

from dataclasses import dataclass
from typing import Literal

from landfall.window.rendering import percent

Form = Literal["yes", "number", "seconds", "kilobytes", "characters", "share"]


@dataclass(frozen=True)
class FactWords:
    """The name of a fact, and the form of its values."""

    name: str
    form: Form


FACT_WORDS: dict[str, FactWords] = {
    "status": FactWords("Status of the answer", "number"),
    "redirects": FactWords("Detours before the page", "number"),
    "seconds": FactWords("Time until the page had arrived", "seconds"),
    "wire_kilobytes": FactWords("Size as sent, without pictures", "kilobytes"),
    "kilobytes": FactWords("Size unpacked, without pictures", "kilobytes"),
    "compressed": FactWords("Sent compressed", "yes"),
    "cacheable": FactWords("Says how long browsers may store it", "yes"),
    "https": FactWords("Encrypted (HTTPS)", "yes"),
    "modern_tls": FactWords("Encrypted by a modern method", "yes"),
    "keeps_https": FactWords("Stays encrypted on later visits", "yes"),
    "insecure_parts": FactWords("Parts loaded without encryption", "number"),
    "title_characters": FactWords("Length of the title", "characters"),
    "description_characters": FactWords(
        "Length of the description for search results", "characters"
    ),
    "h1": FactWords("Main headings", "number"),
    "headings": FactWords("Headings", "number"),
    "heading_skips": FactWords("Headings that skip a level", "number"),
    "words": FactWords("Words to read", "number"),
    "viewport": FactWords("Adapts to the width of a phone", "yes"),
    "zoomable": FactWords("Can be enlarged on a phone", "yes"),
    "telephone_links": FactWords("Telephone numbers to tap", "number"),
    "mail_links": FactWords("E-mail addresses to tap", "number"),
    "forms": FactWords("Forms", "number"),
    "form_fields": FactWords("Fields of the shortest form", "number"),
    "fields_named": FactWords("Form fields with a name for screen readers", "share"),
    "images": FactWords("Pictures", "number"),
    "images_described": FactWords("Pictures with a description", "share"),
    "links_named": FactWords("Links with a text", "share"),
    "main_landmark": FactWords("Main part marked for screen readers", "yes"),
    "language": FactWords("Says its language", "yes"),
    "icon": FactWords("Has an icon", "yes"),
    "frames": FactWords("Embedded maps, videos and the like", "number"),
    "scripts": FactWords("Scripts", "number"),
    "third_parties": FactWords("Other companies whose scripts run", "number"),
    "indexable": FactWords("May be listed by search engines", "yes"),
    "canonical": FactWords("Names its main address", "yes"),
    "structured_data": FactWords("Descriptions for search engines", "number"),
    "shared_as": FactWords("Descriptions for social networks", "number"),
}
"""The facts of every page, in the order in which they are shown."""

FAMILY_WORDS: dict[str, FactWords] = {
    "words": FactWords("Words about “{}” in the text", "number"),
    "title": FactWords("“{}” in the title", "yes"),
    "headings": FactWords("Headings about “{}”", "number"),
    "calls": FactWords("Links and buttons about “{}”", "number"),
    "data": FactWords("Descriptions for search engines about “{}”", "number"),
    "links": FactWords("Links to a page of the kind “{}”", "number"),
    "pages": FactWords("A page of the kind “{}”", "yes"),
}
"""The families of facts: a vocabulary, or a type of pages, fills the gap."""


def words_of(fact: str) -> FactWords:
    """Return the words of a fact; one that a later version knows is shown by its own name."""
    family, dot, name = fact.partition(".")
    if dot and family in FAMILY_WORDS:
        found = FAMILY_WORDS[family]
        return FactWords(found.name.format(name.replace("_", " ")), found.form)
    return FACT_WORDS.get(fact) or FactWords(fact.replace("_", " ").capitalize(), "number")


def measured(fact: str, value: float | None) -> str:
    """Return the value of a fact with its unit; a dash where a page cannot have it."""
    return "\N{EN DASH}" if value is None else _in_form(words_of(fact).form, value)


def asked_for(fact: str, at_least: float | None, at_most: float | None) -> str:
    """Return the bounds of a criterion: "at most 2 s"; empty where a plain yes is asked for."""
    form = words_of(fact).form
    if form == "yes" or at_least is at_most is None:
        return ""
    if form == "share" and at_least == 1:
        return "100 %"
    least, most = (None if it is None else _in_form(form, it) for it in (at_least, at_most))
    if least is None or most is None:
        return f"at most {most}" if least is None else f"at least {least}"
    return f"exactly {least}" if at_least == at_most else f"{least.partition(' ')[0]} to {most}"


def _in_form(form: Form, value: float) -> str:
    match form:
        case "yes":
            return "Yes" if value else "No"
        case "share":
            return percent(value)
        case "seconds":
            return f"{value:,.3g} s"
        case "kilobytes":
            return f"{value:,.0f} kB" if value >= 10 else f"{value:,.1f} kB"
        case "characters":
            return f"{value:,.0f} characters"
        case _:
            return f"{value:,g}" if value < 1e6 else f"{value:,.0f}"
