"""DuckDB over Parquet files: a closed database that sees the files of one question and no other.

What runs here has been rewritten from an allow-list already. This is the second wall: external access is off
except for exactly the named files, the configuration is locked, and DuckDB's own parser must agree about
what the statement touches. DuckDB's error texts quote values, so they go nowhere; errors are told in our own
words.
"""

import hashlib
import os
import threading
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from functools import cache
from itertools import chain, count
from pathlib import Path
from typing import Any, NamedTuple

import duckdb
import orjson
import pyarrow as pa
import structlog

from handrail.adapters.engines.duckdb_words import MISFIT, told
from handrail.adapters.engines.ended import has_left, too_late
from handrail.adapters.engines.prepared import Database, Prepared
from handrail.adapters.engines.watch import Watch
from handrail.kernel import Invalid, NotReady, Refusal
from handrail.kernel.kept import Kept, stamp
from handrail.kernel.ports import NARROWED, EngineLimits, Keys, Rows

_BATCH_ROWS = 20_000
# How many times as many rows DuckDB plans for. It takes all filters of a table for one that leaves a fifth,
# and what a viewer may see is mostly more than half. Where the question filters a table by itself, the guess
# is as good as without a viewer. See `docs/operate/speed.md`.
_MORE = 3
_AGAIN = 0.5  # seconds after which a statement that was interrupted, and goes on, is interrupted again
_OPEN_DATABASES = 16
# Waking threads takes a third of the time of a short question, and as much from whoever asks beside it.
_BY_ONE_THREAD = ("threads = 1", "disable_parquet_prefetching = true")
_AGREED = 16_384  # statements that DuckDB's own parser was asked about, by their hash
# Bytes of a file whose rows are rather held as a table: reading the file is half of a short question.
_HELD, _HELD_MB = 4_000_000, 64  # and what these rows may take in memory, at most half of a question's
_TABLE_FUNCTIONS = frozenset({"range", "generate_series", "unnest"})
# What a FROM clause may hold but a table or a SELECT over one, and other kinds of query.
_BESIDE = frozenset(
    {"JOIN", "TABLE_FUNCTION", "EXPRESSION_LIST", "COLUMN_DATA", "DELIM_GET", "PIVOT", "SHOW_REF", "CTE"}
    | {"SET_OPERATION_NODE", "RECURSIVE_CTE_NODE", "CTE_NODE"}
)
_log = structlog.get_logger(__name__)


class DuckDB:
    """The `Engine` over DuckDB. Databases are kept open, one for each set of files in use."""

    def __init__(self) -> None:
        self._databases: OrderedDict[object, Database] = OrderedDict()
        self._lock = threading.Lock()
        self._agreed: Kept[bytes, bool] = Kept(_AGREED)  # whether they read one table and nothing beside it
        self._watch = Watch()

    def run(
        self,
        sql: str,
        values: Mapping[str, Any],
        schema: str,
        tables: Mapping[str, Path],
        limits: EngineLimits,
        keys: Keys = (),
    ) -> Rows:
        """Start a statement over `tables`, which it finds in `schema`; rows come as they are made.

        Refuses Invalid what DuckDB will not run, LimitReached beyond `limits`, NotReady without a file.
        """
        agreed = hashlib.sha256("\0".join((schema, *sorted(tables), sql)).encode()).digest()
        alone = self._agreed.get(agreed)
        if alone is None:  # of the same text over the same names DuckDB says the same again
            alone = self._agreed.put(agreed, _same_tables(_parser().cursor(), sql, schema, tables))
        database = self._database(schema, tables, limits, () if alone else keys, alone)
        return _Running(database, sql, values, limits, self._watch)

    def _database(
        self, schema: str, tables: Mapping[str, Path], limits: EngineLimits, keys: Keys, alone: bool
    ) -> Database:
        seen = {name: _seen(name, path) for name, path in sorted(tables.items())}
        files = tuple((name, str(tables[name]), *stamp(one)) for name, one in seen.items())
        held = alone and all(one.st_size <= _HELD for one in seen.values())
        key = files, keys, held
        with self._lock:
            if key not in self._databases:
                self._databases[key] = Database(_opened(schema, tables, limits, keys, held=held))
            self._databases.move_to_end(key)
            while len(self._databases) > _OPEN_DATABASES:
                self._databases.popitem(last=False)  # running cursors keep their database alive
            return self._databases[key]


