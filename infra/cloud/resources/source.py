"""The source of the image: the files that `.gcloudignore` admits, and their hash."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

from infra.cloud.clients.gcloud import Gcloud

ROOT = Path(__file__).resolve().parents[3]


def files(gcloud: Gcloud) -> list[str]:
    """Return the files to upload, relative to the repository. Raises `GcloudError`."""
    listed = gcloud.run(["meta", "list-files-for-upload", str(ROOT)])
    return sorted(line for line in listed.splitlines() if line)


def version(names: Sequence[str], recipe: str, root: Path = ROOT) -> str:
    """Return the tag of an image: a hash of its files and its recipe."""
    digest = hashlib.sha256(recipe.encode())
    for name in sorted(names):
        content = (root / name).read_bytes()
        digest.update(f"\0{name}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()[:16]
