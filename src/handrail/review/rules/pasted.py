"""SQL whose values are pasted into the text, and SQL of which nobody can tell what it reads."""

from __future__ import annotations

from collections.abc import Iterator

from handrail.review.models import Finding, Observed
from handrail.review.seen import Seen


def pasted(found: Seen, observed: Observed | None) -> Iterator[Finding]:
    """A warning for each query with pasted values, and one for each that cannot be told."""
    for place, values in found.pasted:
        names = ", ".join(f"`{value}`" for value in values)
        name = values[0] if values[0].isidentifier() else "value"
        yield Finding(
            rule="sql-from-values",
            severity="warns",
            title="A value is pasted into SQL",
            file=place.file,
            line=place.line,
            end_line=place.end_line,
            because=f"{names} goes into the SQL as text: a value with a quote in it breaks the "
            f"query or changes what "
            "it asks.",
            fix=f'Write ${name} in the SQL and hand the value over: query("… = ${name}", {name}=…).',
            group="Hand values to SQL as parameters",
        )
    ran = (
        "The sandbox saw what it read, and that is compared below."
        if observed
        else "No run in the sandbox has shown it yet."
    )
    for place, why in found.unclear:
        yield Finding(
            rule="cannot-tell",
            severity="warns",
            title="What this reads cannot be told from the code",
            file=place.file,
            line=place.line,
            end_line=place.end_line,
            because=f"Nobody can tell from the code what this reads: {why}. {ran}",
            fix="Write the SQL out where it is asked, one query for each case, with parameters "
            "for the values.",
            group="Write queries that can be read",
        )
