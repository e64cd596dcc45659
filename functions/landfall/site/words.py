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


def word_count(text: str) -> int:
    """Count the words of a text; those of scripts without spaces by their usual length."""
    spaced = len(text.split())
    if text.isascii():
        return spaced
    return spaced + len(_IDEOGRAPHS.findall(text)) // 2 + len(_UNSPACED.findall(text)) // 5


_IDEOGRAPHS = re.compile("[\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]")
"""Chinese and Japanese characters: a word has about two."""

_UNSPACED = re.compile("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff]")
"""Thai, Lao, Burmese and Khmer characters: a word has about five."""

REACH = 60
"""Characters around a word of a subject that are about it too, within the same sentence."""


def words_beside(text: str, subject: re.Pattern[str]) -> int:
    """Count the words of a text that are not about a subject, which is known by its words."""
    rest: list[str] = []
    for sentence in _SENTENCE_ENDS.split(text):
        at = 0
        for found in subject.finditer(sentence):
            rest.append(sentence[at : max(at, found.start() - REACH)])
            at = max(at, found.end() + REACH)
        rest.append(sentence[at:])
    return word_count(" ".join(rest))


_SENTENCE_ENDS = re.compile("[.!?](?=\\s|$)|[\n\u2026\u3002\uff01\uff1f]")


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
