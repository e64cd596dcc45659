"""Words of a definition, looked for in texts: whole words, whatever their case and accents."""

import functools
import re
import unicodedata
from collections.abc import Sequence

import re2


def folded(text: str) -> str:
    """The text in lower case, without accents, each run of other characters a space."""
    bare = unicodedata.normalize("NFKD", text.casefold())
    letters = "".join(letter for letter in bare if not unicodedata.combining(letter))
    return f" {' '.join(_WORDS.findall(letters))} "


_WORDS = re.compile(r"\w+")


class Vocabulary:
    """Words and phrases that stand for one thing; a `*` at the end stands for any ending."""

    def __init__(self, words: Sequence[str]) -> None:
        forms = [_form(word) for word in words]
        self._any = re2.compile(f" (?:{'|'.join(sorted(forms, key=len, reverse=True))}) ")

    def counted(self, text: str) -> int:
        """How often one of them stands in a folded text."""
        # neighbours share the space between them: so each is looked for from where it ends
        count, at = 0, 0
        while found := self._any.search(text, at):
            count, at = count + 1, found.end() - 1
        return count

    def within(self, text: str) -> bool:
        """Whether one of them stands in a folded text."""
        return self._any.search(text) is not None


@functools.lru_cache(maxsize=256)
def vocabulary(words: tuple[str, ...]) -> Vocabulary:
    """The vocabulary of these words, made once a process."""
    return Vocabulary(words)


def _form(word: str) -> str:
    any_ending = word.endswith("*")
    return re.escape(folded(word).strip()) + ("[^ ]*" if any_ending else "")
