"""People and organisations, some of them twice, with the truth about who is who. From a seed.

`PEOPLE` and `ORGANISATIONS` state how a name varies. In addition to the duplicates there are
records that must not be found: namesakes, families that share a telephone, a clinic and a school of
one name, branches in two cities.
"""

import re
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Set
from dataclasses import dataclass, field
from itertools import combinations
from random import Random
from typing import Any

from faker import Faker

from landfall.airtable.protocols import Record

LOCALES = ("en_US", "en_GB", "de_DE", "es_ES", "fr_FR", "pl_PL", "cs_CZ", "ru_RU")
WEIGHTS = (4, 2, 2, 1, 1, 1, 1, 1)

NICKNAMES = {
    "Robert": "Bob", "William": "Bill", "James": "Jim", "Michael": "Mike", "Elizabeth": "Liz",
    "Katherine": "Kate", "Margaret": "Peggy", "Richard": "Dick", "Thomas": "Tom", "Joseph": "Joe",
    "Jennifer": "Jenny", "Patricia": "Trish", "Christopher": "Chris", "Daniel": "Dan",
    "Matthew": "Matt", "Anthony": "Tony", "Andrew": "Drew", "Samuel": "Sam", "Benjamin": "Ben",
    "Susan": "Sue", "Rebecca": "Becky", "Deborah": "Debbie", "Timothy": "Tim", "Edward": "Ted",
    "Alexander": "Alex", "Nicholas": "Nick", "Victoria": "Vicky", "Jonathan": "Jon",
    "Stephen": "Steve", "Barbara": "Barb", "Cynthia": "Cindy", "Gregory": "Greg",
}  # fmt: skip

CYRILLIC = "абвгдеёжзийклмнопрстуфхцчшщъыьэюя"
ICAO = (
    "a", "b", "v", "g", "d", "e", "e", "zh", "z", "i", "i", "k", "l", "m", "n", "o", "p", "r", "s",
    "t", "u", "f", "kh", "ts", "ch", "sh", "shch", "ie", "y", "", "e", "iu", "ia",
)  # fmt: skip
LATIN = dict(zip(list(CYRILLIC), ICAO, strict=True))
"""Cyrillic as in passports (ICAO 9303), which other programs do not follow."""

GERMAN = str.maketrans(
    {"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss", "Ä": "Ae", "Ö": "Oe", "Ü": "Ue"}
)

KINDS_OF_ORGANISATION = (
    "Clinic", "Dental Practice", "School", "Academy", "Health Center", "Hospital", "Foundation",
    "Medical Group", "Consulting", "Kindergarten", "Services", "University",
)  # fmt: skip
LEGAL_FORMS = ("Inc.", "LLC", "Ltd", "GmbH", "Corp.", "S.A.", "e.V.", "B.V.")
SHORT = {"Center": "Ctr", "Saint": "St.", "University": "Univ.", "Medical": "Med."}

Change = Callable[[Random, str], str]


@dataclass
class Labelled:
    """Records, each with its true entity and the way in which a duplicate differs."""

    records: list[Record] = field(default_factory=list)
    entities: list[int] = field(default_factory=list)
    kinds: list[str] = field(default_factory=list)

    def add(self, entity: int, kind: str, fields: Mapping[str, str]) -> None:
        """Add a record; a cell without a value is absent."""
        cells = {name: value for name, value in fields.items() if value}
        record: Record = {"id": f"rec{len(self.records):06}", "createdTime": "", "fields": cells}
        self.records.append(record)
        self.entities.append(entity)
        self.kinds.append(kind)

    def shuffled(self, random: Random) -> "Labelled":
        """Return the records in another order."""
        order = random.sample(range(len(self.records)), len(self.records))
        columns: Iterable[list[Any]] = vars(self).values()
        return Labelled(*([column[at] for at in order] for column in columns))

    def pairs(self) -> set[tuple[str, str]]:
        """Return every two records of one entity, by their ids."""
        groups = defaultdict(list)
        for record, entity in zip(self.records, self.entities, strict=True):
            groups[entity].append(record["id"])
        return pairs_of(groups.values())


def pairs_of(groups: Iterable[Iterable[str]]) -> set[tuple[str, str]]:
    """Return every two records of a group."""
    return {pair for group in groups for pair in combinations(sorted(group), 2)}


@dataclass(frozen=True)
class Quality:
    """Precision and recall of the pairs that were found, and their F1."""

    precision: float
    recall: float
    f1: float


