"""A SQLite database in memory for a query from a scan's author.

The query can read the tables that were filled, and nothing else: SQLite's authorizer, called while
a statement is compiled, allows a short list of actions. No file, setting, extension or write is on
it. A query's resources are bounded by `MAX_SECONDS`, `MAX_HEAP_BYTES` and `MAX_VALUE_BYTES`.
"""

import re
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from threading import Timer
from typing import Any, Self

import msgspec

from landfall.airtable.cells import values_of
from landfall.airtable.numbers import counted

MAX_SECONDS = 10.0
"""Seconds of a query: a part of a step's budget, which the other rules need too. Only a sort cannot
be stopped half-way: with all that fits into `MAX_HEAP_BYTES`, it takes 4 s more."""

MAX_HEAP_BYTES = 128 * 2**20
"""Memory of SQLite in this process: tables, indexes, sorting, the strings of a query. Three columns
of 336,776 records take 45 MB."""

MAX_VALUE_BYTES = 2_000_000
"""Bytes of a value, including intermediate ones: 90,000 links, or twenty of Airtable's long
texts."""

MAX_COMPILED = 4000
"""Columns, functions and parts of a query while it is compiled, which SQLite does each time that a
part is used: one that uses another twice, 14 times over, is compiled in seconds and 2^14 parts."""

MAX_QUERY_LENGTH = 10_000
"""Characters of a query."""

CHECK_INTERVAL = 1000
"""Operations of SQLite's machine, of 10 to 100 ns, between two checks of the budget. One on a long
value may take a second, so a timer enforces `MAX_SECONDS`."""

LIMITS = {
    sqlite3.SQLITE_LIMIT_ATTACHED: 0,
    sqlite3.SQLITE_LIMIT_COLUMN: 600,  # Airtable has 500 fields a table at most
    sqlite3.SQLITE_LIMIT_COMPOUND_SELECT: 20,
    sqlite3.SQLITE_LIMIT_EXPR_DEPTH: 100,
    sqlite3.SQLITE_LIMIT_FUNCTION_ARG: 16,
    sqlite3.SQLITE_LIMIT_LENGTH: MAX_VALUE_BYTES,
    sqlite3.SQLITE_LIMIT_LIKE_PATTERN_LENGTH: 100,  # each byte of a value is tried with each
    sqlite3.SQLITE_LIMIT_SQL_LENGTH: 8 * MAX_QUERY_LENGTH,
    sqlite3.SQLITE_LIMIT_TRIGGER_DEPTH: 1,
    sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER: 10,
    sqlite3.SQLITE_LIMIT_VDBE_OP: 25_000,
    sqlite3.SQLITE_LIMIT_WORKER_THREADS: 0,
}

FUNCTIONS = frozenset(
    """
    abs avg ceil ceiling coalesce count cume_dist date datetime dense_rank first_value floor
    glob group_concat ifnull iif instr json json_array_length json_extract json_group_array
    json_group_object json_type json_valid julianday lag last_value lead length like lower ltrim
    max min mod nth_value ntile nullif percent_rank rank replace round row_number rtrim sign
    soundex strftime string_agg substr substring sum time total trim typeof unicode unixepoch upper
    -> ->>
    """.split()  # noqa: SIM905  a list of them is three times as long
)
"""Functions whose work grows with the length of their arguments, and no faster."""

_VIRTUAL = ("json_each", "json_tree")

_TOKEN = re.compile(
    r"""'[^']*' | `[^`]*` | \[[^\]]*\] | --[^\n]* | /\*.*?\*/ | "(?P<name>(?:[^"]|"")*)" """,
    re.DOTALL | re.VERBOSE,
)


class QueryError(Exception):
    """The query cannot be run, or not to its end; the message explains why."""


