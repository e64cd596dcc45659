"""The report of a site scan as people read it. Pure: from a run and the report that it stored."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import islice
from typing import Any

from landfall.store.documents import Fields
from landfall.window.fact_words import FACT_WORDS, asked_for, measured, words_of
from landfall.window.report_content import (
    MAX_LABEL,
    Cited,
    Detail,
    Few,
    cited,
    page_of,
    text_of,
)
from landfall.window.standing import without_code

MAX_TEXT = 1_000
"""Characters of a statement; a rubric's have at most 300, a model's 500."""

MAX_SEEN = 160
"""Characters of a text of a page."""

MAX_LEAKS = 3
"""Weak spots of a stage of the visitor's way."""

ORDER = ("unmet", "partly", "unseen", "met", "not_applicable")
"""States of a criterion: what can be improved comes first."""

GRADES = {"effect": {"high": "Large", "medium": "Medium", "low": "Small"},
          "effort": {"low": "Little", "medium": "Some", "high": "Much"}}  # fmt: skip
"""Impact and effort of an action in words."""

PARTS_UNSEEN = {
    "mobile": "The home page on a phone",
    "coverage": "Too little in all",
    "model": "The language model",
}
"""Parts of a report that were not observed, other than pages and dimensions."""

WHERE = {"mobile": "on a phone"}

UNSEEN: dict[str, str] = {
    "site_timeout": "It took too long to arrive.",
    "site_unreachable": "The site could not be reached.",
    "site_malformed": "It arrived incomplete.",
    "site_forbidden_address": "It leads to an address that is not on the public internet.",
    "site_too_many_redirects": "It leads from one address to the next without an end.",
    "site_too_large": "It is too large to be read.",
    "site_not_html": "It is no web page.",
    "site_disallowed": "The site asks robots not to read it.",
    "site_rejected": "The site refuses it: it does not exist, or is not public.",
    "site_challenged": "The site asks visitors to prove that they are human.",
    "site_walled": "It asks for consent, an age or a log-in first.",
    "site_placeholder": "It is only there until the real page is.",
    "site_no_content": "It is nearly empty until a script has run in a browser.",
    "site_rate_limited": "The site answered that there were too many requests.",
    "site_unavailable": "The site had an error of its own.",
}
"""Reasons for which a page was not seen, for somebody who owns a site."""


@dataclass(frozen=True)
class Check:
    """A criterion with its result: the statement, what was found where, and what is asked for."""

    state: str
    text: str
    share: float | None
    measure: str
    asked: str
    pages: Few
    where: str


@dataclass(frozen=True)
class Part:
    """A dimension with its score, its change since the last report, and its criteria."""

    id: str
    name: str
    score: float | None
    by_rules: float | None
    change: float | None
    checks: Few
    remarks: Sequence["ModelRemark"]
    to_do: int


@dataclass(frozen=True)
class ModelRemark:
    """The words of a model about a dimension of a page."""

    page: Cited
    why: str
    quote: str


def values_of_site(run: Fields, report: Fields, detail: Detail) -> dict[str, Any]:
    """Return what the template shows of a site's report, with so many details."""
    view = _View(run, report, detail)
    later = [one for one in report.get("action_plan", ()) if one["effort"] == "high"]
    return {
        "run": run,
        "report": report,
        "parts": [view.part(name) for name in report["dimensions"]],
        "wins": Few.of(report["quick_wins"], detail.rows, view.action),
        "later": Few.of(later, detail.rows, view.action),
        "pages": Few.of(report["pages"], detail.rows, view.page),
        "beside": view.beside(),
        "mobile_seen": bool((report.get("seen") or {}).get("mobile")),
        "comparison": view.comparison(),
        "journey": Few.of(report.get("journey", ()), detail.rows, view.stage),
        "unseen": Few.of(run.get("inconclusive") or (), detail.rows, view.unseen),
        "remark": text_of(report.get("model_said") or "", detail.text),
        "models": [text_of(name, MAX_LABEL) for name in report.get("models", ())],
    }


