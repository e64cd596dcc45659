"""Which elements are asked about together.

Elements of a question are read by one model at one time, so a text in one that speaks to the model
might reach what it says of the others. One that looks as if it did is asked about alone: whatever
the model makes of it, it is of that element. This knows such texts by their words, and words can
be avoided: only with a `group_size` of 1 can nothing of one reach another.
"""

import re
from collections.abc import Sequence

from landfall.classification.answer import OUTPUTS
from landfall.classification.elements import Element
from landfall.classification.labels import Labels
from landfall.llm.quoting import plain

_TO_MACHINES = re.compile(
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
"""Words that a description of data has little use for, and an order to a model has."""

_RECORD = re.compile(r"\brec[A-Z0-9]\w*")


def grouped(elements: Sequence[Element], size: int, labels: Labels) -> list[list[Element]]:
    """The elements in groups of this size, those that stand alone behind the others."""
    alone = [element for element in elements if stands_alone(element, labels)]
    kept_apart = {element.record_id for element in alone}
    others = [element for element in elements if element.record_id not in kept_apart]
    groups = [others[first : first + size] for first in range(0, len(others), size)]
    return [*groups, *([element] for element in alone)]


def stands_alone(element: Element, labels: Labels) -> bool:
    """Whether what is told of the element may be meant for the model: by its words, a label or an
    output that it names, a record's id, or something hidden in it."""
    shown = plain(element.text, len(element.text))
    said = "\n".join(plain(text, len(text)).text for text in element.told.values())
    if shown.hidden or _TO_MACHINES.search(said) or _RECORD.search(said):
        return True
    names = [name for names in labels.choices().values() for name in names if not name.islower()]
    words = set(re.findall(r"\w+", said))
    return any(name in words for name in names) or any(output in said for output in _OUTPUTS)


_OUTPUTS = [output for output in OUTPUTS if "_" in output]
