"""Ask on the page, and find one's own questions again."""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa

from handrail.data import questions_store as store
from handrail.data.answer import Answer
from handrail.data.catalog import CATALOG
from handrail.data.models import Request
from handrail.data.query import query
from handrail.data.questions_store import Question
from handrail.kernel import Context, Environment, NotFound, access

_KEPT = 50  # questions of one person


@dataclass(frozen=True)
class First:
    """The first rows of an answer, and whether there are more."""

    answer: Answer
    rows: pa.Table
    more: bool


def ask_first(ctx: Context, sql: str, purpose: str | None, environment: Environment, limit: int) -> First:
    """Ask as `query` does, take the first `limit` rows, and keep the question for the caller.

    Refuses as `query` does; a question that was refused is not kept.
    """
    access.require(ctx, "ask", CATALOG)
    answer = query(ctx, Request(sql, purpose=purpose or None, environment=environment))
    taken: list[pa.RecordBatch] = []
    with answer:
        for batch in answer.batches():
            taken.append(batch)
            if sum(one.num_rows for one in taken) > limit:
                break
    rows = pa.Table.from_batches(taken, answer.schema)
    made = store.add(ctx, sql, purpose or "", environment, answer.id)
    store.drop_of_caller(ctx, _KEPT)
    ctx.audit.note("question.kept", f"question:{made}", query=answer.id)
    return First(answer, rows.slice(0, limit), rows.num_rows > limit)


def questions(ctx: Context, limit: int = 20) -> tuple[Question, ...]:
    """The caller's own questions, newest first; nobody else sees them."""
    access.require(ctx, "ask", CATALOG)
    return store.of_caller(ctx, limit)


def question(ctx: Context, name: str) -> Question:
    """One of the caller's own questions; there is no other."""
    access.require(ctx, "ask", CATALOG)
    found = store.one_of_caller(ctx, name)
    if found is None:
        raise NotFound(
            "You have no such question.", next_step="Ask it anew.", subject=f"question:{name[:60]}"
        )
    return found


def forget_questions(ctx: Context) -> int:
    """Forget all of the caller's questions; gives how many. The trail keeps what was read, never words."""
    access.require(ctx, "ask", CATALOG)
    count = store.drop_of_caller(ctx, 0)
    ctx.audit.note("questions.forgotten", f"person:{ctx.caller.person.id}", count=count)
    return count
