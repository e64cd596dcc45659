"""The report of a site scan, and its verdict."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from landfall.runs.documents import Verdict
from landfall.runs.report import RunReport, verdict_of, within_room
from landfall.site import advice
from landfall.site.judgement import RAISE, Judgements, adjusted, remarks
from landfall.site.observed import ObservedSite
from landfall.site.packing import packed
from landfall.site.report_room import shortened, stored_report
from landfall.site.rubric import Dimension
from landfall.site.scores import CriterionScore, Scores
from landfall.site.seen import seen_on
from landfall.site.urls import page_key
from landfall.store.documents import Fields

MIN_COVERAGE = 0.9
"""Share of the points that must be observed for a verdict."""

MAX_SHOWN = 5
"""Strengths, leaks and quick wins on the run itself; the report has all of them."""

WHY_CHARACTERS = (2_000, 300, 100)
"""Characters of each reason in a run's document: it has the first number that fits."""

HEALTHY_BAND = "strong"
WARNING_BANDS = ("good", "weak")


@dataclass(frozen=True)
class SiteReport:
    """The report of a run, with its `verdict` and the reasons for which it is `inconclusive`."""

    verdict: Verdict
    inconclusive: list[Fields]
    fields: Fields

    def shown(self) -> Fields:
        """Return the short report, which is stored on the run itself."""
        few = ("strengths", "leaks", "quick_wins")
        left_out = {*few, "pages", "critique", "patterns", "journey", "action_plan"}
        left_out |= {"criteria", "judgements", "seen"}
        short = {name: value for name, value in self.fields.items() if name not in left_out}
        return short | {name: self.fields[name][:MAX_SHOWN] for name in few}

    def counts(self) -> Fields:
        """Return the numbers of a run that listings show, so that they need not read its report."""
        total = self.fields["total_score_60"]
        return ({} if total is None else {"total_score_60": total}) | {
            "strengths": len(self.fields["strengths"]),
            "leaks": len(self.fields["leaks"]),
            "quick_wins": len(self.fields["quick_wins"]),
            # 89.9 % are not 90
            "coverage_pct": int(round(100 * self.fields["coverage"], 1)),
        }

    def of_run(self, handover: Fields | None) -> RunReport:
        """Return the report for the run's document, beside the handover to its step."""
        return within_room(self._with_reasons, WHY_CHARACTERS, handover)

    def document(self) -> Fields:
        """Return the document of the whole report."""
        return packed(stored_report(self.fields), len(self.fields["pages"]))

    def _with_reasons(self, characters: int) -> RunReport:
        why = [one | {"why": shortened(one["why"], characters)} for one in self.inconclusive]
        return RunReport(self.verdict, self.counts(), why, self.shown())


def band_verdict(band: str | None) -> Verdict:
    """Return the verdict of a band: healthy from 8, warning from 4, critical below."""
    if band == HEALTHY_BAND:
        return "healthy"
    return "warning" if band in WARNING_BANDS else "critical"


def why_inconclusive(scores: Scores, observed: ObservedSite) -> list[Fields]:
    """Return the reasons for which a verdict is not possible: parts that were not observed."""
    why = [
        {"what": one.dimension.id, "why": "less than half of its points were observed"}
        for one in scores.dimensions
        if one.score is None
    ]
    if observed.mobile is None:
        why.append(
            {"what": "mobile", "why": "the mobile version of the home page was not observed"}
        )
    why += [
        {"what": missed.url, "why": f"{missed.reason}: {missed.message}"}
        for missed in observed.missed
    ]
    if scores.coverage < MIN_COVERAGE:
        text = f"only {scores.coverage:.1%} of all points were observed; a verdict needs 90 %"
        why.append({"what": "coverage", "why": text})
    return why


