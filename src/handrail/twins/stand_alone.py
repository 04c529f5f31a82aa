"""Twins of a source that no instance knows, as a stand-alone tool: nothing certified, nothing published."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from handrail import data
from handrail.kernel import Conflict, storage
from handrail.kernel.clock import SystemClock
from handrail.twins import codec
from handrail.twins.build import LEAST_K
from handrail.twins.drill import drill
from handrail.twins.make import Made, make, mean_of
from handrail.twins.models import Break, Progress, Table, TwinRefused, TwinReport, Variant
from handrail.twins.semantics import shared
from handrail.twins.tables import table_of

MANIFEST = "twin.json"


def stand_alone(
    source: str,
    out: Path,
    variant: Variant = "hostile",
    seed: int = 0,
    progress: Progress | None = None,
    encoding: str | None = None,
) -> TwinReport:
    """Write a twin of every table of a source into the directory `out`, as Parquet, all of it or nothing.

    Beside the tables stand `twin.json`, which says how they were made and how alike they are, the sketch they
    were made from and, per table, the awkward cells. Keys and personal columns are found by looking, as an
    import drafts them, for nobody has confirmed them. The same source, variant and seed give the same Parquet
    bytes. A column that would show real rows is invented from its meaning instead and named in the report.
    Refuses what `data.import_source` refuses about a source, TwinRefused where even that does not help, and
    Conflict a directory that holds anything but an earlier twin.
    """
    if out.exists() and (not out.is_dir() or (any(out.iterdir()) and not (out / MANIFEST).is_file())):
        raise Conflict(
            f"{out} holds something else already.", next_step="Name a new directory, or empty this one."
        )
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="handrail-twin-") as folder:
        drafts = data.survey(source, Path(folder), LEAST_K, encoding, progress)
        tables = [_guessed(table_of(contract, path)) for contract, path in drafts]
        made, withheld = _made(tables, "plain" if variant == "plain" else "hostile", seed, progress)
    written = {name: twin.table for name, twin in made.twins.items()}
    breaks: list[Break] = []
    if variant == "drill":
        written, breaks = drill(made.sketch, written, seed)
    report = TwinReport(
        id=storage.new_id("twin"),
        seed=seed,
        k=LEAST_K,
        variant=variant,
        built_at=SystemClock().now(),
        built_by="",
        seconds=made.seconds,
        overall=mean_of(made.reports),
        tables=made.reports,
        breaks=tuple(breaks),
        withheld=withheld,
    )
    _write(out, report, made, written)
    return report


def _made(
    tables: list[Table], variant: Variant, seed: int, progress: Progress | None
) -> tuple[Made, tuple[tuple[str, str], ...]]:
    """Twins that pass the gate; a column that betrays rows becomes personal, for no steward can say so."""
    withheld: list[tuple[str, str]] = []
    while True:
        try:
            return make(tables, LEAST_K, seed, variant, None, progress), tuple(withheld)
        except TwinRefused as refusal:
            found = (
                str(refusal.facts["subject"]).removeprefix("dataset:"),
                str(refusal.facts.get("column", "")),
            )
            if not found[1] or found in withheld:
                raise
            withheld.append(found)
            tables = [_without(table, found[1]) if table.name == found[0] else table for table in tables]


def _guessed(table: Table) -> Table:
    """Nobody has said that a column is personal: what many share is drawn as any category is."""
    return replace(
        table,
        fields=tuple(
            replace(one, personal=one.personal and not shared(one.semantic, one.name)) for one in table.fields
        ),
    )


def _without(table: Table, column: str) -> Table:
    fields = (replace(one, personal=True) if one.name == column else one for one in table.fields)
    return replace(table, fields=tuple(fields))


def _write(out: Path, report: TwinReport, made: Made, tables: Mapping[str, pa.Table]) -> None:
    draft = Path(tempfile.mkdtemp(prefix=f".{out.name}.", dir=out.parent))
    try:
        for name, table in tables.items():
            pq.write_table(table, draft / f"{name}.parquet", compression="zstd")
            (draft / f"{name}.hostile.json").write_bytes(orjson.dumps(made.twins[name].hostile))
        (draft / "sketch.json").write_bytes(codec.to_json(made.sketch))
        (draft / MANIFEST).write_bytes(orjson.dumps(report, option=orjson.OPT_INDENT_2))
        draft.chmod(0o755)
        if out.exists():
            shutil.rmtree(out)
        draft.rename(out)
    except BaseException:
        shutil.rmtree(draft, ignore_errors=True)
        raise
