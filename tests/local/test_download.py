"""A pinned file is downloaded once, whole and unchanged, or not at all."""

import hashlib
import http.server
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from infra.local import download
from infra.local.download import DownloadError, PinnedFile, pinned_file

CONTENT = bytes(range(256)) * 8_000


class Server:
    """A server of one file that answers the first requests as it is told, and then whole."""

    def __init__(self) -> None:
        self.requests = 0
        self.faults: list[str] = []
        self.content = CONTENT
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.requests += 1
                fault = outer.faults.pop(0) if outer.faults else ""
                if fault == "absent":
                    self.send_error(404)
                    return
                self.send_response(200)
                if fault != "endless":
                    self.send_header("Content-Length", str(len(outer.content)))
                self.end_headers()
                if fault == "broken":
                    self.wfile.write(outer.content[:1000])
                elif fault == "silent":
                    self.wfile.write(outer.content[:1000])
                    self.wfile.flush()
                    outer.over.wait(10)
                else:
                    self.wfile.write(outer.content)

            def log_message(self, *_: object) -> None:
                pass

        self.over = threading.Event()
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)

    def pinned(self) -> PinnedFile:
        """Return the file, as it should be."""
        url = f"http://127.0.0.1:{self.server.server_port}/some/emulator.jar"
        return PinnedFile(url, len(CONTENT), hashlib.sha256(CONTENT).hexdigest())


@pytest.fixture
def server() -> Iterator[Server]:
    """A server on a port of the loopback."""
    found = Server()
    thread = threading.Thread(target=found.server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield found
    found.over.set()
    found.server.shutdown()
    found.server.server_close()
    thread.join()


def fetch(server: Server, folder: Path) -> Path:
    """Return the file, told to nobody."""
    return pinned_file(server.pinned(), folder, lambda _: None)


def test_it_is_downloaded_once(server: Server, tmp_path: Path) -> None:
    """Into a folder that is made for it; a second time it is there."""
    told: list[str] = []
    for _ in range(2):
        path = pinned_file(server.pinned(), tmp_path / "new/folder", told.append)
        assert (path.name, path.read_bytes()) == ("emulator.jar", CONTENT)
    assert server.requests == 1
    (line,) = told
    assert line.startswith(f"Downloading {server.pinned().url} (2 MB, once) to {tmp_path}")


def test_of_several_processes_one_downloads_it(server: Server, tmp_path: Path) -> None:
    """The others wait, and have it then."""
    with ThreadPoolExecutor(6) as pool:
        paths = list(pool.map(lambda _: fetch(server, tmp_path), range(6)))
    assert {path.read_bytes() for path in paths} == {CONTENT}
    assert server.requests == 1


@pytest.mark.parametrize("fault", ["broken", "silent", "absent"])
def test_a_fault_that_passes_is_tried_again(
    server: Server, tmp_path: Path, fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A connection that breaks or falls silent, or an answer that is none."""
    monkeypatch.setattr(download, "SILENCE_SECONDS", 0.2)
    server.faults = [fault]
    assert fetch(server, tmp_path).read_bytes() == CONTENT
    assert server.requests == 2


def test_a_fault_that_stays_leaves_nothing(server: Server, tmp_path: Path) -> None:
    """After three attempts; the message says what came."""
    server.faults = ["absent"] * 9
    with pytest.raises(DownloadError, match="404"):
        fetch(server, tmp_path)
    assert server.requests == download.ATTEMPTS
    assert [it.name for it in tmp_path.iterdir()] == ["emulator.jar.lock"]


@pytest.mark.parametrize(
    "content", [CONTENT[:-1] + b"x", CONTENT[:-1], CONTENT + b"x", b""], ids=len
)
def test_another_file_is_not_kept(server: Server, tmp_path: Path, content: bytes) -> None:
    """Whatever its size: what is started is what the project has pinned."""
    server.content = content
    with pytest.raises(DownloadError, match=r"another size or SHA-256|it ended after"):
        fetch(server, tmp_path)
    assert [it.name for it in tmp_path.iterdir()] == ["emulator.jar.lock"]


def test_no_more_is_read_than_there_should_be(server: Server, tmp_path: Path) -> None:
    """A server without an end fills no disk."""
    server.faults = ["endless"]
    server.content = CONTENT * 100
    with pytest.raises(DownloadError, match="another size"):
        fetch(server, tmp_path)


def test_a_pinned_file_that_was_changed_is_downloaded_again(server: Server, tmp_path: Path) -> None:
    """A disk that was full, or a person's own try, is no emulator."""
    fetch(server, tmp_path).write_bytes(CONTENT[:-1] + b"x")
    assert fetch(server, tmp_path).read_bytes() == CONTENT
    assert server.requests == 2


def test_a_file_that_a_person_put_there_is_used(server: Server, tmp_path: Path) -> None:
    """As the message for a machine without a network says."""
    (tmp_path / "emulator.jar").write_bytes(CONTENT)
    assert fetch(server, tmp_path).read_bytes() == CONTENT
    assert server.requests == 0


def test_a_folder_that_cannot_be_written_is_named(server: Server, tmp_path: Path) -> None:
    """It is an error of the download, not of Python."""
    (tmp_path / "file").write_text("")
    with pytest.raises(DownloadError, match="file"):
        fetch(server, tmp_path / "file/folder")
