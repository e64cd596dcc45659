"""Duplicates by splink: comparisons from its library, trained without labels as its guide says."""

import json
import sys
from itertools import combinations
from pathlib import Path

import pandas as pd
import splink.comparison_library as cl
from splink import DuckDBAPI, Linker, SettingsCreator, block_on

LIKELY = 0.95
"""Match probability of pairs, and of clusters."""

COMPARISONS = {
    "name": cl.NameComparison,
    "organisation": lambda field: cl.JaroWinklerAtThresholds(field, [0.95, 0.88]),
    "date": lambda field: cl.DateOfBirthComparison(field, input_is_string=True),
    "email": cl.EmailComparison,
    "address": lambda field: cl.JaroWinklerAtThresholds(field, [0.95, 0.88]),
    "value": lambda field: cl.DamerauLevenshteinAtThresholds(field, [1, 2]),
    "phone": lambda field: cl.DamerauLevenshteinAtThresholds(field, [1]),
    "postcode": lambda field: cl.LevenshteinAtThresholds(field, [1, 2]),
    "text": lambda field: cl.JaroWinklerAtThresholds(field, [0.88]),
}


def main(made: Path, out: Path) -> None:
    """Read records and the kinds of their fields, write pairs of ids."""
    task = json.loads(made.read_bytes())
    kinds = {field.lower(): kind for field, kind in task["kinds"].items()}
    rows = [
        {"unique_id": record["id"]}
        | {field: record["fields"].get(field.capitalize()) for field in kinds}
        for record in task["records"]
    ]
    frame = pd.DataFrame(rows)
    database = DuckDBAPI()
    table = database.register(frame)
    rules = [block_on(*fields) for fields in blocks(kinds)]
    settings = SettingsCreator(
        link_type="dedupe_only",
        comparisons=[
            COMPARISONS[kind](field).configure(term_frequency_adjustments=kind in ADJUSTED)
            for field, kind in kinds.items()
        ],
        blocking_rules_to_generate_predictions=rules,
    )
    linker = Linker(table, settings)
    linker.training.estimate_probability_two_random_records_match(rules[:3], recall=0.8)
    linker.training.estimate_u_using_random_sampling(max_pairs=1e6, seed=1)
    for rule in rules[:2]:
        linker.training.estimate_parameters_using_expectation_maximisation(rule)
    pairs = linker.inference.predict(threshold_match_probability=0.5)
    clusters = linker.clustering.cluster_pairwise_predictions_at_threshold(pairs, LIKELY)
    groups = clusters.as_pandas_dataframe().groupby("cluster_id")["unique_id"].apply(sorted)
    found = [pair for group in groups for pair in combinations(group, 2)]
    out.write_text(json.dumps({"likely": found}), encoding="utf-8")


ADJUSTED = ("name", "organisation", "text")


def blocks(kinds: dict[str, str]) -> list[list[str]]:
    """Return the fields that candidates share: a name with another, and each that tells much."""
    names = [field for field, kind in kinds.items() if kind in ("name", "organisation")]
    telling = [it for it in kinds if kinds[it] in ("value", "date", "email", "phone", "address")]
    postcodes = [field for field, kind in kinds.items() if kind == "postcode"]
    return [*([it] for it in telling), names, *([name, it] for name in names for it in postcodes)]


main(Path(sys.argv[1]), Path(sys.argv[2]))