def quality(found: Set[tuple[str, str]], true: Set[tuple[str, str]]) -> Quality:
    """Return the quality of the pairs that were found."""
    right = len(found & true)
    return Quality(
        right / (len(found) or 1), right / len(true), 2 * right / (len(found) + len(true))
    )


def typing_error(random: Random, text: str) -> str:
    """Return the text with one letter doubled, lost, replaced or swapped with the next."""
    places = [at for at in range(len(text) - 1) if text[at : at + 2].isalpha()]
    at = random.choice(places)
    one, two = text[at], text[at + 1]
    other = random.choice("abcdefghijklmnopqrstuvwxyz")
    new = random.choice([one + one + two, two, one + other, two.lower() + one.lower()])
    return text[:at] + new + text[at + 2 :]


def without_accents(text: str) -> str:
    """Return the text as typed without keys for accents."""
    return "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))


def transliterated(text: str) -> str:
    """Return Cyrillic as in passports, umlauts as in German, other letters without accents."""
    latin = [LATIN.get(letter.lower(), letter) for letter in text]
    cased = [new.title() if old.isupper() else new for old, new in zip(text, latin, strict=True)]
    return without_accents("".join(cased).translate(GERMAN))


def _missing(random: Random, text: str) -> str:
    """Return a name without middle name, with an initial for the first, or one initial more."""
    first, *rest = text.split()
    if len(rest) > 1:
        return " ".join([first, *rest[1:]])
    return f"{first[0]}. {rest[0]}" if random.random() < 0.5 else f"{first} {rest[0][0]}. {rest[0]}"


def _swapped(random: Random, text: str) -> str:
    *first, last = text.split()
    return f"{last}{random.choice([',', ''])} {' '.join(first)}"


def _nickname(_: Random, text: str) -> str:
    first, *rest = text.split()
    return " ".join([NICKNAMES.get(first, first), *rest])


def _dressed(random: Random, text: str) -> str:
    wide = text.replace(" ", "  ")
    dressed = [text.upper(), text.lower(), f"Dr. {text}", f"Ms {text}", f"{text} Jr.", wide]
    return random.choice(dressed)


PEOPLE: Mapping[str, Change] = {
    "typing error": typing_error,
    "swapped parts": _swapped,
    "missing parts": _missing,
    "nickname": _nickname,
    "accents": lambda _, text: without_accents(text),
    "transliteration": lambda _, text: transliterated(text),
    "case and titles": _dressed,
}
"""Variations of a person's name."""


def _legal_form(random: Random, text: str) -> str:
    """Return the name with another legal form, or with one more or less."""
    bare = text
    for form in LEGAL_FORMS:
        bare = bare.removesuffix(f" {form}")
    return bare if bare != text else f"{text}, {random.choice(LEGAL_FORMS)}"


def _generic(random: Random, text: str) -> str:
    """Return the name with `The`, or without the last generic word."""
    if random.random() < 0.4:
        return f"The {text}"
    generic = {word for kind in KINDS_OF_ORGANISATION for word in kind.split()}
    words = text.split()
    last = max(place for place, word in enumerate(words) if word in generic)
    return " ".join([*words[:last], *words[last + 1 :]])


def _abbreviated(_: Random, text: str) -> str:
    return " ".join(SHORT.get(word, word) for word in text.split())


def _parts_swapped(_: Random, text: str) -> str:
    first, *rest = text.split()
    return " ".join([*rest, first])


def _joined(_: Random, text: str) -> str:
    first, second, *rest = text.split()
    return " ".join([first + second.lower(), *rest])


ORGANISATIONS: Mapping[str, Change] = {
    "typing error": typing_error,
    "swapped parts": _parts_swapped,
    "legal form": _legal_form,
    "generic words": _generic,
    "abbreviations": _abbreviated,
    "joined words": _joined,
    "accents": lambda _, text: without_accents(text),
    "transliteration": lambda _, text: transliterated(text),
    "case": lambda random, text: random.choice([text.upper(), text.lower()]),
}
"""Variations of an organisation's name."""


