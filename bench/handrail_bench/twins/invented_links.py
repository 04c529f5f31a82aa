"""More invented databases, of tables that point at each other: trees, pairs, composite keys, series."""

import numpy as np
import pyarrow as pa

from handrail_bench.twins.invented import (
    Database,
    Key,
    Link,
    Rng,
    blank,
    by,
    days,
    moments,
    pick,
    zipf,
)

_FIRST = [
    "Ada",
    "Ben",
    "Cleo",
    "Dora",
    "Emil",
    "Fay",
    "Gus",
    "Hana",
    "Ivo",
    "Jana",
    "Kai",
    "Lou",
    "Mia",
    "Nils",
]
_LAST = [
    "Abel",
    "Brandt",
    "Corvo",
    "Dietz",
    "Egger",
    "Falk",
    "Grimm",
    "Hauser",
    "Ilves",
    "Jensen",
    "Kroll",
    "Lund",
]


def names(rng: Rng, count: int) -> pa.Array:
    """Names of people, few of them twice."""
    first, last, middle = (rng.integers(0, n, count) for n in (len(_FIRST), len(_LAST), 26))
    told = zip(first, middle, last, strict=True)
    return pa.array([f"{_FIRST[a]} {chr(65 + b)}. {_LAST[c]}" for a, b, c in told])


def staff(rng: Rng, scale: float) -> Database:
    """A tree of people within one table, salaries by grade, and absences that end after they begin."""
    count, gone = int(3000 * scale), int(8000 * scale)
    grade = np.sort(zipf(rng, 6, count, 0.7))[::-1]
    manager = np.floor(rng.random(count) ** 2 * np.arange(count)).astype(np.int64) + 1
    hired = rng.integers(0, 5000, count)
    left = rng.random(count) < 0.2
    who = zipf(rng, count, gone, 0.4)
    began = rng.integers(0, 700, gone)
    tables = {
        "departments": pa.table({"dept_id": np.arange(1, 15), "site": pick(rng, ["north", "south"], 14)}),
        "employees": pa.table(
            {
                "emp_id": np.arange(1, count + 1),
                "full_name": names(rng, count),
                "dept_id": zipf(rng, 14, count, 0.8) + 1,
                "manager_id": blank(manager, np.arange(count) == 0),
                "grade": by(grade, list("ABCDEF")),
                "salary": np.round(rng.lognormal(10.4 + 0.25 * grade, 0.15), -2),
                "hired_on": days("2008-01-01", hired),
                "left_on": blank(days("2008-01-01", hired + rng.integers(30, 1500, count)), ~left),
                "hours": rng.choice([20.0, 30.0, 38.5, 40.0], count, p=[0.1, 0.1, 0.5, 0.3]),
            }
        ),
        "absences": pa.table(
            {
                "absence_id": np.arange(1, gone + 1),
                "emp_id": who + 1,
                "kind": pick(rng, ["holiday", "sick", "course", "parental"], gone, (60, 30, 8, 2)),
                "first_day": days("2024-01-01", began),
                "last_day": days("2024-01-01", began + rng.geometric(0.25, gone) - 1),
            }
        ),
    }
    links = (
        Link("employees", ("dept_id",), "departments", ("dept_id",)),
        Link("employees", ("manager_id",), "employees", ("emp_id",)),
        Link("absences", ("emp_id",), "employees", ("emp_id",)),
    )
    rules = {
        "left after hired": "SELECT count(*) FROM employees WHERE left_on < hired_on",
        "absence ends after it begins": "SELECT count(*) FROM absences WHERE last_day < first_day",
    }
    keys: dict[str, Key] = {
        "departments": ("dept_id",),
        "employees": ("emp_id",),
        "absences": ("absence_id",),
    }
    return Database(tables, keys, links, rules)


def payments(rng: Rng, scale: float) -> Database:
    """Two keys to the same parent, long-tailed amounts, and fees that follow from them."""
    count, moved = int(1500 * scale), int(12_000 * scale)
    segment = zipf(rng, 4, count, 0.6)
    giver, taker = zipf(rng, count, moved, 0.7), zipf(rng, count, moved, 0.5)
    cents = (np.exp(rng.normal(4 + segment[giver] * 0.6, 1.1)) * 100).astype(np.int64) + 1
    sent = np.sort(rng.integers(0, 365 * 86_400, moved))
    state = zipf(rng, 3, moved, 2.2)
    tables = {
        "accounts": pa.table(
            {
                "iban": [f"XX{n * 7919 % 10**8:08d}{n:06d}" for n in range(count)],
                "segment": by(segment, ["private", "premium", "business", "public"]),
                "opened_on": days("2012-01-01", rng.integers(0, 4000, count)),
                "blocked": rng.random(count) < 0.02,
            }
        )
    }
    iban = tables["accounts"]["iban"].combine_chunks()
    tables["transfers"] = pa.table(
        {
            "transfer_id": np.arange(1, moved + 1) + 5_000_000,
            "from_iban": iban.take(pa.array(giver)),
            "to_iban": iban.take(pa.array(taker)),
            "amount": pa.array(cents / 100).cast(pa.decimal128(14, 2)),
            "fee": pa.array(np.round(cents * 0.01) / 100).cast(pa.decimal128(14, 2)),
            "sent_at": moments("2025-01-01", sent),
            "settled_at": blank(moments("2025-01-01", sent + rng.integers(1, 90_000, moved)), state == 2),
            "state": by(state, ["settled", "returned", "pending"]),
        }
    )
    links = tuple(Link("transfers", (one,), "accounts", ("iban",)) for one in ("from_iban", "to_iban"))
    rules = {
        "settled after sent": "SELECT count(*) FROM transfers WHERE settled_at < sent_at",
        "a fee is at most the amount": "SELECT count(*) FROM transfers WHERE fee > amount",
        "only what is pending is not settled": "SELECT count(*) FROM transfers"
        " WHERE (settled_at IS NULL) <> (state = 'pending')",
    }
    return Database(tables, {"accounts": ("iban",), "transfers": ("transfer_id",)}, links, rules)