class Sandbox:
    """A database that is filled, then sealed, then queried. All methods raise `QueryError`."""

    def __init__(self) -> None:
        self._connection = sqlite3.connect(
            ":memory:",
            isolation_level=None,
            cached_statements=0,
            check_same_thread=False,  # the timer interrupts
        )
        self._tables: set[str] = set()
        self._compiled = 0
        for name, text in (("hard_heap_limit", MAX_HEAP_BYTES), ("temp_store", "MEMORY")):
            self._connection.execute(f"PRAGMA {name} = {text}").fetchall()

    def __enter__(self) -> Self:
        """Return the sandbox."""
        return self

    def __exit__(self, *_: object) -> None:
        """Free all memory."""
        self._connection.close()

    def create(self, table: str, columns: Iterable[str]) -> None:
        """Create an empty table."""
        with self._query_errors():
            named = ", ".join(map(_quoted, columns))
            self._connection.execute(f"CREATE TABLE {_quoted(table)} ({named})")
        self._tables.add(table)

    def fill(self, table: str, columns: Sequence[Sequence[Any]], check: Callable[[], None]) -> None:
        """Insert rows from columns of cells. Lists and maps become JSON, true and false 1 and 0,
        and numbers those that are counted."""
        places = ", ".join("?" * len(columns))
        rows = zip(*map(_cells, columns), strict=True)
        with self._query_errors(), self._watched(check, None):
            self._connection.execute("BEGIN")
            self._connection.executemany(f"INSERT INTO {_quoted(table)} VALUES ({places})", rows)  # noqa: S608
            self._connection.execute("COMMIT")

    def index(self, table: str, column: str) -> None:
        """Index a column for fast lookups."""
        name, on = _quoted(f"{table} by {column}"), f"{_quoted(table)} ({_quoted(column)})"
        with self._query_errors():
            self._connection.execute(f"CREATE INDEX {name} ON {on}")

    def seal(self) -> None:
        """Allow only queries from now on."""
        for name in _VIRTUAL:  # declared at their first use, which the authorizer would refuse
            self._connection.execute(f"SELECT 1 FROM {name}('[]')").fetchall()  # noqa: S608
        modules = self._connection.execute("SELECT name FROM pragma_module_list")
        hidden = {name for (name,) in modules} - set(_VIRTUAL)
        self._connection.execute("PRAGMA query_only = ON")
        for (function, arguments), safer in _SAFE_FUNCTIONS.items():
            self._connection.create_function(function, arguments, safer, deterministic=True)
        for limit, value in LIMITS.items():
            self._connection.setlimit(limit, value)
        self._connection.text_factory = lambda text: text.decode(errors="replace")
        allows = _authorizer({*self._tables, *_VIRTUAL}, hidden)

        def bounded(*asked: Any) -> int:
            self._compiled += 1
            return allows(*asked) if self._compiled <= MAX_COMPILED else sqlite3.SQLITE_DENY

        self._connection.set_authorizer(bounded)

    def columns_of(self, query: str, known: Iterable[str], values: Mapping[str, Any]) -> list[str]:
        """Return the known columns that the query returns. It is compiled, but not run."""
        self._compile(f"SELECT * FROM {_inner(query)}", values)  # noqa: S608
        given = [name for name in known if self._returns(query, name, values)]
        nothing = ", ".join(["NULL"] * max(1, len(given)))
        try:
            self._compile(f"SELECT * FROM {_inner(query)} UNION ALL SELECT {nothing}", values)  # noqa: S608
        except QueryError:
            raise QueryError(f"it returns columns other than {', '.join(known)}") from None
        return given

    def _returns(self, query: str, column: str, values: Mapping[str, Any]) -> bool:
        try:
            self._compile(f"SELECT {column} FROM {_inner(query)}", values)  # noqa: S608
        except QueryError:
            return False
        return True

    def _compile(self, statement: str, values: Mapping[str, Any]) -> None:
        self._compiled = 0
        with self._query_errors():
            self._connection.execute(f"EXPLAIN {statement}", values).close()

    def rows(
        self, query: str, values: Mapping[str, Any], check: Callable[[], None]
    ) -> Iterator[dict[str, Any]]:
        """Yield the query's rows, by the names of its columns in lower case."""
        self._compiled = 0
        with self._query_errors(), self._watched(check, MAX_SECONDS):
            found = self._connection.execute(f"SELECT * FROM {_inner(query)}", values)  # noqa: S608
            names = [column[0].lower() for column in found.description]
            for row in found:
                yield dict(zip(names, row, strict=True))

    @contextmanager
    def _query_errors(self) -> Iterator[None]:
        """Turn SQLite's errors into a `QueryError`."""
        try:
            yield
        except MemoryError:
            raise QueryError(f"it needs more than {MAX_HEAP_BYTES >> 20} MiB of memory") from None
        except sqlite3.DataError as error:
            raise QueryError(f"{error}: a value has at most {MAX_VALUE_BYTES:,} bytes") from None
        except (sqlite3.Error, sqlite3.Warning, ValueError, OverflowError) as error:
            # the last three come from the sqlite3 module: two statements, a NUL, a huge number
            if self._compiled > MAX_COMPILED:
                raise QueryError(
                    f"it has more than {MAX_COMPILED:,} columns and parts, each counted as often "
                    "as it is used; use parts of WITH less often"
                ) from None
            raise QueryError(str(error)) from None

    @contextmanager
    def _watched(self, check: Callable[[], None], seconds: float | None) -> Iterator[None]:
        """Stop the statement inside when `check` raises, or after the seconds."""
        stopped: list[Exception] = []

        def stop() -> bool:
            try:
                check()
            except Exception as why:  # SQLite lets none through; it is raised below
                stopped.append(why)
            return bool(stopped)

        self._connection.set_progress_handler(stop, CHECK_INTERVAL)
        timer = Timer(seconds or 0, self._connection.interrupt)
        if seconds:
            timer.start()
        try:
            yield
        except sqlite3.OperationalError as error:
            if stopped:
                raise stopped[0] from None
            if str(error) != "interrupted":
                raise
            raise QueryError(f"it takes longer than {seconds:g} s") from None
        finally:
            timer.cancel()
            if seconds:
                timer.join()
            self._connection.set_progress_handler(None, 0)


