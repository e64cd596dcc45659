"""Labelled records with several fields each, as those that record linkage is measured by.

`contacts` has the errors of splink's `fake_1000`, `figures` those of its `historical_50k`, neither
of which comes with a package: the errors are of the same kinds and about as many, the people are
others. `companies` are firms with address and telephone, among them branches, namesakes, and firms
of one building. From a seed; a duplicate never has the errors of its original.
"""

import re
from datetime import date, timedelta
from random import Random
from typing import Any

from faker import Faker

from tests.fakes.duplicates import LEGAL_FORMS, NICKNAMES, Labelled, typing_error

CITIES = ("London",) * 8 + (
    "Birmingham", "Leeds", "Glasgow", "Sheffield", "Bradford", "Liverpool", "Edinburgh", "Bristol",
    "Cardiff", "Leicester", "Coventry", "Stockton-on-Tees", "Southampton", "Derby", "Plymouth",
)  # fmt: skip

OCCUPATIONS = (
    "politician", "writer", "painter", "cricketer", "priest", "poet", "lawyer", "historian",
    "botanist", "architect", "composer", "actor", "military officer", "physician", "engineer",
)  # fmt: skip

TRADES = (
    "Bakery", "Consulting", "Engineering", "Logistics", "Foods", "Plumbing", "Printing", "Media",
    "Construction", "Dental Practice", "Furniture", "Solicitors", "Travel", "Software", "Garage",
)  # fmt: skip
SHORT_TRADES = {
    "Engineering": "Eng.", "Construction": "Constr.", "International": "Intl", "Services": "Svcs",
    "Consulting": "Consultants", "Logistics": "Logistik",
}  # fmt: skip
FOUNDER_OF = ("& Sons", "Brothers", "Group", "International", "Services", "UK")

CONTACTS: dict[str, Any] = {
    "of": "person",
    "field": ["First", "Last"],
    "also": {"Born": "date", "City": "text", "Email": "email"},
}
FIGURES: dict[str, Any] = {
    "of": "person",
    "field": "Name",
    "also": {"Born": "date", "Place": "text", "Postcode": "postcode", "Occupation": "text"},
}
COMPANIES: dict[str, Any] = {
    "of": "organisation",
    "field": "Name",
    "also": {"Street": "address", "City": "text", "Postcode": "postcode", "Phone": "phone"},
}
"""The settings of a rule for each kind of record."""


def contacts(seed: int, number: int = 250) -> Labelled:
    """Return records of that many people with First, Last, Born, City and Email; four of each.

    One name in six is scrambled, one in twelve missing, one in six in the place of the other; one
    date in four is another within 100 days; cities and addresses are scrambled or missing.
    """
    random, fake = _begin(seed)
    made = Labelled()
    for entity in range(number):
        first, last = fake.first_name(), fake.last_name()
        born = fake.date_between(date(1970, 1, 1), date(2020, 1, 1))
        city, email = random.choice(CITIES), fake.email()
        for _ in range(random.randint(1, 8)):
            names = [_worn(random, first, 0.15, 0.04), _worn(random, last, 0.18, 0.12)]
            if all(names) and random.random() < 0.16:
                names.reverse()
            away = random.randint(-100, 100) if random.random() < 0.25 else 0
            made.add(
                entity,
                "",
                {
                    "First": names[0],
                    "Last": names[1],
                    "Born": (born + timedelta(days=away)).isoformat(),
                    "City": _worn(random, city, 0.15, 0.15),
                    "Email": _worn(random, email, 0.2, 0.15),
                },
            )
    return made.shuffled(random)


