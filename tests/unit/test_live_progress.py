"""The progress that a person sees: estimates that are worth something, and lines that fit."""

import asyncio
import io
import subprocess
from pathlib import Path

import pytest
from rich.console import Console
from rich.text import Text

from infra.local import live_progress
from infra.local.live_progress import MIN_WATCHED, Speed, bars, waiting
from infra.local.terminal import Entry, print_entry
from tests.waiting import until

ROOT = Path(__file__).parents[2]


def watched(*observations: tuple[float, int]) -> Speed:
    """Return what was seen: moments and per cent, at a request each."""
    speed = Speed()
    for number, (now, percent) in enumerate(observations):
        speed.observe(now, percent, number)
    return speed


@pytest.mark.parametrize(
    ("observations", "left"),
    [
        ([(0, 0)], ""),
        ([(0, 0), (1, 50)], ""),  # of a second nobody knows anything
        ([(0, 0), (9.9, 50)], ""),
        ([(0, 0), (10, 4)], ""),  # too little has been done
        ([(0, 0), (10, 5)], "~3 min left"),  # 190 s
        ([(0, 0), (10, 20)], "~40 s left"),
        ([(0, 0), (12, 20)], "~50 s left"),  # 48 s, rounded
        ([(0, 50), (20, 75)], "~20 s left"),  # it began at 50
        ([(0, 0), (10, 20), (20.1, 20)], ""),  # nothing has moved since
        ([(0, 0), (100, 97)], ""),  # 3 s
        ([(0, 0), (100, 100)], ""),
        ([(0, 0), (600, 10)], "~90 min left"),
    ],
)
def test_an_estimate_is_shown_where_it_is_worth_something(observations, left):
    """Worked out by hand: the time for the rest, at the speed until now."""
    assert watched(*observations).left == left


def test_the_speed_is_that_of_the_last_seconds():
    """Ten requests in the first second, then one a second."""
    speed = Speed()
    for now, requests in [(0, 0), (1, 10), *((second, 9 + second) for second in range(2, 20))]:
        speed.observe(now, 0, requests)
    assert speed.rate == 1.0
    assert len(speed.recent) < 2 * MIN_WATCHED


@pytest.mark.parametrize("width", [60, 80, 99, 100, 200])
@pytest.mark.parametrize("name", ["a", "school", "x" * 100])
def test_bars_are_bars_at_every_width(width, name):
    """Nothing is wider than the terminal, a bar has ten columns at least, and numbers are whole."""
    out = io.StringIO()
    console = Console(file=out, width=width, force_terminal=True, color_system=None)
    progress = bars(console, [name])
    progress.add_task(
        name, total=100, completed=100, step="waiting_for_site", read="500000 records", rate=4.9,
        left="~12 min left",
    )  # fmt: skip
    console.print(progress.get_renderable())
    lines = out.getvalue().splitlines()
    assert max(map(len, lines)) <= width
    if width >= 80:
        (line,) = lines
        assert line.count("━") >= 10
        for part in (name[:15], "waiting_for_site", "100 %", "500000 records", "~12 min left"):
            assert part in line


@pytest.mark.parametrize("width", [40, 80, 120])
@pytest.mark.parametrize(
    "head", ["", "leak", "a-rule-with-a-long-id  1 critical, 5 warning, 9 info"]
)
def test_an_entry_is_whole_at_every_width(width, head):
    """Each word of it is there, and none is cut, wherever the lines end."""
    words = [f"word{number}" for number in range(60)]
    out = io.StringIO()
    console = Console(file=out, width=width)
    print_entry(console, Entry(Text(head), Text(" ".join(words)), 11))
    assert out.getvalue().split() == [*head.split(), *words]
    first, *rest = out.getvalue().splitlines()
    assert first.startswith(head[: width - 5])
    assert all(line.startswith(" " * 11) for line in rest if line.startswith(" "))
    assert max(map(len, (first, *rest))) <= max(width, 11 + 40)


async def test_a_log_hears_of_a_long_wait(monkeypatch):
    """Now and then, and nothing where it is soon over."""
    monkeypatch.setattr(live_progress, "LINE_SECONDS", 0.02)
    out = io.StringIO()
    console = Console(file=out, width=80)
    async with waiting(console, "Starting ..."):
        pass
    assert out.getvalue() == ""

    async def twice() -> bool:
        return out.getvalue().count("Starting ...") >= 2

    async with waiting(console, "Starting ..."):
        await until(twice, 10, every=0.005)
    heard = out.getvalue()
    await asyncio.sleep(0.05)
    assert out.getvalue() == heard


def narrated(commands: str) -> list[str]:
    """Return the lines that `narrate` shows of the output of commands of the shell."""
    script = f". infra/local/setup.sh; {{ {commands}; }} | narrate 0.2"
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    return [*done.stderr.splitlines(), str(done.returncode)]


def test_an_installation_shows_what_it_does():
    """Each download with its size, and during a long silence that it goes on."""
    lines = narrated(
        "echo 'Collecting polars'; echo '  Downloading polars-1.0.whl (36 MB)'; sleep 0.5;"
        " echo 'Installing collected packages: polars'"
    )
    assert lines[0] == "  Downloading polars-1.0.whl (36 MB)"
    assert lines[1].startswith("  Downloading polars-1.0.whl (36 MB) ... ")
    assert lines[-2:] == ["  Installing collected packages: polars", "0"]


def test_an_installation_that_fails_ends_the_script():
    """With the status of pip, whose error is shown as it is."""
    assert narrated("echo 'no such package' >&2; exit 3") == ["no such package", "3"]
