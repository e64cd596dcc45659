"""The visibility of a page's text to people, by its elements and their own styles.

Text that nobody sees may address machines, so it does not count. But pages fade in: an element
begins at `opacity: 0`, and a script shows it as it scrolls into view. The two differ in what the
element says of its next moment. With a transform, a transition, an animation, or the mark of a
library for them (on it or around it), it is fading: its text counts, except for passages that
address machines, which could be hidden in the same way. With `opacity: 0` and nothing else it is
transparent, which nobody can tell from hidden: it does not count, and a page with more of such text
than of other is not observed.

Style sheets are not read. `font-size` and `visibility` are inherited, so an element within may set
its own; what `display` or `opacity` hides stays hidden.
"""

import re
from collections.abc import Mapping
from enum import Enum

MIN_OPACITY = 0.05
"""Opacity below which text is not seen."""

MIN_PIXELS = 2.0
"""Size of a font, in CSS pixels, below which text is not seen."""


class Seen(Enum):
    """The visibility of text: seen, fading in, transparent for now or for good, or never seen."""

    SEEN = "seen"
    FADING = "fading"
    TRANSPARENT = "transparent"
    NEVER = "never"


_UNDISPLAYED = frozenset(
    {"script", "style", "noscript", "template", "svg", "math", "head", "title"}
)
_ROOTS = frozenset({"html", "body"})
"""Elements that scripts hide until a page is complete, never for good."""


class Visibility:
    """The visibility at a place of a page, while it is parsed.

    `deepest` is the depth of the innermost element that decides on it; 0 if there is none.
    """

    def __init__(self) -> None:
        self.seen = Seen.SEEN
        self.deepest = 0
        self._deciding = [0]
        self._hidden: tuple[int, Seen] | None = None
        self._fading: int | None = None
        self._moved: int | None = None
        self._sizes: list[tuple[int, bool]] = []
        self._visible: list[tuple[int, bool]] = []

    def enter(self, depth: int, tag: str, given: Mapping[str, str]) -> None:
        """Enter an element at this depth of the page."""
        if self._hidden:
            return
        if self._moved is None and not _MOVERS.isdisjoint(given):
            self._moved = depth
            self._deciding.append(depth)
            self.deepest = depth
        if tag in _UNDISPLAYED or ("hidden" in given and tag not in _ROOTS):
            self._hidden = (depth, Seen.NEVER)
        elif tag not in _ROOTS and (style := given.get("style")):
            self._apply(depth, _declarations(style), given)
        else:
            return
        self._deciding.append(depth)
        self._decide()

    def leave(self, depth: int) -> None:
        """Leave the element at this depth, which is the deepest one."""
        while self._deciding[-1] == depth:
            self._deciding.pop()
        if self._hidden and self._hidden[0] == depth:
            self._hidden = None
        if self._fading == depth:
            self._fading = None
        if self._moved == depth:
            self._moved = None
        for inherited in (self._sizes, self._visible):
            if inherited and inherited[-1][0] == depth:
                inherited.pop()
        self._decide()

    def _apply(self, depth: int, style: Mapping[str, str], given: Mapping[str, str]) -> None:
        if (size := _is_readable(style)) is not None:
            self._sizes.append((depth, size))
        hides = style.get("visibility") in ("hidden", "collapse")
        opacity = _number(style.get("opacity", ""))
        unseen = hides or (opacity is not None and opacity < MIN_OPACITY)
        if unseen and (self._moved is not None or _fades(style, given)):
            self._fading = self._fading or depth
        elif opacity is not None and opacity < MIN_OPACITY:
            self._hidden = (depth, Seen.TRANSPARENT)
        elif hides or "visibility" in style:
            self._visible.append((depth, not hides))
        if style.get("display") == "none" or style.get("content-visibility") == "hidden":
            self._hidden = (depth, Seen.NEVER)

    def _decide(self) -> None:
        self.deepest = self._deciding[-1]
        if self._hidden:
            self.seen = self._hidden[1]
        elif self._sizes and not self._sizes[-1][1]:
            self.seen = Seen.NEVER
        elif self._visible and not self._visible[-1][1]:
            self.seen = Seen.TRANSPARENT
        else:
            self.seen = Seen.SEEN if self._fading is None else Seen.FADING


