"""The Firestore emulator of the Google Cloud CLI, without the CLI's wrapper.

`gcloud emulators firestore start` leaves its java process behind when it is stopped, so we start
the same jar directly.
"""

import shutil
import subprocess
import sys
from pathlib import Path

JAR = Path("platform/cloud-firestore-emulator/cloud-firestore-emulator.jar")
MAIN_CLASS = "com.google.cloud.datastore.emulator.firestore.CloudFirestore"


class MissingError(Exception):
    """A missing prerequisite. The message is one sentence with the command that installs it."""


def emulator_command(port: int, rules: Path | None = None) -> list[str]:
    """Return the command that serves the emulator on 127.0.0.1. Raises `MissingError`."""
    java = shutil.which("java")
    if java is None:
        raise MissingError(
            "The Firestore emulator needs Java: install it with "
            "`sudo apt-get install default-jre-headless`."
        )
    return [
        java,
        "-XX:TieredStopAtLevel=1",
        "-XX:+UseSerialGC",
        "-cp",
        str(_jar()),
        MAIN_CLASS,
        "start",
        "--host=127.0.0.1",
        f"--port={port}",
        *([f"--rules={rules}"] if rules else []),
    ]


def _jar() -> Path:
    gcloud = shutil.which("gcloud")
    if gcloud is None:
        raise MissingError(
            "The Google Cloud CLI is missing: install it with "
            "`sudo apt-get install google-cloud-cli google-cloud-cli-firestore-emulator` "
            "(package source: https://cloud.google.com/sdk/docs/install)."
        )
    beside = Path(gcloud).resolve().parents[1] / JAR
    jar = beside if beside.exists() else _sdk_root(gcloud) / JAR
    if not jar.exists():
        raise MissingError(
            "The Firestore emulator is missing: install it with "
            "`gcloud components install cloud-firestore-emulator` "
            "(or `sudo apt-get install google-cloud-cli-firestore-emulator`)."
        )
    return jar


def _sdk_root(gcloud: str) -> Path:
    """Return the CLI's folder as it reports it; needed where `gcloud` is a wrapper elsewhere."""
    asked = subprocess.run(
        [gcloud, "info", "--format=value(installation.sdk_root)"],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    return Path(asked.stdout.strip() or "/")


if __name__ == "__main__":  # the check of prerequisites in tests/run
    try:
        emulator_command(0)
    except MissingError as missing:
        sys.exit(str(missing))
