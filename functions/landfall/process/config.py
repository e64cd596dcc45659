"""The configuration of a function: one frozen object from the environment.

`VARIABLES` is the whole list. All that is missing or wrong is reported at once, and no value that
is a secret is ever shown.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from landfall.deadlines import Ladder
from landfall.reasons import LandfallError
from landfall.store.retention import Keeping

FUNCTIONS = ("scheduler", "fetch", "score", "watchdog", "api")

CLOUD_RUN = "cloud_run"

_URL = r"https?://\S+"


class ConfigError(LandfallError):
    """The environment does not fit. `problems` names each variable at fault, and never a value."""

    code = "not_configured"
    answer = "this function is not configured; see its /health"

    def __init__(self, function: str, problems: Sequence[str]) -> None:
        super().__init__("\n".join([f"function {function!r} cannot start:", *problems]))
        self.problems = list(problems)


@dataclass(frozen=True)
class Variable:
    """An environment variable: what it is, which functions need it, what it is otherwise.

    A secret is given to the functions that need it, or may use it, and to no other. `asked`: who
    deploys is asked for it, though a function starts without. `form` is a regular expression that
    the whole value fits.
    """

    meaning: str
    needed_by: tuple[str, ...] = ()
    default: str = ""
    secret: bool = False
    used_by: tuple[str, ...] = ()
    asked: bool = False
    form: str = ".*"

    @property
    def readers(self) -> tuple[str, ...]:
        """Who may know it, if it is a secret."""
        return self.needed_by + self.used_by


VARIABLES: dict[str, Variable] = {
    "GOOGLE_CLOUD_PROJECT": Variable("the project of the Firestore database", FUNCTIONS),
    "FIRESTORE_EMULATOR_HOST": Variable("host:port; the client uses it instead of Google's"),
    "CLOUD_TASKS_EMULATOR_HOST": Variable("host:port of a local Cloud Tasks"),
    "AIRTABLE_API_KEY": Variable(
        "a personal access token that may read the bases, and write findings back; only scans of "
        "a base need it",
        secret=True,
        used_by=("fetch",),
        asked=True,
    ),
    "AIRTABLE_ENDPOINT_URL": Variable(
        "Airtable's address", default="https://api.airtable.com", form=_URL
    ),
    "OPENAI_API_KEY": Variable(
        "a key for the language model; only scans that ask one need it",
        secret=True,
        used_by=("score",),
    ),
    "OPENAI_BASE_URL": Variable(
        "the language model's address", default="https://api.openai.com/v1", form=_URL
    ),
    "LANDFALL_MODEL": Variable("the language model of scans that name none", default="gpt-6-luna"),
    "LANDFALL_SITES_ALLOWED": Variable(
        "host:port of sites, by commas, that are fetched though they are not public: for stand-ins"
    ),
    "LANDFALL_QUEUE": Variable(
        "projects/P/locations/L/queues/Q",
        FUNCTIONS,
        form=r"projects/[^/\s]+/locations/[^/\s]+/queues/[^/\s]+",
    ),
    "LANDFALL_FETCH_URL": Variable("where tasks of fetch steps go", FUNCTIONS, form=_URL),
    "LANDFALL_SCORE_URL": Variable("where tasks of score steps go", FUNCTIONS, form=_URL),
    "LANDFALL_TASKS_ACCOUNT": Variable("e-mail of the account that tasks carry", FUNCTIONS),
    "LANDFALL_AUDIENCE": Variable(
        "the audiences of which a caller's token must name one, by commas; tasks carry the first",
        FUNCTIONS,
    ),
    "LANDFALL_CALLERS": Variable("e-mails that may call this function, by commas", FUNCTIONS),
    "LANDFALL_TOKENS_CHECKED_BY": Variable(
        f"`{CLOUD_RUN}` where it lets in nobody without a valid token; it takes the signatures off"
    ),
    "LANDFALL_TOKEN_ISSUER": Variable(
        "who signs the callers' tokens", default="https://accounts.google.com"
    ),
    "LANDFALL_CERTIFICATES_URL": Variable(
        "the issuer's certificates, {key id: PEM}",
        default="https://www.googleapis.com/oauth2/v1/certs",
        form=_URL,
    ),
    "LANDFALL_DEADLINES": Variable("JSON with rungs of the ladder that differ, in seconds"),
    "LANDFALL_KEEPING": Variable(
        'JSON with days that differ: `{"fetched": 7, "runs": 400}` are the defaults'
    ),
}


@dataclass(frozen=True)
class Config:
    """What a function was deployed with."""

    function: str
    project: str
    queue: str
    fetch_url: str
    score_url: str
    tasks_account: str
    audiences: tuple[str, ...]
    callers: tuple[str, ...]
    checked_by_cloud_run: bool
    token_issuer: str
    certificates_url: str
    airtable_endpoint: str
    sites_allowed: tuple[str, ...]
    ladder: Ladder
    keeping: Keeping
    cloud_tasks_emulator: str | None
    airtable_api_key: str = field(repr=False)
    openai_base_url: str
    openai_model: str
    openai_api_key: str = field(repr=False)
    lacking: tuple[str, ...]
    """What it starts without, and some scans need."""

    @property
    def secrets(self) -> tuple[str, ...]:
        """What must never be stored, logged or answered."""
        return tuple(filter(None, (self.airtable_api_key, self.openai_api_key)))


def load_config(function: str, environment: Mapping[str, str]) -> Config:
    """The configuration of `function`. Raises `ConfigError` that names every variable at fault."""
    values = {
        name: environment.get(name, "").strip() or variable.default
        for name, variable in VARIABLES.items()
    }
    unset = {name: it for name, it in VARIABLES.items() if not values[name]}
    problems = _not_set(unset, lambda variable: function in variable.needed_by)
    problems += [
        f"{name} does not have the form of what it is: {variable.meaning}"
        for name, variable in VARIABLES.items()
        if values[name] and not re.fullmatch(variable.form, values[name])
    ]
    try:
        ladder = Ladder.parse(values["LANDFALL_DEADLINES"])
    except ValueError as error:
        problems.append(f"LANDFALL_DEADLINES: {error}")
    try:
        keeping = Keeping.parse(values["LANDFALL_KEEPING"])
    except ValueError as error:
        problems.append(f"LANDFALL_KEEPING: {error}")
    if values["LANDFALL_TOKENS_CHECKED_BY"] not in ("", CLOUD_RUN):
        problems.append(f"LANDFALL_TOKENS_CHECKED_BY: it is `{CLOUD_RUN}`, or not set")
    if problems:
        raise ConfigError(function, problems)
    return Config(
        function=function,
        project=values["GOOGLE_CLOUD_PROJECT"],
        queue=values["LANDFALL_QUEUE"],
        fetch_url=values["LANDFALL_FETCH_URL"],
        score_url=values["LANDFALL_SCORE_URL"],
        tasks_account=values["LANDFALL_TASKS_ACCOUNT"],
        audiences=_listed(values["LANDFALL_AUDIENCE"]),
        callers=_listed(values["LANDFALL_CALLERS"]),
        checked_by_cloud_run=values["LANDFALL_TOKENS_CHECKED_BY"] == CLOUD_RUN,
        token_issuer=values["LANDFALL_TOKEN_ISSUER"],
        certificates_url=values["LANDFALL_CERTIFICATES_URL"],
        airtable_endpoint=values["AIRTABLE_ENDPOINT_URL"],
        sites_allowed=tuple(filter(None, _listed(values["LANDFALL_SITES_ALLOWED"]))),
        ladder=ladder,
        keeping=keeping,
        cloud_tasks_emulator=values["CLOUD_TASKS_EMULATOR_HOST"] or None,
        airtable_api_key=values["AIRTABLE_API_KEY"],
        openai_base_url=values["OPENAI_BASE_URL"],
        openai_model=values["LANDFALL_MODEL"],
        openai_api_key=values["OPENAI_API_KEY"],
        lacking=tuple(_not_set(unset, lambda variable: function in variable.used_by)),
    )


def _not_set(unset: Mapping[str, Variable], matters: Callable[[Variable], bool]) -> list[str]:
    return [f"{name} is not set: {it.meaning}" for name, it in unset.items() if matters(it)]


def _listed(value: str) -> tuple[str, ...]:
    return tuple(one.strip() for one in value.split(","))
