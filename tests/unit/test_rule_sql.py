"""`sql`: the findings of queries, and the limits of their power."""

import sys
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from random import Random
from sqlite3 import DatabaseError
from subprocess import run
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from pydantic import ValidationError

from landfall.airtable.snapshot import Snapshot
from landfall.integrity.rules import sql_sandbox
from landfall.integrity.rules.evaluate import RuleReport, evaluate
from landfall.integrity.rules.rule import Scope
from landfall.integrity.rules.sql import Sql
from tests.fakes.snapshots import snapshot

CELLS: list[dict[str, Any]] = [
    {"Name": "Ann", "Links": ["b1", "b2"], "Score": 7, "Paid": True},
    {"Name": "ann ", "Links": ["b1"], "Score": 7.5},
    {"Links": [], "Score": 0, "Paid": False, "ID": 3},
    {"Name": "Öz", "Photo": [{"url": "x"}], "Score": {"specialValue": "NaN"}},
]
FIELDS = ["Name", "Links", "Score", "Paid", "Photo"]


def rule(query: str, fields: Any = None, **more: Any) -> Sql:
    fields = fields or {"T": FIELDS, "B": {"label": "Label"}}
    return Sql(id="q", kind="sql", table="T", fields=fields, query=query, **more)


def base(cells: Sequence[Mapping[str, Any]] = CELLS, **more: Any) -> Snapshot:
    rows = [
        {"id": f"a{n}", "createdTime": f"2026-01-0{n % 9 + 1}T00:00:00.000Z", "fields": row}
        for n, row in enumerate(cells)
    ]
    other = [{"id": f"b{n}", "fields": {"Label": f"L{n}"}} for n in range(3)]
    reads = [("T", field) for field in [*FIELDS, "ID", "Status"]]
    return snapshot({"T": rows, "B": other}, reads=reads, **more)


def report(query: str, of: Snapshot | None = None, **more: Any) -> RuleReport:
    return evaluate(rule(query, **more), of or base())


def found(query: str, **more: Any) -> list[str]:
    found = report(query, **more)
    assert not found.inconclusive
    return [finding.records[0] for finding in found.findings]


def why_not(query: str, **more: Any) -> str:
    with pytest.raises(ValidationError) as refused:
        rule(query, **more)
    return str(refused.value)


JOINED = "SELECT T.id FROM T, json_each(Links) AS link JOIN B ON B.id = link.value "
PAIRS = "SELECT a.id FROM T AS a JOIN T AS b ON a.id <> b.id AND "


@pytest.mark.parametrize(
    ("query", "ids"),
    [
        ("SELECT id FROM T WHERE Score > 7", ["a1"]),  # an error, as text, would be above
        ("SELECT id FROM T WHERE typeof(Score) = 'real'", ["a1"]),
        ("SELECT id FROM T WHERE Paid = 1", ["a0"]),
        ("SELECT id FROM T WHERE Paid = 0", ["a2"]),
        ("SELECT id FROM T WHERE Name IS NULL", ["a2"]),
        (JOINED + "AND label = 'L2'", ["a0"]),
        ("SELECT id FROM T WHERE Links IS NULL", ["a2", "a3"]),
        ("SELECT id FROM T WHERE json_extract(Photo, '$[0].url') = 'x'", ["a3"]),
        ("SELECT id FROM T WHERE Score IS NULL", ["a3"]),
        ("SELECT id FROM T WHERE created_time < '2026-01-02'", ["a0"]),
        (PAIRS + "lower(trim(a.Name)) = lower(trim(b.Name))", ["a0", "a1"]),
        ("WITH w AS (SELECT id FROM T) SELECT * FROM w WHERE 4 < (SELECT count(*) FROM w);", []),
        ("SELECT id FROM (SELECT id, rank() OVER (ORDER BY id DESC) n FROM T) WHERE n = 1", ["a3"]),
        ("SELECT id FROM T ORDER BY id DESC LIMIT 2 -- the last", ["a2", "a3"]),
        ('SELECT "T"."id" FROM "T" WHERE "Name" = \'Ann\'', ["a0"]),
        ("SELECT id FROM T WHERE '\"' || Name || '\"' = '\"Ann\"' /* \"x\" */", ["a0"]),
        ("SELECT id FROM T WHERE instr(Name, 'n') = 2", ["a0", "a1"]),
        ("SELECT id FROM T WHERE replace(Name, 'n', 'mm') = 'Ammmm'", ["a0"]),
        ("SELECT id FROM T WHERE trim(Name, 'An') = ''", ["a0"]),
        ("SELECT id FROM T WHERE ltrim(Name, 'a') = 'nn ' OR rtrim(Name, 'z') = 'Ö'", ["a1", "a3"]),
    ],
)  # fmt: skip
def test_a_query_finds_records(query, ids):
    """In the order of the records; lists and objects are JSON, true is 1, no cell is NULL."""
    assert found(query) == ids


