"""`duplicate`: nobody is there twice."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from landfall.airtable.fields import Schema, never, not_of
from landfall.airtable.values import one_or_all
from landfall.integrity.rules.matching.comparison import Compared, Fields, names
from landfall.integrity.rules.matching.groups import Finder, Group
from landfall.integrity.rules.matching.normalisation import Meaning
from landfall.integrity.rules.matching.pair_conditions import (
    DateWithin,
    Equals,
    Exact,
    PairCondition,
    Similar,
)
from landfall.integrity.rules.rule import BaseRule, Hit, OnASample, Scope
from landfall.scans.settings import Name, Severity

CONFIRMED = 80
"""How similar names must be where something else is the same."""

UNCONFIRMED = 92
"""How similar names must be where nothing else is."""


def _tells(alternative: list[Compared]) -> list[Compared]:
    if all(condition.optional or isinstance(condition, Equals) for condition in alternative):
        raise ValueError(
            "one condition at least must compare two values, without `or_missing`: "
            "`exact`, `similar`, `date_within` or `overlap`"
        )
    return alternative


Alternative = Annotated[
    list[PairCondition], Field(min_length=1, max_length=10), AfterValidator(_tells)
]
"""Conditions of which all must hold."""

Alternatives = Annotated[list[Alternative], Field(max_length=20)]


class Duplicate(BaseRule):
    """No person or organisation is there twice, however the name is written.

    The short form says `of`, `field` and `also`: two records are likely the same where the names
    have the same words and nothing of `also` differs, or the names are similar (80 of 100) and
    something of `also` is the same. They are possibly the same where the names are very similar
    (92) and nothing of `also` differs; people also where the names have the same words and not all
    of it differs. So two of one name whose e-mail and phone both differ are taken for namesakes.
    Where a table has 1,000 different names or more, a common one is no sign by itself: if of ten
    such names more than one has a namesake by chance, as the numbers of its words tell, nobody of
    that name is possibly the same as another; they are likely the same as said, or not at all.

    The long form says `likely` and `possible`: lists of alternatives, of which one must hold; each
    is a list of conditions on two records, of which all must.

    ```yaml
    id: contact-twice
    kind: duplicate
    table: Contacts
    likely:
      - [{field: Email, exact: email}]
      - - {field: [First name, Last name], similar: name, at_least: 85}
        - {field: Born, date_within: 3, or_missing: true}
        - {field: Phone, exact: phone}
    possible:
      - [{field: Company, similar: organisation}, {field: Status, equals: Active},
         {field: Classes, overlap: 50%}]
    possible_severity: info
    ```

    What is compared: of every text, words without case, accents, script, punctuation and order.
    `name` leaves out titles, `organisation` legal forms and articles; `organisation` and `address`
    write abbreviations out. `email` leaves out what follows a plus, and the dots of Gmail.
    `phone` is the last nine digits, without an extension. `similar` pairs each word of the shorter
    value with one of the other that is the same, sounds the same, or is the same but for a letter
    left out of each (as alike as Jaro-Winkler says); in a `name` also a nickname (95) or an initial
    (75). The score is the mean over these words. A word without a counterpart counts as 0; one
    that only the longer value has counts a little, and so do generic words such as `Clinic` where
    both have them. Numbers and words of three letters or less have to be the same.

    Likely pairs make groups: the same as the same is the same. Possible pairs do not: a possible
    finding is a record, or a group of likely ones, with all those that are possibly the same as it.
    So a record may be in a likely finding and in a possible one, and no chain of small likenesses
    becomes a group.

    No pair is passed over, however many records are alike: equal ones are counted as one, and only
    those are compared that share what the conditions need.
    """

    kind: Literal["duplicate"]
    of: Literal["person", "organisation"] | None = Field(
        None, description="Short form: whose name `field` is."
    )
    field: Fields | None = Field(
        None, description="Short form: the name; several fields count together."
    )
    also: dict[Name, Meaning | Literal["date"]] | None = Field(
        None,
        min_length=1,
        max_length=10,
        description="Short form: fields that tell people of one name apart, and what they hold.",
    )
    likely: Alternatives = Field([], description="When two records are likely the same.")
    possible: Alternatives = Field([], description="When they are possibly the same.")
    possible_severity: Severity = Field(
        "info", description="How bad a possible duplicate is; `severity` is of the likely ones."
    )

    example: ClassVar[str] = (
        "{id: student-twice, kind: duplicate, table: Students, of: person, field: Name,"
        " also: {Email: email, Phone: phone}}"
    )

    @model_validator(mode="after")
    def _one_form(self) -> Self:
        if self.of and self.field:
            if self.likely or self.possible:
                raise ValueError("use either `of`, `field` and `also`, or `likely` and `possible`")
        elif self.of or self.field or self.also or not (self.likely or self.possible):
            raise ValueError(
                "say `of: person` or `of: organisation` and the `field` with the name;"
                " or `likely`, `possible` or both"
            )
        return self

    def looks_at(self) -> Iterator[tuple[str, str]]:
        """(table, field) of what this kind looks at."""
        for alternative in (*self._likely(), *self._possible()):
            for condition in alternative:
                for field in names(condition.field):
                    yield self.table, field

    def sentence(self) -> str:
        """What must be so, in plain language."""
        if self.of and self.field:
            also = f", also by {', '.join(self.also)}" if self.also else ""
            return f"no {self.of} is there twice, by {' + '.join(names(self.field))}{also}"
        either = " or ".join(_all_of(alternative) for alternative in (*self.likely, *self.possible))
        return f"no two records have {either}"

    def _likely(self) -> Sequence[Sequence[Compared]]:
        if not self._short:
            return self.likely
        name, wording, also = self._short
        similar = Similar(field=name, similar=wording, at_least=CONFIRMED)
        return [
            [Exact(field=name, exact=wording), *_not_different(also)],
            *([similar, same] for same in _same(also)),
        ]

    def _possible(self) -> Sequence[Sequence[Compared]]:
        if not self._short:
            return self.possible
        name, wording, also = self._short
        similar = Similar(field=name, similar=wording, at_least=UNCONFIRMED, uncommon=True)
        exact = Exact(field=name, exact=wording, uncommon=True)
        # a branch elsewhere has an organisation's name, too
        namesakes = [[exact, it] for it in _not_different(also)] if self.of == "person" else []
        return [[similar, *_not_different(also)], *namesakes]

    @property
    def _short(self) -> Any:
        """The name's field, what it holds, and the other fields; None in the long form."""
        if not self.of:
            return None
        wording = "name" if self.of == "person" else "organisation"
        return self.field, wording, self.also or {}

    def on_a_sample(self) -> OnASample:
        """The other one may be among the records that are not there."""
        return "some"

    def misfits(self, schema: Schema) -> Iterator[str]:
        """Dates and words in fields of something else, and a value that is never there."""
        for alternative in (*self._likely(), *self._possible()):
            for condition in alternative:
                for field in (schema.field(self.table, name) for name in names(condition.field)):
                    match condition:
                        case DateWithin():
                            yield from not_of(field, "dates", "`date_within` wants dates")
                        case Similar():
                            yield from not_of(field, "text", "`similar` wants text")
                        case Equals():
                            yield from never(field, "equals", [condition.equals])

    def evaluate(self, scope: Scope) -> Iterator[Hit]:
        """The groups, in the order of the records."""
        finder = Finder(scope)
        groups: list[tuple[Group, str, Severity | None]] = [
            (group, "likely", None) for group in finder.likely(self._likely())
        ]
        groups += [
            (group, "possibly", self.possible_severity)
            for group in finder.possible(self._possible())
        ]
        for group, how, severity in sorted(groups, key=lambda it: it[0].rows):
            yield Hit(
                tuple(scope.table.ids[row] for row in group.rows),
                group.field,
                one_or_all(group.values),
                f"{len(group.rows)} records are {how} the same: {group.because}",
                severity=severity,
            )


def _not_different(also: dict[str, Any]) -> list[Compared]:
    return [_comparison(field, meaning, or_missing=True) for field, meaning in also.items()]


def _same(also: dict[str, Any]) -> list[Compared]:
    return [_comparison(field, meaning, or_missing=False) for field, meaning in also.items()]


def _comparison(field: str, meaning: Any, or_missing: bool) -> Compared:
    if meaning == "date":
        return DateWithin(field=field, date_within=0, or_missing=or_missing)
    return Exact(field=field, exact=meaning, or_missing=or_missing)


def _all_of(conditions: Iterable[Compared]) -> str:
    return f"({' and '.join(condition.sentence() for condition in conditions)})"