class _View:
    """A report, in its words."""

    def __init__(self, run: Fields, report: Fields, detail: Detail) -> None:
        self._run = run
        self._report = report
        self._detail = detail
        self._names = report.get("names", {})
        # an earlier version stored the texts of strengths and leaks alone
        self._texts = {one["id"]: one["text"] for one in (*report["strengths"], *report["leaks"])}
        seen = report.get("seen") or {}
        self._desktop, self._mobile = seen.get("desktop", ()), seen.get("mobile")
        self._seen = {one["url"]: one for one in self._desktop}
        self._judged = {one["url"]: one for one in report.get("critique", ())}

    def name(self, dimension: str) -> str:
        """Return the name of a dimension."""
        return self._cut(self._names.get(dimension) or _spelled(dimension))

    def text(self, criterion: str) -> str:
        """Return the statement about a criterion."""
        return self._cut(self._texts.get(criterion) or _spelled(criterion))

    def _cut(self, text: str, most: int = MAX_TEXT) -> str:
        return text_of(text, min(most, self._detail.text))

    def part(self, name: str) -> Part:
        """Return a dimension."""
        report = self._report
        its = [one for one in report.get("criteria", ()) if one["dimension"] == name]
        score, ruled = report["scores"][name], report.get("rules_scores", {}).get(name)
        return Part(
            name,
            self.name(name),
            score,
            ruled if ruled != score else None,
            (report.get("comparison") or {}).get("scores", {}).get(name),
            Few.of(sorted(its, key=_urgency), self._detail.rows, self._check),
            [self._remark(*it) for it in islice(self._remarks_on(name), self._detail.remarks)],
            sum(_state(one) in ("unmet", "partly") for one in its),
        )

    def _check(self, row: Fields) -> Check:
        fact, in_part = row.get("fact", ""), row["share"] not in (None, 0, 1)
        counted = bool(fact) and words_of(fact).form != "yes"
        values = row.get("values") or [None] * len(row["pages"])

        def page(cell: tuple[str, float | None]) -> Cited:
            url, value = cell
            return cited(
                url, MAX_LABEL, "" if value is None or not counted else measured(fact, value)
            )

        return Check(
            _state(row),
            self._cut(row.get("text") or "") or self.text(row["id"]),
            row["share"] if in_part else None,
            text_of(words_of(fact).name, MAX_LABEL) if counted else "",
            asked_for(fact, row.get("at_least"), row.get("at_most")) if counted else "",
            Few.of(list(zip(row["pages"], values, strict=False)), self._detail.cited, page),
            WHERE.get(row.get("where", ""), ""),
        )

    def _remarks_on(self, dimension: str) -> Iterator[tuple[str, Fields]]:
        for judged in self._report.get("judgements", ()):
            for one in judged.get("dimensions", ()):
                if one["dimension"] == dimension and one["counts"]:
                    yield judged["url"], one

    def _remark(self, url: str, one: Fields) -> ModelRemark:
        return ModelRemark(page_of(url), self._cut(one["why"]), self._cut(one["quote"]))

    def action(self, one: Fields) -> Fields:
        """Return an action with its effect and its effort in words."""
        return {
            "action": self._cut(one["action"]),
            "effect": GRADES["effect"][one["impact"]],
            "effort": GRADES["effort"][one["effort"]],
            "part": self.name(one["dimension"]),
            "pages": Few.of(one["pages"], self._detail.cited, page_of),
        }

    def page(self, one: Fields) -> Fields:
        """Return a page, with what was seen on it."""
        seen, judged = (by.get(one["url"], {}) for by in (self._seen, self._judged))
        facts = seen.get("facts") or judged
        return {
            "page": page_of(one["url"]),
            "kind": _spelled(one["page_type"]),
            "title": self._cut(seen.get("title") or judged.get("title", ""), MAX_SEEN),
            **{
                name: [self._cut(text, MAX_SEEN) for text in seen.get(name, ())]
                for name in ("headings", "calls")
            },
            "contacts": [self._cut(_contact(it), MAX_SEEN) for it in seen.get("contacts", ())],
            "words": measured("words", facts.get("words")),
            "seconds": measured("seconds", facts.get("seconds")),
            "size": measured("wire_kilobytes", facts.get("wire_kilobytes")),
            "to_do": Few.of(judged.get("bad", ()), self._detail.cited, self.text),
        }

    def beside(self) -> list[tuple[str, str, str, bool]]:
        """Return each fact of the home page, as a desktop and as a phone see it.

        Those that differ come first; a time is never quite the same.
        """
        if not self._desktop or not self._mobile:
            return []
        both = (self._desktop[0], self._mobile)
        desktop, mobile = (self._cut(one["title"], MAX_SEEN) for one in both)
        found = [("Title", desktop, mobile, desktop != mobile)]
        for fact, words in FACT_WORDS.items():
            values = [one["facts"].get(fact) for one in both]
            if fact != "status" and values != [None, None]:
                desktop, mobile = (measured(fact, value) for value in values)
                found.append((words.name, desktop, mobile, desktop != mobile and fact != "seconds"))
        return sorted(found, key=lambda row: not row[3])

    def comparison(self) -> Fields | None:
        """Return the differences to the last report of the same site."""
        found = self._report.get("comparison")
        if not found:
            return None
        at, rows = found.get("captured_at"), self._detail.rows
        total, change = self._report["total_score_60"], found["total_score_60"]
        lists = {
            "improved": Few.of(found["leaks_mended"], rows, self.text),
            "new": Few.of(found["leaks_new"], rows, self.text),
            "pages_new": Few.of(found["pages_new"], rows, page_of),
            "pages_gone": Few.of(found["pages_gone"], rows, page_of),
        }
        alike = bool(found["scores"])
        changed = any(found["scores"].values()) or any(few.shown for few in lists.values())
        return lists | {
            "at": datetime.fromisoformat(at) if at else None,
            "alike": alike,
            "same": alike and not changed,
            "total": total,
            "change": change,
            "before": None if total is None or change is None else round(total - change, 1),
        }

    def stage(self, one: Fields) -> Fields:
        """Return a stage of a visitor's way, with its weakest dimension."""
        known = [score for score in one["scores"].values() if score is not None]
        return {
            "stage": self._cut(one["stage"]),
            "score": min(known) if known else None,
            "leaks": Few.of(one["leaks"], MAX_LEAKS, self.text),
        }

    def unseen(self, one: Fields) -> Fields:
        """Return what was not observed, and why."""
        what = one.get("what") or ""
        page = page_of(what.removeprefix("model: "))
        if "://" not in what:
            page = Cited("", PARTS_UNSEEN.get(what) or self.name(what))
        elif what.startswith("model: "):
            page = replace(page, label=f"{page.label}, by the model")
        words = UNSEEN.get(one["why"].partition(":")[0], "")
        detail = self._cut(without_code(one["why"]))
        return {"what": page, "why": words or detail, "detail": detail if words else ""}


def _state(row: Mapping[str, Any]) -> str:
    if row["share"] is None:
        return "unseen" if row["applies"] else "not_applicable"
    if row["share"] == 1:
        return "met"
    return "partly" if row["share"] > 0 else "unmet"


def _urgency(row: Mapping[str, Any]) -> tuple[int, float]:
    return ORDER.index(_state(row)), -row.get("points", 0)


def _spelled(name: str) -> str:
    return name.replace("_", " ").replace("-", " ").capitalize()


def _contact(href: str) -> str:
    return href.partition(":")[2].partition("?")[0]