def test_a_finding_has_the_message_and_value_of_its_row():
    """The alphabetically first message of a record's rows; without one, a default."""
    query = "SELECT T.id, 'has ' || l.value AS message, Score AS value FROM T, json_each(Links) l"
    found = [(f.records, f.message, f.value) for f in report(query + " ORDER BY 2 DESC").findings]
    assert found == [(("a0",), "has b1", "7"), (("a1",), "has b1", "7.5")]
    (plain,) = report("SELECT ID FROM T LIMIT 1").findings
    assert plain.message == "the query found this record"


def test_a_query_knows_the_moment_of_the_run():
    """`:now` in UTC, `:today` in the scan's time zone: the run's moment, not the clock's."""
    new_york = base(now=datetime(2026, 3, 2, 1, tzinfo=UTC), zone=ZoneInfo("America/New_York"))
    (finding,) = report(
        "SELECT id, :now || ' ' || :today AS message FROM T LIMIT 1", new_york
    ).findings
    assert finding.message == "2026-03-02T01:00:00Z 2026-03-01"


def test_when_chooses_the_findings_and_not_what_the_query_sees():
    """A record that `when` excludes is no finding; it still counts in the query."""
    query = "SELECT id FROM T WHERE (SELECT count(*) FROM T) = 4"
    assert found(query, when={"field": "Paid", "equals": True}) == ["a0"]


def test_a_column_can_have_a_name_of_its_own():
    """For a field with the name of a column that every table has, or with a long name."""
    assert found("SELECT id FROM T WHERE number = 3", fields={"T": {"number": "ID"}}) == ["a2"]


INCONCLUSIVE = [
    ("SELECT 'b1' AS id", "the query returned the id 'b1', which is not a record of T"),
    ("SELECT 1 AS id", "the query returned the id 1, which is not a record of T"),
    (
        "SELECT CAST(x'ff' AS TEXT) AS id",
        "the query returned the id '\ufffd', which is not a record of T",
    ),
    ("SELECT max(id) AS id FROM T WHERE Score = 'no'", "the query returned a row without an id"),
    ("SELECT T.id FROM T, json_each(Name)", "the query: malformed JSON"),
]


@pytest.mark.parametrize(("query", "why"), INCONCLUSIVE)
def test_an_answer_that_names_no_record_is_inconclusive(query, why):
    """Then none of the other rows is a finding either."""
    found = report(query)
    assert (found.inconclusive, list(found.findings)) == (why, [])


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("SELECT id FROM T WHERE Nmae = 1", "no such column: Nmae"),
        ('SELECT id FROM T WHERE "Nmae" = 1', "no such column: Nmae"),
        ("SELECT id FROM T WHERE Label = 1", "no such column: Label"),
        ("SELECT id FROM Students", "no such table: Students"),
        ("SELECT id FORM T", 'near "T": syntax error'),
        ("SELECT Name FROM T", "it returns no column `id`"),
        ("SELECT id, Name AS mesage FROM T", "columns other than id, message, value"),
        ("SELECT id, id FROM T", "columns other than id, message, value"),
        ("SELECT id FROM T WHERE Score = ?", "Binding 1 has no name"),
        ("SELECT id FROM T WHERE Score = :limit", "binding parameter :limit"),
        ("SELECT id FROM T\0", "null character"),
        ("SELECT '\ud800' AS id", "valid string"),
        ("SELECT " + "(" * 200 + "id" + ")" * 200 + " AS id FROM T", "parser stack overflow"),
        ("SELECT id FROM T WHERE " + "+".join(["1"] * 200), "depth 100"),
        (" UNION ALL ".join(["SELECT id FROM T"] * 30), "too many terms in compound SELECT"),
        ("SELECT id FROM T WHERE max(" + ",".join("1" * 30) + ")", "too many arguments"),
    ],
)
def test_a_query_is_compiled_at_the_door(query, says):
    """SQLite's error appears before records are read; a misspelt name is never text."""
    assert says in why_not(query)