def people(seed: int, number: int) -> Labelled:
    """Return records of that many people, three in ten of whom have two or three.

    One in twenty is a sibling with the same surname and telephone, and one in a hundred a namesake.
    """
    random, fakers = Random(seed), _fakers(seed)
    made = Labelled()
    person: dict[str, str] = {}
    for entity in range(number):
        fake = random.choices(fakers, WEIGHTS)[0]
        before, person = person, _person(random, fake)
        related = random.random() if before else 1.0
        if related < 0.05:
            person["Name"] = f"{person['Name'].split()[0]} {before['Name'].split()[-1]}"
            person["Phone"] = before["Phone"]
        elif related < 0.06:
            person["Name"] = before["Name"]
        made.add(entity, "", person)
        for _ in range(_copies(random)):
            kind, name = _changed(random, person["Name"], PEOPLE)
            email = random.choice([person["Email"], person["Email"].upper()])
            phone = _rewritten(random, person["Phone"])
            contact = {
                "Email": _varied(random, email, fake.email()),
                "Phone": _varied(random, phone, fake.phone_number()),
            }
            made.add(entity, kind, {"Name": name, **contact})
    return made.shuffled(random)


def organisations(seed: int, number: int) -> Labelled:
    """Return records of that many organisations, three in ten of which have two or three.

    One in ten has the proper name of the one before: as another kind of organisation in its city,
    or as the same kind in another.
    """
    random, fakers = Random(seed), _fakers(seed)
    made = Labelled()
    parts: dict[str, str] = {}
    for entity in range(number):
        fake = random.choices(fakers, WEIGHTS)[0]
        before, parts = parts, _organisation(random, fake)
        related = random.random() if before else 1.0
        if related < 0.05:
            others = [kind for kind in KINDS_OF_ORGANISATION if kind != before["kind"]]
            parts |= {key: before[key] for key in ("proper", "city")}
            parts["kind"] = random.choice(others)
        elif related < 0.1:
            parts |= {key: before[key] for key in ("proper", "kind")}
        name = f"{parts['proper']} {parts['kind']}{parts['legal']}"
        made.add(entity, "", {"Name": name, "City": parts["city"], "Phone": parts["phone"]})
        for _ in range(_copies(random)):
            kind, other = _changed(random, name, ORGANISATIONS)
            phone = _varied(random, _rewritten(random, parts["phone"]), fake.phone_number())
            city = random.choices([parts["city"], parts["city"].upper(), ""], [7, 2, 1])[0]
            made.add(entity, kind, {"Name": other, "City": city, "Phone": phone})
    return made.shuffled(random)


def _fakers(seed: int) -> list[Faker]:
    fakers = [Faker(locale) for locale in LOCALES]
    for number, fake in enumerate(fakers):
        fake.seed_instance(seed * 100 + number)
    return fakers


def _copies(random: Random) -> int:
    return random.choices([0, 1, 2], [70, 25, 5])[0]


def _person(random: Random, fake: Faker) -> dict[str, str]:
    first = fake.first_name()
    if fake.locales[0].startswith("en") and random.random() < 0.4:
        first = random.choice(list(NICKNAMES))
    middle = f" {fake.first_name()}" if random.random() < 0.25 else ""
    email, phone = fake.email(), fake.phone_number()
    return {
        "Name": f"{first}{middle} {fake.last_name()}",
        "Email": email if random.random() < 0.85 else "",
        "Phone": phone if random.random() < 0.85 else "",
    }


def _organisation(random: Random, fake: Faker) -> dict[str, str]:
    proper = random.choice([fake.last_name(), fake.city(), f"Saint {fake.first_name()}"])
    return {
        "proper": f"{proper} {fake.last_name()}" if random.random() < 0.3 else proper,
        "kind": random.choice(KINDS_OF_ORGANISATION),
        "legal": random.choice(["", f" {random.choice(LEGAL_FORMS)}"]),
        "city": fake.city(),
        "phone": fake.phone_number() if random.random() < 0.85 else "",
    }


def _varied(random: Random, value: str, other: str) -> str:
    """Return the value: six in ten are unchanged, two in ten are new, two in ten are missing."""
    return random.choices([value, other, ""], [6, 2, 2])[0]


def _rewritten(random: Random, phone: str) -> str:
    """Return the number with other characters between the same digits."""
    return re.sub(r"[ .-]", random.choice([" ", "", "-", "."]), phone)


def _changed(random: Random, text: str, changes: Mapping[str, Change]) -> tuple[str, str]:
    """Return a kind of variation that changes this text, and the changed text."""
    for kind in random.sample(list(changes), len(changes)):
        changed = changes[kind](random, text)
        if changed != text:
            return kind, changed
    raise AssertionError(f"nothing changes {text!r}")
