"""The Airtable of a local stack: the environment's, if a scan reads a base that is no sample."""

import pytest

from infra.local.emulator import MissingError
from infra.local.endpoints import AirtableEndpoint, configured_airtable
from landfall.kinds.definition import parse
from tests.fakes.world import a_scan

SITE = parse({"id": "clinic", "kind": "site", "url": "https://clinic.example"}, "test")
SAMPLE = a_scan(base="appSchool00000001")
OWN = a_scan()
ELSEWHERE = "http://127.0.0.1:9"


@pytest.fixture(autouse=True)
def _no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AIRTABLE_ENDPOINT_URL", "AIRTABLE_API_KEY"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize("scans", [[], [SITE], [SAMPLE], [SITE, SAMPLE]])
def test_samples_and_sites_need_no_key(scans):
    """The stand-in has the sample bases, and a site has no base."""
    assert configured_airtable(scans) is None


@pytest.mark.parametrize("endpoint", ["", ELSEWHERE])
def test_a_base_of_ones_own_needs_a_key(monkeypatch, endpoint):
    """Without a key nothing starts; site scans beside it change nothing."""
    monkeypatch.setenv("AIRTABLE_ENDPOINT_URL", endpoint)
    with pytest.raises(MissingError, match="AIRTABLE_API_KEY is not set"):
        configured_airtable([SITE, OWN])


def test_sites_alone_need_no_key_wherever_airtable_is(monkeypatch):
    """Site scans send no request to Airtable."""
    monkeypatch.setenv("AIRTABLE_ENDPOINT_URL", ELSEWHERE)
    assert configured_airtable([SITE]) is None


@pytest.mark.parametrize("scans", [[SITE], [OWN], [SAMPLE]])
def test_an_airtable_that_is_named_is_asked(monkeypatch, scans):
    """A named Airtable is called with its key."""
    monkeypatch.setenv("AIRTABLE_ENDPOINT_URL", ELSEWHERE)
    monkeypatch.setenv("AIRTABLE_API_KEY", "patMine.secret")
    assert configured_airtable(scans) == AirtableEndpoint(ELSEWHERE, "patMine.secret")
