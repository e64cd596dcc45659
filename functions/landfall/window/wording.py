"""The words of the window: states, acts and terms, in plain English."""

from dataclasses import dataclass
from typing import Literal

Tone = Literal["good", "notice", "bad", "unsure", "busy", "quiet"]
"""The loudness of a state; `bad` and `unsure` are equally loud."""


@dataclass(frozen=True)
class Word:
    """A state as a person reads it: the word, its meaning, and its tone."""

    word: str
    meaning: str
    tone: Tone


STATES: dict[str, Word] = {
    # verdicts
    "healthy": Word("Healthy", "Everything was checked, and nothing has to be corrected.", "good"),
    "warning": Word("Warning", "Something should be corrected, but nothing is critical.", "notice"),
    "critical": Word("Critical", "Something must be corrected.", "bad"),
    "inconclusive": Word(
        "Inconclusive",
        "Something could not be checked, so nobody knows whether all is well.",
        "unsure",
    ),
    # statuses of a run
    "queued": Word("Waiting to start", "The run is about to start.", "busy"),
    "running": Word("Reading", "The run reads its base or site.", "busy"),
    "scoring": Word("Checking", "The run checks what it has read.", "busy"),
    "done": Word("Done", "The run did all its work.", "good"),
    "error": Word("Failed", "The run ended early, without a result.", "bad"),
    "timed_out": Word("Out of time", "The run did not end within its time.", "bad"),
    "cancelled": Word("Cancelled", "A person ended the run.", "quiet"),
    # statuses of a step
    "failed": Word("Failed", "The step ended without its result.", "bad"),
    # of a scan
    "missed": Word("Missed", "A run was due and has not started.", "bad"),
    "never": Word("Not run yet", "The scan has no run so far.", "quiet"),
    "paused": Word("Paused", "The scan does not run by itself until it is resumed.", "quiet"),
    "unreadable": Word(
        "Unreadable", "A newer version of Landfall wrote this; update this one.", "unsure"
    ),
    "deleting": Word("Being deleted", "It is being removed.", "busy"),
    "deleted": Word("Deleted", "Nothing of it is left.", "quiet"),
    "example": Word("Example", "A definition to begin with.", "quiet"),
    "chosen": Word("Chosen", "It is in the editor.", "good"),
    "in_use": Word("In use", "The next run uses it.", "good"),
    "untried": Word("Not tried", "There was nothing to try it on, or no time.", "quiet"),
    # severities and states of findings
    "info": Word("Info", "Good to know; no need to hurry.", "quiet"),
    "open": Word("Open", "Found, and not corrected yet.", "notice"),
    "reopened": Word("Reopened", "It was resolved or ignored, and is here again.", "notice"),
    "ignored": Word("Ignored", "A person decided that it may stay as it is.", "quiet"),
    "resolved": Word("Resolved", "The last run did not find it again.", "good"),
    # bands of a web site, and results of one of its criteria
    "strong": Word("Strong", "Visitors find what they need; little is left to do.", "good"),
    "good": Word("Good", "Most of it works, and some weak spots are left.", "good"),
    "weak": Word("Weak", "Visitors are lost in several places.", "notice"),
    "poor": Word("Poor", "Most of what visitors need is missing.", "bad"),
    "met": Word("Good", "It is as it should be.", "good"),
    "partly": Word("Partly", "Some of the pages are as they should be.", "notice"),
    "unmet": Word("To do", "It is not as it should be.", "bad"),
    "unseen": Word("Not seen", "It could not be seen, so nothing is concluded.", "unsure"),
    "differs": Word("Differs", "It is not the same on both.", "notice"),
    "not_applicable": Word("Left out", "The site has nothing that this is about.", "quiet"),
    # of a suggestion of a model
    "suggested": Word("Suggested", "A model suggests it, and nobody has decided.", "notice"),
    "confirmed": Word("Confirmed", "A person confirmed what the model suggests.", "good"),
    "changed": Word("Changed", "A person gave it other values.", "good"),
    "rejected": Word("Rejected", "A person rejected what the model suggests.", "quiet"),
    "unclassified": Word("Without a suggestion", "The model gave no answer of use.", "unsure"),
    # health
    "ok": Word("In order", "It works as it should.", "good"),
    "work": Word("At work", "A step of a run is worked on.", "busy"),
    "waits": Word("Waiting", "A step of a run goes on later.", "busy"),
    "trouble": Word("Trouble", "It does not work as it should.", "bad"),
}
"""States by the names that the api gives them."""

MEANINGS: dict[tuple[str, str], str] = {
    ("site", "healthy"): "Visitors find what they need; little or nothing is left to do.",
    ("site", "warning"): "The site works in part; weak spots are left to work on.",
    ("site", "critical"): "Visitors are lost in many places, or miss what they need.",
    ("classification", "healthy"): "Everything was classified; people decide what holds.",
}
"""Meanings of the verdict of a kind of scan, where they differ from those of `STATES`."""

