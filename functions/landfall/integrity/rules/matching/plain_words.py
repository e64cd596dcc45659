"""Words of a text, as duplicates compare them: in small letters, without accents and script."""

import re
from unicodedata import combining, normalize

Words = tuple[str, ...]
"""Words, each once, in alphabetical order: their order in the text does not count."""

_SCRIPTS = (
    "\u05d0-\u05ea\u0620-\u064a\u066e-\u06d3\u3005\u3400-\u4dbf\u4e00-\u9fff\U00020000-\U0003ffff"
)
"""Letters of Hebrew, Arabic and Chinese characters. In Latin letters, several of them are one: two
names of one sound would be the same."""

_APOSTROPHES = re.compile("['`\u2018\u2019\u02bc]")
_NO_WORD = re.compile(r"[^a-z0-9]+")
_PLAIN = {
    code: letter.lower() if letter.isalnum() else " "
    for code, letter in enumerate(map(chr, range(128)))
} | {ord("'"): None, ord("`"): None}
"""Each character of ASCII as a letter or digit, a blank, or nothing."""

_NO_WORD_OF_ANY_SCRIPT = re.compile(f"[^a-z0-9{_SCRIPTS}]+")
_RUNS = re.compile(f"([{_SCRIPTS}]+)")
_SYMBOLS = re.compile("[\u00a9\u00ae\u2117\u2120\u2122\u2190-\u2bff\U0001f000-\U0001faff\ufe0f]")
"""Signs such as those of trade marks, arrows and pictures: no part of a name."""

_BLANKS_IN_CHINESE = re.compile(
    "(?<=[\u3005-\u9fff\U00020000-\U0003ffff])\\s+(?=[\u3005-\u9fff\U00020000-\U0003ffff])"
)
_ARABIC = str.maketrans({"\u0629": "\u0647", "\u0649": "\u064a", "\u0640": None})
"""Letters that are written for each other at the end of a word, and the stroke that widens one."""


def word_map(text: str) -> dict[str, str]:
    """Return the words that stand for others, of a list such as `st=street rd=road`."""
    return dict(pair.split("=") for pair in text.split())


def plain(text: str) -> list[str]:
    """Return the words in letters a-z and digits: `Żółć, O'Neill` is `zolc oneill`.

    Words in Hebrew, Arabic or Chinese characters retain these.
    """
    if not text.isascii():
        text = _APOSTROPHES.sub("", text)
    if text.isascii():
        return text.translate(_PLAIN).split()
    latin = _APOSTROPHES.sub("", _without_script(text))  # as which a soft sign is transliterated
    return _NO_WORD_OF_ANY_SCRIPT.sub(" ", latin.lower()).split()


def _without_script(text: str) -> str:
    from anyascii import anyascii  # 2.6 MB of tables, for those who need them

    text = together(text)
    if not _RUNS.search(text):
        return anyascii(text)
    bare = "".join(it for it in normalize("NFKD", text) if not combining(it)).translate(_ARABIC)
    pieces = _RUNS.split(bare)
    return " ".join(anyascii(it) if number % 2 == 0 else it for number, it in enumerate(pieces))


def usual(text: str) -> str:
    """Return a text in its usual characters, without signs."""
    return text if text.isascii() else normalize("NFKC", _SYMBOLS.sub(" ", text))


def together(text: str) -> str:
    """Return a text as `usual`, without blanks between Chinese characters: they mean nothing."""
    return text if text.isascii() else _BLANKS_IN_CHINESE.sub("", usual(text))


def sound(word: str) -> str:
    """Return a word in letters a-z, whatever its script."""
    if word.isascii():
        return word
    from anyascii import anyascii

    return _NO_WORD.sub("", anyascii(word).lower())


def in_order(words: list[str]) -> Words | None:
    """Return the words in alphabetical order; None without any."""
    return tuple(sorted(set(words))) or None
