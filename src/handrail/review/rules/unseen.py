"""Letters that make code look other than it runs: a reviewer would say yes to what they were shown.

Marks that turn the direction of writing put code into what looks like a comment or a string (CVE-2021-42574),
and letters without a shape are names that nobody sees.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping

from handrail.review.models import Finding
from handrail.review.rules.leaves import PAGES, read

_CODE = (*PAGES, ".py", ".pyi", ".css", ".sql", ".toml")
_UNSEEN = re.compile("[\u202a-\u202e\u2066-\u2069\u115f\u1160\u3164\uffa0]")
GROUP = "Make every file readable"


def unseen(files: Mapping[str, bytes]) -> Iterator[Finding]:
    """A blocking finding for each line of code with such a letter in it."""
    for file, content in files.items():
        if file.lower().endswith(_CODE):
            for number, line in enumerate(read(content).split("\n"), 1):
                if found := _UNSEEN.search(line):
                    yield _finding(file, number, found[0])


def _finding(file: str, line: int, letter: str) -> Finding:
    point = f"U+{ord(letter):04X}"
    return Finding(
        rule="unseen-letter",
        severity="blocks",
        title="The code looks other than it runs",
        file=file,
        line=line,
        end_line=line,
        because=f"{point} ({unicodedata.name(letter).lower()}) stands in this line: it shows no shape, and "
        "can make code look like a comment, or a name like another.",
        fix=f"Take it out, or write it as an escape: \\u{ord(letter):04x}.",
        group=GROUP,
    )