@pytest.mark.parametrize("field", ["id", "ID", "Created_Time", "name"])
def test_columns_have_different_names(field):
    """SQL ignores case; a field that clashes needs another name."""
    says = why_not("SELECT 1", fields={"T": ["Name", field]})
    assert "fields.T: two columns are named" in says
    assert "such as {my_column: " in says


ESCAPES = [
    "SELECT id FROM T WHERE readfile('/etc/passwd')",
    "SELECT writefile('/tmp/landfall', 'x') AS id",
    "SELECT edit('x') AS id",
    "SELECT load_extension('/tmp/x') AS id",
    "SELECT fts3_tokenizer('simple') AS id",
    "SELECT sqlite_compileoption_get(1) AS id",
    "SELECT randomblob(1000000000) AS id",
    "SELECT zeroblob(1000000000) AS id",
    "SELECT printf('%.*c', 1000000000, 'x') AS id",
    "SELECT current_timestamp AS id",
    "ATTACH '/tmp/landfall.db' AS x",
    "DETACH main",
    "PRAGMA hard_heap_limit = 0",
    "PRAGMA temp_store_directory = '/tmp'",
    "VACUUM INTO '/tmp/landfall.db'",
    "REINDEX",
    "ANALYZE",
    "BEGIN",
    "CREATE TABLE x (y)",
    "CREATE TEMP TABLE x AS SELECT * FROM T",
    "CREATE VIRTUAL TABLE x USING fts5(y)",
    "CREATE TEMP TRIGGER x AFTER DELETE ON T BEGIN SELECT 1; END",
    "DROP TABLE T",
    "INSERT INTO T (id) VALUES ('x') RETURNING id",
    "UPDATE T SET id = 'x' RETURNING id",
    "WITH w AS (SELECT 1) DELETE FROM T RETURNING id",
    "REPLACE INTO T (id) VALUES ('x')",
    "EXPLAIN SELECT id FROM T",
    "QUERY PLAN SELECT id FROM T",
    "SELECT id FROM T; DELETE FROM T",
    "SELECT id FROM T); DELETE FROM T; SELECT (1",
    "SELECT id FROM T) LIMIT 0; --",
    "SELECT name AS id FROM sqlite_master",
    "SELECT count(*) AS id FROM SQLITE_SCHEMA",
    "SELECT count(*) AS id FROM temp.sqlite_master",
    "SELECT count(*) AS id FROM pragma_database_list",
    "SELECT file AS id FROM pragma_database_list",
    "SELECT * FROM pragma_table_info('T')",
    "SELECT name AS id FROM dbstat",
    "SELECT count(*) AS id FROM dbstat",
    "SELECT sql AS id FROM sqlite_stmt",
    "SELECT count(*) AS id FROM sqlite_stmt",
    "SELECT * FROM fts3tokenize('simple')",
    "SELECT value AS id FROM generate_series(1, 9)",
    "SELECT * FROM csv('/etc/passwd')",
    "SELECT id FROM T INDEXED BY nothing",
]


@pytest.mark.parametrize("query", ESCAPES)
def test_a_query_cannot_do_anything_else(query):
    """Files, settings, extensions, writes, SQLite's own tables: rejected when the definition is
    read."""
    assert "query: " in why_not(query)


@pytest.mark.parametrize("query", [*ESCAPES, "SELECT id FROM T; SELECT id FROM T"])
def test_the_sandbox_refuses_it_by_itself(query):
    """This includes a query that was not checked or compiled before."""
    with sql_sandbox.Sandbox() as database:
        database.create("T", ["id"])
        database.fill("T", [["a", "b"]], lambda: None)
        database.seal()
        with pytest.raises(sql_sandbox.QueryError):
            list(database.rows(query, {}, lambda: None))
        assert list(database.rows("SELECT id FROM T", {}, lambda: None)) == [
            {"id": "a"},
            {"id": "b"},
        ]


