"""The picture of a real run: `python -m tests.generated.picture` runs a sample and draws it.

    infra/local/run, in a terminal of its own ──> the screen after its end ──> infra/docs/report.svg

It takes half a minute and is not part of `python -m tests.generated`; a test checks that the rules
in the picture are those of the sample.
"""

import fcntl
import io
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from collections.abc import Iterator

from rich.console import Console
from rich.terminal_theme import TerminalTheme
from rich.text import Text

from tests.generated.markdown import ROOT

PICTURE = ROOT / "infra/docs/report.svg"
COMMAND = "infra/local/run infra/local/samples/school.yaml"
COLUMNS = 108

THEME = TerminalTheme(
    (29, 33, 40),
    (214, 219, 226),
    [
        (29, 33, 40), (240, 113, 120), (126, 200, 126), (232, 190, 102),
        (115, 172, 240), (200, 146, 234), (94, 200, 210), (214, 219, 226),
    ],
    [
        (110, 118, 129), (240, 113, 120), (126, 200, 126), (232, 190, 102),
        (115, 172, 240), (200, 146, 234), (94, 200, 210), (255, 255, 255),
    ],
)  # fmt: skip

FRAME = """\
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img">
<title>A run and its report</title>
<style>
.{unique_id}-title {{ font: bold 16px system-ui, Helvetica, Arial, sans-serif; }}
.{unique_id}-matrix {{
  font: {char_height}px ui-monospace, SFMono-Regular, Menlo, Consolas, monospace;
  line-height: {line_height}px;
}}
{styles}
</style>
<defs>
<clipPath id="{unique_id}-clip-terminal">
<rect x="0" y="0" width="{terminal_width}" height="{terminal_height}"/>
</clipPath>
{lines}
</defs>
{chrome}
<g transform="translate({terminal_x}, {terminal_y})" clip-path="url(#{unique_id}-clip-terminal)">
{backgrounds}
<g class="{unique_id}-matrix">
{matrix}
</g>
</g>
</svg>
"""
"""As rich's own frame, without the font that it loads from the network."""

CONTROL = re.compile(r"\x1b\[(?P<count>\d*)A|\x1b\[\d*K|\x1b\[\?\d+[hl]|\r\n|\r|\n|\x1b\[[\d;]*m")


def main() -> None:
    """Run the sample and draw its screen."""
    PICTURE.write_text(drawn(screen(typescript(COMMAND.split()))))


def typescript(command: list[str]) -> str:
    """Return everything that a command writes to a terminal."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 60, COLUMNS, 0, 0))
    environment = os.environ | {"TERM": "xterm-256color"}
    process = subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=theirs, stderr=theirs, env=environment
    )
    os.close(theirs)
    text = b"".join(_read(ours)).decode()
    if process.wait():
        sys.exit(f"{' '.join(command)} failed:\n{text}")
    return text


def _read(terminal: int) -> Iterator[bytes]:
    while True:
        try:
            some = os.read(terminal, 65_536)
        except OSError:  # the other end is closed
            return
        if not some:
            return
        yield some


def screen(text: str) -> list[str]:
    """Return the lines that stand on the screen in the end, with their colours."""
    lines, row, at = [""], 0, 0
    for control in CONTROL.finditer(text):
        lines[row] += text[at : control.start()]
        at = control.end()
        match control[0]:
            case "\r\n" | "\n":
                row += 1
                lines += [""] * (row + 1 - len(lines))
            case sign if sign.endswith("m"):
                lines[row] += sign
            case sign if sign.endswith("A"):
                row -= int(control["count"] or 1)
            case sign if sign == "\r" or sign.endswith("K"):
                lines[row] = ""
    lines[row] += text[at:]
    return [line for line in lines if line.strip()]


def drawn(lines: list[str]) -> str:
    """Return the screen as an SVG."""
    console = Console(record=True, width=COLUMNS, file=io.StringIO(), force_terminal=True)
    console.print(Text.assemble(("$ ", "bold green"), (COMMAND, "bold")))
    for line in lines:
        console.print(Text.from_ansi(line), no_wrap=True, crop=True)
    svg = console.export_svg(title="A run and its report", theme=THEME, code_format=FRAME)
    return re.sub(r"terminal-\d+", "run", svg)


if __name__ == "__main__":
    main()
