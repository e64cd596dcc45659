"""A made-up school as an Airtable base, clean by construction, with defects planted and recorded.

    rows (clean, with lessons written by hand)  ->  defects  ->  schema
                                                       |
                                                       v
                                                   answer key

The answer key is recorded while the defects are planted. It never comes from running a rule, so it
can judge any evaluation of the rules of samples/school.yaml. A defect and the near misses beside it
(values that look wrong and are not) each take a record of their own; no two of them meet.

Cells are as Airtable's API returns them: an empty one ("", [], an unchecked box) is absent; blanks
and 0 are present. E-mail addresses are in the domains reserved for examples (RFC 2606), telephone
numbers among those that Germany reserves for films.

Attendance is dated back from the day on which the base is made, so that the windows of the rules
(the last 30 days, the last 4 weeks) contain the same entries on any day, and on the day after.
Nothing else depends on that day, nor does the answer key.
"""

import random
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import TypeAlias
from zoneinfo import ZoneInfo

from infra.local.airtable.bases import BaseData
from infra.local.samples.school.defects import plant
from infra.local.samples.school.draft import Draft
from infra.local.samples.school.rows import fill
from infra.local.samples.school.schema import FIELDS, table_of

AnswerKey: TypeAlias = Mapping[str, frozenset[tuple[str, ...]]]

BASE_ID = "appSchool00000001"
ZONE = ZoneInfo("Europe/Berlin")


def school(seed: int = 20261122, today: date | None = None) -> tuple[BaseData, AnswerKey]:
    """Return the base, and the exact findings that a scan with samples/school.yaml has in it.

    The key maps a rule id to its findings, each the sorted ids of the records it is about. `today`
    is the last day with attendance, by default the present one. The same seed and day give the
    same bytes.
    """
    today = today or datetime.now(ZONE).date()
    draft = Draft(random.Random(seed), today - timedelta(days=today.weekday()))
    fill(draft)
    plant(draft)
    key = {rule: frozenset(found) for rule, found in draft.key.items()}
    return BaseData(
        BASE_ID, "School", tuple(table_of(name, draft.rows[name]) for name in FIELDS)
    ), key