def test_the_authorizer_refuses_statements_that_are_no_part_of_another():
    """The parentheses around them are not the only defence."""
    with sql_sandbox.Sandbox() as database:
        database.create("T", ["id"])
        database.seal()
        for query in ("DELETE FROM T", "ATTACH ':memory:' AS x", "PRAGMA user_version", "BEGIN"):
            with pytest.raises(DatabaseError, match=r"not authorized|prohibited"):
                database._connection.execute(query)


LONG = "WITH RECURSIVE z(s) AS (SELECT '0000000000' UNION ALL SELECT s || s FROM z "
LONG += "WHERE length(s) < 900000), m(s) AS (SELECT max(s) FROM z) "
NUMBERS = "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) "
BOMBS = {
    "recursion without end": NUMBERS + "SELECT x AS id FROM c WHERE x < 0",
    "recursion that is stored": NUMBERS.replace("UNION ALL", "UNION")
    + "SELECT max(x) AS id FROM c",
    "recursion that is sorted": NUMBERS + "SELECT x AS id FROM c ORDER BY -x",
    "recursion that doubles": "WITH RECURSIVE c(x) AS (SELECT 'a' UNION ALL SELECT x || x FROM c) "
    "SELECT max(x) AS id FROM c",
    "recursion that forks": "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + y FROM c, "
    "(SELECT 1 AS y UNION ALL SELECT 2)) SELECT sum(x) AS id FROM c",
    "a product": "SELECT count(*) AS id FROM T a, T b, T c, T d",
    "a product of one id": "SELECT 'a0' AS id, a.Name || b.Name AS message FROM T a, T b, T c, T d",
    "distinct values": "SELECT count(DISTINCT a.id || b.id || c.id) AS id FROM T a, T b, T c",
    "long texts together": LONG + "SELECT group_concat(m.s) AS id FROM m, T",
    "JSON of long texts": LONG + "SELECT json_group_array(m.s) AS id FROM m, T",
    "long texts sorted": LONG + "SELECT m.s || T.id AS id FROM m, T ORDER BY 1 DESC",
    "long texts grouped": LONG + "SELECT max(m.s || T.id) AS id FROM m, T GROUP BY m.s || T.id",
    "long texts replaced": LONG + "SELECT replace(s, '0', s) AS id FROM m",
    "long texts replaced by little": LONG
    + "SELECT replace(s, substr(s, 600000) || '1', '') AS id FROM m",
    "long texts searched": LONG + "SELECT instr(s, substr(s, 600000) || '1') AS id FROM m",
    "long texts trimmed": LONG
    + "SELECT trim(s, replace(substr(s, 1300000), '0', '1') || '0') AS id FROM m",
    "a long pattern": LONG + "SELECT sum(s LIKE s) AS id FROM m",
    "many wild cards": LONG + f"SELECT sum(s || a.id LIKE '{'%0' * 49}x') AS id FROM m, T a, T b",
    "a pattern like the text": LONG
    + f"SELECT sum(s || a.id GLOB '*{'0' * 98}x') AS id FROM m, T a, T b",
    "JSON looked through": LONG + "SELECT sum(json_extract('[' || replace(s, '0', '0,') || a.rowid "
    "|| ']', '$[1]', '$[#-1]')) AS id FROM m, T a, T b",
    "deep JSON": LONG + "SELECT json_valid(replace(s, '0', '[')) AS id FROM m, T a, T b",
    "windows": "SELECT a.id, sum(length(a.id)) OVER (ORDER BY a.id || b.id || c.id) AS value "
    "FROM T a, T b, T c",
}
MANY = base([{"Name": f"name {n}"} for n in range(2000)])


@pytest.mark.slow
@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_ends_in_bounds(name, monkeypatch):
    """It is stopped at its limit of time or memory, and is inconclusive."""
    monkeypatch.setattr(sql_sandbox, "MAX_SECONDS", 0.3)
    bomb = rule(BOMBS[name])
    began = time.process_time()
    found = evaluate(bomb, MANY)
    assert time.process_time() - began < 3
    assert found.inconclusive
    assert not found.findings