def campus(rng: Rng, scale: float) -> Database:
    """Many to many by composite keys, with grades that hang on both sides."""
    count, offered = int(1200 * scale), 80
    ability, hardness = rng.normal(size=count), rng.normal(size=offered)
    taken = np.unique(
        zipf(rng, count, int(11_000 * scale), 0.3) * offered + zipf(rng, offered, int(11_000 * scale))
    )
    who, what = taken // offered, taken % offered
    points = np.clip(
        np.round(60 + 12 * ability[who] - 9 * hardness[what] + rng.normal(0, 6, len(taken))), 0, 100
    )
    teaching = np.unique(rng.integers(0, 60, 150) * offered + rng.integers(0, offered, 150))
    tables = {
        "students": pa.table(
            {
                "student_id": np.arange(1, count + 1) + 20_000,
                "name": names(rng, count),
                "programme": by(np.clip((ability + 2) * 2, 0, 7).astype(int), [f"P{n}" for n in range(8)]),
                "born_on": days("1998-01-01", rng.integers(0, 2500, count)),
            }
        ),
        "courses": pa.table(
            {
                "course_code": [f"C-{n:03d}" for n in range(offered)],
                "level": by(
                    np.clip((hardness + 2) * 1.2, 0, 3).astype(int), ["basic", "core", "adv", "master"]
                ),
                "credits": rng.choice([3, 5, 6, 10], offered),
            }
        ),
        "enrolments": pa.table(
            {
                "student_id": who + 20_001,
                "course_code": by(what, [f"C-{n:03d}" for n in range(offered)]),
                "points": blank(points, rng.random(len(taken)) < 0.08),
                "term": by((who + what) % 6, ["23W", "24S", "24W", "25S", "25W", "26S"]),
            }
        ),
        "lecturers": pa.table(
            {"lecturer_id": np.arange(1, 61), "title": pick(rng, ["Dr.", "Prof.", "M.Sc."], 60)}
        ),
        "teaches": pa.table(
            {
                "lecturer_id": teaching // offered + 1,
                "course_code": by(teaching % offered, [f"C-{n:03d}" for n in range(offered)]),
            }
        ),
    }
    links = (
        Link("enrolments", ("student_id",), "students", ("student_id",)),
        Link("enrolments", ("course_code",), "courses", ("course_code",)),
        Link("teaches", ("lecturer_id",), "lecturers", ("lecturer_id",)),
        Link("teaches", ("course_code",), "courses", ("course_code",)),
    )
    keys: dict[str, Key] = {
        "students": ("student_id",),
        "courses": ("course_code",),
        "lecturers": ("lecturer_id",),
    }
    keys |= {"enrolments": ("student_id", "course_code"), "teaches": ("lecturer_id", "course_code")}
    return Database(tables, keys, links)


def ledger(rng: Rng, scale: float) -> Database:
    """A series of months within each parent, whose balance carries on, and bookings of each month."""
    count, months = int(700 * scale), 24
    start = rng.integers(0, 12, count)
    lasts = np.minimum(rng.geometric(0.06, count) + 3, months - start)
    owner = np.repeat(np.arange(count), lasts)
    month = np.concatenate([np.arange(a, a + n) for a, n in zip(start, lasts, strict=True)])
    tier = zipf(rng, 3, count, 0.8)
    moved = np.round(rng.normal(20, 120, len(owner)) * (1 + tier[owner]), 2)
    total = np.cumsum(moved)
    first = np.concatenate([[0], np.cumsum(lasts)[:-1]])
    opened = np.round(rng.gamma(2, 400, count) * (1 + tier), 2)
    closing = np.round(total - np.repeat(total[first] - moved[first], lasts) + opened[owner], 2)
    tables = {
        "clients": pa.table(
            {
                "client_no": np.arange(1, count + 1),
                "tier": by(tier, ["base", "plus", "gold"]),
                "since": days("2019-01-01", rng.integers(0, 1500, count)),
            }
        ),
        "balances": pa.table(
            {
                "client_no": owner + 1,
                "month": pa.array((np.datetime64("2024-01", "M") + month).astype("datetime64[D]")),
                "opening": np.round(closing - moved, 2),
                "moved": moved,
                "closing": closing,
                "overdrawn": closing < 0,
            }
        ),
    }
    links = (Link("balances", ("client_no",), "clients", ("client_no",)),)
    rules = {
        "closing is opening and what moved": "SELECT count(*) FROM balances"
        " WHERE abs(opening + moved - closing) > 0.011",
        "overdrawn is below nought": "SELECT count(*) FROM balances WHERE overdrawn <> (closing < 0)",
    }
    return Database(tables, {"clients": ("client_no",), "balances": ("client_no", "month")}, links, rules)
