"""The definition of a site scan."""

from collections.abc import Iterable
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field

from landfall.llm.model_settings import ModelSettings
from landfall.scans.scan import Scan
from landfall.scans.settings import Misfit, Number, Whole, got, shape
from landfall.site.rubric import Rubric, clinic_rubric
from landfall.site.urls import page_address


def _is_site(url: str) -> str:
    address = page_address(url, url) if "://" in url else None
    if address is None:
        host = url.partition("://")[2].partition("/")[0]
        raise ValueError(
            "leave out the user and the password before the @"
            if "@" in host
            else f"must be the address of a page, such as https://clinic.example/ {got(url)}"
        )
    if urlsplit(url).fragment:
        raise ValueError(f"leave out the part from # on, which is a place in a page {got(url)}")
    return address


Url = Annotated[
    str,
    AfterValidator(_is_site),
    shape(
        "string", pattern="^[Hh][Tt]{2}[Pp][Ss]?://", says="an address that begins with https://"
    ),
]
"""The address of a page. It is checked against the rules for fetching only when it is fetched."""


class SiteScan(Scan):
    """A scan of a public web site: the pages to fetch, and the rubric that judges them."""

    headings = ("url",)

    kind: Literal["site"]
    url: Url = Field(description="The home page. Pages of other hosts are not fetched.")
    mode: Literal["quick", "deep"] = Field(
        "quick",
        description="quick: the home page, for desktops and for phones. deep: other pages too.",
    )
    max_pages: Whole = Field(
        10, ge=1, le=50, description="Pages of a deep scan, the home page included."
    )
    delay_seconds: Number = Field(
        1.0,
        ge=0.1,
        le=60,
        description="Seconds between the starts of two requests; more if robots.txt asks for it.",
    )
    contact: str = Field(
        "",
        max_length=200,
        pattern=r"^[ -~]*$",
        description="Sent to the site with each request: a web address or an e-mail address.",
    )
    rubric: Rubric = Field(
        default_factory=clinic_rubric,
        description="The standard by which the site is judged. Default: the rubric of a clinic.",
    )
    scorer: Literal["rules", "model"] = Field(
        "rules", description="model: a language model judges the evidence of the rules too."
    )
    model: ModelSettings = ModelSettings()

    def misfits(self) -> Iterable[Misfit]:
        """Yield the contradictions: batches, which are not for pages, and those of the rubric."""
        if self.model.batch:
            yield Misfit(
                ("model", "batch"),
                "batches are only for scans of `kind: classification`; pages are judged one by "
                "one; remove `batch`",
            )
        for place, message in self.rubric.misfits():
            yield Misfit(("rubric", *place), message)

    @property
    def pages(self) -> int:
        """The maximum number of pages that are fetched for desktops."""
        return self.max_pages if self.mode == "deep" else 1