class _Running:
    """One running statement. It is interrupted at its deadline, however slowly its rows are taken, and when
    whoever asked has left.
    """

    def __init__(
        self, database: Database, sql: str, values: Mapping[str, Any], limits: EngineLimits, watch: Watch
    ) -> None:
        self._database = database
        self._seconds, self._presence = limits.seconds, limits.presence
        self._late = threading.Event()
        self._running: Prepared | None = None
        self._complete = False
        self._ending = threading.Lock()  # the watch must not reach for a cursor that is being closed
        self._watch = watch
        self._alarm = watch.after(limits.seconds, self._stop)
        self._left = self._presence.on_leave(self._stop)
        try:
            self._running = database.take(sql, values)
            self._refuse_late()
            self._reader = self._running.relation.to_arrow_reader(_BATCH_ROWS)
        except duckdb.Error as error:
            self.close()
            raise self._told(error) from None
        except BaseException:  # Ctrl-C, a RuntimeError here, must not leave it running
            self.close()
            raise
        self.schema = told_apart(self._reader.schema)

    def batches(self) -> Iterator[pa.RecordBatch]:
        """The rows, a batch at a time. Refuses as `DuckDB.run` does, and closes at the end."""
        try:
            while (batch := self._next()) is not None:
                yield batch
        finally:
            self.close()

    def close(self) -> None:
        """Stop, whether or not all rows were taken."""
        self._watch.forget(self._alarm)
        self._presence.forget(self._left)
        with self._ending:
            ended, self._running = self._running, None
        if ended is None:
            return
        if self._complete and not self._late.is_set():
            self._database.give_back(ended)
        else:
            ended.cursor.interrupt()
            ended.cursor.close()

    def _next(self) -> pa.RecordBatch | None:
        if self._late.is_set():
            raise self._too_late()
        try:
            batch = self._reader.read_next_batch()
        except StopIteration:
            self._complete = True
            return None
        except (duckdb.Error, OSError, pa.ArrowException) as error:
            raise self._told(error) from None
        return pa.RecordBatch.from_arrays(batch.columns, schema=self.schema)

    def _refuse_late(self) -> None:
        if self._late.is_set():
            raise duckdb.InterruptException

    def _stop(self) -> None:
        self._late.set()
        with self._ending:
            if self._running is not None:
                self._running.cursor.interrupt()
                self._alarm = self._watch.after(_AGAIN, self._stop)  # it may just have been about to begin

    def _told(self, error: Exception) -> Refusal:
        refusal = told(error)
        return self._too_late() if self._late.is_set() else refusal

    def _too_late(self) -> Refusal:
        return has_left() if self._presence.gone else too_late(self._seconds)


@cache
def _parser() -> duckdb.DuckDBPyConnection:
    """A database without anything in it, to read statements with."""
    return duckdb.connect(config={"threads": 1, "enable_external_access": False, "lock_configuration": True})


def _opened(
    schema: str, tables: Mapping[str, Path], limits: EngineLimits, keys: Keys, *, held: bool
) -> duckdb.DuckDBPyConnection:
    """The database over these files; refuses NotReady when one of them is not what it was."""
    try:
        if held:
            with suppress(duckdb.OutOfMemoryException):
                return _closed_database(schema, tables, limits, held=True)
        return _closed_database(schema, tables, limits, keys)
    except duckdb.Error:
        _log.error("engine_cannot_open", engine="duckdb", tables=sorted(tables))
        names = " or ".join(sorted(tables))
        raise NotReady(
            f"The data of {names} cannot be read.", next_step="Import its source again, or tell its owner."
        ) from None


def _closed_database(
    schema: str, tables: Mapping[str, Path], limits: EngineLimits, keys: Keys = (), *, held: bool = False
) -> duckdb.DuckDBPyConnection:
    """A new in-memory database with a view per file, open to these files and locked.

    `held` is for statements that read one table and nothing beside it: the rows of a file with one row group
    are held as a table then, of which no statistics are read.
    """
    database = duckdb.connect(
        ":memory:",
        config={
            "threads": limits.threads,
            "memory_limit": f"{limits.memory_mb}MB",
            "temp_directory": "",  # nothing spills: production rows stay in the extracts and in memory
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
            "allow_community_extensions": False,
            "python_enable_replacements": False,
        },
    )
    sizes = {name: _size(database, path) for name, path in tables.items()}
    if all(size.groups < 2 for size in sizes.values()):
        for setting in _BY_ONE_THREAD:
            database.execute(f"SET {setting}")
    held = held and all(size.groups < 2 for size in sizes.values())
    if held:
        database.execute(f"SET memory_limit = '{min(_HELD_MB, limits.memory_mb // 2)}MB'")
    paths = "" if held else ", ".join(_quoted(str(path), "'") for path in tables.values())
    database.execute(f"CREATE SCHEMA {_quoted(schema)}")
    for name, path in tables.items():
        view, read = f"{_quoted(schema)}.{_quoted(name)}", f"read_parquet({_quoted(str(path), chr(39))}"
        narrowed = f"{_quoted(schema)}.{_quoted(name + NARROWED)}"
        if held:
            database.execute(f"CREATE TABLE {view} AS FROM {read})")
            database.execute(f"CREATE VIEW {narrowed} AS FROM {view}")
            continue
        columns = database.execute(f"DESCRIBE FROM {read})").fetchall()
        known = _statistics(name, [column for column, *_ in columns], sizes, keys)
        rows = sizes[name].rows
        for named, planned in ((view, _MORE * rows), (narrowed, rows)):
            about = f"column_statistics = {known}, explicit_cardinality = {planned}"
            database.execute(f"CREATE VIEW {named} AS FROM {read}, {about})")
    database.execute(f"SET allowed_paths = [{paths}]")
    database.execute("SET enable_external_access = false")
    if held:  # its statistics are of all rows, too; with one table there is no order of joins to find by them
        database.execute("SET disabled_optimizers = 'statistics_propagation'")
        database.execute(f"SET memory_limit = '{limits.memory_mb}MB'")
    database.execute("SET parquet_metadata_cache = true")  # by path and time of change; the plan sees no more
    database.execute("SET lock_configuration = true")
    return database


