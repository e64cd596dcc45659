"""The closed list of reasons why a run ends early, and the one tree of errors.

    LandfallError                             500 internal_error
    ├── BadRequestError                       400 bad_request
    │   └── DefinitionError                   400 bad_request
    ├── UnauthenticatedError                  401 unauthenticated
    ├── ForbiddenError                        403 forbidden
    ├── RoleNeededError                       403 role_needed
    ├── NotFoundError                         404 not_found
    │   ├── DecisionNotFoundError             404 not_found
    │   ├── ElementNotFoundError              404 not_found
    │   ├── FindingNotFoundError              404 not_found
    │   ├── RunNotFoundError                  404 not_found
    │   └── ScanNotFoundError                 404 not_found
    ├── BeingDeletedError                     409 being_deleted
    ├── OutdatedError                         409 outdated
    ├── PeopleChangedError                    412 people_changed
    ├── ScanChangedError                      412 scan_changed
    ├── KeyReusedError                        422 key_reused
    ├── TooManyRequestsError                  429 too_many_requests
    ├── CertificatesError                     500 certificates_unavailable
    ├── ClockError                            500 clock_off
    ├── ConfigError                           500 not_configured
    ├── ConflictError                         500 store_contended
    ├── DeclinedError                         500 internal_error
    ├── FencedError                           500 internal_error
    ├── ListMissingError                      500 findings_missing
    ├── LockedError                           500 internal_error
    ├── OutOfTimeError                        500 out_of_time
    ├── OwnServiceError                       500 caller_check_unknown
    ├── QueueError                            500 internal_error
    ├── SchemaError                           500 schema_newer
    │   └── UnreadableError                   500 document_unreadable
    ├── StepError                             500 internal_error
    │   ├── FailedAnswerError                 500 internal_error
    │   └── UnsentQuestionError               500 internal_error
    ├── StoreError                            500 store_unavailable
    │   ├── IndexMissingError                 500 index_missing
    │   └── StoreRefusedError                 500 store_refused
    └── RolesUnavailableError                 503 roles_unavailable

A reason ends a run; a status and a code answer the caller of a function. Errors that end an
invocation of a worker (declined, fenced, locked, a step's error) are recorded and not answered.
Errors that a module raises and its own package catches are not in the tree. Any other error is a
bug: a run ends with `internal_error` and the traceback, and a caller is answered 500.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar


class Reason(StrEnum):
    """The values of `error.reason`, each explained in `REASONS`."""

    BASE_NOT_CONFIGURED = "base_not_configured"
    BASE_UNAUTHORIZED = "base_unauthorized"
    BASE_FORBIDDEN = "base_forbidden"
    BASE_NOT_FOUND = "base_not_found"
    BASE_REJECTED = "base_rejected"
    BASE_RATE_LIMITED = "base_rate_limited"
    BASE_QUOTA_SPENT = "base_quota_spent"
    BASE_UNAVAILABLE = "base_unavailable"
    BASE_UNREACHABLE = "base_unreachable"
    BASE_TIMEOUT = "base_timeout"
    BASE_MALFORMED = "base_malformed"
    MODEL_UNAUTHORIZED = "model_unauthorized"
    MODEL_NOT_FOUND = "model_not_found"
    MODEL_UNSUPPORTED = "model_unsupported"
    MODEL_REJECTED = "model_rejected"
    MODEL_RATE_LIMITED = "model_rate_limited"
    MODEL_QUOTA_SPENT = "model_quota_spent"
    MODEL_UNAVAILABLE = "model_unavailable"
    MODEL_UNREACHABLE = "model_unreachable"
    MODEL_TIMEOUT = "model_timeout"
    MODEL_MALFORMED = "model_malformed"
    MODEL_OFF_SCHEMA = "model_off_schema"
    MODEL_REFUSED = "model_refused"
    MODEL_TRUNCATED = "model_truncated"
    MODEL_WRONG_IDS = "model_wrong_ids"
    MODEL_UNFOUNDED = "model_unfounded"
    MODEL_ECHOED = "model_echoed"
    MODEL_BATCH_FAILED = "model_batch_failed"
    MODEL_NOT_CONFIGURED = "model_not_configured"
    MODEL_PRICE_UNKNOWN = "model_price_unknown"
    BUDGET_SPENT = "budget_spent"
    SITE_TIMEOUT = "site_timeout"
    SITE_UNREACHABLE = "site_unreachable"
    SITE_MALFORMED = "site_malformed"
    SITE_FORBIDDEN_ADDRESS = "site_forbidden_address"
    SITE_TOO_MANY_REDIRECTS = "site_too_many_redirects"
    SITE_TOO_LARGE = "site_too_large"
    SITE_NOT_HTML = "site_not_html"
    SITE_DISALLOWED = "site_disallowed"
    SITE_REJECTED = "site_rejected"
    SITE_CHALLENGED = "site_challenged"
    SITE_WALLED = "site_walled"
    SITE_PLACEHOLDER = "site_placeholder"
    SITE_NO_CONTENT = "site_no_content"
    SITE_RATE_LIMITED = "site_rate_limited"
    SITE_UNAVAILABLE = "site_unavailable"
    LISTING_EXPIRED = "listing_expired"
    TOO_MANY_RECORDS = "too_many_records"
    RECORD_TOO_LARGE = "record_too_large"
    SCAN_MISSING = "scan_missing"
    PAGES_MISSING = "pages_missing"
    FINDINGS_MISSING = "findings_missing"
    STORE_UNAVAILABLE = "store_unavailable"
    STORE_REFUSED = "store_refused"
    SCHEMA_NEWER = "schema_newer"
    DOCUMENT_UNREADABLE = "document_unreadable"
    STEP_TIMEOUT = "step_timeout"
    WORKER_LOST = "worker_lost"
    RUN_TIMEOUT = "run_timeout"
    CANCELLED = "cancelled"
    INTERNAL_ERROR = "internal_error"


@dataclass(frozen=True)
class Explanation:
    """The meaning of a reason for a person. An attempt that ended for it may be `retried`."""

    retried: bool
    meaning: str


REASONS: dict[Reason, Explanation] = {
    Reason.BASE_NOT_CONFIGURED: Explanation(
        False, "the scan reads a base, but `fetch` has no AIRTABLE_API_KEY"
    ),
    Reason.BASE_UNAUTHORIZED: Explanation(
        False, "Airtable answered 401: the key is missing, wrong or revoked"
    ),
    Reason.BASE_FORBIDDEN: Explanation(
        False,
        "Airtable answered 403: the key may not use this base or table, or lacks "
        "`data.records:read`, `schema.bases:read` or, for a write-back, `data.records:write`",
    ),
    Reason.BASE_NOT_FOUND: Explanation(False, "Airtable answered 404: no such base or table"),
    Reason.BASE_REJECTED: Explanation(
        False, "Airtable refused the request (another 4xx): the message says why"
    ),
    Reason.BASE_RATE_LIMITED: Explanation(
        True, "Airtable answered 429: the base is locked for 30 s, and the step waits for that"
    ),
    Reason.BASE_QUOTA_SPENT: Explanation(
        False, "Airtable answered 429: the workspace has used up its API calls of this month"
    ),
    Reason.BASE_UNAVAILABLE: Explanation(True, "Airtable answered 5xx"),
    Reason.BASE_UNREACHABLE: Explanation(
        True, "no connection to Airtable: DNS, network, TLS or a reset"
    ),
    Reason.BASE_TIMEOUT: Explanation(
        True, "Airtable's response was not complete at the request's deadline"
    ),
    Reason.BASE_MALFORMED: Explanation(
        True, "Airtable's response was cut off, too large or not valid JSON"
    ),
    Reason.MODEL_UNAUTHORIZED: Explanation(
        False,
        "the model API answered 401 or 403: the key is wrong, or may not use this model",
    ),
    Reason.MODEL_NOT_FOUND: Explanation(
        False,
        "the model API answered 404: the model or the address is wrong",
    ),
    Reason.MODEL_UNSUPPORTED: Explanation(
        False,
        "the model does not accept a setting of all questions, such as `model.effort`: the message "
        "says which",
    ),
    Reason.MODEL_REJECTED: Explanation(
        False, "the model API refused one question (another 4xx): the message says why"
    ),
    Reason.MODEL_RATE_LIMITED: Explanation(
        True, "the model API answered 429: too many requests or tokens a minute"
    ),
    Reason.MODEL_QUOTA_SPENT: Explanation(
        False, "the model API answered that the account's quota is spent"
    ),
    Reason.MODEL_UNAVAILABLE: Explanation(True, "the model API answered 5xx"),
    Reason.MODEL_UNREACHABLE: Explanation(
        True, "no connection to the model API: DNS, network, TLS or a reset"
    ),
    Reason.MODEL_TIMEOUT: Explanation(
        True, "the model's answer was not complete at the request's deadline"
    ),
    Reason.MODEL_MALFORMED: Explanation(
        True, "the model's response was cut off, or is not valid JSON"
    ),
    Reason.MODEL_OFF_SCHEMA: Explanation(
        False, "the model's answer has values that the schema does not allow"
    ),
    Reason.MODEL_REFUSED: Explanation(
        False, "the model, or the content filter of its API, refused to answer"
    ),
    Reason.MODEL_TRUNCATED: Explanation(False, "the model's answer exceeded the limit of tokens"),
    Reason.MODEL_WRONG_IDS: Explanation(
        False,
        "the model's answer lacks an item of the question, has one twice, or has one that was "
        "not in the question",
    ),
    Reason.MODEL_UNFOUNDED: Explanation(
        False, "the model's answer cites text that is not in its input"
    ),
    Reason.MODEL_ECHOED: Explanation(False, "the model's answer repeats its instructions"),
    Reason.MODEL_BATCH_FAILED: Explanation(
        False, "the model API could not process a batch of questions: the message says why"
    ),
    Reason.MODEL_NOT_CONFIGURED: Explanation(
        False, "the scan needs a language model, but `score` has no OPENAI_API_KEY"
    ),
    Reason.MODEL_PRICE_UNKNOWN: Explanation(
        False,
        "the budget is in dollars, but the model's price is not known: set `model.price`",
    ),
    Reason.BUDGET_SPENT: Explanation(
        False, "`model.budget` of the scan does not allow another question: the next run continues"
    ),
    Reason.SITE_TIMEOUT: Explanation(
        True, "a page was not complete at its deadline, redirects included"
    ),
    Reason.SITE_UNREACHABLE: Explanation(
        True, "no connection to the site: DNS, network, TLS or a reset"
    ),
    Reason.SITE_MALFORMED: Explanation(True, "a page was cut off, or is not valid HTTP"),
    Reason.SITE_FORBIDDEN_ADDRESS: Explanation(
        False,
        "the URL, or one it redirects to, is not http(s) on port 80 or 443, or its host has an "
        "address outside the public internet",
    ),
    Reason.SITE_TOO_MANY_REDIRECTS: Explanation(False, "a page has too many redirects"),
    Reason.SITE_TOO_LARGE: Explanation(False, "a page is larger than the limit"),
    Reason.SITE_NOT_HTML: Explanation(False, "the response is neither HTML, XML nor text"),
    Reason.SITE_DISALLOWED: Explanation(
        False, "the site's robots.txt forbids the page that the scan starts with"
    ),
    Reason.SITE_REJECTED: Explanation(
        False,
        "the site refused a page (another 4xx, or a page that says so): it does not exist, or is "
        "not public",
    ),
    Reason.SITE_CHALLENGED: Explanation(
        False,
        "a check for humans, or a refusal of robots, in place of a page, by Cloudflare, Akamai, "
        "DataDome, Imperva, HUMAN, AWS WAF, Sucuri or the like: the message says by whom",
    ),
    Reason.SITE_WALLED: Explanation(
        False, "a request for consent, an age or a log-in, in place of a page"
    ),
    Reason.SITE_PLACEHOLDER: Explanation(
        False,
        "a parked domain, the default page of a server, or a note that the site is not there yet, "
        "in place of the home page",
    ),
    Reason.SITE_NO_CONTENT: Explanation(
        False,
        "the HTML of a page has next to no content: a script or a frame makes what visitors see, "
        "and none is run",
    ),
    Reason.SITE_RATE_LIMITED: Explanation(True, "the site answered 429: too many requests"),
    Reason.SITE_UNAVAILABLE: Explanation(True, "the site answered 5xx"),
    Reason.LISTING_EXPIRED: Explanation(
        False, "a listing expired several times: the table could not be read as a whole"
    ),
    Reason.TOO_MANY_RECORDS: Explanation(
        False, "the base holds more records than `limits.max_records` of the scan"
    ),
    Reason.RECORD_TOO_LARGE: Explanation(
        False, "one record does not fit into a Firestore document (1 MiB, compressed)"
    ),
    Reason.SCAN_MISSING: Explanation(
        False, "the scan, or the version of it that the run was made from, was deleted meanwhile"
    ),
    Reason.PAGES_MISSING: Explanation(
        False, "records that were fetched are no longer stored (deleted or expired)"
    ),
    Reason.FINDINGS_MISSING: Explanation(
        False, "the list of findings of earlier runs is no longer stored completely"
    ),
    Reason.STORE_UNAVAILABLE: Explanation(True, "a read or write in Firestore failed"),
    Reason.STORE_REFUSED: Explanation(
        False, "Firestore does not take a document (too large, a reserved name) or this project"
    ),
    Reason.SCHEMA_NEWER: Explanation(
        True,
        "a newer Landfall wrote a stored document: the message says which; deploy that version",
    ),
    Reason.DOCUMENT_UNREADABLE: Explanation(
        False, "somebody edited a stored document, or a part of it is gone: the message names it"
    ),
    Reason.STEP_TIMEOUT: Explanation(True, "an attempt used its whole budget without progress"),
    Reason.WORKER_LOST: Explanation(
        True, "a worker's lease ran out: it was killed, stopped or starved"
    ),
    Reason.RUN_TIMEOUT: Explanation(False, "the run had not ended at its `deadline_at`"),
    Reason.CANCELLED: Explanation(False, "a person, or the overlap policy, cancelled the run"),
    Reason.INTERNAL_ERROR: Explanation(
        False, "a bug in Landfall: `error.traceback` shows where; please report it"
    ),
}


WHAT_TO_DO: dict[Reason, str] = {
    Reason.BASE_NOT_CONFIGURED: "Deploy the key: `infra/deploy --airtable-api-key-file FILE`; "
    "locally, `export AIRTABLE_API_KEY=pat...`.",
    Reason.BASE_UNAUTHORIZED: "Make a new token at https://airtable.com/create/tokens, with the "
    "scopes data.records:read and schema.bases:read (data.records:write too, for `write_back`) and "
    "access to the base; then `export AIRTABLE_API_KEY=pat...` locally, and "
    "`infra/deploy --airtable-api-key-file FILE` on Google Cloud.",
    Reason.BASE_FORBIDDEN: "At https://airtable.com/create/tokens, add the base and the missing "
    "scope to the token.",
    Reason.BASE_NOT_FOUND: "Correct `base` and the tables in the scan, or add the base to the "
    "token: Airtable also answers 404 for a base that a token may not see.",
    Reason.BASE_REJECTED: "Correct what the message names, usually a table or a field.",
    Reason.BASE_RATE_LIMITED: "Nothing: the step waits 30 s and continues. If it recurs, another "
    "program reads the same base; slow that one down or move the schedule.",
    Reason.BASE_QUOTA_SPENT: "Wait for the next month, or take a larger plan of Airtable; "
    "`infra/cost` says how many calls a scan needs.",
    Reason.BASE_UNAVAILABLE: "Nothing: the step retries. If the run fails, see status.airtable.com "
    "and start it again.",
    Reason.BASE_UNREACHABLE: "Nothing: the step retries. If the run fails, check "
    "AIRTABLE_ENDPOINT_URL, DNS and the network.",
    Reason.BASE_TIMEOUT: "Nothing: the step retries. If the run fails, list fewer fields in "
    "`tables`, above all long texts.",
    Reason.BASE_MALFORMED: "Nothing: the step retries. If the run fails, check "
    "AIRTABLE_ENDPOINT_URL: a proxy may answer in Airtable's place.",
    Reason.MODEL_UNAUTHORIZED: "Make a key that may use the model, for OpenAI at "
    "https://platform.openai.com/api-keys; then `export OPENAI_API_KEY=...` locally, and "
    "`infra/deploy --openai-api-key-file FILE` on Google Cloud.",
    Reason.MODEL_NOT_FOUND: "Correct `model.name`, LANDFALL_MODEL or OPENAI_BASE_URL.",
    Reason.MODEL_UNSUPPORTED: "Remove the setting that the message names, or choose another model.",
    Reason.MODEL_REJECTED: "Read the message; the other questions are not affected, and the next "
    "run asks this one again.",
    Reason.MODEL_RATE_LIMITED: "Nothing: the step slows down and retries. If it recurs, ask the "
    "provider for a higher limit; a classification can set `model.batch: true`.",
    Reason.MODEL_QUOTA_SPENT: "Add credit to the provider's account; the next run continues.",
    Reason.MODEL_UNAVAILABLE: "Nothing: the step retries. If the run fails, see the provider's "
    "status page and start it again.",
    Reason.MODEL_UNREACHABLE: "Nothing: the step retries. If the run fails, check OPENAI_BASE_URL, "
    "DNS and the network.",
    Reason.MODEL_TIMEOUT: "Lower `model.effort` or `group_size`: an answer has 15 s.",
    Reason.MODEL_MALFORMED: "Nothing: the step retries. If the run fails, check OPENAI_BASE_URL: a "
    "proxy may answer in the provider's place.",
    Reason.MODEL_OFF_SCHEMA: "Nothing: the next run asks again. If it recurs, choose a model that "
    "supports strict schemas.",
    Reason.MODEL_REFUSED: "Read the record or page; confirm or change its values by hand.",
    Reason.MODEL_TRUNCATED: "Lower `group_size` or `model.effort`.",
    Reason.MODEL_WRONG_IDS: "Nothing: the next run asks again. If it recurs, lower `group_size`.",
    Reason.MODEL_UNFOUNDED: "Nothing: the next run asks again.",
    Reason.MODEL_ECHOED: "Read the record or page: its text may contain instructions for the "
    "model.",
    Reason.MODEL_BATCH_FAILED: "Read the message; set `model.batch: false` to ask without batches.",
    Reason.MODEL_NOT_CONFIGURED: "Deploy the key: `infra/deploy --openai-api-key-file FILE`.",
    Reason.MODEL_PRICE_UNKNOWN: "Add `model.price` to the scan, or set `max_dollars` of both "
    "budgets to null.",
    Reason.BUDGET_SPENT: "Nothing: the next run continues. To finish sooner, raise `model.budget`.",
    Reason.SITE_TIMEOUT: "Nothing: the step retries. If it recurs, the site is slow: tell its "
    "owner, or lower `max_pages`.",
    Reason.SITE_UNREACHABLE: "Nothing: the step retries. If it recurs, open `url` in a browser and "
    "correct it.",
    Reason.SITE_MALFORMED: "Nothing: the step retries. If it recurs, tell the site's owner: its "
    "server sends broken HTTP.",
    Reason.SITE_FORBIDDEN_ADDRESS: "Set `url` to a public address; for a test site of your own, "
    "see LANDFALL_SITES_ALLOWED.",
    Reason.SITE_TOO_MANY_REDIRECTS: "Set `url` to the address where the redirects should end.",
    Reason.SITE_TOO_LARGE: "Tell the site's owner, or set `url` to another page.",
    Reason.SITE_NOT_HTML: "Set `url` to a page of HTML.",
    Reason.SITE_DISALLOWED: "Allow `LandfallBot` in the site's robots.txt, or set `url` to a page "
    "that it may fetch.",
    Reason.SITE_REJECTED: "Open the page in a browser: correct `url`, or ask the owner to let "
    "`LandfallBot` in.",
    Reason.SITE_CHALLENGED: "Have `LandfallBot` let in where the site is protected (its user agent "
    "names it), or scan a copy of the site without that protection.",
    Reason.SITE_WALLED: "Set `url` to a page that visitors see without a click.",
    Reason.SITE_PLACEHOLDER: "Open `url` in a browser: correct it, or tell the site's owner.",
    Reason.SITE_NO_CONTENT: "Tell the site's owner: search engines and screen readers may see as "
    "little. Pages that the server renders can be scanned.",
    Reason.SITE_RATE_LIMITED: "Nothing: the step waits as long as the site asks. If it recurs, "
    "raise `delay_seconds`.",
    Reason.SITE_UNAVAILABLE: "Nothing: the step retries. If it recurs, tell the site's owner.",
    Reason.LISTING_EXPIRED: "Start the run again when fewer people edit the table, or list fewer "
    "fields in `tables`.",
    Reason.TOO_MANY_RECORDS: "Raise `limits.max_records`, or leave out a table.",
    Reason.RECORD_TOO_LARGE: "Leave the long field out of `tables`.",
    Reason.SCAN_MISSING: "Nothing, if it was meant; else save the scan again.",
    Reason.PAGES_MISSING: "Start the run again.",
    Reason.FINDINGS_MISSING: "Restore the deleted `runs/{id}/results` from a backup, or delete "
    "the document that the message names: findings then start anew.",
    Reason.STORE_UNAVAILABLE: "Nothing: the step retries. If it recurs, see "
    "status.cloud.google.com and the quotas of Firestore.",
    Reason.STORE_REFUSED: "If the message names a document and a limit, have the scan read less or "
    "rename what it names; otherwise run `infra/doctor`.",
    Reason.SCHEMA_NEWER: "Deploy the newer version that the message names.",
    Reason.DOCUMENT_UNREADABLE: "Correct what the message names, or restore the document from a "
    "backup; then start the run again.",
    Reason.STEP_TIMEOUT: "Nothing: the step retries. If the run fails, look at the function's log "
    "for what is slow: the other side, or too little CPU.",
    Reason.WORKER_LOST: "Nothing: the step retries. If it recurs, compare `peak_mb` in the "
    "function's log with its memory.",
    Reason.RUN_TIMEOUT: "See `last_error` and `attempt` of its steps in `GET /runs/{id}/debug`; "
    "raise `limits.deadline_seconds` if the work takes that long.",
    Reason.CANCELLED: "Nothing. `error.message` names the person or the newer slot.",
    Reason.INTERNAL_ERROR: "Report it with `error.traceback`; the next run starts as scheduled.",
}
"""The remedy of each reason, for the documents."""


class LandfallError(Exception):
    """The root of all errors that Landfall plans for; any other error is a bug.

    The caller of a function is answered its `status`, `code` and message. Where the class has an
    `answer`, that replaces the message, which is only logged.
    """

    status: ClassVar[int] = 500
    code: ClassVar[str] = "internal_error"
    answer: ClassVar[str] = ""


class StepError(LandfallError):
    """The end of an attempt of a step: a reason of the closed list, and a message for people.

    `retry_after` is the least number of seconds until the next attempt, where a vendor asked for
    one (Airtable's lock-out, a Retry-After header).
    """

    def __init__(self, reason: Reason, message: str, *, retry_after: float = 0.0) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message
        self.retry_after = retry_after

    @property
    def retried(self) -> bool:
        """Return whether an attempt that ended for this reason is repeated."""
        return REASONS[self.reason].retried


class BadRequestError(LandfallError):
    """The request cannot be used; the message names the field and the fix."""

    status = 400
    code = "bad_request"


class NotFoundError(LandfallError):
    """There is nothing of this id."""

    status = 404
    code = "not_found"
