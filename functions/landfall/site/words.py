"""The search for words of a definition in texts: whole words, in any case, with any accents."""

import functools
import re
import unicodedata
from collections.abc import Sequence

import re2


def folded(text: str) -> str:
    """Return the text in lower case without accents; other characters become single spaces.

    Soft hyphens, and what joins or divides letters without being seen, are left out.
    """
    bare = unicodedata.normalize("NFKD", _UNSEEN.sub("", text).casefold())
    letters = "".join(letter for letter in bare if not unicodedata.combining(letter))
    return f" {' '.join(_WORDS.findall(letters))} "


_UNSEEN = re.compile("[\u00ad\u034f\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff]")
_WORDS = re.compile(r"\w+")


class Vocabulary:
    """Words and phrases with one meaning; a `*` at the end matches any ending."""

    def __init__(self, words: Sequence[str]) -> None:
        forms = sorted(map(_form, words), key=len, reverse=True)
        self._any = re2.compile(f" (?:{'|'.join(forms)}) ")

    def counted(self, text: str) -> int:
        """Count the matches in a folded text."""
        return len(self._any.findall(_spaced(text)))

    def within(self, text: str) -> bool:
        """Return whether a folded text has a match."""
        return self._any.search(_spaced(text)) is not None


@functools.lru_cache(maxsize=256)
def vocabulary(words: tuple[str, ...]) -> Vocabulary:
    """Return the vocabulary of these words, cached for the life of the process."""
    return Vocabulary(words)


def _form(word: str) -> str:
    any_ending = word.endswith("*")
    return re.escape(_spaced(folded(word)).strip()) + ("[^ ]*" if any_ending else "")


def _spaced(text: str) -> str:
    """Return a folded text in which neighbours share no space, so that matches do not overlap."""
    return text.replace(" ", "  ")
