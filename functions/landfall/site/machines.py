"""Passages of a page that address machines, and not the page's visitors."""

import re
import unicodedata
from string import ascii_lowercase

from landfall.llm.quoting import visible_text

_TO_MACHINES = re.compile(
    r"instruc|instruk|anweisung|istruzion|prompt|assistant|assistent|asistente|language model|"
    r"sprachmodell|\b(a\.?i\.?|ki|ia|llms?|gpt\S*|chatbots?|bots?)\b|ignore|ignorier|ignora|"
    r"disregard|\bscor(e|es|ing)\b|bewerte|punktzahl|puntuaci|rate this|"
    r"\b10 ?(/|of|out of|von|de) ?10\b|system message|json|<untrusted|"
    r"指示|評価|忽略|评分|инструкц|оценк|تعليمات",
    re.IGNORECASE,
)
"""Words of passages that address the model which scores a page, and not the page's visitors."""


def speaks_to_machines(passage: str) -> bool:
    """Return whether a passage addresses the model that scores the page, however it is spelt."""
    # invisible characters would split its words
    folded = _folded(visible_text(passage, len(passage)).text)
    together = _SPACED.sub(lambda word: _GAPS.sub("", word[0]), folded)
    spellings = [folded, together]
    if _MIXED.search(together):
        spellings = [folded, _WORD.sub(_in_latin, together), _WORD.sub(_in_cyrillic, together)]
    return any(_TO_MACHINES.search(one) for one in spellings)


def _folded(text: str) -> str:
    """Return a text in its usual characters (NFKC), without accents."""
    if text.isascii():
        return text
    apart = unicodedata.normalize("NFKD", text.translate(_PICTURED))
    bare = "".join(one for one in apart if not unicodedata.combining(one))
    return unicodedata.normalize("NFKC", bare)


def _in_latin(word: re.Match[str]) -> str:
    if not _HAS_LATIN.search(word[0]):
        return word[0]
    latin = word[0].translate(_LATIN)
    return latin.translate(_DIGITS) if len(latin) > 3 else latin  # A1 is no AI


def _in_cyrillic(word: re.Match[str]) -> str:
    return word[0].translate(_CYRILLIC) if _HAS_CYRILLIC.search(word[0]) else word[0]


_WORD = re.compile(r"[\w$@]+")
_HAS_LATIN = re.compile("[a-z\u0250-\u02af\u1d00-\u1d22]", re.IGNORECASE)
_HAS_CYRILLIC = re.compile("[\u0400-\u04ff]")
_MIXED = re.compile(r"(?:[a-zA-Z][^\W_a-zA-Z]|[^\W_a-zA-Z]\w?[a-zA-Z]|[\u1d00-\u1d22$@])")
"""The place of a word at which it changes between Latin letters and others."""

_SPACED = re.compile(r"(?<!\w)\w(?:[\W_]{1,2}\w){3,}(?!\w)")
"""A word whose letters stand apart, as in `i g n o r e`."""

_GAPS = re.compile(r"[\W_]+")

_LOOK_LIKE = {
    "a": "\u0430\u0410\u03b1\u0391\u0251\u1d00",
    "b": "\u0432\u0412\u0392\u0299",
    "c": "\u0441\u0421\u03f2\u1d04",
    "d": "\u0501\u0500\u1d05",
    "e": "\u0435\u0415\u0395\u03b5\u1d07",
    "f": "\ua730\u0192",
    "g": "\u0581\u0261\u0262",
    "h": "\u04bb\u04ba\u041d\u043d\u0397\u0570\u029c",
    "i": "\u0456\u0406\u03b9\u0399\u0131\u0269\u026a",
    "j": "\u0458\u0408\u1d0a",
    "k": "\u043a\u041a\u03ba\u039a\u1d0b",
    "l": "\u04cf\u04c0\u029f",
    "m": "\u043c\u041c\u039c\u1d0d",
    "n": "\u0578\u03b7\u039d\u0274",
    "o": "\u043e\u041e\u03bf\u039f\u0585\u1d0f",
    "p": "\u0440\u0420\u03c1\u03a1\u1d18",
    "q": "\u051b\u051a\u0566",
    "r": "\u0433\u0280",
    "s": "\u0455\u0405\ua731",
    "t": "\u0442\u0422\u03c4\u03a4\u1d1b",
    "u": "\u057d\u03c5\u1d1c",
    "v": "\u03bd\u0475\u1d20",
    "w": "\u051d\u051c\u1d21",
    "x": "\u0445\u0425\u03c7\u03a7",
    "y": "\u0443\u0423\u04af\u03b3\u03a5\u028f",
    "z": "\u0396\u1d22",
}
"""The letters that are read as a Latin one: of Cyrillic, Greek and Armenian, as Unicode's list of
confusables (UTS 39) has them, and small capitals."""

_PICTURED = {
    begin + place: letter
    for begin in (0x1F150, 0x1F170, 0x1F1E6)
    for place, letter in enumerate(ascii_lowercase)
}
"""Letters in circles and squares that NFKC leaves as they are."""

_LATIN = {ord(one): letter for letter, others in _LOOK_LIKE.items() for one in others}
_DIGITS = str.maketrans("013457@$", "oieastas")

_CYRILLIC = {
    ord(letter): next(one for one in others if "\u0400" <= one <= "\u04ff")
    for letter, others in _LOOK_LIKE.items()
    if letter in "aceopxykmth"
}
"""Latin letters that are read as Cyrillic ones."""
