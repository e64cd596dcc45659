"""A classification in plain sentences."""

from landfall.airtable.explain import base_costs, base_unseen
from landfall.classification.scan import ClassificationScan
from landfall.llm.explain import model_costs
from landfall.scans.explanation import KnownSource, ScanInWords, named


def explain(scan: ClassificationScan, known: KnownSource, runs: int) -> ScanInWords:
    """Return a sentence for each label, and those about the model and the base."""
    parts = scan.mapping.fields()
    checks = [
        f"{scan.table}: each record is a data element, known by {named(parts.values())}.",
        *(
            f"{scan.table}: a model suggests {output.replace('_', ' ')}: {named(labels)}."
            for output, labels in scan.labels.choices().items()
        ),
        "People confirm, change or reject what it suggests.",
    ]
    questions = f"up to {scan.group_size} elements in a question, only about new and changed ones"
    if known.records is not None:
        most = -(-known.records // scan.group_size)
        questions += f", so about {most:,} for {known.records:,} elements the first time"
    costs = [
        *base_costs(scan, known, runs, scan.write_back is not None),
        model_costs(scan.model, questions),
    ]
    used = {(scan.table, field) for field in parts.values()}
    return ScanInWords(checks, costs, [*base_unseen(scan, known, used, {scan.table})])
