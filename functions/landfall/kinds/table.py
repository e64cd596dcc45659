"""The table of kinds of scan: the only place that names them all.

A kind is a package with a `Kind` in its module `kind`, and sentences for people in `explain`. It is
imported for the first scan of its kind, so a cold start pays for no other.
"""

from collections.abc import Iterator, Mapping
from importlib import import_module

from landfall.runs.kind import Kind

PACKAGES: dict[str, str] = {
    "integrity": "landfall.integrity",
    "classification": "landfall.classification",
    "site": "landfall.site",
}
"""The package of each kind, by the name that definitions give it."""


class Kinds(Mapping[str, Kind]):
    """The kinds by name, each imported at its first use."""

    def __getitem__(self, name: str) -> Kind:
        """Return a kind. Raises `KeyError` where none has this name."""
        kind: Kind = import_module(f"{PACKAGES[name]}.kind").KIND
        return kind

    def __iter__(self) -> Iterator[str]:
        """Iterate over the names."""
        return iter(PACKAGES)

    def __len__(self) -> int:
        """Return the number of kinds."""
        return len(PACKAGES)


KINDS = Kinds()