def report_of(
    site: str,
    mode: str,
    ruled: Scores,
    observed: ObservedSite,
    before: Mapping[str, Any] | None,
    judgements: Judgements | None = None,
) -> SiteReport:
    """Return the report of a site. `before` is the `summary` of the site's last report.

    `ruled` are the scores of the rules. The `judgements` of a model adjust them if there is a valid
    one for every page; otherwise the scores are those of the rules, and `scorer` shows that.
    """
    by_model = judgements is not None and judgements.complete
    scores = adjusted(ruled, judgements.good.values()) if judgements and by_model else ruled
    why = why_inconclusive(scores, observed)
    why += judgements.why_incomplete() if judgements else []
    # what was not observed may be good: only a band that it could not lift is certain
    band = ruled.best_band(RAISE if judgements else 0) if why else scores.band
    fields: Fields = {
        "site": site,
        "mode": mode,
        "scorer": "model" if by_model else "rules",
        "dimensions": [one.dimension.id for one in scores.dimensions],
        "names": {one.dimension.id: one.dimension.name for one in scores.dimensions},
        "scores": {one.dimension.id: one.score for one in scores.dimensions},
        "total_score_60": scores.total_score_60,
        "patient_flow_score_10": scores.patient_flow_score_10,
        "band": scores.band,
        "coverage": scores.coverage,
        "strengths": advice.strengths(scores),
        "leaks": advice.leaks(scores),
        "quick_wins": advice.quick_wins(scores),
        "criteria": _criteria(scores),
        "pages": [{"url": page.url, "page_type": page.page_type} for page in observed.pages],
        "seen": {
            "desktop": [seen_on(page.evidence) for page in observed.pages],
            "mobile": seen_on(observed.mobile) if observed.mobile else None,
        },
    }
    if judgements:
        fields["rules_scores"] = {one.dimension.id: one.score for one in ruled.dimensions}
        fields["judgements"] = judgements.fields()
        home = judgements.good.get(observed.pages[0].url)
        fields["model_said"] = remarks(home)["critique"] if home else None
        fields["models"] = sorted({judgements.sources[url]["model"] for url in judgements.good})
    if mode == "deep":
        fields |= {
            "critique": advice.critique(scores, observed),
            "patterns": advice.patterns(scores, observed),
            "journey": advice.journey(scores, observed),
            "action_plan": advice.actions(scores),
        }
    fields["comparison"] = compared(fields, before) if before else None
    return SiteReport(verdict_of(band_verdict(band), why), why, fields)


def _criteria(scores: Scores) -> list[Fields]:
    return [_criterion(dimension, result) for dimension, result in scores.results()]


def _criterion(dimension: Dimension, result: CriterionScore) -> Fields:
    """Return the result of a criterion, with what it asks for and what was found.

    `text` is the statement that could not be decided; the others are strengths and leaks.
    """
    criterion = result.criterion
    return {
        "id": criterion.id,
        "dimension": dimension.id,
        "text": criterion.good if result.share is None else None,
        "points": criterion.points,
        "where": criterion.where,
        "fact": criterion.fact,
        "at_least": criterion.at_least,
        "at_most": criterion.at_most,
        "share": result.share,
        "observed": round(result.observed, 3),
        "applies": result.applies,
        "pages": list(result.cited),
        "values": list(result.values),
    }


def summary(run_id: str, report: Mapping[str, Any]) -> Fields:
    """Return the part of a report that the next run of the same site is compared with."""
    names = ("mode", "scorer", "scores", "total_score_60", "patient_flow_score_10", "band")
    return {name: report[name] for name in names} | {
        "run_id": run_id,
        "pages": [page["url"] for page in report["pages"]],
        "leaks": [leak["id"] for leak in report["leaks"]],
    }


def compared(report: Mapping[str, Any], before: Mapping[str, Any]) -> Fields:
    """Return the changes since a report: scores, new and missing pages, new and fixed leaks.

    Scores are compared where both reports have them. If mode or scorer differ, only pages are.
    """
    now = {page_key(page["url"]): page["url"] for page in report["pages"]}
    then = {page_key(url): url for url in before["pages"]}
    alike = all(report[name] == before[name] for name in ("mode", "scorer"))
    leaking = {leak["id"] for leak in report["leaks"]}
    known = {one["id"] for one in report["criteria"] if one["share"] is not None}
    captured_at = before.get("captured_at")
    return {
        "run_id": before["run_id"],
        "captured_at": captured_at.isoformat() if captured_at else None,
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
