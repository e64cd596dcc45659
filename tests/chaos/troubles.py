"""What goes wrong at the vendors while a campaign goes on: data, drawn from a seed."""

from infra.local.openai import errors as openai_errors
from infra.local.wire.faults import Fault, FaultKind, FaultRule

_BUSY = openai_errors.rate_limited("gpt-6-luna", "tokens", 200_000, 2.0).response
_BROKEN = openai_errors.unknown_failure().response

_OF_MODEL: dict[str, tuple[Fault | str, float]] = {
    "429": (
        Fault(FaultKind.STATUS, status=429, headers=_BUSY.headers, body=_BUSY.body),
        0.03,
    ),
    "500": (Fault(FaultKind.STATUS, status=500, body=_BROKEN.body), 0.02),
    "silent": (Fault(FaultKind.SILENT), 0.01),
    "cut": (Fault(FaultKind.CUT_BODY), 0.01),
    "refusal": ("refusal", 0.03),
    "length": ("length", 0.02),
    "invalid_json": ("invalid_json", 0.02),
    "wrong_enum": ("wrong_enum", 0.02),
    "dropped_record": ("dropped_record", 0.03),
    "invented_id": ("invented_id", 0.02),
}

_OF_SITES: dict[str, tuple[Fault, float]] = {
    "429": (Fault(FaultKind.STATUS, status=429, headers={"Retry-After": "2"}), 0.01),
    "500": (Fault(FaultKind.STATUS, status=500), 0.02),
    "silent": (Fault(FaultKind.SILENT), 0.01),
    "cut": (Fault(FaultKind.CUT_BODY), 0.01),
    "drip": (Fault(FaultKind.DRIP_BODY), 0.01),
    "reset": (Fault(FaultKind.RESET), 0.01),
}


_LISTING = r"^/v0/app[^/]+/[^/]+$"

_OF_AIRTABLE: dict[str, tuple[Fault, float, int | None]] = {
    "empty look": (Fault(FaultKind.STATUS, status=200, body=b'{"records": []}'), 0.004, None),
    "500": (Fault(FaultKind.STATUS, status=500), 0.005, None),
    "a day": (Fault(FaultKind.STATUS, status=503, headers={"Retry-After": "86400"}), 0.002, 1),
    "for ever": (Fault(FaultKind.STATUS, status=429, headers={"Retry-After": "inf"}), 0.002, 1),
}
"""Of each fault, its probability and how often it is made; one that closes a base, once."""


def of_airtable(seed: int) -> list[FaultRule]:
    """A page in fifty or so, and two requests for very long waits."""
    return [
        FaultRule(
            fault, method="GET", path=_LISTING, times=times, probability=often, seed=seed + number
        )
        for number, (fault, often, times) in enumerate(_OF_AIRTABLE.values())
    ]


def of_the_model(seed: int) -> list[FaultRule]:
    """A call in five or so meets one of these."""
    return [
        FaultRule(fault, method="POST", times=None, probability=often, seed=seed + number)
        for number, (fault, often) in enumerate(_OF_MODEL.values())
    ]


def of_the_sites(seed: int) -> list[FaultRule]:
    """A page in fifteen or so."""
    return [
        FaultRule(fault, times=None, probability=often, seed=seed + number)
        for number, (fault, often) in enumerate(_OF_SITES.values())
    ]
