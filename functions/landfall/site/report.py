"""What a run of a site scan says in the end: its verdict, and the report behind it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from landfall.runs.documents import Verdict
from landfall.site import advice
from landfall.site.judgement import Judgements, moved, remarks
from landfall.site.scores import Look, Scores
from landfall.site.urls import page_key
from landfall.store.documents import Fields

COVERAGE_LEAST = 0.9
"""The share of what was asked that must have been observed for a verdict."""

SHOWN_MOST = 5
"""Strengths, leaks and quick wins that are on the run itself; the report has all of them."""

HEALTHY_BAND = "strong"
WARNING_BANDS = ("good", "weak")


@dataclass(frozen=True)
class SiteReport:
    """What becomes of a run: `verdict` and `inconclusive` as they stand on it, and the report."""

    verdict: Verdict
    inconclusive: list[Fields]
    fields: Fields

    def shown(self) -> Fields:
        """The report in short, which is on the run itself."""
        few = ("strengths", "leaks", "quick_wins")
        left_out = {*few, "pages", "critique", "patterns", "journey", "action_plan"}
        left_out |= {"criteria", "judgements"}
        kept = {name: value for name, value in self.fields.items() if name not in left_out}
        return kept | {name: self.fields[name][:SHOWN_MOST] for name in few}


def verdict_of(scores: Scores, why: Sequence[Fields]) -> Verdict:
    """healthy from 8, warning from 4, critical below; inconclusive when there is a reason."""
    if why:
        return "inconclusive"
    if scores.band == HEALTHY_BAND:
        return "healthy"
    return "warning" if scores.band in WARNING_BANDS else "critical"


def why_inconclusive(scores: Scores, look: Look) -> list[Fields]:
    """What could not be observed of all that was asked."""
    why = [
        {"what": one.dimension.id, "why": "less than half of its points could be observed"}
        for one in scores.dimensions
        if one.score is None
    ]
    if look.mobile is None:
        why.append({"what": "mobile", "why": "the home page was not observed as a phone gets it"})
    why += [
        {"what": missed.url, "why": f"{missed.reason}: {missed.message}"} for missed in look.missed
    ]
    if scores.coverage < COVERAGE_LEAST:
        said = f"{scores.coverage:.0%} of what was asked could be observed, and it takes 90 %"
        why.append({"what": "coverage", "why": said})
    return why


def report_of(
    site: str,
    mode: str,
    ruled: Scores,
    look: Look,
    before: Mapping[str, Any] | None,
    judgements: Judgements | None = None,
) -> SiteReport:
    """The report of what was seen. `before` is the `summary` of the site's last one.

    `ruled` are the scores of the rules. The `judgements` of a model move them where there is a
    good one about every page; otherwise the scores are those of the rules, and say so.
    """
    by_model = judgements is not None and judgements.complete
    scores = moved(ruled, judgements.good.values()) if judgements and by_model else ruled
    why = why_inconclusive(scores, look)
    why += judgements.why_incomplete() if judgements else []
    fields: Fields = {
        "site": site,
        "mode": mode,
        "scorer": "model" if by_model else "rules",
        "dimensions": [one.dimension.id for one in scores.dimensions],
        "scores": {one.dimension.id: one.score for one in scores.dimensions},
        "total_score_60": scores.total_score_60,
        "patient_flow_score_10": scores.patient_flow_score_10,
        "band": scores.band,
        "coverage": scores.coverage,
        "strengths": advice.strengths(scores),
        "leaks": advice.leaks(scores),
        "quick_wins": advice.quick_wins(scores),
        "criteria": _criteria(scores),
        "pages": [{"url": page.url, "page_type": page.page_type} for page in look.pages],
    }
    if judgements:
        fields["rules_scores"] = {one.dimension.id: one.score for one in ruled.dimensions}
        fields["judgements"] = judgements.fields()
        home = judgements.good.get(look.pages[0].url)
        fields["model_said"] = remarks(home)["critique"] if home else None
        fields["models"] = sorted({judgements.how[url]["model"] for url in judgements.good})
    if mode == "deep":
        fields |= {
            "critique": advice.critique(scores, look),
            "patterns": advice.patterns(scores, look),
            "journey": advice.journey(scores, look),
            "action_plan": advice.actions(scores),
        }
    fields["comparison"] = compared(fields, before) if before else None
    return SiteReport(verdict_of(scores, why), why, fields)


def _criteria(scores: Scores) -> list[Fields]:
    return [
        {
            "id": judged.criterion.id,
            "dimension": dimension.id,
            "share": judged.share,
            "observed": round(judged.observed, 3),
            "applies": judged.applies,
            "pages": list(judged.cited),
        }
        for dimension, judged in scores.judged()
    ]


def summary(run_id: str, report: Mapping[str, Any]) -> Fields:
    """What the next run of the same site compares itself with."""
    kept = ("mode", "scorer", "scores", "total_score_60", "patient_flow_score_10", "band")
    return {name: report[name] for name in kept} | {
        "run_id": run_id,
        "pages": [page["url"] for page in report["pages"]],
        "leaks": [leak["id"] for leak in report["leaks"]],
    }


def compared(report: Mapping[str, Any], before: Mapping[str, Any]) -> Fields:
    """What is not as it was: differences of scores, pages new and gone, leaks new and mended.

    Scores are compared where both runs have one; of another mode or scorer, nothing but pages is.
    """
    now = {page_key(page["url"]): page["url"] for page in report["pages"]}
    then = {page_key(url): url for url in before["pages"]}
    alike = all(report[name] == before[name] for name in ("mode", "scorer"))
    leaking = {leak["id"] for leak in report["leaks"]}
    known = {one["id"] for one in report["criteria"] if one["share"] is not None}
    return {
        "run_id": before["run_id"],
        "scores": _differences(report["scores"], before["scores"]) if alike else {},
        "total_score_60": _difference(report, before, "total_score_60") if alike else None,
        "patient_flow_score_10": _difference(report, before, "patient_flow_score_10")
        if alike
        else None,
        "pages_new": [url for key, url in now.items() if key not in then],
        "pages_gone": [url for key, url in then.items() if key not in now],
        "leaks_mended": [one for one in before["leaks"] if one in known - leaking] if alike else [],
        "leaks_new": sorted(leaking - set(before["leaks"])) if alike else [],
    }


def _differences(now: Mapping[str, Any], then: Mapping[str, Any]) -> Fields:
    return {name: _difference(now, then, name) for name in now if name in then}


def _difference(now: Mapping[str, Any], then: Mapping[str, Any], name: str) -> float | None:
    if now[name] is None or then[name] is None:
        return None
    return round(float(now[name]) - float(then[name]), 1)