KINDS: dict[str, str] = {
    "integrity": "Data check of an Airtable base",
    "classification": "Classification by a language model",
    "site": "Check of a web site",
}

STEPS: dict[str, str] = {
    "fetch": "Read",
    "score": "Check",
    "write": "Write back to Airtable",
}

OUTPUTS: dict[str, str] = {
    "information_security_classification": "Security class",
    "criticality": "Criticality",
    "risk_level": "Risk",
    "pii_flag": "Personal data",
    "regulatory_flag": "Regulated",
    "regulatory_references": "Laws and standards",
    "security_controls": "Controls",
    "confidence": "Confidence in %",
    "rationale": "Rationale",
}
"""Outputs of a classification by the names that the api gives them."""

PARTS: dict[str, str] = {
    "name": "Name",
    "source": "Source",
    "data_type": "Type",
    "description": "Description",
    "business_context": "Use",
}
"""Parts of an element that a model sees, by the names that the api gives them."""

DONE: dict[str, str] = {
    "started": "The run has been started.",
    "cancelled": "The run has been cancelled.",
    "ended_before": "The run had ended before; nothing was changed.",
    "ignored": "The finding is ignored now.",
    "reopened": "The finding is open again.",
    "deleting": "The scan is being deleted; nothing of it starts any more.",
    "created": "The scan is saved. Start a run to see what it finds.",
    "saved": "The definition is saved; the next run uses it.",
    "schedule_saved": "The schedule is saved.",
    "restored": "The earlier version is saved again, as the newest.",
    "scan_paused": "The scan is paused: nothing starts by itself until it is resumed.",
    "paused_before": "The scan was paused before; nothing was changed.",
    "resumed": "The scan runs by itself again, from its next time on.",
    "undone": "The decision is undone.",
    "partly_undone": "The decision is undone, but not for findings that have changed since.",
    "pause_over": "The pause had ended before; nothing was changed.",
    "pause_ended": "The pause has ended; the next step goes on at once.",
}
"""Acts by the name that an address gives them after the act."""

COMPARED: dict[str, tuple[str, str]] = {
    "new": ("New", "Open in the later run, and not in the earlier one"),
    "resolved": ("Resolved", "Open in the earlier run, and gone in the later one"),
    "ignored": ("Ignored since", "Open in the earlier run, and ignored by a person since"),
    "still": ("Still open", "Open in both runs"),
}
"""Changes of findings from one run to another: a word and its meaning."""

GLOSSARY: dict[str, tuple[str, str]] = {
    "scan": ("Scan", "A description of what to check, and when: a base, a list of elements or a "
             "web site, with its rules."),
    "definition": ("Definition", "The text of a scan: where it looks, what it checks, and when. "
                   "A run keeps the one that it was made from."),
    "run": ("Run", "One execution of a scan. It starts by its schedule or because a person asks "
            "for it, and always ends within a time that is known when it starts."),
    "verdict": ("Verdict", "The result of a run in one word: healthy, warning, critical or "
                "inconclusive."),
    "inconclusive": ("Inconclusive", "Something could not be checked: a field is missing, a site "
                     "did not answer, a model failed. What was not checked may be worse than what "
                     "was, so this is never shown as healthy."),
    "finding": ("Finding", "A record, or a group of records, that breaks a rule. It stays the same "
                "finding from run to run until it is corrected."),
    "rule": ("Rule", "One requirement on the data, such as “every student has an e-mail "
             "address”."),
    "severity": ("Severity", "How urgent a finding is: critical must be corrected, warning should "
                 "be, info is good to know."),
    "owner": ("Owner", "The person or team who corrects what a rule finds; the rule names it."),
    "ignored": ("Ignored", "A person decided, with a reason, that a finding may stay as it is. It "
                "no longer counts, until the date that the person chose."),
    "review": ("Review", "A person's decision about what a language model suggests: confirm it, "
               "reject it, or give other values. No later run overwrites it."),
    "confidence": ("Confidence", "How sure the model says it is, from 0 to 100 %. It is its own "
                   "word, and may be wrong."),
    "step": ("Step", "A part of a run: reading, checking, or writing back to Airtable."),
    "attempt": ("Attempt", "One try of a step. A step that fails for a passing reason is tried "
                "again later by itself."),
    "pause": ("Pause", "After a failure, a base or site gets no requests for a while, so that it "
              "can recover. "
              "A person can pause a scan, too: it then starts only by hand."),
    "tick": ("Tick", "The heartbeat of Landfall: each minute it starts what is due and looks after "
             "what does not move."),
    "tokens": ("Tokens", "The units in which a language model counts text, about four letters "
               "each. They are what a model costs."),
}  # fmt: skip
"""Terms by their anchor on the page of words."""
