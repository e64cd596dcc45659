"""`format`: a text has a form."""

from collections.abc import Callable, Iterator
from typing import Annotated, ClassVar, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from landfall.airtable.fields import Schema, content_misfits
from landfall.airtable.values import display_list, one_or_all, rejected_items
from landfall.integrity.rules import formats
from landfall.integrity.rules.conditions import Pattern
from landfall.integrity.rules.rule import FieldRule, Hit, Scope
from landfall.integrity.rules.value_tests import compiled
from landfall.scans.settings import got

MAX_DATE_FORMAT = 100
"""Characters of a pattern of dates."""


def _date_pattern(text: str) -> str:
    if not formats.is_date_pattern(text):
        raise ValueError(
            "must be a pattern of strptime with year, month and day, each once, such as '%d.%m.%Y' "
            f"{got(text)}"
        )
    return text


class Format(FieldRule):
    """The field's value, or each value of a list, has this form. No value is no finding.

    A value that is not text has none of the forms, and blanks around a text are not part of one.

    - `email`: a valid e-mail address by the HTML living standard (the check that browsers make for
      `<input type=email>`), with a dot in the domain.
    - `phone`: digits, spaces and `().-/`, optionally a leading `+` and an extension such as `x12`;
      and a number that Google's libphonenumber considers valid (it has a valid length, and its
      first digits are assigned). `numbers: possible` only requires a length that exists in its
      country, including the area code.
    - `url`: `http://` or `https://`, a domain with a dot or an IP address, and optionally a port;
      then anything but whitespace, control characters, `<>"{}|\\^` and the backtick. A name or a
      password before the domain (`https://user:password@clinic.example`) is refused.
    - `date`: a date as ISO 8601 writes it, such as `2026-03-01` or `2026-03-01T09:30Z` ("Dates and
      times" has the forms); or text that matches `date_format`.
    - `pattern`: the whole text matches a regular expression of RE2.
    """

    kind: Literal["format"]
    format: Literal["email", "phone", "url", "date", "pattern"] = Field(
        description="The form that the text must have."
    )
    region: formats.Region | None = Field(
        None,
        description="For `phone`: the region of numbers that do not begin with `+`, such as US; by "
        "default the scan's. Without one, only numbers with `+` are phone numbers.",
    )
    numbers: Literal["valid", "possible"] | None = Field(
        None, description="For `phone`: the numbers to accept; valid ones by default."
    )
    date_format: (
        Annotated[str, Field(max_length=MAX_DATE_FORMAT), AfterValidator(_date_pattern)] | None
    ) = Field(None, description="For `date`: a pattern of Python's `strptime`, such as '%d.%m.%Y'.")
    pattern: Pattern | None = Field(
        None, description="For `pattern`: the regular expression, such as '[A-Z]{2}\\d{4}'."
    )

    example: ClassVar[str] = (
        "{id: email-form, kind: format, table: Students, field: Email, format: email}"
    )

    @model_validator(mode="after")
    def _settings_of_the_format(self) -> Self:
        for setting, of in _FORMAT_OF_SETTING.items():
            if getattr(self, setting) is not None and self.format != of:
                raise ValueError(f"`{setting}` is for `format: {of}`; remove it")
        if self.format == "pattern" and self.pattern is None:
            raise ValueError("give the `pattern` that the text must match")
        return self

    def sentence(self) -> str:
        """Return the requirement in plain language."""
        return f"{self.field} {self._phrases[0]}"

    @property
    def _phrases(self) -> tuple[str, str]:
        """Return a phrase about a valid value, and one about an invalid value."""
        match self.format:
            case "email":
                name = "e-mail address"
            case "phone":
                name = f"{self.numbers or 'valid'} phone number"
            case "url":
                name = "web address"
            case "date":
                name = f"date as {self.date_format}" if self.date_format else "date"
            case "pattern":
                return f"matches {self.pattern}", f"does not match {self.pattern}"
        article = "an" if name[0] == "e" else "a"
        return f"is {article} {name}", f"is not {article} {name}"

    def misfits(self, schema: Schema) -> Iterator[str]:
        """Yield a sentence about a field that does not hold text."""
        why = f"`format: {self.format}` needs text"
        yield from content_misfits(schema.field(self.table, self.field), "text", why)

    def evaluate(self, scope: Scope) -> Iterator[Hit]:
        """Yield the records with other text."""
        ids, column = scope.table.ids, scope.table.columns[self.field]
        for row, wrong in rejected_items(column, self._form(scope), scope.check):
            message = f"{self.field} is {display_list(wrong)}, which {self._phrases[1]}"
            yield Hit((ids[row],), self.field, one_or_all(wrong), message)

    def _form(self, scope: Scope) -> Callable[[str], bool]:
        match self.format:
            case "email":
                return formats.email
            case "phone":
                return formats.phone(
                    self.region or scope.snapshot.region, self.numbers == "possible"
                )
            case "url":
                return formats.url
            case "date":
                return formats.date(scope.snapshot.calendar, self.date_format)
            case "pattern":
                fits = compiled(self.pattern or "").fullmatch
                return lambda text: fits(text) is not None


_FORMAT_OF_SETTING = {
    "region": "phone",
    "numbers": "phone",
    "date_format": "date",
    "pattern": "pattern",
}
"""The format to which a setting belongs."""
