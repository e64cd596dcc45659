"""`infra/doctor --local`, as a person types it, over a stack that runs."""

import json
from dataclasses import asdict
from pathlib import Path

import pytest

from infra.local.stack import Stack
from tests.end_to_end.commands import ROOT, run

pytestmark = pytest.mark.asyncio(loop_scope="session")

DOCTOR = str(ROOT / "infra/doctor")


async def doctor(stack: Stack, folder: Path, **other: str) -> tuple[int, str, str]:
    """What it says of the stack, when some of the addresses are others."""
    file = folder / "stack.json"
    file.write_text(json.dumps(asdict(stack.addresses) | other) + "\n")
    return await run("--local", str(file), program=DOCTOR)


async def test_a_stack_that_is_well_is_said_to_be(stack: Stack, tmp_path: Path) -> None:
    """Both have ticked, everybody answers; keys that are not given are unknown, not wrong."""
    for name in ("scheduler", "watchdog"):
        assert (await stack.tick(name)).status_code == 200
    status, out, err = await doctor(stack, tmp_path)
    assert (status, err) == (0, ""), out
    well = {line.split()[1] for line in out.splitlines() if line.startswith("ok ")}
    assert well == {"clock", "functions", "queue", "ticks", "documents", "health"}
    assert "0 wrong, 0 waiting, 2 unknown, of 8" in out


async def test_what_does_not_answer_is_named(stack: Stack, tmp_path: Path) -> None:
    """Exit 1; nobody listens at port 9."""
    nobody = {"fetch": "http://127.0.0.1:9", "tasks": "127.0.0.1:9"}
    status, out, _ = await doctor(stack, tmp_path, **nobody)
    assert status == 1
    wrong = [line.split()[1] for line in out.splitlines() if line.startswith("wrong ")]
    assert wrong == ["functions", "queue"]
    assert "fetch does not answer" in out


async def test_a_key_that_nobody_takes_is_wrong(stack: Stack, tmp_path: Path) -> None:
    """Airtable's stand-in knows keys apart, as Airtable does."""
    file = tmp_path / "stack.json"
    file.write_text(json.dumps(asdict(stack.addresses)))
    key = "patNobodys.0123456789"
    status, out, _ = await run("--local", str(file), program=DOCTOR, AIRTABLE_API_KEY=key)
    assert status == 1
    assert "Airtable refuses the key (401)" in out
    assert key not in out


@pytest.mark.parametrize(("text", "says"), [("", "does not begin"), ("{", "does not begin")])
async def test_a_file_without_addresses_is_named(tmp_path: Path, text: str, says: str) -> None:
    """Exit 2: nothing could be looked at."""
    file = tmp_path / "stack.json"
    file.write_text(text)
    status, out, err = await run("--local", str(file), program=DOCTOR)
    assert (status, out) == (2, "")
    assert f"{file} {says}" in err
