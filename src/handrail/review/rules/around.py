"""Reads and writes that go around governed data: networks, databases, processes, files from elsewhere."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping

from handrail.review.models import Finding
from handrail.review.source import Program, Source
from handrail.review.values import Strings

NETWORK = frozenset(
    [
        "requests",
        "httpx",
        "aiohttp",
        "urllib3",
        "urllib.request",
        "http.client",
        "ftplib",
        "smtplib",
        "imaplib",
        "poplib",
        "telnetlib",
        "socket",
        "ssl",
        "socketserver",
        "paramiko",
        "websocket",
        "websockets",
        "boto3",
        "botocore",
        "azure",
        "google.cloud",
        "gspread",
        "slack_sdk",
        "xmlrpc.client",
        "pycurl",
        "wget",
        "openai",
        "anthropic",
        "kaggle",
    ]
)
DATABASES = frozenset(
    [
        "psycopg",
        "psycopg2",
        "pymysql",
        "MySQLdb",
        "mysql.connector",
        "pyodbc",
        "cx_Oracle",
        "oracledb",
        "asyncpg",
        "pymongo",
        "redis",
        "snowflake",
        "sqlalchemy",
        "peewee",
        "databricks",
        "clickhouse_driver",
        "pymssql",
    ]
)
PROCESSES = frozenset({"subprocess", "pexpect", "pty"})
PROCESS_CALLS = frozenset(
    {"os.system", "os.popen", "os.spawnl", "os.spawnv", "os.execv", "os.execvp", "os.fork"}
)
FILE_DATABASES = frozenset({"sqlite3.connect", "duckdb.connect"})
READERS = frozenset(
    [
        "read_csv",
        "read_excel",
        "read_parquet",
        "read_json",
        "read_table",
        "read_feather",
        "read_html",
        "read_xml",
        "read_sas",
        "read_stata",
        "read_pickle",
        "read_fwf",
        "read_orc",
        "read_hdf",
        "scan_csv",
        "scan_parquet",
    ]
)
OPENERS = frozenset({"open", "pathlib.Path", "io.open", "numpy.load", "numpy.loadtxt", "numpy.genfromtxt"})
SQL_READERS = frozenset({"pandas.read_sql", "pandas.read_sql_query", "pandas.read_sql_table"})
OWN_PLACES = ("/tmp/", "/dev/null", "/dev/stdout", "/dev/stderr")  # noqa: S108 - the sandbox's own, seen by nobody else
DATA_FILES = (
    ".csv",
    ".tsv",
    ".xlsx",
    ".xls",
    ".parquet",
    ".feather",
    ".db",
    ".sqlite",
    ".sqlite3",
    ".duckdb",
    ".pkl",
)
SMALL = 4_000  # bytes; a lookup table of this size is part of the code
ADDRESS = re.compile(r"^(?:https?|ftp|s3|gs|abfss?|file|hdfs|jdbc)://", re.IGNORECASE)
GROUP = "Read through Handrail, not around it"
ASK = 'Ask for the rows with query("SELECT …") or the number with metric("…") from handrail_sdk; '


def around(files: Mapping[str, bytes], program: Program) -> Iterator[Finding]:
    """A finding for each way around governed data; each source is named once per file."""
    strings = Strings(program)
    for source in program.values():
        yield from _imports(source)
        for call in source.calls:
            yield from _call(strings, source, call, files)
    for file, content in files.items():
        if file.lower().endswith(DATA_FILES) and len(content) > SMALL:
            yield _carried(file, len(content))


def named(module: str, modules: frozenset[str]) -> str:
    """The entry of `modules` that this dotted module is, or lies in; '' when none."""
    parts = module.split(".")
    prefixes = (".".join(parts[:length]) for length in range(1, len(parts) + 1))
    return next((prefix for prefix in prefixes if prefix in modules), "")


def goes_around(module: str) -> bool:
    """Whether importing this module is a finding of this family."""
    return bool(named(module, NETWORK | DATABASES | PROCESSES))


def imported(source: Source) -> Iterator[tuple[ast.Import | ast.ImportFrom, str]]:
    """(statement, dotted module) for each absolute import; `from a import b` gives a and a.b."""
    for node in source.nodes:
        if isinstance(node, ast.Import):
            yield from ((node, name.name) for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield from ((node, f"{node.module}.{name.name}") for name in node.names)


def _imports(source: Source) -> Iterator[Finding]:
    told: set[str] = set()
    for node, module in imported(source):
        for modules, what, fix in (
            (NETWORK, "the network", "an app has no network, in the sandbox and in production alike."),
            (
                DATABASES,
                "a database directly",
                "it answers with the same rows, filtered for whoever is looking.",
            ),
            (
                PROCESSES,
                "another program",
                "do the work in Python; what another program reads cannot be seen.",
            ),
        ):
            name = named(module, modules)
            if name and name not in told:
                told.add(name)
                because = (
                    f"`{name}` reaches {what}. What is read or sent that way has no row "
                    f"filter, no mask and no trail."
                )
                yield _finding("around-governed-data", source.file, node, because, ASK + fix)


def _call(strings: Strings, source: Source, call: ast.Call, files: Mapping[str, bytes]) -> Iterator[Finding]:
    origin = source.origin(call.func)
    name = origin.rpartition(".")[2]
    if origin in PROCESS_CALLS:
        because = f"`{origin}` starts another program, and nothing it reads can be seen or filtered."
        yield _finding("around-governed-data", source.file, call, because, "Do the work in Python.")
    elif origin in SQL_READERS:
        because = f"`{name}` reads a database by its own connection: no row filter, no mask, no trail."
        yield _finding("around-governed-data", source.file, call, because, ASK + "the SQL can stay as it is.")
    elif origin in FILE_DATABASES:
        place = _place(strings, source, call)
        if place and not place.startswith(":memory:") and not place.startswith(OWN_PLACES):
            because = (
                f"`{origin}` opens the database file {place!r}: data that nobody certified, "
                f"read past Handrail."
            )
            yield _finding(
                "around-governed-data", source.file, call, because, ASK + "or keep it in :memory:."
            )
    elif name in READERS or origin in OPENERS:
        yield from _file(source, call, name, _place(strings, source, call), files)


def _place(strings: Strings, source: Source, call: ast.Call) -> str:
    """Where a call reads from, as far as it is known; '' when nothing is."""
    given = (
        call.args[0]
        if call.args
        else next(
            (
                k.value
                for k in call.keywords
                if k.arg in ("filepath_or_buffer", "path", "io", "file", "database")
            ),
            None,
        )
    )
    if given is None:
        return ""
    first = strings.of(source, given)[0].parts
    return first[0] if first and isinstance(first[0], str) else ""


def _file(
    source: Source, call: ast.Call, name: str, place: str, files: Mapping[str, bytes]
) -> Iterator[Finding]:
    if ADDRESS.match(place):
        because = f"`{name}` reads {place.split('?')[0][:80]!r} over the network, which no app has."
        yield _finding(
            "around-governed-data", source.file, call, because, ASK + "a steward can import the source."
        )
    elif re.match(r"/|~|[A-Za-z]:[\\/]|\\\\|\.\./", place) and not place.startswith(OWN_PLACES):
        because = (
            f"`{name}` reads {place[:80]!r}, a file on somebody's own machine. It is not "
            f"there when others run the app."
        )
        yield _finding(
            "around-governed-data", source.file, call, because, ASK + "a steward can import the file."
        )
    elif name in READERS and place and place.removeprefix("./") not in files and not _written(source, place):
        because = (
            f"`{name}` reads {place[:80]!r}, which is not part of the app: nobody but its "
            f"maker has that file."
        )
        yield _finding(
            "missing-file", source.file, call, because, ASK + "a steward can import the file.", "warns"
        )


def _written(source: Source, place: str) -> bool:
    """Whether the file's own code names the place a second time, as when it writes what it later reads."""
    return source.strings[place] > 1


def _carried(file: str, size: int) -> Finding:
    return Finding(
        rule="data-in-app",
        severity="warns",
        title="The app carries its own data",
        file=file,
        line=1,
        end_line=1,
        because=f"{file} ({size:,} bytes) is data inside the app: nobody certified it, it does not "
        f"change when the "
        "source does, and every viewer gets all of it.",
        fix="Ask a steward to import it as a dataset, read that, and delete the file from the app.",
        group=GROUP,
    )


def _finding(
    rule: str, file: str, node: ast.stmt | ast.expr, because: str, fix: str, severity: str = "blocks"
) -> Finding:
    return Finding(
        rule=rule,
        severity="warns" if severity == "warns" else "blocks",
        title="Data is read around Handrail",
        file=file,
        line=node.lineno,
        end_line=node.end_lineno or node.lineno,
        because=because,
        fix=fix,
        group=GROUP,
    )
