"""The lessons of some students of the sample school and the findings in them, written by hand."""

# fmt: off
LESSON_WEEKS = (18, 17, 11, 10, 9, 8, 7, 6, 5, 3, 2, 1)
"""Weeks ago of the words below. The first two are of last term; 4 weeks ago were holidays."""
LESSON_DAYS = (1, 3, 4)
"""Weekdays of lessons: Tuesday and Thursday (of one class), Friday (of another class)."""
PRESENCE_LETTERS = {"p": "Present", "t": "Tardy", "h": "Partial", "a": "Absent", "e": "Excused"}

RATE, TERM, COUNT = "absence-rate-30-days", "absence-rate-term", "absences-4-weeks"
DAYS, WEEKS = "absences-in-a-row", "weeks-with-absences"
LATE, PART = "tardy-rate", "partial-attendance"

LESSONS: tuple[tuple[str, dict[str, str]], ...] = (
    # Each student's lessons, a word a week as in LESSON_WEEKS, and the findings with severities.
    # This term has 30 lessons: 21, holidays, and 9 in the last 30 days and 4 weeks.
    # 9 lessons: 2 = 22 %, 3 = 33 %, 4 = 44 %, 5 = 56 %, 6 = 67 %.
    # 30 lessons: 2 = 7 %, 3 = 10 %, 5 = 17 %, 6 = 20 %, 8 = 27 %.
    #
    # Nothing is wrong.
    ("--- --- ppp ppp ppp ppp ppp ppp ppp ppp ppp ppp", {}),
    ("--- --- ppp tpp ppp pph ppp ppp ppa ppp ptp ppp", {}),
    ("--- --- ppp ppp eep ppp ppp tpp ppp ppp ppp hpp", {}),
    # Last term was bad; this one is not.
    ("aaa aaa ppp ppp ppp ppp ppp ppp ppp ppp ppp ppp", {}),
    ("ttt hhh ppp ppp ppp ppp ppp ppp ppp ppp ppp ppp", {}),
    # Absences in the last 30 days: 2 excused; 2, 3 and 5 of 9, of which one is not excused.
    ("--- --- ppp ppp ppp ppp ppp ppp ppp ppp epp ppe", {RATE: "info"}),
    ("--- --- ppp ppp ppp ppp ppp ppp ppp epp epp ppa", {RATE: "warning", TERM: "info"}),
    ("--- --- ppp ppp ppp ppp ppp ppp ppp eep epe ppa", {RATE: "critical", TERM: "warning"}),
    # As many before the holidays are not in the last 30 days. 4 of 30 are 13 %, 5 are 17 %.
    ("--- --- ppp ppp ppp ppp ppp eep eep ppp ppp ppp", {TERM: "info"}),
    ("--- --- ppp ppp ppp ppp ppp eep eee ppp ppp ppp", {TERM: "warning"}),
    ("--- --- epe pep ppp eee ppp ppp eep ppp ppp ppp", {TERM: "critical"}),
    # Absences that are not excused: 2, 3 and 5 in 4 weeks, each broken by a presence in its class.
    ("--- --- ppp ppp ppp ppp ppp ppp ppp ppp app ppa", {RATE: "info", COUNT: "info"}),
    (
        "--- --- ppp ppp ppp ppp ppp ppp ppp app app ppa",
        {RATE: "warning", TERM: "info", COUNT: "warning", WEEKS: "info"},
    ),
    (
        "--- --- ppp ppp ppp ppp ppp ppp ppp apa app apa",
        {RATE: "critical", TERM: "warning", COUNT: "critical", WEEKS: "info"},
    ),
    # 2, 3 and 5 lessons of a class in a row, also from week to week.
    (
        "--- --- ppp ppp ppp ppp ppp ppp ppp ppp aap ppp",
        {RATE: "info", COUNT: "info", DAYS: "info"},
    ),
    (
        "--- --- ppp ppp ppp ppp ppp ppp ppp ppp pap aap",
        {RATE: "warning", TERM: "info", COUNT: "warning", DAYS: "warning"},
    ),
    (
        "--- --- ppp ppp ppp ppp ppp ppp ppp ppa ppa ppa",
        {RATE: "warning", TERM: "info", COUNT: "warning", DAYS: "warning", WEEKS: "info"},
    ),
    (
        "--- --- ppp ppp ppp ppp ppp ppp ppp aap aap app",
        {RATE: "critical", TERM: "warning", COUNT: "critical", DAYS: "critical", WEEKS: "info"},
    ),
    # In a row by the day, but in two classes; and in a row in a class, but one of them is excused.
    ("--- --- ppp ppp ppp ppp ppp ppp ppp ppp paa ppp", {RATE: "info", COUNT: "info"}),
    ("--- --- ppp ppp ppp ppp ppp ppp ppp ppp aep ppp", {RATE: "info"}),
    # An absence in 3, 4 and 6 weeks in a row; and in 4 weeks that the holidays or a week part.
    ("--- --- ppp app ppa app ppp ppp ppp ppp ppp ppp", {TERM: "info", WEEKS: "info"}),
    ("--- --- ppp app ppa app pap ppp ppp ppp ppp ppp", {TERM: "info", WEEKS: "warning"}),
    ("--- --- ppp app ppa app pap app pap ppp ppp ppp", {TERM: "warning", WEEKS: "critical"}),
    (
        "--- --- ppp ppp ppp ppp ppp app pap pap ppa ppp",
        {RATE: "info", TERM: "info", COUNT: "info"},
    ),
    ("--- --- app pap ppp app pap ppp ppp ppp ppp ppp", {TERM: "info"}),
    # Tardy in 2 (no finding), 3, 4 and 6 of 9 lessons; and often, but before the holidays.
    ("--- --- ppp ppp ppp ppp ppp ppp ppp ppp tpp ppt", {}),
    ("--- --- ppp ppp ppp ppp ppp ppp ppp tpp tpp ppt", {LATE: "info"}),
    ("--- --- ppp ppp ppp ppp ppp ppp ppp tpp tpt ppt", {LATE: "warning"}),
    ("--- --- ppp ppp ppp ppp ppp ppp ppp tpt ttp ptt", {LATE: "critical"}),
    ("--- --- ppp ttt ppp ttp ppp ttt ppp ppp ppp ppp", {}),
    # Partial in 2 (no finding), 3, 5 and 8 of 30 lessons.
    ("--- --- ppp pph ppp ppp ppp ppp ppp ppp ppp pph", {}),
    ("--- --- ppp pph ppp ppp hpp ppp ppp ppp hpp ppp", {PART: "info"}),
    ("--- --- ppp pph ppp hpp hpp ppp hpp ppp hpp ppp", {PART: "warning"}),
    ("--- --- pph pph ppp hpp hhp ppp hpp ppp hph ppp", {PART: "critical"}),
    # Four lessons, all missed: too few for a rate.
    ("--- --- --- --- --- --- --- --- --- --- -aa aa-", {COUNT: "warning", DAYS: "warning"}),
)
# fmt: on
