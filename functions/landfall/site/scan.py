"""The definition of a site scan."""

from collections.abc import Iterable
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field

from landfall.llm.model_settings import ModelSettings
from landfall.scans.scan import Scan
from landfall.scans.settings import it_is
from landfall.site.rubric import Rubric, clinic_rubric
from landfall.site.urls import page_address


def _is_site(url: str) -> str:
    address = page_address(url, url) if "://" in url else None
    if address is None or urlsplit(url).fragment:
        raise ValueError(
            f"must be the address of a page, such as https://clinic.example/ {it_is(url)}"
        )
    return address


Url = Annotated[str, AfterValidator(_is_site)]
"""The address of a page. Whether it may be fetched is seen when it is."""


class SiteScan(Scan):
    """A scan of a public web site: which pages are looked at, and what they are judged by."""

    headings = ("url",)

    kind: Literal["site"]
    url: Url = Field(description="The home page. Other hosts than its own are not looked at.")
    mode: Literal["quick", "deep"] = Field(
        "quick",
        description="quick: the home page, as a desktop and as a phone. deep: other pages too.",
    )
    max_pages: int = Field(
        10, ge=1, le=50, description="Pages of a deep scan, the home page included."
    )
    delay_seconds: float = Field(
        1.0,
        ge=0.1,
        le=60,
        description="Seconds between the beginnings of two requests; more where robots.txt asks.",
    )
    contact: str = Field(
        "",
        max_length=200,
        pattern=r"^[ -~]*$",
        description="Told to the site with each request: an address of a page or of mail.",
    )
    rubric: Rubric = Field(
        default_factory=clinic_rubric,
        description="What the site is judged by. Without it, the rubric of a clinic.",
    )
    scorer: Literal["rules", "model"] = Field(
        "rules", description="model: a language model looks at the evidence of the rules too."
    )
    model: ModelSettings = ModelSettings()

    def misfits(self) -> Iterable[str]:
        """Batches, which are not for pages, and what of the rubric does not fit together."""
        if self.model.batch:
            yield (
                "model.batch: batches are for scans of `kind: classification`, and pages are asked "
                "about one by one; remove `batch`"
            )
        for problem in self.rubric.misfits():
            yield f"rubric.{problem}"

    @property
    def pages(self) -> int:
        """Pages that are looked at, at most, as a desktop."""
        return self.max_pages if self.mode == "deep" else 1
