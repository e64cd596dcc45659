"""Groups of elements: those that share a question.

A model reads all elements of a question together, so a text in one that addresses the model might
influence its answer about the others. An element that seems to do so gets a question of its own:
the text then affects no other element. Such texts are recognised by their words, and words can be
avoided: only a `group_size` of 1 rules out every influence.
"""

import re
from collections.abc import Sequence

from landfall.classification.answer import OUTPUTS
from landfall.classification.elements import Element
from landfall.classification.labels import Labels
from landfall.llm.quoting import visible_text

_MODEL_WORDS = re.compile(
    r"""(?ix)
    instruc|instrucc|istruzion|anweisung|consigne|инструкц|указани|指示|指令|说明|تعليمات|निर्देश
    | \b(ignor\w*|disregard|forget|obey|decode|override|pretend|vergiss|olvida\w*|oubli\w*
        |забудь|игнорир\w*) | 忽略|無視|تجاهل
    | \b(prompts?|system|assistant|assistent\w*|asistente|chatbots?|openai|gpt\S*|llms?)\b
    | \b(a\.?i\.?|ki)\b | language\ model|sprachmodell
    | \b(you|answer|respond|reply|antworte\w*|responde\w*|réponds?|rispondi|ответь)\b
    | \b(every|all|other|jede[nrs]?|alle[nrs]?|todos|toutes?|tous)\ (other\ )?
        (records?|elements?|fields?|datensätze\w*|felder\w*|campos)
    | <\w*[/!|]?|\|> | [{\[]\s*["'] | \brationale\b | \bconfidence\b
    | [a-z0-9+/]{32,}={0,2}
    """
)
"""Words that are rare in a description of data, and frequent in an instruction to a model."""

_RECORD_ID = re.compile(r"\brec[A-Z0-9]\w*")


def group_elements(elements: Sequence[Element], size: int, labels: Labels) -> list[list[Element]]:
    """Return the elements in groups of this size, then those that need a group of their own."""
    alone = [element for element in elements if may_address_model(element, labels)]
    alone_ids = {element.record_id for element in alone}
    others = [element for element in elements if element.record_id not in alone_ids]
    groups = [others[first : first + size] for first in range(0, len(others), size)]
    return [*groups, *([element] for element in alone)]


def may_address_model(element: Element, labels: Labels) -> bool:
    """Return whether the text of an element may be meant for the model.

    Signs are certain words, a label, the name of an output, a record's id, or hidden characters.
    """
    shown = visible_text(element.text, len(element.text))
    text = "\n".join(visible_text(part, len(part)).text for part in element.parts.values())
    if shown.hidden or _MODEL_WORDS.search(text) or _RECORD_ID.search(text):
        return True
    names = [name for names in labels.choices().values() for name in names if not name.islower()]
    words = set(re.findall(r"\w+", text))
    return any(name in words for name in names) or any(output in text for output in _OUTPUTS)


_OUTPUTS = [output for output in OUTPUTS if "_" in output]
