"""`duplicate`: no person or organisation occurs twice."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Annotated, ClassVar, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from landfall.airtable.fields import Schema, content_misfits, value_misfits
from landfall.airtable.snapshot import Table
from landfall.airtable.values import one_or_all
from landfall.integrity.rules.formats import Region
from landfall.integrity.rules.matching.comparison import Comparison, OneOrMoreFields, field_names
from landfall.integrity.rules.matching.groups import Group, GroupFinder
from landfall.integrity.rules.matching.normalisation import Meaning
from landfall.integrity.rules.matching.pair_conditions import (
    DateWithin,
    Equals,
    Exact,
    PairCondition,
    Similar,
)
from landfall.integrity.rules.rule import BaseRule, Hit, SampleSupport, Scope
from landfall.scans.settings import Name, Severity


def _compares_values(alternative: list[Comparison]) -> list[Comparison]:
    if all(condition.optional or isinstance(condition, Equals) for condition in alternative):
        raise ValueError(
            "at least one condition must compare two values, without `or_missing`: "
            "`exact`, `similar`, `date_within` or `overlap`"
        )
    return alternative


Alternative = Annotated[
    list[PairCondition], Field(min_length=1, max_length=10), AfterValidator(_compares_values)
]
"""Conditions that must all hold."""

Alternatives = Annotated[list[Alternative], Field(max_length=20)]


class Duplicate(BaseRule):
    """No person or organisation occurs twice, however the name is written.

    The short form gives `of`, `field` and `also`, and weighs evidence. A value that two records
    share speaks for them being one, the more the rarer it is in the table, and their names do so
    word by word. A field of `also` that differs speaks against it: a birth date most. A typing
    error, or a date within the same year, says little, and a missing value nothing. Two records are
    likely the same if their names have the same words and nothing else is known that differs; or if
    a field of `also` is the same, the name is the same, similar or missing, and all together is so
    rare that at most one in ten such pairs would be one by chance. If the names differ, as those of
    twins do, only the same number or code (`value`) can make them likely the same.

    They are possibly the same if their names are very similar (92), rare, and no field of `also`
    differs; of people, also if their names are the same, not every field of `also` differs, and
    either the name is rare and at most one differs, or all together is as rare as above; or if two
    fields are the same, nothing but their names differs, and all together is as rare as above. A
    name is rare unless the table has 1,000 different names or more and, by the frequency of its
    words, more than one in ten such names has a namesake by chance. So two people of one name who
    differ in every field of `also` are taken for namesakes, and a common name is no sign by itself.

    A group holds together: a record joins one if more of its pairs with that group's records are
    likely the same than are rather not. So no chain of similarities becomes a group. A record that
    may be either of two namesakes is possibly the same as both, and joins neither.

    The long form gives `likely` and `possible`: lists of alternatives, one of which must hold; each
    alternative is a list of conditions on two records, all of which must hold.

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

    Text is compared by its words, without case, accents, script, punctuation and order; words in
    Hebrew, Arabic or Chinese characters must have the same characters, or sound like a word in
    Latin letters, which makes them similar. `name` drops titles before a name and degrees behind
    it, where they are written as such (`Ann Lee, MBA`, but `Peter Mba`); `Jr.`, `Sr.`, `II`, `III`
    are a part of it, and two people differ if each has another. `organisation` drops articles and
    legal forms of many countries, by their place and how they are written (`Lotus S.p.A.`, but
    `Lotus Spa`); `organisation` and `address` expand abbreviations, `St` to `Saint` or `Street` by
    its place. `email` drops everything after a plus, and the dots of Gmail addresses, which end
    with `@gmail.com` or `@googlemail.com`. `phone` is a number with its country, as Google's
    libphonenumber reads it, without an extension; of several, the first. `postcode` has no blanks.
    A text that says that there is none, such as `n/a`, `unknown` or `TBD`, is no value.

    `similar` pairs each word of the shorter value with a word of the other that is the same, sounds
    the same, or is the same except for one letter left out of each (scored by Jaro-Winkler); in a
    `name` also with a nickname (95) or an initial (75), but not a man's name with a woman's
    (`Mario`, `Maria`). The score is the mean over these words. A word without a counterpart counts
    as 0; a word that only the longer value has counts a little, and so do generic words such as
    `Clinic` that both have. Numbers and words of three letters or fewer must be the same.

    In the long form, likely pairs form groups: if A and B are the same, and B and C, so are A and
    C. If not every two records of a group are a pair, the message names the one with the fewest.
    Possible pairs form no groups, in both forms: a possible finding is a record, or a group of
    likely ones, with all records that are possibly the same as it. So a record can be in a likely
    finding and in a possible one.

    In the long form no pair is skipped, however many records are alike: equal records count as one,
    and only records that share what the conditions need are compared. The short form compares
    records that share a value of `also`, and if more than 40 do, those of them with a word of the
    name in common, or with a similar name.
    """

    kind: Literal["duplicate"]
    of: Literal["person", "organisation"] | None = Field(
        None, description="Short form: the kind of name in `field`."
    )
    field: OneOrMoreFields | None = Field(
        None, description="Short form: the name; several fields are combined."
    )
    also: dict[Name, Meaning | Literal["date"]] | None = Field(
        None,
        min_length=1,
        max_length=10,
        description="Short form: fields that tell people of one name apart, and their content. "
        "Give all that there are, such as a birth date, an address, a postcode, an e-mail address.",
    )
    region: Region | None = Field(
        None,
        description="The region of phone numbers that do not begin with `+`, such as US; by "
        "default the scan's. Without one, such a number has the country of the only one in the "
        "field that it can be in full.",
    )
    likely: Alternatives = Field(
        [], description="Conditions under which two records are likely the same."
    )
    possible: Alternatives = Field(
        [], description="Conditions under which they are possibly the same."
    )
    possible_severity: Severity = Field(
        "info", description="Severity of a possible duplicate; `severity` applies to likely ones."
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
                "give `of: person` or `of: organisation` and the `field` with the name,"
                " or `likely`, `possible` or both"
            )
        return self

    def looks_at(self) -> Iterator[tuple[str, str]]:
        """Return the (table, field) pairs that the rule checks."""
        for condition in self._conditions():
            for field in field_names(condition.field):
                yield self.table, field

    def sentence(self) -> str:
        """Return the requirement in plain language."""
        if self.of and self.field:
            name = " + ".join(field_names(self.field))
            also = f", and by {', '.join(self.also)}" if self.also else ""
            return f"no {self.of} occurs twice, compared by {name}{also}"
        either = " or ".join(_all_of(alternative) for alternative in (*self.likely, *self.possible))
        return f"no two records have {either}"

    def _conditions(self) -> Iterator[Comparison]:
        if self.of:
            yield from (self._name(), *self._also())
        for alternative in (*self.likely, *self.possible):
            yield from alternative

    def _name(self) -> Exact:
        wording = "name" if self.of == "person" else "organisation"
        return Exact(field=self.field or "", exact=wording)

    def _also(self) -> list[Comparison]:
        return [
            DateWithin(field=field, date_within=0, or_missing=True)
            if meaning == "date"
            else Exact(field=field, exact=meaning, or_missing=True)
            for field, meaning in (self.also or {}).items()
        ]

    def sample_support(self) -> SampleSupport:
        """Return `some`: the other record may be missing from the sample."""
        return "some"

    def judged_fields(self) -> Sequence[Sequence[str]]:
        """Return each field that is compared: a value in one of them may be compared."""
        return [[field] for field in dict.fromkeys(field for _, field in self.looks_at())]

    def nothing_judged(self, scope: Scope) -> str:
        """Return why there was nothing to compare: no record has what any alternative needs."""
        nothing = super().nothing_judged(scope)
        if nothing or not self._lacks_values(scope.table):
            return nothing
        needs = " or ".join(map(_all_of, (*self.likely, *self.possible)))
        return f"no record that {self.id} checks has all values to compare in {needs}"

    def is_emptied(self, table: Table) -> bool:
        """Return whether there are records, and none has what any alternative needs."""
        return super().is_emptied(table) or (len(table) > 0 and self._lacks_values(table))

    def _lacks_values(self, table: Table) -> bool:
        either = (*self.likely, *self.possible)
        return bool(either) and not any(_occurs(it, table) for it in either)

    def misfits(self, schema: Schema) -> Iterator[str]:
        """Yield a sentence about dates or words in other fields, and a value that never occurs."""
        for condition in self._conditions():
            for name in field_names(condition.field):
                field = schema.field(self.table, name)
                match condition:
                    case DateWithin():
                        yield from content_misfits(field, "dates", "`date_within` needs dates")
                    case Similar():
                        yield from content_misfits(field, "text", "`similar` needs text")
                    case Equals():
                        yield from value_misfits(field, "equals", [condition.equals])

    def evaluate(self, scope: Scope) -> Iterator[Hit]:
        """Yield the groups, in the order of the records."""
        finder = GroupFinder(scope, self.region or scope.snapshot.region)
        if self.of:
            likely, possible = finder.by_evidence(self.of, self._name(), self._also())
        else:
            likely, possible = finder.likely(self.likely), finder.possible(self.possible)
        groups: list[tuple[Group, str, Severity | None]] = [(it, "likely", None) for it in likely]
        groups += [(it, "possibly", self.possible_severity) for it in possible]
        for group, how, severity in sorted(groups, key=lambda it: it[0].rows):
            yield Hit(
                tuple(scope.table.ids[row] for row in group.rows),
                group.field,
                one_or_all(group.values),
                f"{len(group.rows)} records are {how} the same: {group.because}",
                severity=severity,
            )


def _all_of(conditions: Iterable[Comparison]) -> str:
    return f"({' and '.join(condition.sentence() for condition in conditions)})"


def _occurs(alternative: Iterable[Comparison], table: Table) -> bool:
    """Return whether a record has a value for each condition that does not hold without one."""
    needed = [
        [table.columns[field] for field in field_names(condition.field)]
        for condition in alternative
        if not condition.optional
    ]
    return any(
        all(any(column[row] is not None for column in columns) for columns in needed)
        for row in range(len(table))
    )
