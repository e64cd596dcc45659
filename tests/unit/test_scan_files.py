"""Files of scans: an editor finds the schema of a copy, wherever it lies."""

import os
import re
import shutil
from pathlib import Path

import pytest

from infra.local.scan_files import SCHEMA, copy_file, load_file, schema_address, schema_note
from landfall.kinds.definition import DefinitionError

SAMPLES = sorted((Path(__file__).parents[2] / "infra/local/samples").glob("*.yaml"))


def address(path: Path) -> Path:
    """Where an editor looks for the schema: from the file's folder, or absolute."""
    found = re.search(r"\$schema=(\S+)", path.read_text(encoding="utf-8"))
    assert found
    return Path(os.path.normpath(path.parent / found[1]))


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda path: path.stem)
def test_a_copy_finds_the_schema(sample: Path, tmp_path: Path) -> None:
    """And is otherwise the sample, comments included."""
    to = tmp_path / "my scan.yaml"
    copy_file(sample, to)
    assert address(to) == SCHEMA == address(sample)
    assert schema_note(to) == schema_note(sample) == ""
    text, copied = (path.read_text(encoding="utf-8").split("\n", 1)[1] for path in (sample, to))
    assert copied == text
    assert load_file(to) == load_file(sample)


def test_the_address_within_the_checkout_moves_with_it() -> None:
    """It is relative there, so that a repository of one's own can hold both."""
    assert schema_address(SCHEMA.parent / "scans/own.yaml") == "../scan.schema.json"


def test_a_file_that_was_copied_by_hand_is_told_its_line(tmp_path: Path) -> None:
    """With the address that works from there."""
    to = tmp_path / "own.yaml"
    shutil.copy(SAMPLES[0], to)
    note = schema_note(to)
    assert "an editor finds no schema at ../../scan.schema.json from here; write " in note
    (line,) = re.findall("`(.*)`", note)
    to.write_text(f"{line}\nid: x\n")
    assert (schema_note(to), address(to)) == ("", SCHEMA)


@pytest.mark.parametrize(
    "first", ["", "# a comment", "# yaml-language-server: $schema=https://a/b"]
)
def test_a_file_without_an_address_has_no_note(tmp_path: Path, first: str) -> None:
    """Nor one with an address of somebody's own."""
    path = tmp_path / "own.yaml"
    path.write_text(f"{first}\nid: x\n")
    assert schema_note(path) == ""


def test_what_cannot_be_read_or_written_is_named(tmp_path: Path) -> None:
    """In words, and nothing is overwritten."""
    to = tmp_path / "own.yaml"
    to.write_text("id: mine\n")
    with pytest.raises(DefinitionError, match=r"own\.yaml cannot be written: File exists"):
        copy_file(SAMPLES[0], to)
    with pytest.raises(DefinitionError, match=r"none\.yaml cannot be read: No such file"):
        load_file(tmp_path / "none.yaml")
    to.write_bytes("id: ä".encode("utf-16"))
    with pytest.raises(DefinitionError, match=r"own\.yaml: this is text in UTF-16; save it"):
        load_file(to)
