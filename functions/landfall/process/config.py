"""The configuration of a function: one frozen object from the environment.

`VARIABLES` is the complete list. Everything that is missing or wrong is reported at once, and the
value of a secret is never shown.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from landfall.deadlines import Ladder
from landfall.process.channels import channels_fault, secret_parts
from landfall.reasons import LandfallError
from landfall.store.retention import Retention

FUNCTIONS = ("scheduler", "fetch", "score", "watchdog", "api")

WINDOW = "window"
"""The function for people, which a deployment may leave out."""

ALL_FUNCTIONS = (*FUNCTIONS, WINDOW)

CLOUD_RUN = "cloud_run"

CHANNELS = "LANDFALL_CHANNELS"

_URL = r"https?://\S+"

MAX_KEY = 4_000
"""Characters of a key; the longest are web tokens."""


class ConfigError(LandfallError):
    """The environment is incomplete or wrong. `problems` name each such variable, never a value."""

    code = "not_configured"
    answer = "this function is not configured; see its /health"

    def __init__(self, function: str, problems: Sequence[str]) -> None:
        super().__init__("\n".join([f"function {function!r} cannot start:", *problems]))
        self.problems = list(problems)


@dataclass(frozen=True)
class Variable:
    """An environment variable: its meaning, the functions that need it, and its default.

    A secret is given only to the functions that need it or may use it. `asked`: a deployment
    prompts for it, although functions start without it. `form` is a regular expression that the
    whole value must match.
    """

    meaning: str
    needed_by: tuple[str, ...] = ()
    default: str = ""
    secret: bool = False
    used_by: tuple[str, ...] = ()
    asked: bool = False
    form: str = "(?s:.*)"

    @property
    def readers(self) -> tuple[str, ...]:
        """The functions that may know it, if it is a secret."""
        return self.needed_by + self.used_by


VARIABLES: dict[str, Variable] = {
    "GOOGLE_CLOUD_PROJECT": Variable("the project of the Firestore database", ALL_FUNCTIONS),
    "LANDFALL_DATABASE": Variable(
        "the id of the Firestore database; a deployment makes one named `landfall`",
        default="(default)",
        form=r"\(default\)|[a-z][a-z0-9-]{2,61}[a-z0-9]",
    ),
    "FIRESTORE_EMULATOR_HOST": Variable("host:port of a Firestore emulator, used if it is set"),
    "CLOUD_TASKS_EMULATOR_HOST": Variable("host:port of a local Cloud Tasks, used if it is set"),
    "AIRTABLE_API_KEY": Variable(
        "a personal access token that may read the bases, and write findings back; needed only by "
        "scans of a base",
        secret=True,
        used_by=("fetch",),
        asked=True,
    ),
    "AIRTABLE_ENDPOINT_URL": Variable(
        "Airtable's address", default="https://api.airtable.com", form=_URL
    ),
    "OPENAI_API_KEY": Variable(
        "a key for the language model; needed only by scans that use one",
        secret=True,
        used_by=("score",),
    ),
    "OPENAI_BASE_URL": Variable(
        "the address of the language model's API", default="https://api.openai.com/v1", form=_URL
    ),
    "LANDFALL_MODEL": Variable("the language model of scans that name none", default="gpt-6-luna"),
    "LANDFALL_SITES_ALLOWED": Variable(
        "host:port of sites and channels that may be reached although they are not public, "
        "comma-separated; for stand-ins"
    ),
    "LANDFALL_CHANNELS": Variable(
        "the channels through which word is sent to people, in JSON; needed only by scans with "
        "`notify`",
        secret=True,
        used_by=("fetch",),
    ),
    "LANDFALL_WINDOW_URL": Variable(
        "the address of the window, to which messages link; without it they have no link",
        form=_URL,
    ),
    "LANDFALL_QUEUE": Variable(
        "the task queue, as projects/P/locations/L/queues/Q",
        ALL_FUNCTIONS,
        form=r"projects/[^/\s]+/locations/[^/\s]+/queues/[^/\s]+",
    ),
    "LANDFALL_FETCH_URL": Variable("the URL for tasks of fetch steps", ALL_FUNCTIONS, form=_URL),
    "LANDFALL_SCORE_URL": Variable("the URL for tasks of score steps", ALL_FUNCTIONS, form=_URL),
    "LANDFALL_TASKS_ACCOUNT": Variable(
        "e-mail of the account in the tokens of tasks", ALL_FUNCTIONS
    ),
    "LANDFALL_AUDIENCE": Variable(
        "audiences that are accepted in callers' tokens, comma-separated; tasks use the first",
        ALL_FUNCTIONS,
    ),
    "LANDFALL_CALLERS": Variable(
        "e-mails of accounts that may call this function, comma-separated", FUNCTIONS
    ),
    "LANDFALL_TOKENS_CHECKED_BY": Variable(
        f"`{CLOUD_RUN}` if it verifies callers' tokens itself, and then removes their signatures; "
        "a function asks it whether it does"
    ),
    "K_SERVICE": Variable("the name of this function's service; Cloud Run sets it"),
    "K_REVISION": Variable("the name of this function's revision; Cloud Run sets it"),
    "GCE_METADATA_HOST": Variable(
        "the metadata server of Google Cloud, which knows the place and the account of a function",
        default="169.254.169.254",
    ),
    "LANDFALL_RUN_API_URL": Variable(
        "the address of Cloud Run's API, which a function asks whether its callers are checked",
        default="https://run.googleapis.com",
        form=_URL,
    ),
    "LANDFALL_TOKEN_ISSUER": Variable(
        "the issuer of the callers' tokens", default="https://accounts.google.com"
    ),
    "LANDFALL_CERTIFICATES_URL": Variable(
        "the address of the issuer's certificates, {key id: PEM}",
        default="https://www.googleapis.com/oauth2/v1/certs",
        form=_URL,
    ),
    "LANDFALL_IAP_AUDIENCE": Variable(
        "the window as Identity-Aware Proxy names it in its assertions, "
        "/projects/NUMBER/locations/REGION/services/SERVICE",
        (WINDOW,),
        form=r"/projects/[^/\s]+/locations/[^/\s]+/services/[^/\s]+",
    ),
    "LANDFALL_IAP_KEYS_URL": Variable(
        "the address of the keys of Identity-Aware Proxy, {key id: PEM}",
        default="https://www.gstatic.com/iap/verify/public_key",
        form=_URL,
    ),
    "LANDFALL_REQUESTS_A_MINUTE": Variable(
        "requests a minute that a caller of the api may make at each instance, and three times as "
        "many of a person at the window's",
        default="200",
        form="[1-9][0-9]{0,5}",
    ),
    "LANDFALL_DEADLINES": Variable(
        "JSON with the rungs of the deadline ladder that differ from the defaults, in seconds"
    ),
    "LANDFALL_KEEPING": Variable(
        "JSON with the days of retention that differ from the defaults, "
        '`{"fetched": 7, "runs": 400}`'
    ),
}


@dataclass(frozen=True)
class Config:
    """The configuration with which a function was deployed."""

    function: str
    project: str
    database: str
    queue: str
    fetch_url: str
    score_url: str
    tasks_account: str
    audiences: tuple[str, ...]
    callers: tuple[str, ...]
    checked_by_cloud_run: bool
    service: str
    revision: str
    metadata_host: str
    run_api_url: str
    token_issuer: str
    certificates_url: str
    iap_audience: str
    iap_keys_url: str
    airtable_endpoint: str
    sites_allowed: tuple[str, ...]
    requests_a_minute: int
    ladder: Ladder
    retention: Retention
    cloud_tasks_emulator: str | None
    airtable_api_key: str = field(repr=False)
    openai_base_url: str
    openai_model: str
    openai_api_key: str = field(repr=False)
    channels: str = field(repr=False)
    window_url: str
    lacking: tuple[str, ...]
    """Problems with optional variables: the function starts without them, but some scans fail."""

    @property
    def secrets(self) -> tuple[str, ...]:
        """The values that must never be stored, logged or sent in a response."""
        keys = (self.airtable_api_key, self.openai_api_key)
        return tuple(filter(None, (*keys, *parts_of(CHANNELS, self.channels))))


def secrets_in(environment: Mapping[str, str]) -> list[str]:
    """Return the values of the variables that are secrets."""
    names = [name for name, variable in VARIABLES.items() if variable.secret]
    return [part for name in names for part in parts_of(name, environment.get(name, ""))]


def parts_of(name: str, value: str) -> list[str]:
    """Return what no text may show of the value of a variable that is a secret."""
    if not value:
        return []
    return secret_parts(value) if name == CHANNELS else [value]


def secret_fault(name: str, value: str) -> str:
    """Return why the value of a secret cannot be right, as the end of a sentence; empty if it can.

    The message does not show it.
    """
    if name == CHANNELS:  # an installation need not have any
        return channels_fault(value) if value else ""
    return key_fault(value)


def secrets_typed(arguments: Sequence[str]) -> list[str]:
    """Return what may be keys among a program's arguments, as in `--airtable-key=pat...`.

    No program takes a key there, and its refusal would repeat it.
    """
    found = []
    for argument, following in zip(arguments, [*arguments[1:], ""], strict=True):
        name, equals, value = argument.partition("=")
        if re.search("(?i)key|token|secret", name) and not name.endswith("-file"):
            found.append(value if equals else following if name.startswith("-") else "")
    return [one for one in found if one]


def key_fault(key: str) -> str:
    """Return why a key cannot be one, as the end of a sentence; empty if it can.

    A key is sent in a header, which takes neither blanks nor line breaks within it. The message
    does not show the key.
    """
    if not key:
        return "is not set"
    if len(key) > MAX_KEY:
        return f"is no key: it has {len(key):,} characters, and a key has at most {MAX_KEY:,}"
    wrong = re.search(r"[^A-Za-z0-9._~+/=:-]", key)
    if wrong is None:
        return ""
    what = next((what for form, what in _NOT_IN_KEYS if re.match(form, wrong[0])), "")
    return f"is no key: it has {what} in it; copy the key again, and nothing else"


_NOT_IN_KEYS = (
    (r"[\n\r\v\f\u0085\u2028\u2029]", "a line break"),
    (r"\s", "a blank"),
    (r"[\"'`\u2018-\u201f]", "a quotation mark"),
    (r"[^ -~]", "a letter or sign that no key has"),
    (r".", "a sign that no key has"),
)


def load_config(function: str, environment: Mapping[str, str]) -> Config:
    """Load the configuration of `function`. Raises `ConfigError` with every variable at fault."""
    values = {
        name: environment.get(name, "").strip() or variable.default
        for name, variable in VARIABLES.items()
    }
    unset = {name: it for name, it in VARIABLES.items() if not values[name]}
    problems = [
        f"{name} is not set: {variable.meaning}"
        for name, variable in unset.items()
        if function in variable.needed_by
    ]
    problems += [
        f"{name} has the wrong form; it must be: {variable.meaning}"
        for name, variable in VARIABLES.items()
        if values[name] and not re.fullmatch(variable.form, values[name])
    ]
    try:
        ladder = Ladder.parse(values["LANDFALL_DEADLINES"])
    except ValueError as error:
        problems.append(f"LANDFALL_DEADLINES: {error}")
    try:
        retention = Retention.parse(values["LANDFALL_KEEPING"])
    except ValueError as error:
        problems.append(f"LANDFALL_KEEPING: {error}")
    if values["LANDFALL_TOKENS_CHECKED_BY"] not in ("", CLOUD_RUN):
        problems.append(f"LANDFALL_TOKENS_CHECKED_BY: must be `{CLOUD_RUN}`, or not set")
    if problems:
        raise ConfigError(function, problems)
    return Config(
        function=function,
        project=values["GOOGLE_CLOUD_PROJECT"],
        database=values["LANDFALL_DATABASE"],
        queue=values["LANDFALL_QUEUE"],
        fetch_url=values["LANDFALL_FETCH_URL"],
        score_url=values["LANDFALL_SCORE_URL"],
        tasks_account=values["LANDFALL_TASKS_ACCOUNT"],
        audiences=_listed(values["LANDFALL_AUDIENCE"]),
        callers=_listed(values["LANDFALL_CALLERS"]),
        checked_by_cloud_run=values["LANDFALL_TOKENS_CHECKED_BY"] == CLOUD_RUN,
        service=values["K_SERVICE"],
        revision=values["K_REVISION"],
        metadata_host=values["GCE_METADATA_HOST"],
        run_api_url=values["LANDFALL_RUN_API_URL"],
        token_issuer=values["LANDFALL_TOKEN_ISSUER"],
        certificates_url=values["LANDFALL_CERTIFICATES_URL"],
        iap_audience=values["LANDFALL_IAP_AUDIENCE"],
        iap_keys_url=values["LANDFALL_IAP_KEYS_URL"],
        airtable_endpoint=values["AIRTABLE_ENDPOINT_URL"],
        sites_allowed=tuple(filter(None, _listed(values["LANDFALL_SITES_ALLOWED"]))),
        requests_a_minute=int(values["LANDFALL_REQUESTS_A_MINUTE"]),
        ladder=ladder,
        retention=retention,
        cloud_tasks_emulator=values["CLOUD_TASKS_EMULATOR_HOST"] or None,
        airtable_api_key=values["AIRTABLE_API_KEY"],
        openai_base_url=values["OPENAI_BASE_URL"],
        openai_model=values["LANDFALL_MODEL"],
        openai_api_key=values["OPENAI_API_KEY"],
        channels=values[CHANNELS],
        window_url=values["LANDFALL_WINDOW_URL"].rstrip("/"),
        lacking=tuple(
            f"{name} {fault}: {variable.meaning}"
            for name, variable in VARIABLES.items()
            if function in variable.used_by and (fault := secret_fault(name, values[name]))
        ),
    )


def _listed(value: str) -> tuple[str, ...]:
    return tuple(one.strip() for one in value.split(","))