def _declarations(style: str) -> Mapping[str, str]:
    """Return the declarations of a style that count: the last of each, or the important one."""
    found: dict[str, str] = {}
    important: set[str] = set()
    for declaration in _plain(style).lower().split(";"):
        name, _, value = (part.strip() for part in declaration.partition(":"))
        text, mark, _ = value.partition("!")
        if mark or name not in important:
            found[name] = text.strip()
        if mark:
            important.add(name)
    return found


def _plain(style: str) -> str:
    """Return a style without comments and escapes, which can divide its words."""
    pieces, at = [], 0
    while (begin := style.find("/*", at)) >= 0:
        pieces.append(style[at:begin])
        end = style.find("*/", begin + 2)
        at = len(style) if end < 0 else end + 2
    plain = "".join([*pieces, style[at:]])
    return _ESCAPE.sub(_unescaped, plain) if "\\" in plain else plain


_ESCAPE = re.compile(r"\\(?:([0-9a-fA-F]{1,6})\s?|(.))", re.DOTALL)


def _unescaped(escape: re.Match[str]) -> str:
    code = int(escape[1], 16) if escape[1] else 0
    return chr(code) if 0 < code < 0x110000 else escape[2] or ""


def _is_readable(style: Mapping[str, str]) -> bool | None:
    """Return whether text of this size can be read; None if that depends on the element around."""
    value = style.get("font-size")
    if value is None:
        found = _SIZE_IN_FONT.search(style.get("font", ""))
        value = found[0] if found else None
    if not value or value in ("inherit", "unset", "larger", "smaller", "100%", "1em"):
        return None
    number = _number(value)
    if number is None:
        return True  # a keyword, or calculated
    if number == 0:
        return False
    if value.endswith(("%", "em", "ex", "ch", "lh")) and not value.endswith("rem"):
        return None
    return number >= MIN_PIXELS or not value.endswith("px")


_SIZE_IN_FONT = re.compile(r"(?:^|(?<=\s))(?:0(?![\w.%])|[\d.]+(?:%|[a-z]+))")
_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d{1,3})?(?=%|[a-z]*$)")


def _number(value: str) -> float | None:
    found = _NUMBER.match(value[:40])
    if not found:
        return None
    return float(found[0]) / (100 if value.endswith("%") else 1)


def _fades(style: Mapping[str, str], given: Mapping[str, str]) -> bool:
    """Return whether an element says that it moves, or that a library is to move it."""
    moves = any(
        (first := name.removeprefix("-webkit-").split("-")[0]) in _MOVING
        and (first == "transform" or value not in ("", "none", "auto"))
        for name, value in style.items()
    )
    return (
        moves
        or any(_MOVED.match(name) for name in given)
        or _MOVED_CLASS.search(given.get("class", "")) is not None
    )


_MOVING = {"animation", "filter", "rotate", "scale", "transform", "transition", "translate", "will"}
"""The first words of the properties of a movement; `will-change` announces one."""

_MOVERS = frozenset(
    {"data-w-id", "data-wf-page", "data-framer-root", "data-framer-hydrate-v2", "data-barba"}
)
"""Attributes of elements in which a library shows others, which have no mark of their own."""

_MOVED = re.compile(
    r"(data-(framer|w-id|aos|sal|anim|motion|projection|scroll|gsap|sr-|vgsap|reveal|wow|appear|fade|in-?view)"
    r"|uk-scrollspy|x-intersect|x-transition)"
)
"""Attributes of the libraries that show elements as they scroll into view."""

_MOVED_CLASS = re.compile(
    r"(^|[\s_-])(wow|aos|anim\w*|fade\w*|reveal\w*|appear\w*|framer\w*|motion\w*|in-?view|"
    r"gsap\w*|swiper|slick|owl|flickity|enter)([\s_-]|$)",
    re.IGNORECASE,
)
"""Classes of elements that such libraries, or scripts of their kind, show."""
