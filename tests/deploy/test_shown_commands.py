"""Commands of gcloud that documents and commands show: gcloud itself says whether it takes them."""

import json
import re
from pathlib import Path

from tests.deploy.google_apis import PROJECT
from tests.deploy.installing import REGION, Console

ROOT = Path(__file__).parents[2]
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "infra/docs").glob("*.md"))]
NEWER = "iap settings set"
"""A command whose flags are those of a newer gcloud than that of the tests."""


def shown(text: str) -> set[str]:
    """Return the commands in a text: lines, and what stands between back quotes."""
    found = re.findall(r"^ *(?:->)? *(gcloud [^`\n]+)$|`(gcloud [^`\n]+)`", text, re.MULTILINE)
    commands = {(line or quoted).partition(" #")[0] for line, quoted in found}
    return {it for it in commands if NEWER not in it and "..." not in it}


def test_gcloud_takes_every_command_that_is_shown(console: Console, tmp_path: Path) -> None:
    """With the pipeline's trigger and what doctor says of a paused queue and of a paused job."""
    apis = console.recorder.apis
    printed = console.deploy("--pipeline").output
    place = f"projects/{PROJECT}/locations/{REGION}"
    for api, name in (
        ("cloudtasks", "queues/landfall"),
        ("cloudscheduler", "jobs/landfall-watchdog"),
    ):
        apis.named(api, f"{place}/{name}")["state"] = "PAUSED"
    printed += console.run("doctor").output
    commands = shown("\n".join([printed, *(it.read_text() for it in DOCUMENTS)]))
    for part in (
        "builds triggers create",
        "queues resume",
        "jobs resume",
        "backups list",
        "logs read",
    ):
        assert [it for it in commands if part in it], part
    listed = tmp_path / "commands.json"
    listed.write_text(json.dumps([{"command_string": it} for it in sorted(commands)]))
    done = console.gcloud("meta", "lint-gcloud-commands", f"--commands-file={listed}")
    assert done.status == 0, done.errors
    results = json.loads(done.output)
    assert len(results) == len(commands)
    refused = {it["command_string"]: it["error_message"] for it in results if not it["success"]}
    assert refused == {}
    # each names its project, or a document has said that it is the configured one
    assert [it for it in shown(printed) if "--project" not in it and "auth " not in it] == []