def _authorizer(tables: set[str], hidden: set[str]) -> Callable[..., int]:
    def allows(action: int, first: str | None, second: str | None, *_: str | None) -> bool:
        match action:
            case sqlite3.SQLITE_SELECT | sqlite3.SQLITE_RECURSIVE:
                return True
            case sqlite3.SQLITE_FUNCTION:
                return second is not None and second.lower() in FUNCTIONS
            case sqlite3.SQLITE_READ if first is not None:
                # without a column it may be a name that the query itself gives (WITH)
                own = not second and not first.lower().startswith(("sqlite_", "pragma_"))
                return first in tables or (own and first.lower() not in hidden)
            case _:
                return False

    return lambda *asked: sqlite3.SQLITE_OK if allows(*asked) else sqlite3.SQLITE_DENY


def _inner(query: str) -> str:
    """Return the query as a part of another one, which only a single SELECT can be."""
    return f"(\n{_strict(query).rstrip().removesuffix(';')}\n)"


def _strict(query: str) -> str:
    """Return the query with "names" as `names`: SQLite takes an unknown "name" for text."""

    def name(match: re.Match[str]) -> str:
        if match["name"] is None:
            return match[0]
        return "`{}`".format(match["name"].replace('""', '"').replace("`", "``"))

    return _TOKEN.sub(name, query)


def _quoted(name: str) -> str:
    return '"{}"'.format(name.replace('"', '""'))


_PLAIN = frozenset((str, bool, type(None)))


def _cells(column: Sequence[Any]) -> Iterable[Any]:
    if _PLAIN.issuperset(map(type, column)):
        return column
    return (value if value.__class__ in _PLAIN else _cell(value) for value in column)


def _cell(value: Any) -> Any:
    if isinstance(value, float):
        return counted(value)
    if isinstance(value, int):
        return value if -(2**63) <= value < 2**63 else float(value)
    values = [counted(item) if isinstance(item, float) else item for item in values_of(value)]
    if not values:
        return None  # it is an error; as text, it would be above any number
    return msgspec.json.encode(values if isinstance(value, list) else value).decode()


# SQLite's own compare part by part, which takes the product of both lengths.


def _text(value: object) -> str:
    return str(value, errors="replace") if isinstance(value, bytes) else str(value)


def _instr(text: object, part: object) -> int | None:
    return None if text is None or part is None else _text(text).find(_text(part)) + 1


def _replace(text: object, old: object, new: object) -> str | None:
    if text is None or old is None or new is None:
        return None
    text, old, new = _text(text), _text(old), _text(new)
    if not old:
        return text
    if len(text) + text.count(old) * (len(new) - len(old)) > MAX_VALUE_BYTES:
        raise OverflowError
    return text.replace(old, new)


def _stripping(strip: Callable[[str, str], str]) -> Callable[[Any, Any], str | None]:
    def stripped(text: object, letters: object) -> str | None:
        if text is None or letters is None:
            return None
        if len(_text(letters)) > 100:
            raise OverflowError
        return strip(_text(text), _text(letters))

    return stripped


_SAFE_FUNCTIONS: dict[tuple[str, int], Callable[..., Any]] = {
    ("instr", 2): _instr,
    ("replace", 3): _replace,
    ("trim", 2): _stripping(str.strip),
    ("ltrim", 2): _stripping(str.lstrip),
    ("rtrim", 2): _stripping(str.rstrip),
}