def figures(seed: int, number: int) -> Labelled:
    """Return records of that many people of history, ten of each on average.

    They have Name, Born, Place, Postcode and Occupation. Names are shortened, misspelt, replaced by
    nicknames or by the title of a peer; postcodes change within their area; one date in five is
    wrong and one in ten missing.
    """
    random, fake = _begin(seed)
    made = Labelled()
    families = [fake.last_name() for _ in range(max(20, number // 6))]
    towns = [(fake.city(), _area(random)) for _ in range(max(20, number // 25))]
    for entity in range(number):
        first, middle = fake.first_name(), fake.first_name() if random.random() < 0.4 else ""
        last = random.choice(families)
        town, area = random.choice(towns)
        title = random.random() < 0.12
        peer = f"{random.randint(1, 9)}th Baron {random.choice(towns)[0]}" if title else ""
        born = fake.date_between(date(1600, 1, 1), date(1930, 1, 1))
        postcode, occupation = _postcode(random, area), random.choice(OCCUPATIONS)
        for _ in range(max(1, round(random.expovariate(1 / 10)))):
            made.add(
                entity,
                "",
                {
                    "Name": _figure(random, first, middle, last, peer),
                    "Born": _wrong_date(random, born),
                    "Place": random.choices([town, random.choice(towns)[0], ""], [80, 5, 15])[0],
                    "Postcode": random.choices(
                        [postcode, _postcode(random, area), ""], [60, 30, 10]
                    )[0],
                    "Occupation": random.choices(
                        [occupation, random.choice(OCCUPATIONS), ""], [75, 8, 17]
                    )[0],
                },
            )
    return made.shuffled(random)


def companies(seed: int, number: int) -> Labelled:
    """Return records of that many companies with Name, Street, City, Postcode and Phone.

    One in ten is a branch of the one before in another city, one in ten has its founder's name and
    another trade, and one in ten is in its building.
    """
    random, fake = _begin(seed)
    made = Labelled()
    firm: dict[str, str] = {}
    for entity in range(number):
        before, firm = firm, _company(random, fake)
        related = random.random() if before else 1.0
        if related < 0.1:
            firm["Name"] = before["Name"]
        elif related < 0.2:
            firm["Name"] = f"{before['Name'].split()[0]} {firm['Name'].split(' ', 1)[1]}"
            firm["City"] = before["City"]
        elif related < 0.3:
            firm |= {field: before[field] for field in ("Street", "City", "Postcode")}
        made.add(entity, "", firm)
        for _ in range(random.choices([0, 1, 2, 3], [55, 25, 12, 8])[0]):
            phone = re.sub(r"[ .-]", random.choice([" ", "", "-"]), firm["Phone"])
            made.add(
                entity,
                "",
                {
                    "Name": _rewritten(random, firm["Name"]),
                    "Street": _street_of(random, fake, firm["Street"]),
                    "City": random.choices([firm["City"], firm["City"].upper(), ""], [15, 2, 3])[0],
                    "Postcode": random.choices([firm["Postcode"], ""], [80, 20])[0],
                    "Phone": random.choices([phone, fake.phone_number(), ""], [55, 15, 30])[0],
                },
            )
    return made.shuffled(random)


def _begin(seed: int) -> tuple[Random, Faker]:
    fake = Faker("en_GB")
    fake.seed_instance(seed)
    return Random(seed), fake


def _worn(random: Random, text: str, scrambled: float, missing: float) -> str:
    chance = random.random()
    if chance < missing:
        return ""
    return _scrambled(random, text) if chance < missing + scrambled else text


def _scrambled(random: Random, text: str) -> str:
    """Return a text that has lost a letter and of which two or three have changed places."""
    letters = list(text)
    del letters[random.randrange(len(letters))]
    places = random.sample(range(len(letters)), min(len(letters), random.choice([2, 3])))
    moved = [letters[place] for place in places]
    for place, letter in zip(places, [*moved[1:], *moved[:1]], strict=True):
        letters[place] = letter
    return "".join(letters)


def _figure(random: Random, first: str, middle: str, last: str, peer: str) -> str:
    if random.random() < 0.2:
        first = NICKNAMES.get(first, first)
    if random.random() < 0.1:
        first = typing_error(random, first)
    if random.random() < 0.12:
        last = typing_error(random, last)
    if random.random() < 0.5:
        middle = random.choice([middle[:1], ""])
    if peer and random.random() < 0.5:
        last = random.choice([f"{last}, {peer}", f"of {peer.split()[-1]}", peer.split()[-1]])
    if random.random() < 0.04:
        first = ""
    words = f"{first} {middle} {last}".split()
    return f"Sir {' '.join(words)}" if random.random() < 0.05 else " ".join(words)


def _wrong_date(random: Random, born: date) -> str:
    chance = random.random()
    if chance < 0.1:
        return ""
    if chance < 0.15:
        return born.replace(month=1, day=1).isoformat()
    if chance < 0.22:
        return born.replace(
            day=min(28, born.day), year=born.year + random.choice([-10, -1, 1, 10])
        ).isoformat()
    if chance < 0.28:
        return (born + timedelta(days=random.randint(-2000, 2000))).isoformat()
    return born.isoformat()


def _area(random: Random) -> str:
    return f"{random.choice('ABCDEGLMNST')}{random.choice('ABDLNRST')}{random.randint(1, 29)}"


def _postcode(random: Random, area: str) -> str:
    return f"{area} {random.randint(1, 9)}{random.choice('ABDEFGHJ')}{random.choice('LNPQRSTU')}"


def _company(random: Random, fake: Faker) -> dict[str, str]:
    founder = random.choice([fake.last_name(), fake.last_name(), fake.city()])
    more = f" {random.choice(FOUNDER_OF)}" if random.random() < 0.4 else ""
    legal = random.choice(["", f" {random.choice(LEGAL_FORMS)}", " Ltd"])
    return {
        "Name": f"{founder} {random.choice(TRADES)}{more}{legal}",
        "Street": fake.street_address().replace("\n", " "),
        "City": fake.city(),
        "Postcode": fake.postcode(),
        "Phone": fake.phone_number(),
    }


def _street_of(random: Random, fake: Faker, street: str) -> str:
    short = street.replace("Street", "St").replace("Road", "Rd")
    other = fake.street_address().replace("\n", " ")
    ways = [street, short, typing_error(random, short), "", other]
    return random.choices(ways, [40, 25, 12, 15, 8])[0]


def _rewritten(random: Random, name: str) -> str:
    """Return a name as others write it: two changes at most."""
    for _ in range(random.choice([0, 1, 1, 2])):
        words = name.split()
        match random.randrange(6):
            case 0:
                name = typing_error(random, name)
            case 1 if words[-1] in (*LEGAL_FORMS, "Ltd"):
                name = " ".join(words[:-1])
            case 1:
                name = f"{name} {random.choice(['Ltd', 'Limited', 'PLC'])}"
            case 2:
                name = " ".join(SHORT_TRADES.get(word, word) for word in words)
            case 3:
                name = name.replace("&", "and")
            case 4 if len(words) > 2:
                name = " ".join(words[:-1])
            case _:
                name = name.upper()
    return name
