"""DuckDB's errors in our own words: its texts quote values, so they are looked at and kept here."""

import structlog

from handrail.kernel import Invalid, LimitReached, Refusal, Upstream

_log = structlog.get_logger(__name__)

# How DuckDB's kinds of error, which begin its messages, are told.
MISFIT = (
    "The query does not fit the data: a column, a type or the arguments of a function do not match, "
    "or a column is missing in GROUP BY.",
    "Check the columns and types on the dataset's page, and try the query in smaller steps.",
)
VALUE = (
    "A value in the data could not be converted or was out of range for a calculation.",
    "Use TRY_CAST instead of CAST, and leave out rows that cannot be converted.",
)
_WORDS: dict[str, tuple[type[Refusal], str, str]] = {
    **dict.fromkeys(
        ("Binder Error", "Catalog Error", "Parser Error", "Syntax Error", "Mismatch Type Error"),
        (Invalid, *MISFIT),
    ),
    **dict.fromkeys(("Conversion Error", "Out of Range Error", "Invalid Input Error"), (Invalid, *VALUE)),
    "Not implemented Error": (Invalid, *MISFIT),
    "Out of Memory Error": (
        LimitReached,
        "The query needed more memory than one query may use.",
        "Filter earlier, group by fewer columns, or select fewer of them.",
    ),
}


def told(error: Exception) -> Refusal:
    """DuckDB's error in our own words."""
    kind = str(error).partition(":")[0]
    _log.info("engine_error", engine="duckdb", kind=kind if kind in _WORDS else type(error).__name__)
    if kind in _WORDS:
        refusal, message, next_step = _WORDS[kind]
        return refusal(message, next_step=next_step)
    return Upstream("The engine could not finish the query.", next_step="Try it again; then tell an admin.")
