"""Mistakes that people make in a definition: each is a good one with one thing changed."""

from dataclasses import dataclass

GOOD = """\
id: my-scan
kind: integrity
base: appXXXXXXXXXXXXXX
tables:
  People: [Name, Email, Age]
  Rooms: [Code]
rules:
  - id: email
    kind: required
    table: People
    field: Email
    severity: critical
  - {id: one-email, kind: unique, table: People, fields: [Email]}
  - {id: age, kind: range, table: People, field: Age, at_least: 0}
limits:
  max_records: 5000
schedule:
  cadence: {cron: "0 6 * * 1-5"}
  time_zone: Europe/Berlin
"""


@dataclass(frozen=True)
class Mistake:
    """A text of the good definition, what is typed in its place, and what the message says."""

    name: str
    good: str
    typed: str
    line: int
    says: str
    corrected: str = ""
    """The line as it was probably meant, where the door can know it."""
    editor: bool = True
    """Whether a schema can refuse it."""


# ruff: noqa: E501
MISTAKES = (
    Mistake("misspelt setting", "tables:", "table:", 4, "tables", "tables:"),
    Mistake("misspelt setting of a rule", "severity: critical", "severty: critical", 12, "severity", "severity: critical"),
    Mistake("misspelt in braces", "fields: [Email]", "feilds: [Email]", 13, "fields", "- {id: one-email, kind: unique, table: People, fields: [Email]}"),
    Mistake("capital letter", "kind: required", "Kind: required", 8, "kind: this is missing; add one of required"),
    Mistake("hyphen for underscore", "max_records", "max-records", 16, "max_records", "max_records: 5000"),
    Mistake("unknown kind of rule", "kind: required", "kind: requird", 9, "required", "kind: required"),
    Mistake("kind of another product", "kind: required", "kind: not_null", 9, "required", "kind: required"),
    Mistake("unknown kind of scan", "kind: integrity", "kind: integrty", 2, "integrity", "kind: integrity"),
    Mistake("no kind of scan", "kind: integrity\n", "", 0, "kind: this is missing; add one of integrity"),
    Mistake("no kind of rule", "    kind: required\n", "", 8, "kind"),
    Mistake("no id of a rule", "- id: email\n    kind", "- kind", 8, "id: this is missing"),
    Mistake("no rules", GOOD[GOOD.index("rules:") : GOOD.index("limits:")], "", 0, "rules: this is missing"),
    Mistake("rules without any", GOOD[GOOD.index("  - id") : GOOD.index("limits:")], "", 7, "rules"),
    Mistake("unknown table", "table: People\n", "table: Peple\n", 8, "People", "table: People", editor=False),
    Mistake("unknown field", "field: Email", "field: Emial", 8, "Email", "field: Email", editor=False),
    Mistake("field of another table", "field: Email", "field: Code", 8, "tables.People", editor=False),
    Mistake("same id twice", "id: one-email", "id: email", 13, "used twice", editor=False),
    Mistake("same setting twice", "limits:", "kind: integrity\nlimits:", 15, "given twice", editor=False),
    Mistake("list in place of names", "  People: [Name, Email, Age]\n  Rooms: [Code]", "  - People\n  - Rooms", 4, "name: value"),
    Mistake("names in place of a list", "  - id: email\n    kind: required\n    table: People\n    field: Email\n    severity: critical\n", "  email:\n    kind: required\n", 10, "a list below a name", editor=False),
    Mistake("one field in place of a list", "People: [Name, Email, Age]", "People: Name", 5, "list", "People: [Name]"),
    Mistake("list in place of one field", "field: Email", "field: [Email]", 11, "brackets", "field: Email"),
    Mistake("fields for field", "field: Email", "fields: [Email]", 11, "field"),
    Mistake("field for fields", "fields: [Email]", "field: Email", 13, "fields"),
    Mistake("number in quotes", "max_records: 5000", 'max_records: "5000"', 16, "without quotes", "max_records: 5000"),
    Mistake("number with a separator", "max_records: 5000", "max_records: 5_000", 16, "5000", "max_records: 5000", editor=False),
    Mistake("number with a comma", "max_records: 5000", "max_records: 5,000", 16, "whole number"),
    Mistake("number as a word", "max_records: 5000", "max_records: many", 16, "whole number"),
    Mistake("number out of bounds", "max_records: 5000", "max_records: 0", 16, "1"),
    Mistake("text that looks like a number", "field: Email", "field: 2026", 11, "quotes", 'field: "2026"'),
    Mistake("unknown severity", "severity: critical", "severity: high", 12, "critical"),
    Mistake("misspelt severity", "severity: critical", "severity: critcal", 12, "critical", "severity: critical"),
    Mistake("capital severity", "severity: critical", "severity: Critical", 12, "critical", "severity: critical"),
    Mistake("cron with six fields", '"0 6 * * 1-5"', '"0 0 6 * * 1-5"', 18, "6 of 5 fields", 'cadence: {cron: "0 6 * * 1-5"}'),
    Mistake("cron of an hour that is not", '"0 6 * * 1-5"', '"0 25 * * *"', 18, "25", editor=False),
    Mistake("cron as words", '"0 6 * * 1-5"', "every day", 18, "cron"),
    Mistake("misspelt cadence", '{cron: "0 6 * * 1-5"}', '{dayly: "06:00"}', 18, "daily", 'cadence: {daily: "06:00"}'),
    Mistake("time without a minute", '{cron: "0 6 * * 1-5"}', "{daily: 6}", 18, "06:00"),
    Mistake("misspelt zone", "Europe/Berlin", "Europe/Berln", 19, "Europe/Berlin", "time_zone: Europe/Berlin", editor=False),
    Mistake("zone as people say it", "Europe/Berlin", "CEST", 19, "tz database", editor=False),
    Mistake("zone of a city", "Europe/Berlin", "Berlin", 19, "Europe/Berlin", "time_zone: Europe/Berlin", editor=False),
    Mistake("id with blanks", "id: my-scan", "id: My Scan", 1, "lower-case", "id: my-scan"),
    Mistake("id with underscores", "id: my-scan", "id: my_scan", 1, "lower-case", "id: my-scan"),
    Mistake("name of a base", "appXXXXXXXXXXXXXX", "School", 3, "app"),
    Mistake("address of a base", "appXXXXXXXXXXXXXX", "https://airtable.com/appXXXXXXXXXXXXXX/tblX", 3, "app", "base: appXXXXXXXXXXXXXX"),
    Mistake("tab for indentation", "    table: People\n", "\ttable: People\n", 10, "tab", "table: People", editor=False),
    Mistake("wrong indentation", "    table: People\n", "   table: People\n", 10, "further left or right", editor=False),
    Mistake("no blank behind a colon", "kind: required", "kind:required", 9, "blank", "kind: required", editor=False),
    Mistake("no colon", "kind: required", "kind required", 9, "with a blank behind it is missing", editor=False),
    Mistake("open bracket", "Rooms: [Code]", "Rooms: [Code", 6, "is not closed", editor=False),
    Mistake("open quote", '"0 6 * * 1-5"', '"0 6 * * 1-5', 18, "is not closed", editor=False),
    Mistake("star without quotes", '"0 6 * * 1-5"', "* * * * *", 18, "quotes", editor=False),
    Mistake("curly quotes", '"0 6 * * 1-5"', "\u201c0 6 * * 1-5\u201d", 18, "quotes", 'cadence: {cron: "0 6 * * 1-5"}', editor=False),
    Mistake("comment in place of a name", "field: Email", "field: # of people", 11, "comment"),
    Mistake("empty value", "field: Email", "field:", 8, "give either `field`"),
    Mistake("setting of another group", "limits:\n  max_records: 5000", "max_records: 5000", 15, "limits"),
)  # fmt: skip