class _Size(NamedTuple):
    rows: int
    groups: int  # of rows, the unit that is shared out among threads


def _size(database: duckdb.DuckDBPyConnection, path: Path) -> _Size:
    told = "SELECT num_rows, num_row_groups FROM parquet_file_metadata($1)"
    return _Size(*database.execute(told, [str(path)]).fetchall()[0])


def _statistics(name: str, columns: Iterable[str], sizes: Mapping[str, _Size], keys: Keys) -> str:
    """What DuckDB may plan by, instead of what the file says: how many values the keys have at most.

    By the file it would plan by the least and greatest value of each column, in rows that the viewer may not
    see too; and a plan decides what is computed first, and so which queries fail. How many rows there are,
    and what is a key, is no secret.
    """
    most = {
        column: min(sizes[table].rows, sizes[other].rows)
        for table, column, other in keys
        if table == name and other in sizes
    }
    counts = {column: f"'distinct_count': {most[column]}" if column in most else "" for column in columns}
    told = (f"{_quoted(_quoted(one), chr(39))}: MAP {{{count}}}" for one, count in counts.items())
    return f"MAP {{{', '.join(told)}}}"


def _same_tables(
    cursor: duckdb.DuckDBPyConnection, sql: str, schema: str, tables: Mapping[str, Path]
) -> bool:
    """Refuse when DuckDB's own parser finds a table or table function that was not agreed on.

    Says whether the statement reads one table once, and joins it with nothing.
    """
    rows = cursor.execute("SELECT json_serialize_sql($1)", [sql]).fetchall()
    try:
        parsed: dict[str, Any] = orjson.loads(rows[0][0])
    except orjson.JSONDecodeError:  # it reads a thousand levels, and a sum of some hundred terms has more
        raise Invalid(
            "The SQL is nested too deeply to be read.",
            next_step="Split it into steps with WITH, and use lists instead of long chains.",
        ) from None
    if parsed["error"] or len(parsed["statements"]) != 1:
        raise Invalid(*MISFIT[:1], next_step=MISFIT[1])
    named: set[tuple[str, ...]] = set()
    functions: set[str] = set()
    common: set[tuple[str, ...]] = set()
    read, beside = 0, False
    todo: list[Any] = [parsed]
    while todo:
        item = todo.pop()
        if isinstance(item, list):
            todo.extend(item)
        elif isinstance(item, dict):
            todo.extend(item.values())
            beside = beside or item.get("type") in _BESIDE or item.get("class") == "SUBQUERY"
            if item.get("type") == "BASE_TABLE":
                read += 1
                named.add(tuple(item["qualified_name"]["path"]))
            elif item.get("type") == "TABLE_FUNCTION":
                functions.add(item["function"]["function_name"])
            elif "cte_map" in item:
                common.update((entry["key"],) for entry in item["cte_map"]["map"])
    known = {(schema, name + more) for name in tables for more in ("", NARROWED)}
    if named - known - common or functions - _TABLE_FUNCTIONS:
        _log.error("engine_disagrees", engine="duckdb")
        raise Invalid(*MISFIT[:1], next_step=MISFIT[1])
    return read == 1 and not beside


def told_apart(schema: pa.Schema) -> pa.Schema:
    """The schema with `_1`, `_2`, … after names that are there already, as in id, id_1."""
    if len(set(schema.names)) == len(schema):
        return schema
    names: list[str] = []
    for name in schema.names:
        choices = chain([name], (f"{name}_{again}" for again in count(1)))
        names.append(next(choice for choice in choices if choice not in names))
    return pa.schema([column.with_name(name) for column, name in zip(schema, names, strict=True)])


def _seen(name: str, path: Path) -> os.stat_result:
    try:
        return path.stat()
    except FileNotFoundError:
        raise NotReady(
            f"The data of {name} is not there.", next_step="Import its source again, or tell its owner."
        ) from None


def _quoted(text: str, mark: str = '"') -> str:
    return mark + text.replace(mark, mark * 2) + mark