PEAK = """
import resource
from unittest.mock import patch
from landfall.integrity.rules import sql_sandbox
from tests.unit import test_rule_sql as those
rules = [those.rule(bomb) for bomb in those.BOMBS.values()]
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
# less than in use, so that the queries get there soon
with patch.multiple(sql_sandbox, MAX_SECONDS=1.0, MAX_HEAP_BYTES=16 << 20):
    whys = [those.evaluate(rule, those.MANY).inconclusive for rule in rules]
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
print(sum("memory" in why or "too big" in why for why in whys))
"""


@pytest.mark.slow
def test_bombs_stay_within_their_memory():
    """All of them, one after the other: SQLite's own limit, and Python's memory for the results."""
    done = run([sys.executable, "-c", PEAK], capture_output=True, text=True, check=True)
    grown, refused = map(int, done.stdout.split())
    assert grown < 16 + 32
    assert refused > 7


def test_a_budget_that_is_over_ends_the_query():
    """The exception of `check` is raised, while loading the records as during the query."""

    class OverError(Exception):
        pass

    def check() -> None:
        raise OverError

    for query in (BOMBS["a product"], "SELECT id FROM T LIMIT 1"):
        many = base([{"Name": "x"}] * 20_000) if "LIMIT" in query else MANY
        with pytest.raises(OverError):
            list(rule(query).evaluate(Scope(many.tables["T"], many, check=check)))


def test_a_cell_too_long_is_inconclusive():
    """The message explains it, if the query reads the cell."""
    long = base([{"Name": "x" * (sql_sandbox.MAX_VALUE_BYTES + 1)}])
    assert not report("SELECT id FROM T", long).inconclusive
    found = report("SELECT id FROM T WHERE Name LIKE 'y%'", long)
    assert (
        found.inconclusive
        == "the query: string or blob too big: a value has at most 2,000,000 bytes"
    )


def test_an_error_is_null():
    """As text it would be above any number."""
    error = {"error": "#ERROR!"}
    cells = [{"Score": it} for it in (error, {"specialValue": "NaN"}, [error], 7, [error, 7])]
    assert found_in("SELECT id FROM T WHERE Score > 1", cells[:4]) == ["a3"]
    assert found_in("SELECT id FROM T WHERE Score IS NULL", cells) == ["a0", "a1", "a2"]
    assert found_in("SELECT T.id FROM T, json_each(Score) s WHERE s.value = 7", cells[4:]) == ["a0"]


def test_a_huge_number_is_taken_as_the_nearest():
    """SQLite's whole numbers have 64 bits."""
    assert found_in("SELECT id FROM T WHERE Score > 1e29", [{"Score": 10**30}, {"Score": 1}]) == [
        "a0"
    ]


def found_in(query: str, cells: Sequence[Mapping[str, Any]]) -> list[str]:
    return [finding.records[0] for finding in report(query, base(cells)).findings]


@pytest.mark.parametrize("seed", range(20))
def test_the_same_as_in_python(seed):
    """Queries with joins and groups, against loops over the same records."""
    random = Random(seed)
    choose = random.choice
    cells: list[dict[str, Any]] = [
        {
            "Name": choose(["x", "y", "X ", None]),
            "Score": choose([0, 1, 2.5, None]),
            "Links": random.sample(["b0", "b1", "b2"], random.randrange(4)),
        }
        for _ in range(random.randrange(40))
    ]
    ids = [f"a{n}" for n in range(len(cells))]
    high = [i for i, c in zip(ids, cells, strict=True) if c["Score"] is not None and c["Score"] > 1]
    assert found_in("SELECT id FROM T WHERE Score > 1", cells) == high
    linked = [i for i, c in zip(ids, cells, strict=True) if "b1" in c["Links"]]
    join = "SELECT T.id FROM T, json_each(Links) l JOIN B ON B.id = l.value AND label = 'L1'"
    assert found_in(join, cells) == linked
    names = [c["Name"] for c in cells if c["Name"]]
    twice = [i for i, c in zip(ids, cells, strict=True) if names.count(c["Name"]) > 1]
    group = "SELECT id FROM T WHERE Name IN (SELECT Name FROM T GROUP BY 1 HAVING count(*) > 1)"
    assert found_in(group, cells) == twice
