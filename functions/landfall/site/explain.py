"""A site scan in plain sentences."""

from landfall.llm.explain import model_costs
from landfall.scans.explanation import KnownSource, ScanInWords, monthly
from landfall.site.scan import SiteScan


def explain(scan: SiteScan, _known: KnownSource, runs: int) -> ScanInWords:
    """Return a sentence for each criterion, and those about the pages and the model."""
    checks = [
        f"{dimension.name}: {criterion.good}"
        for dimension in scan.rubric.dimensions
        for criterion in dimension.criteria
    ]
    pages = scan.pages + 1  # the home page as a phone sees it
    costs = [
        f"A run fetches at most {pages:,} pages{monthly(pages, runs)}, robots.txt and sitemaps, a "
        f"request in {scan.delay_seconds:g} s or slower. It asks Airtable nothing.",
        model_costs(scan.model, "it judges the evidence of the rules too")
        if scan.scorer == "model"
        else "It asks no language model.",
    ]
    others = "Pages beyond that number" if scan.mode == "deep" else "Pages other than the home page"
    unseen = [
        f"{others}, pages of other hosts, and pages that robots.txt forbids.",
        "Text that only a script makes, and whatever is behind a log-in.",
    ]
    return ScanInWords(checks, costs, unseen)
